"""Simulated devices that send lines of text: at a serial port, and at a port of the network."""

from __future__ import annotations

import os
import pty
import select
import socket
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from mimocorb.testing.fakes.simulated import Event, SendingDevice

__all__ = ["LinesAtPort", "LinesAtSerialPort", "counting"]

LineOf = Callable[[Event], str]


def counting(*fields: str) -> Iterator[Event]:
    """Yield events that are all different: field i of event n is n + i/8."""
    number = 0
    while True:
        yield {name: number + index / 8 for index, name in enumerate(fields)}
        number += 1


class LinesAtSerialPort(SendingDevice):
    """A serial device, in truth a raw pseudo-terminal, below a name that stays the same.

    It sends only while somebody has the port open, as a board that is reset by that.

    Parameters
    ----------
    port
        Name of the port.
    events
        What it sends.
    line_of
        How an event is written, without the end of the line.
    period_s
        Time between two lines.
    """

    def __init__(
        self, port: Path, events: Iterator[Event], line_of: LineOf, period_s: float = 0.004
    ) -> None:
        super().__init__(events, period_s)
        self._port, self._line_of = port, line_of
        self._ours = -1
        self.config = {"address": str(port)}

    def appear(self) -> None:
        self._ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self._port.symlink_to(os.ttyname(theirs))
        os.close(theirs)

    def vanish(self) -> None:
        self._port.unlink()
        os.close(self._ours)

    def send(self, event: Event) -> bool:
        poll = select.poll()
        poll.register(self._ours, select.POLLOUT)
        (_, state), *_ = poll.poll(0) or [(0, select.POLLHUP)]
        if state & select.POLLHUP:
            return False
        os.write(self._ours, self._line_of(event).encode() + b"\r\n")
        return True


class LinesAtPort(SendingDevice):
    """A program that sends lines to whoever connects to a port of this computer.

    Parameters
    ----------
    events
        What it sends.
    line_of
        How an event is written, without the end of the line.
    period_s
        Time between two lines.
    """

    def __init__(self, events: Iterator[Event], line_of: LineOf, period_s: float = 0.004) -> None:
        super().__init__(events, period_s)
        self._line_of = line_of
        self._port = 0
        self._server: socket.socket | None = None
        self._client: socket.socket | None = None

    def appear(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self._port))
        self._server.setblocking(False)
        self._port = self._server.getsockname()[1]
        self.config = {"address": f"tcp://127.0.0.1:{self._port}"}

    def vanish(self) -> None:
        for each in (self._server, self._client):
            if each is not None:
                each.close()
        self._server = self._client = None

    def send(self, event: Event) -> bool:
        assert self._server is not None
        with suppress(BlockingIOError):
            newest, _ = self._server.accept()
            self._leave_client()
            self._client = newest
        if self._client is None:
            return False
        try:
            self._client.sendall(self._line_of(event).encode() + b"\n")
        except OSError:  # whoever listened has gone
            self._leave_client()
            return False
        return True

    def _leave_client(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None
