"""A worker process as its supervisor sees it: started, listened to, seen to end."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from mimocorb._memory import oom_kills
from mimocorb.run.accounts.process_account import ProcessAccount
from mimocorb.run.run_state import WorkerState
from mimocorb.run.workers import worker
from mimocorb.run.workers.child import CHILDREN, EXIT_UNKNOWN
from mimocorb.run.workers.pause_flag import PauseFlag
from mimocorb.run.workers.processes import (
    Lifeline,
    describe_exit,
    end_group,
    open_pidfd,
)
from mimocorb.run.workers.worker import WorkerChannel, WorkerTask
from mimocorb.run.workers.worker_link import LONGEST_MESSAGE, LineSplitter, Message

__all__ = ["GONE", "PoolLinks", "WorkerProcess"]

GONE = frozenset({WorkerState.ENDED, WorkerState.FAILED, WorkerState.STOPPED})
ENDS = ("ready", "ended", "failed", "terminated")
"""Kinds of messages that say how far the process has come."""
READ_SIZE = 64 * 1024
MOST_CRASH_LINES = 1000
CRASH = "Fatal Python error"


class PoolLinks(NamedTuple):
    """What connects all workers of a run with their supervisor: its side of it.

    Parameters
    ----------
    lifeline
        Ends them with their supervisor.
    gate
        Ends of the pipe at which sources wait.
    pause_flag
        Tells them whether the run is paused.
    """

    lifeline: Lifeline
    gate: tuple[Connection, Connection]
    pause_flag: PauseFlag

    def close(self) -> None:
        """Let go of the lifeline, which kills the workers that still live. Idempotent."""
        self.lifeline.close()
        for connection in self.gate:
            connection.close()
        self.pause_flag.close()


class WorkerProcess:
    """One process of one worker function.

    Parameters
    ----------
    name
        What messages call it.
    number
        Which process of its function it is, from 1.
    make_task
        Completes the worker's task with the channel it is to talk through.
    on_message, on_output
        Called with each message, and with the name of the stream and each line that it prints.
    account
        The account that the process keeps.
    """

    def __init__(
        self,
        name: str,
        number: int,
        make_task: Callable[[WorkerChannel], WorkerTask],
        on_message: Callable[[WorkerProcess, Message], None],
        on_output: Callable[[WorkerProcess, str, str], None],
        *,
        account: ProcessAccount,
    ) -> None:
        self.name = name
        self.number = number
        self.account = account
        self.state = WorkerState.STARTING
        self.process: BaseProcess | None = None
        self.exit_code: int | None = None
        self.last: Message | None = None
        self._started_s: float | None = None
        self.ended_s: float | None = None
        self.held_up_by = ""
        """What keeps it from ending after its function has."""
        self.left_behind: list[str] = []
        self.circumstances = ""
        self.waits_for_disk = ""
        """Why it cannot write at the moment."""
        self._unparsed: deque[str] = deque(maxlen=MOST_CRASH_LINES)
        self.asked_to_end = False
        self.killed = False
        self._killed_because = ""
        self._oom_kills: tuple[int | None, int | None] = (None, None)
        self._make_task = make_task
        self._on_message = on_message
        self._on_output = on_output
        self._pipes: dict[int, tuple[Connection, LineSplitter, str]] = {}
        self._pidfd: int | None = None
        self._kept: Connection | None = None  # has what the process hangs on, see `hold_lifeline`

    @property
    def pid(self) -> int | None:
        """Process number; None before the start."""
        return self.process.pid if self.process else None

    @property
    def gone(self) -> bool:
        """Whether the process has ended."""
        return self.state in GONE

    @property
    def ended_in_order(self) -> bool:
        """Whether its function has ended; exit code 0 alone may come from exit() in a library."""
        by_exit_code = self.exit_code == 0 or self.exit_is_unknown
        return by_exit_code and self.last is not None and self.last.kind == "ended"

    @property
    def exit_is_unknown(self) -> bool:
        """Whether it has ended and its fork server has not said how."""
        return self.ended_s is not None and self.exit_code is None

    def start(self, start_method: str, links: PoolLinks) -> None:
        """Start the process and open the ends of the pipes this side listens at.

        Raises
        ------
        OSError
            The system gives no more processes, memory or descriptors.
        """
        try:
            self._start(start_method, links)
        except BaseException:
            for connection, _, _ in self._pipes.values():
                connection.close()
            self._pipes.clear()
            self._let_go()
            self.account.close()
            raise

    def _start(self, start_method: str, links: PoolLinks) -> None:
        writing: list[Connection] = []
        for stream in ("messages", "stdout", "stderr"):
            ours, theirs = Pipe(duplex=False)
            os.set_blocking(ours.fileno(), False)
            splitter = LineSplitter(LONGEST_MESSAGE) if stream == "messages" else LineSplitter()
            self._pipes[ours.fileno()] = (ours, splitter, stream)
            writing.append(theirs)
        lifeline, (gate, gate_writing), pause_flag = links
        to_close = () if gate_writing.closed else (gate_writing.fileno(),)
        messages, stdout, stderr = writing
        self._kept, keeping = Pipe()
        writing.append(keeping)
        channel = WorkerChannel(
            messages=messages,
            stdout=stdout,
            stderr=stderr,
            lifeline=lifeline.reading,
            keeping=keeping,
            gate=gate,
            account=self.account.open(),
            pause_flag=pause_flag.connection,
            process_number=self.number,
            close_after_fork=to_close if start_method == "fork" else (),
        )
        self._oom_kills = (oom_kills(), None)
        self._started_s = time.monotonic()
        child: Any = CHILDREN[start_method]
        started = child(target=worker.main, args=(self._make_task(channel),), name=self.name)
        started.start()
        self.process = started
        self.account.started(started.pid)
        for theirs in writing:
            theirs.close()
        self._pidfd = open_pidfd(started.pid)

    @property
    def age_s(self) -> float:
        """Time since the process was started; 0 before."""
        return 0.0 if self._started_s is None else time.monotonic() - self._started_s

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What to wait for; call :meth:`read` when one is readable."""
        return tuple(self._pipes)

    @property
    def pidfd(self) -> int | None:
        """Readable when the process has ended; None if it had gone before it could be opened."""
        return self._pidfd

    def signal(self, number: int) -> None:
        """Send a signal to the process if it is still there."""
        if self._pidfd is None:
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def kill(self, why: str) -> None:
        """Kill the process; what it was doing is at fault, as with any other failure."""
        self._killed_because = why
        self.signal(signal.SIGKILL)

    def finish(self) -> None:
        """Collect what is left after the death of the process and close everything. Idempotent."""
        if self.process is None or self.ended_s is not None:
            return
        self.account.close()  # before the system forgets the processor time of the process
        # A fork server passes the exit code on a moment after the process has gone.
        self.process.join(5.0)
        code = self.process.exitcode
        self.exit_code = None if code == EXIT_UNKNOWN else code
        self.left_behind = end_group(self.process.pid) if self.process.pid else []
        self._oom_kills = (self._oom_kills[0], oom_kills())
        for descriptor, (connection, splitter, stream) in tuple(self._pipes.items()):
            # Not to the end: a program that it has started may go on printing into its pipe.
            left = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)
            while left > 0 and (taken := self.read(descriptor)):
                left -= taken
            for line in splitter.finish():
                self._deliver(stream, line)
            connection.close()
        self._pipes.clear()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        self._let_go()
        self.ended_s = time.time()

    def _let_go(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def how_it_ended(self) -> str:
        """Say how the process ended, first what it said itself."""
        exit_text = "exit code unknown" if self.exit_is_unknown else describe_exit(self.exit_code)
        if self._killed_because:
            return f"{self._killed_because} ({exit_text})"
        if self.exit_code == -signal.SIGKILL and not self.killed:
            return f"{exit_text}, {self._about_memory()}{self.circumstances}"
        if self.last is not None and self.last.text:
            return f"{self.last.text} ({exit_text})" if self.exit_code else self.last.text
        if self.exit_code == 0:
            exit_text += " before the function had returned: exit() or os._exit() was called"
        return f"{exit_text}{self.circumstances}"

    @property
    def crash(self) -> str:
        """What faulthandler has written down of a crash in native code; empty if there was none."""
        _, found, rest = "\n".join(self._unparsed).partition(CRASH)
        return found + rest

    def _about_memory(self) -> str:
        """Say whether the kernel killed it for lack of memory, as far as that can be known."""
        before, after = self._oom_kills
        if before is not None and after is not None and after > before:
            return "for lack of memory: its control group has counted such a kill"
        return "perhaps by the kernel for lack of memory"

    def read(self, descriptor: int) -> int | None:
        """Take in one piece of what is there; its size in bytes, 0 at the end, None if nothing."""
        _connection, splitter, stream = self._pipes[descriptor]
        try:
            data = os.read(descriptor, READ_SIZE)
        except BlockingIOError:
            return None
        for line in splitter.feed(data):
            self._deliver(stream, line)
        return len(data)

    def _deliver(self, stream: str, line: str) -> None:
        if stream != "messages":
            self._on_output(self, stream, line)
            return
        try:
            message = Message.parse(line)
        except (ValueError, TypeError):  # of faulthandler, or cut off by the death of the process
            self._unparsed.append(line)
            return
        if message.kind in ENDS:
            self.last = message
        self._on_message(self, message)
