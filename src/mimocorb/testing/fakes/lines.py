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
        self.ours = -1
        self.config = {"address": str(port)}
        self.greeting: list[str] = []
        """Lines that are no events, sent when somebody opens the port."""
        self._is_open = False

    def appear(self) -> None:
        self.ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self._is_open = False
        self._port.symlink_to(os.ttyname(theirs))
        os.close(theirs)

    def vanish(self) -> None:
        self._port.unlink()
        os.close(self.ours)

    def somebody_has_written(self) -> bool:
        """Return whether there is something to be read with ``os.read(self.ours, …)``."""
        return self._state() & (select.POLLIN | select.POLLHUP) == select.POLLIN

    def send(self, event: Event) -> bool:
        state = self._state()
        was_open, self._is_open = self._is_open, not state & select.POLLHUP
        if not self._is_open or not state & select.POLLOUT:
            return False
        lines = [] if was_open else self.greeting
        for line in (*lines, self._line_of(event)):
            os.write(self.ours, line.encode() + b"\r\n")
        return True

    def _state(self) -> int:
        """Return what poll says of the port; POLLHUP while nobody has it open."""
        poll = select.poll()
        poll.register(self.ours, select.POLLIN | select.POLLOUT)
        (_, state), *_ = poll.poll(0) or [(0, 0)]
        return state


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
