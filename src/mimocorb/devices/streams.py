"""Devices that send bytes: over a serial port, or over the network."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from mimocorb.devices.about import import_driver
from mimocorb.devices.allowed import check_choice
from mimocorb.devices.connection import POLL_S
from mimocorb.errors import SetupError

__all__ = ["BAUD_RATES", "Stream", "check_address", "open_stream"]

BAUD_RATES = (
    300, 1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 115200, 230400, 250000,
    460800, 500000, 921600, 1000000,
)  # fmt: skip
"""Bits per second that are in use."""

_TCP = re.compile(r"tcp://(?P<host>\[[^\]]+\]|[^:/]+):(?P<port>\d+)/?")
_CONNECT_S = 1.0
"""For longer, the end of a run is not noticed."""
_MOST_BYTES = 65536
_ALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
"""A partner whose cable was pulled out is missed after some ten seconds."""


class Stream(Protocol):
    """An open connection."""

    def read(self) -> bytes:
        """Return what has come, after at most about `POLL_S`; OSError if nobody is there."""

    def write(self, data: bytes) -> None:
        """Send something."""


def check_address(address: str, baud: int) -> None:
    """Raise a SetupError for an address or a bit rate that is not possible."""
    if _TCP.fullmatch(address):
        return
    if "://" in address or not address:
        raise SetupError(
            f"address: {address!r} is no address of a device; write a serial port such as"
            " /dev/ttyUSB0, or tcp://HOST:PORT"
        )
    check_choice("baud", baud, BAUD_RATES, "bit/s")
    import_driver("serial", "serial")


@contextmanager
def open_stream(address: str, baud: int) -> Iterator[Stream]:
    """Open a serial port, or a connection to a port of another computer.

    What has come at a serial port before is discarded: it may be of any age, and incomplete.
    """
    named = _TCP.fullmatch(address)
    if named:
        with _connected(named["host"].strip("[]"), int(named["port"])) as connection:
            yield _Network(connection)
        return
    serial = import_driver("serial", "serial")
    with serial.Serial(
        address, baud, timeout=POLL_S, write_timeout=_CONNECT_S, exclusive=True
    ) as port:
        port.reset_input_buffer()
        yield _Serial(port.read, lambda: port.in_waiting, port.write)


def _connected(host: str, port: int) -> socket.socket:
    connection = socket.create_connection((host, port), _CONNECT_S)
    connection.settimeout(POLL_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _ALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection


class _Network:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self) -> bytes:
        try:
            data = self._connection.recv(_MOST_BYTES)
        except TimeoutError:
            return b""
        if not data:
            raise ConnectionResetError("the other side has closed the connection")
        return data

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)


class _Serial:
    def __init__(
        self,
        read: Callable[[int], bytes],
        waiting: Callable[[], int],
        write: Callable[[bytes], object],
    ) -> None:
        self._read, self._waiting, self._write = read, waiting, write

    def read(self) -> bytes:
        return self._read(max(1, self._waiting()))

    def write(self, data: bytes) -> None:
        self._write(data)
