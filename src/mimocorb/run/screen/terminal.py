"""What a run shows while it runs: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO, cast

from rich.console import Console, ConsoleDimensions
from rich.live import Live

from mimocorb._texts import visible
from mimocorb._words import how_many
from mimocorb.run.run_log import TEXT_LOG, LogLine, RunLog
from mimocorb.run.run_view import RunView
from mimocorb.run.screen.harmless import Harmless
from mimocorb.run.screen.keyboard import in_foreground
from mimocorb.run.screen.outlet import Outlet
from mimocorb.run.screen.picture import KEYS, Panel, render
from mimocorb.run.wording import status_line

__all__ = ["LiveView", "PlainLines", "can_be_drawn_on"]

REFRESH_S = 0.25
LINE_INTERVAL_S = 5.0


def can_be_drawn_on(stream: TextIO | None) -> bool:
    """Whether this is a terminal on which anything can be drawn in place: not one of paper."""
    return stream is not None and stream.isatty() and not Console(file=stream).is_dumb_terminal


class LiveView:
    """Draws a run on a terminal, on its second screen, so that nothing of it stays behind.

    There is no thread: call :meth:`update` from the run's loop, it draws when it is time.

    Parameters
    ----------
    stream
        The terminal.
    look
        Returns what to draw.
    lines
        The log; looked at anew each time.
    keys
        What the last line says, the longest text first.
    panel
        What stands above the log.
    """

    def __init__(
        self,
        stream: TextIO,
        look: Callable[[], RunView],
        lines: Sequence[LogLine],
        keys: Sequence[str] = KEYS,
        panel: Panel | None = None,
    ) -> None:
        self._stream = stream
        self._outlet = Outlet(stream)
        self._console = Console(file=cast(TextIO, self._outlet))
        self._wanted = False
        self._look = look
        self._lines = lines
        self._keys = keys
        self._panel = panel
        self._next_s = 0.0
        self._live: Live | None = None

    def start(self) -> None:
        """Begin to draw; takes the terminal over as soon as the run is in its foreground."""
        self._wanted = True
        self._next_s = 0.0

    def _take_over(self) -> None:
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            screen=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def update(self) -> None:
        """Draw the run as it is now, at most every quarter of a second."""
        now = time.monotonic()
        if not self._wanted or now < self._next_s:
            return
        self._next_s = now + REFRESH_S
        try:
            self._draw()
        except OSError:  # the terminal has been closed; the run goes on without
            self._wanted, self._live = False, None

    def _draw(self) -> None:
        if not in_foreground(self._stream.fileno()):
            self._live = None  # the shell has the terminal now
            return
        if self._outlet.is_held_up:  # Ctrl-S, or a connection that hangs
            return
        if self._live is None:
            self._take_over()
        self._follow_size()
        size = self._console.size
        unicode = self._console.encoding.lower().startswith("utf")
        picture = render(
            self._look(),
            tuple(self._lines),
            size.width,
            size.height,
            unicode=unicode,
            keys=self._keys,
            panel=self._panel,
        )
        if self._live is not None:
            self._live.update(Harmless(picture), refresh=True)

    def _follow_size(self) -> None:
        """Take the size from the terminal itself: COLUMNS and LINES are what it had once."""
        size = os.get_terminal_size(self._stream.fileno())
        if all(size):
            self._console.size = ConsoleDimensions(*size)

    def suspend(self) -> None:
        """Stop the process as Ctrl-Z asks, with the terminal given back, until it is continued."""
        self.stop()
        os.kill(os.getpid(), signal.SIGSTOP)
        self.start()

    def stop(self) -> None:
        """Give the terminal back as it was. Idempotent."""
        self._wanted = False
        live, self._live = self._live, None
        if live is not None:
            with suppress(OSError):
                live.stop()
        self._outlet.finish()


class PlainLines:
    """Prints the log as it comes and a line about the run every few seconds.

    Lines that come while they are not read are not kept, only counted: they are in the log.
    """

    def __init__(self, stream: TextIO, look: Callable[[], RunView], log: RunLog) -> None:
        self._outlet = Outlet(stream)
        self._look = look
        self._log = log
        self._next_s = 0.0
        self._left_out = 0
        self._gone = False

    def start(self) -> None:
        """Print what the log has so far, and from now on each new entry."""
        for line in self._log.lines:
            self._print(str(line))
        self._log.listeners.append(lambda line: self._print(str(line)))
        self._next_s = time.monotonic() + LINE_INTERVAL_S

    def update(self) -> None:
        """Print the state of the run if it is time."""
        now = time.monotonic()
        if now < self._next_s or self._gone:
            return
        self._next_s = now + LINE_INTERVAL_S
        self._print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z {status_line(self._look())}")

    def stop(self) -> None:
        """Print no more about the run; what is said in the end still comes."""
        self._next_s = float("inf")
        self._outlet.finish()

    def _print(self, text: str) -> None:
        if self._gone:
            return
        try:
            if self._outlet.is_held_up:
                self._left_out += 1
                return
            if self._left_out:
                left_out = how_many(self._left_out, "line")
                text = f"… {left_out} that nobody read, see {TEXT_LOG}\n{text}"
                self._left_out = 0
            self._outlet.write(f"{visible(text)}\n")
            self._outlet.flush()
        except (OSError, ValueError):  # the reader has gone; the run goes on without
            self._gone = True
