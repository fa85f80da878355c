"""Looking at a run and steering it from another process: a terminal, a script, a notebook.

Each request uses a connection of its own, so that threads, event loops and forked children of a
client do not get into each other's way. One more connection stays open and silent: on it the run
sends its last status when it has ended, and the kernel closes it if the run was killed.
"""

from __future__ import annotations

import math
import os
import select
import socket
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimocorb._closing import Closing
from mimocorb.errors import CommandRefused, CommandTimeout, RunUnreachable
from mimocorb.run.remote.last_status import ended_status
from mimocorb.run.remote.place import noted_socket
from mimocorb.run.remote.protocol import (
    Request,
    RunStatus,
    observer_from_plain,
    status_from_plain,
)
from mimocorb.run.remote.request import (
    ANSWER_TIMEOUT_S,
    ask,
    open_link,
    read_line,
    understood,
)
from mimocorb.run.run_view import BufferView

if TYPE_CHECKING:
    from mimocorb.analysis.histograms.run_histogram import RunHistogram
    from mimocorb.buffers.observer import Observer
    from mimocorb.run.remote.scope import Scope

__all__ = ["RunClient"]

LONGEST_POLL_S = 1.0


class RunClient(Closing):
    """A run that goes on in another process; get one from :func:`mimocorb.connect`.

    It can be looked at and steered from any process of the same user; the run does not wait for
    it and goes on if it dies. As a context manager it closes the observers that it gave out.

    Attributes
    ----------
    name
        Name of the directory of the run.
    number
        The number of the run; None if it has none.
    directory : pathlib.Path
        Where its files are.
    pid
        Its main process.

    Notes
    -----
    All methods may be called from any thread. They block for as long as the run takes to answer,
    usually a few milliseconds; in an :mod:`asyncio` program give the longer ones, such as
    :meth:`wait`, to ``asyncio.to_thread``.
    """

    def __init__(self, path: Path, first: RunStatus, by: str = "") -> None:
        self._end_link: socket.socket | None = None
        self.name = first.name
        self.number = first.number
        self.directory = first.directory
        self.pid = first.pid
        self._path = path
        self._by = by or _this_program()
        self._last: RunStatus | None = None
        self._end_link_pid = 0
        self._lock = threading.Lock()
        self._observers: weakref.WeakSet[Observer] = weakref.WeakSet()
        self._seen = first
        self._listen_or_read_record()

    # --- looking

    def status(self, lines: int = 0) -> RunStatus:
        """Return a picture of the run at this moment; after its end, the last one.

        Parameters
        ----------
        lines
            How many of the newest lines of its log to get with it.

        Raises
        ------
        RunUnreachable
            The run was killed, or does not answer.
        """
        try:
            return self._status(self._ask("status", lines=lines))
        except RunUnreachable:
            if self._last is not None:
                return self._last
            raise

    @property
    def buffers(self) -> dict[str, BufferView]:
        """The buffers by name, as they are now: ledger, rate, fill level, readers."""
        return self.status().buffers

    def observer(self, name: str) -> Observer:
        """Return an :class:`~mimocorb.mimo_buffer.Observer` of a buffer of the run.

        Its ``get()`` gives copies of the newest event as NumPy arrays. The run does not notice.

        Parameters
        ----------
        name
            Of the buffer, as in the set-up.

        Raises
        ------
        CommandRefused
            The run has no such buffer.
        RunUnreachable
            The run has ended.
        """
        from mimocorb.buffers.observer import Observer

        observer = Observer(observer_from_plain(self._ask("observe", buffer=name)["observer"]))
        self._observers.add(observer)
        return observer

    def histograms(self) -> dict[str, RunHistogram]:
        """Return the histograms by the names of their workers, as they are now or were at the end.

        They are read from the directory of the run, which does not notice.

        Raises
        ------
        DamagedFile
            Somebody else has changed them.
        """
        from mimocorb.analysis.histograms.files import read_histograms

        accounts = self.status().view.accounts
        return read_histograms(self.directory, accounts.live_s if accounts else None)

    def histogram(self, name: str) -> RunHistogram:
        """Return one histogram; its ``counts`` is one of boost-histogram.

        In a notebook it draws itself, and goes on as long as the run does.

        Parameters
        ----------
        name
            Of the worker that fills it.

        Raises
        ------
        CommandRefused
            The run has no such histogram.
        """
        found = self.histograms()
        if name not in found:
            known = ", ".join(found) or "none yet"
            raise CommandRefused(f"there is no histogram {name!r}: this run has {known}")
        return replace(found[name], newer=lambda: self._newer(name))

    def _newer(self, name: str) -> tuple[RunHistogram, bool]:
        over = self.status().ended  # asked first: what comes until then is in it
        return self.histograms()[name], over

    def scope(self, name: str, **axes: Any) -> Scope:
        """Return the waveforms of a buffer; in a notebook they draw themselves, and go on.

        Parameters
        ----------
        name
            Of the buffer.
        **axes
            What the axes mean: ``sample_time_ns``, ``pre_trigger_samples``, ``channel_range`` and
            the others of the ``oscilloscope``.

        Raises
        ------
        CommandRefused
            The run has no such buffer.
        """
        from mimocorb.run.remote.scope import Scope

        return Scope(self.observer(name), name, lambda: self.status().ended, **axes)

    # --- steering

    def pause(self, timeout_s: float = 10.0) -> RunStatus:
        """Pause data taking; returns when it is paused.

        Raises
        ------
        CommandRefused
            The run is not taking data.
        CommandTimeout
            It did not come about within `timeout_s`; the request stands.
        RunUnreachable
            The run has ended, or does not answer.
        """
        return self._command("pause", timeout_s)

    def resume(self, timeout_s: float = 10.0) -> RunStatus:
        """Go on after a pause; returns when data are taken again. Raises as :meth:`pause`."""
        return self._command("resume", timeout_s)

    def acknowledge(self) -> RunStatus:
        """Say that somebody knows of all alarms that there are; they are no longer shown as new.

        Raises
        ------
        RunUnreachable
            The run has ended, or does not answer.
        """
        return self._command("acknowledge", 0.0)

    def note(self, text: str, kind: str = "comment", timeout_s: float = 10.0) -> RunStatus:
        """Have a note kept with the run.

        Parameters
        ----------
        text
            What is to be said.
        kind
            ``"comment"``, or what you think of its data: ``"good"``, ``"doubtful"``, ``"bad"``.
        timeout_s
            How long to wait for the answer, in seconds.

        Raises
        ------
        CommandRefused
            There is no such kind, the text is too long, or the run has no record.
        RunUnreachable
            The run has ended, or does not answer.
        """
        return self._status(self._ask("note", timeout_s=timeout_s, text=text, kind=kind))

    def stop(self, *, now: bool = False, timeout_s: float = 10.0) -> RunStatus:
        """End the run; returns when no more data are taken. :meth:`wait` waits for the end.

        Parameters
        ----------
        now
            Do not process what has been taken: it is lost, and counted.
        timeout_s
            How long to wait for the run to begin with it, in seconds.

        Raises
        ------
        CommandTimeout
            It did not come about within `timeout_s`; the request stands.
        RunUnreachable
            The run was killed, or does not answer.
        """
        return self._command("end" if now else "stop", timeout_s)

    def wait(self, timeout_s: float | None = None) -> RunStatus:
        """Wait until the run has ended; returns its last status.

        Parameters
        ----------
        timeout_s
            How long to wait at most, in seconds; None waits as long as it takes.

        Raises
        ------
        CommandTimeout
            It goes on after `timeout_s`.
        RunUnreachable
            It was killed, or left by its own program, before its end.
        """
        deadline_s = time.monotonic() + (math.inf if timeout_s is None else timeout_s)
        while self._last is None:
            left_s = max(0.0, deadline_s - time.monotonic())
            self._receive_end(left_s)
            if self._last is None and left_s == 0:
                raise CommandTimeout(f"{self.name} has not ended within {timeout_s:g} s")
        if not self._last.ended:
            raise RunUnreachable(f"{self.name} was given up while it was {self._last.state.value}")
        return self._last

    # --- life

    def close(self) -> None:
        """Let go of the run, and of the observers that came from here. Idempotent."""
        for observer in tuple(self._observers):
            observer.close()
        self._close_end_link()

    def __del__(self) -> None:
        self._close_end_link()

    def __repr__(self) -> str:
        from mimocorb.run.wording import status_line

        try:
            return f"<{self.name}: {status_line(self.status().view)}>"
        except RunUnreachable as error:
            return f"<{self.name}: {error}>"

    # --- inside

    def _command(self, command: str, timeout_s: float) -> RunStatus:
        try:
            return self._status(self._ask(command, timeout_s=timeout_s))
        except RunUnreachable:
            if self._last is None or command not in ("stop", "end"):
                raise
            return self._last  # it has ended: what was asked for

    def _ask(self, command: str, *, timeout_s: float = 0.0, **more: Any) -> dict[str, Any]:
        request = Request(command, by=self._by, timeout_s=timeout_s, **more)
        answer_s = timeout_s + ANSWER_TIMEOUT_S
        try:
            return ask(self._path, request, answer_s)
        except RunUnreachable as error:
            moved = noted_socket(self.directory)
            if moved is not None and moved != self._path:
                self._path = moved
                return ask(moved, request, answer_s)
            self._receive_end(0.0)
            if self._last is not None:
                raise RunUnreachable(f"{self.name} has ended: {self._last.view.reason}") from error
            raise

    def _status(self, content: Mapping[str, Any]) -> RunStatus:
        try:
            self._seen = status_from_plain(content["status"])
        except (ValueError, KeyError) as error:
            raise RunUnreachable(
                f"the run answers in the form of mimocorb {content.get('mimocorb')}, which this "
                "one does not know: use the same release"
            ) from error
        return self._seen

    def _listen(self) -> socket.socket:
        """Open the connection on which the last status comes."""
        link = open_link(self._path, ANSWER_TIMEOUT_S)
        try:
            link.sendall(Request("follow", by=self._by).encoded())
        except OSError as error:  # it has ended between the two
            link.close()
            raise RunUnreachable(f"{self.name} has ended") from error
        self._end_link, self._end_link_pid = link, os.getpid()
        return link

    def _close_end_link(self) -> None:
        link, self._end_link = self._end_link, None
        if link is not None:
            link.close()

    def _receive_end(self, timeout_s: float) -> None:
        """Wait for the last status of the run, a second at most, and keep it.

        Raises
        ------
        RunUnreachable
            It was killed, and has sent none.
        """
        with self._lock:
            if self._last is not None:
                return
            link = self._end_link
            if link is None or self._end_link_pid != os.getpid():
                # A child must not take what is meant for its parent.
                self._close_end_link()
                link = self._listen_or_read_record()
                if link is None:
                    return
        poll = select.poll()
        poll.register(link, select.POLLIN)
        if not poll.poll(1000 * min(timeout_s, LONGEST_POLL_S)):
            return
        with self._lock:
            if link is not self._end_link:  # another thread has read it
                return
            line = b""
            with suppress(OSError):
                line = read_line(link, time.monotonic() + ANSWER_TIMEOUT_S)
            self._close_end_link()
            if line:
                self._last = self._status(understood(line))
            else:  # thrown out because there are too many clients, or the end
                self._listen_or_read_record()

    def _listen_or_read_record(self) -> socket.socket | None:
        """Listen in this process; of a run that has ended meanwhile read how, and return None."""
        try:
            return self._listen()
        except RunUnreachable as error:
            self._last = ended_status(self._seen)
            if self._last is None:
                killed = f"has sent no last status: its main process {self.pid} was killed"
                raise RunUnreachable(f"{self.name} {killed}") from error
            return None


def _this_program() -> str:
    """Return what this program calls itself in the log of the run."""
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else ""
    return f"mimocorb.connect() in {program or 'Python'}"
