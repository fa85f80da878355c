"""Simulated Red Pitayas: the SCPI server at port 5000, and that of the pulse-height analyser."""

from __future__ import annotations

import argparse
import select
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.testing.fakes.tcp_server import InstrumentAtPort, simulated_until_ended
from mimocorb.testing.fakes.waveforms import pulses

__all__ = ["RedPitayaMcpha", "RedPitayaScpi", "RedPitayaSpectrum"]

_MEMORY = 16384
_PERIOD_S = 0.003


def _counts(voltages_mv: NDArray[np.float64], most: int) -> NDArray[np.int16]:
    return np.clip(np.round(voltages_mv / 1e3 * most), -most, most - 1).astype(np.int16)


class RedPitayaScpi(InstrumentAtPort):
    """A board with the SCPI server, at another port.

    Parameters
    ----------
    events
        The voltages at both inputs for each trigger, in mV, of shape (2, samples).
    fields
        How the inputs are called in the events that were sent.
    knobs
        What it answers for some settings, whatever it is told.
    """

    def __init__(
        self,
        events: Iterator[NDArray[np.float64]],
        fields: tuple[str, str] = ("chA", "chB"),
        knobs: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._events, self._fields = events, fields
        self._knobs = dict(knobs or {})
        self._values: dict[str, str] = {}
        self._rest = b""
        self._ready_s: float | None = None
        self._event: NDArray[np.int16] | None = None
        self._position = 0
        self._read: dict[str, NDArray[np.int16]] = {}

    def plug_in(self) -> None:
        super().plug_in()
        self.config = {"address": f"127.0.0.1:{self.port}"}

    def settings(self) -> Mapping[str, Any]:
        return dict(self._values)

    def begin(self) -> None:
        self._rest, self._values, self._ready_s, self._event = b"", {}, None, None

    def answer(self, connection: socket.socket, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            found = self._do(line.decode().strip())
            if found is not None:
                connection.sendall(found + b"\r\n")

    def _do(self, command: str) -> bytes | None:
        name, _, value = command.partition(" ")
        if not name.endswith("?"):
            self._values[name] = value
            if command == "ACQ:TRIG NOW":
                self._trigger()
            elif name == "ACQ:TRIG":
                self._ready_s, self._event = time.monotonic() + _PERIOD_S, None
            return None
        if name[:-1] in self._values:
            return self._knobs.get(name[:-1], self._values[name[:-1]]).encode()
        if name == "ACQ:TRIG:STAT?":
            return b"TD" if self._has_triggered() else b"WAIT"
        if name == "ACQ:TRIG:FILL?":
            return b"1"
        if name == "ACQ:TPOS?":
            return str(self._position).encode()
        return self._block(int(name[8]), *map(int, value.split(",")))

    def _has_triggered(self) -> bool:
        is_due = self._ready_s is not None and time.monotonic() >= self._ready_s
        if self._event is None and is_due and not self.silent.is_set():
            self._trigger()
        return self._event is not None

    def _trigger(self) -> None:
        self._event = _counts(next(self._events), 8192)
        self._position = (self._position + 5000) % _MEMORY  # it wraps round now and then
        self._read = {}

    def _block(self, number: int, begin: int, length: int) -> bytes:
        """Return samples of the memory, in which the event begins before the trigger."""
        assert self._event is not None
        before = length - int(self._values["ACQ:TRIG:DLY"]) - _MEMORY // 2
        assert begin == (self._position - before) % _MEMORY, "another part of the memory"
        counts = self._event[number - 1][:length]
        self._read[self._fields[number - 1]] = counts
        if len(self._read) == len(self._fields):
            self.note(dict(self._read))
        data: bytes = counts.astype(">i2").tobytes()
        digits = str(len(data))
        return f"#{len(digits)}{digits}".encode() + data


class _McphaServer(InstrumentAtPort):
    """The server of the pulse-height analyser, at another port: words of 64 bits are its commands.

    Parameters
    ----------
    fields
        How the inputs are called in the events that were sent.
    """

    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__()
        self._fields = fields
        self._rest = b""
        self._values: dict[tuple[int, int], int] = {}

    def plug_in(self) -> None:
        super().plug_in()
        self.config = {"address": f"127.0.0.1:{self.port}"}

    def settings(self) -> Mapping[str, Any]:
        return {f"{code}/{number}": value for (code, number), value in self._values.items()}

    def begin(self) -> None:
        self._rest, self._values = b"", {}

    def answer(self, connection: socket.socket, data: bytes) -> None:
        self._rest += data
        while len(self._rest) >= 8:
            (word,) = struct.unpack("<Q", self._rest[:8])
            self._rest = self._rest[8:]
            code, number, value = word >> 56, word >> 52 & 15, word & 0xF_FFFF_FFFF_FFFF
            self._values[code, number] = value
            self._do(connection, code, number)

    def _do(self, connection: socket.socket, code: int, number: int) -> None:
        """Do what it was told; the value is noted already."""
        raise NotImplementedError


class RedPitayaMcpha(_McphaServer):
    """A board whose server sends each event at once.

    Parameters
    ----------
    events
        The voltages at both inputs for each trigger, in mV, of shape (2, samples).
    fields
        How the inputs are called in the events that were sent.
    """

    def __init__(
        self, events: Iterator[NDArray[np.float64]], fields: tuple[str, str] = ("chA", "chB")
    ) -> None:
        super().__init__(fields)
        self._events = events

    def _do(self, connection: socket.socket, code: int, number: int) -> None:
        if code == 31:
            self._take(connection, self._values[code, number])

    def _take(self, connection: socket.socket, amount: int) -> None:
        """Send so many events, as long as somebody is there."""
        for _ in range(amount):
            time.sleep(_PERIOD_S)
            while self.silent.is_set():
                if self._has_left(connection):
                    return
                time.sleep(_PERIOD_S)
            counts = _counts(next(self._events), 4096)
            tail = self._values[18, 0] - counts.shape[1]
            padded = np.pad(counts, ((0, 0), (0, tail)))
            connection.sendall(padded.T.astype("<i2").tobytes())
            self.note(dict(zip(self._fields, counts, strict=True)))

    @staticmethod
    def _has_left(connection: socket.socket) -> bool:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)


class RedPitayaSpectrum(_McphaServer):
    """A board that counts pulse heights itself.

    Parameters
    ----------
    rate_hz
        Of the pulses in each input.
    fields
        How the inputs are called in the events that were sent.
    """

    def __init__(self, rate_hz: float = 5000.0, fields: tuple[str, ...] = ("chA", "chB")) -> None:
        super().__init__(fields)
        self._random = np.random.default_rng(1)
        self._rate_hz = rate_hz
        self._counts = np.zeros((2, 4096), np.uint32)
        self._told = self._counts.copy()
        self._began_s = self._until_s = 0.0
        self._read: dict[str, NDArray[Any]] = {}

    def begin(self) -> None:
        super().begin()
        self._read = {}

    def _do(self, connection: socket.socket, code: int, number: int) -> None:
        if code == 0:
            self._counts[number] = self._told[number] = 0
        elif code == 10:
            self._began_s = self._until_s = time.monotonic()
        elif code == 11:
            self._count()
            cycles = round(125e6 * (self._until_s - self._began_s))
            connection.sendall(struct.pack("<QQ5I", cycles, cycles, 0, 0, 0, 0, 0))
        elif code == 12:
            connection.sendall(self._counts[number].astype("<u4").tobytes())
            self._read[self._fields[number]] = self._counts[number] - self._told[number]
            self._told[number] = self._counts[number]
            if len(self._read) == len(self._fields):
                self.note(self._read)
                self._read = {}

    def _count(self) -> None:
        """Count what has come since the last time: a peak on a continuum."""
        now_s = time.monotonic()
        for row in self._counts:
            number = self._random.poisson(self._rate_hz * (now_s - self._until_s))
            heights = np.where(
                self._random.random(number) < 0.3,
                self._random.normal(1500.0, 40.0, number),
                self._random.uniform(0.0, 1100.0, number),
            )
            row[:] += np.bincount(heights.astype(np.int64), minlength=4096).astype(np.uint32)
        self._until_s = now_s


def main() -> None:
    """Simulate a board until the program is ended."""
    parser = argparse.ArgumentParser(description="Simulate a Red Pitaya at a port.")
    parser.add_argument("server", choices=["scpi", "mcpha", "spectrum"])
    parser.add_argument("--port", type=int, help="5000 or 1001 if not given, as the real ones")
    parser.add_argument("--samples", type=int, default=1000, help="samples of an event")
    chosen = parser.parse_args()
    if chosen.server == "spectrum":
        simulated_until_ended(RedPitayaSpectrum(), chosen.port or 1001)
        return
    made, usual = {"scpi": (RedPitayaScpi, 5000), "mcpha": (RedPitayaMcpha, 1001)}[chosen.server]
    events = pulses(2, chosen.samples, chosen.samples // 5)
    simulated_until_ended(made(events), chosen.port or usual)


if __name__ == "__main__":
    main()
