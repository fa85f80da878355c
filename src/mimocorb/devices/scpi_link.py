"""Conversations in SCPI, the language of laboratory instruments: commands, answers, blocks of data.

An instrument at a port of the network, ``TCPIP::192.168.1.5::5555::SOCKET``, is spoken to through a
socket of its own: pyvisa-py leaves the delay of small packets on, so that a command and a question
behind it take 43 ms. USB, GPIB and VXI-11 go through pyvisa.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from mimocorb.components.device import run_goes_on
from mimocorb.devices.about import import_driver
from mimocorb.devices.connection import POLL_S
from mimocorb.errors import EndOfStream, SetupError

__all__ = ["ScpiLink", "check_visa_address", "number_in", "open_scpi", "open_visa"]

_SOCKET = re.compile(r"TCPIP\d*::(?P<host>\[[^\]]+\]|[^:\[\]]+)::(?P<port>\d+)::SOCKET", re.I)
_VISA = re.compile(r"(TCPIP|USB|GPIB|ASRL|VICP|PXI)\d*::.+", re.I)
_ANSWER_S = 3.0
_CONNECT_S = 1.0
"""For longer, the end of a run is not noticed."""
_MOST_BYTES = 1 << 20
_LONGEST_HEADING = 64


class ScpiLink(Protocol):
    """An instrument that is connected. All methods raise OSError if it does not answer."""

    def write(self, commands: str) -> None:
        """Send commands; several are joined by semicolons."""

    def ask(self, question: str) -> str:
        """Send a question, perhaps behind commands, and return the answer."""

    def ask_block(self, question: str) -> bytes:
        """Send a question, and return the bytes of the block ``#9000001200…`` that comes."""


def check_visa_address(address: str) -> None:
    """Raise a SetupError for what is no address of an instrument."""
    if _SOCKET.fullmatch(address):
        return
    if not _VISA.fullmatch(address):
        raise SetupError(
            f"address: {address!r} is no address of an instrument; write for example"
            " TCPIP::192.168.1.5::5555::SOCKET, TCPIP::192.168.1.5::INSTR or"
            " USB0::0x1AB1::0x04CE::DS1ZA000000000::INSTR, as mimocorb devices shows it"
        )
    import_driver("pyvisa", "visa")


@contextmanager
def open_scpi(address: str) -> Iterator[ScpiLink]:
    """Connect to an instrument."""
    named = _SOCKET.fullmatch(address)
    if named:
        place = named["host"].strip("[]"), int(named["port"])
        with socket.create_connection(place, _CONNECT_S) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(POLL_S)
            yield _SocketLink(connection)
        return
    with open_visa(address) as link:
        yield link


@contextmanager
def open_visa(address: str) -> Iterator[ScpiLink]:
    """Connect to an instrument by pyvisa, whatever it is connected with."""
    pyvisa = import_driver("pyvisa", "visa")
    with _errors_as_os_errors(pyvisa):
        manager = pyvisa.ResourceManager("@py")
        try:
            instrument = manager.open_resource(address, timeout=1000 * _ANSWER_S)
            instrument.read_termination = instrument.write_termination = "\n"
            yield _VisaLink(pyvisa, instrument)
        finally:
            manager.close()


def number_in(answer: str) -> float:
    """Read ``5.00E-01V``, ``1.00GSa/s``, ``-27.0us``, ``50HZ`` and ``C1:VDIV 5.00E-01V``."""
    text = answer.rsplit(maxsplit=1)[-1]
    digits = text.rstrip("VSHzZas/numkKMG")
    factor = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}.get(
        text[len(digits) : len(digits) + 1], 1.0
    )
    return float(digits) * factor


class _SocketLink:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._come = bytearray()

    def write(self, commands: str) -> None:
        self._connection.sendall(commands.encode() + b"\n")

    def ask(self, question: str) -> str:
        self.write(question)
        return self._line()

    def ask_block(self, question: str) -> bytes:
        self.write(question)
        while (start := self._come.find(b"#")) < 0:
            if len(self._come) > _LONGEST_HEADING:
                raise ConnectionError(f"no block of data came to {question!r}: {self._line()!r}")
            self._receive()
        del self._come[: start + 1]
        digits = self._take(1)
        length = self._take(int(digits)) if digits.isdigit() else b""
        if not length.isdigit():
            raise ConnectionError(f"the block of data to {question!r} has no length")
        return self._take(int(length))

    def _line(self) -> str:
        while True:
            # what ends a block is the beginning of the next answer
            line, end, rest = bytes(self._come).lstrip(b"\r\n").partition(b"\n")
            if end:
                self._come = bytearray(rest)
                return line.decode("ascii", "replace").strip()
            self._receive()

    def _take(self, count: int) -> bytes:
        while len(self._come) < count:
            self._receive()
        taken = bytes(self._come[:count])
        del self._come[:count]
        return taken

    def _receive(self) -> None:
        deadline_s = time.monotonic() + _ANSWER_S
        while True:
            try:
                data = self._connection.recv(_MOST_BYTES)
            except TimeoutError as error:
                if not run_goes_on():
                    raise EndOfStream(
                        "the run has ended, and the instrument did not answer"
                    ) from error
                if time.monotonic() > deadline_s:
                    raise TimeoutError(
                        f"the instrument did not answer for {_ANSWER_S:g} s"
                    ) from error
                continue
            if not data:
                raise ConnectionResetError("the instrument has closed the connection")
            self._come += data
            return


class _VisaLink:
    def __init__(self, pyvisa: Any, instrument: Any) -> None:
        self._pyvisa, self._instrument = pyvisa, instrument

    def write(self, commands: str) -> None:
        with _errors_as_os_errors(self._pyvisa):
            self._instrument.write(commands)

    def ask(self, question: str) -> str:
        with _errors_as_os_errors(self._pyvisa):
            answer = str(self._instrument.query(question)).strip()
            while not answer:  # what ends a block is the beginning of the next answer
                answer = str(self._instrument.read()).strip()
            return answer

    def ask_block(self, question: str) -> bytes:
        with _errors_as_os_errors(self._pyvisa):
            block: bytes = self._instrument.query_binary_values(
                question, datatype="B", container=bytes, expect_termination=True
            )
        return block


@contextmanager
def _errors_as_os_errors(pyvisa: Any) -> Iterator[None]:
    try:
        yield
    except pyvisa.errors.VisaIOError as error:
        raise OSError(str(error)) from error
    except ValueError as error:  # a block that is none
        raise OSError(str(error)) from error
