"""What the runtime asks of the operating system; Linux, and only here.

Three things are not in the standard library in the form needed: that workers die with their
supervisor whatever start method made them, that a death is seen at once, and words for how a
process ended.

A worker ends with its supervisor by the *lifeline*: the supervisor holds the writing end of a
pipe, and the kernel sends SIGKILL to every worker as soon as that end closes, which it does when
the supervisor ends in any manner. (``PR_SET_PDEATHSIG`` watches a thread instead of a process and
cannot see past a fork server.)

The reading end of a worker is a file of its own, as the signal goes to the owner of a file. It is
not in the hands of the worker, which may close all it has, or become another program: the worker
sends it to the supervisor, which never takes it out of the socket. There it stays until the kernel
throws the socket away, and that is after it has closed the writing end, in whatever order it closes
the files of a process: what was in a message is closed later than everything else.

What a user function starts belongs to its worker. So each worker leads a process group of its own:
the lifeline kills all of it, and the supervisor does when the worker has ended. Programs that make
themselves a group or a session of their own are left alone.

A process number alone says nothing about whether a process still lives: numbers are used again.
Together with the start time and the boot of the machine it stands for one process.
"""

from __future__ import annotations

import fcntl
import os
import platform
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import NamedTuple
from weakref import WeakSet

__all__ = [
    "ASK_TO_END",
    "ENDED_AS_ASKED",
    "Lifeline",
    "ProcessIdentity",
    "ProcessStat",
    "age_s",
    "describe_exit",
    "end_group",
    "ends_within",
    "hold_lifeline",
    "is_stopped",
    "leave_signals_to_supervisor",
    "open_pidfd",
    "show_as",
]

F_SETSIG = 10
PF_EXITING = 0x4
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LONGEST_NAME = 15  # bytes; the kernel keeps no more

ASK_TO_END = signal.SIGUSR2
"""The supervisor's request to end now: raises an exception in the worker, so files get closed."""

ENDED_AS_ASKED = 128 + int(signal.SIGTERM)
"""Exit code of a worker that has ended because of this request."""

SUPERVISOR_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


_lifelines: WeakSet[Lifeline] = WeakSet()


@cache
def _let_go_in_children() -> None:
    os.register_at_fork(after_in_child=_let_go_of_all)


def _let_go_of_all() -> None:
    for lifeline in _lifelines:
        lifeline.let_go()


class Lifeline:
    """The supervisor's end of the pipe that its workers hang on.

    The reading end is opened anew by each worker, because ownership of signals belongs to an open
    file, and a forked worker shares its open files with its parent. No process that is forked from
    the supervisor, by any code, keeps the writing end: it would hold the line.
    """

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        self.reading = Connection(reading, writable=False)
        _let_go_in_children()
        _lifelines.add(self)

    def let_go(self) -> None:
        """Close the writing end of this process; of the last one, this kills. Idempotent."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def close(self) -> None:
        """Let go, which kills the workers that still hang on it. Idempotent."""
        self.let_go()
        self.reading.close()


def hold_lifeline(reading: Connection, keeping: Connection) -> None:
    """Make the kernel kill this process as soon as the supervisor's end of the pipe closes.

    Programs that it starts are killed as well: it becomes the leader of a process group. Of a
    terminal, the group is in the background: a process that asks for input there, or changes its
    settings, would stop all of it, silently. In worker and programs such requests fail, or are
    carried out.

    Parameters
    ----------
    reading
        The end of the pipe that all workers have.
    keeping
        Leads to the supervisor, which keeps what this process hangs on as long as it lives.
    """
    os.setpgid(0, 0)
    for number in (signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)  # which programs are to inherit
    own = os.open(f"/proc/self/fd/{reading.fileno()}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    reading.close()
    fcntl.fcntl(own, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(own, F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, fcntl.fcntl(own, fcntl.F_GETFL) | os.O_ASYNC)
    # The supervisor may have gone between the start of this process and the line above.
    poller = select.poll()
    poller.register(own, select.POLLIN)
    if poller.poll(0):
        os.kill(os.getpid(), signal.SIGKILL)
    with suppress(OSError):  # too many are on their way, of this user; and the supervisor has gone
        send_handle(keeping, own, None)
        os.close(own)
    keeping.close()


def end_group(leader: int) -> list[str]:
    """Kill what is left of the group of a worker that has been collected; says what that was."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:  # nothing is left: as usual, and quickly known
        return []
    except PermissionError:  # programs of another user, who alone may end them
        pass
    left = [f"{process.name} (process {process.pid})" for process in members(leader)]
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    return left


def show_as(name: str) -> None:
    """Let ``ps`` and ``top`` call this process so; a number, as in ``fit[2]``, is not cut off."""
    text, bracket, number = name.partition("[")
    ending = (bracket + number).encode()
    Path("/proc/self/comm").write_bytes(text.encode()[: LONGEST_NAME - len(ending)] + ending)


def _leave(_signal: int, _frame: object) -> None:
    """Do nothing: the supervisor got the signal as well and decides."""


def leave_signals_to_supervisor() -> None:
    """Let signals to the whole process group (Ctrl-C, a closing terminal) pass this process by.

    A handler that does nothing is used instead of ``SIG_IGN``, which programs started by the user
    function would inherit; system calls of drivers are restarted, not interrupted. Processes that
    are forked from this one end by signals as usual, as :mod:`multiprocessing` relies on.
    """
    for number in SUPERVISOR_SIGNALS:
        signal.signal(number, _leave)
        signal.siginterrupt(number, False)
    forking = _Forking()
    os.register_at_fork(
        before=forking.hold_back,
        after_in_parent=forking.let_in,
        after_in_child=forking.end_by_signals,
    )
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SUPERVISOR_SIGNALS)


class _Forking(threading.local):
    """A fork in a worker: until the child has its handlers, a signal to it has to wait."""

    def hold_back(self) -> None:
        """Let signals wait."""
        held_back = (*SUPERVISOR_SIGNALS, ASK_TO_END)
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, held_back)

    def let_in(self) -> None:
        """Let signals in again."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def end_by_signals(self) -> None:
        """Let signals do what they usually do, except where user code has chosen otherwise."""
        for number in SUPERVISOR_SIGNALS:
            if signal.getsignal(number) is _leave:
                signal.signal(number, signal.SIG_DFL)
        signal.signal(ASK_TO_END, signal.SIG_DFL)
        self.let_in()


def open_pidfd(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends; None if it is gone."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def ends_within(pidfd: int, timeout_s: float | None) -> bool:
    """Wait for the end of a process without collecting it; closes the descriptor."""
    try:
        end = select.poll()
        end.register(pidfd, select.POLLIN)
        return bool(end.poll(None if timeout_s is None else timeout_s * 1000))
    finally:
        os.close(pidfd)


def describe_exit(code: int | None) -> str:
    """Say how a process ended, from the exit code as :mod:`multiprocessing` gives it."""
    if code is None:
        return "still running"
    if code >= 0:
        return f"exit code {code}"
    number = -code
    if number not in set(signal.Signals):
        return f"killed by signal {number}"
    name = signal.Signals(number).name
    # What the numbers mean, "Segmentation fault" for one, is known to the C library.
    meaning = "" if number == signal.SIGKILL else f" ({signal.strsignal(number)})"
    return f"killed by {name}{meaning}"


class ProcessStat(NamedTuple):
    """Some fields of ``/proc/PID/stat``.

    Parameters
    ----------
    pid
        Process number.
    name
        What ``ps`` and ``top`` call the process.
    state
        One letter, ``"R"`` and so on.
    group
        Number of its process group.
    flags
        Of the kernel, ``PF_…`` in its source.
    start_ticks
        When it was started, in clock ticks since the boot of the machine.
    """

    pid: int
    name: str
    state: str
    group: int
    flags: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> ProcessStat:
        """Look at a process.

        Raises
        ------
        FileNotFoundError, ProcessLookupError
            There is none of this number.
        PermissionError
            It belongs to another user, and the system hides it (``hidepid``).
        """
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        # The name of the program, in brackets before the state, may hold anything.
        before, _, after = text.rpartition(")")
        fields = after.split()
        group, flags, start_ticks = (int(fields[number]) for number in (2, 6, 19))
        return cls(pid, before.partition("(")[2], fields[0], group, flags, start_ticks)

    @property
    def gone(self) -> bool:
        """Whether the process has ended, and only its exit code is left."""
        return self.state in "ZX"

    @property
    def ending(self) -> bool:
        """Whether the process does nothing more: the kernel is closing what it had open."""
        return self.gone or bool(self.flags & PF_EXITING)


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped, by a signal or a debugger, and may be continued."""
    try:
        return ProcessStat.of(pid).state in "Tt"
    except OSError:  # it has just ended, or is hidden from us
        return False


def members(group: int) -> Iterator[ProcessStat]:
    """Yield the living processes of a process group."""
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names are all that is wanted
        if entry.isdigit():
            try:
                found = ProcessStat.of(int(entry))
            except OSError:  # it has just ended, or is hidden from us
                continue
            if found.group == group and not found.gone:
                yield found


@dataclass(frozen=True)
class ProcessIdentity:
    """One process of one machine.

    Parameters
    ----------
    pid
        Process number.
    start_ticks
        When it was started, in clock ticks since the boot of the machine.
    boot_id
        Random number that the kernel drew at boot.
    host
        Name of the machine.
    pid_namespace
        What the process number counts in: containers have numbers of their own.
    """

    pid: int
    start_ticks: int
    boot_id: str
    host: str
    pid_namespace: str

    @classmethod
    def of_this_process(cls) -> ProcessIdentity:
        """Return the identity of the calling process."""
        own = ProcessStat.of(os.getpid())
        return cls(own.pid, own.start_ticks, _boot_id(), platform.node(), _pid_namespace())

    def lives(self) -> bool | None:
        """Whether the process still runs; None if that cannot be told from here.

        It cannot on another machine or from another container, where its number means another
        process or nothing.
        """
        if self.boot_id != _boot_id():
            # The same machine after a restart: what ran before is gone.
            return False if self.host == platform.node() else None
        if self.pid_namespace != _pid_namespace():
            return None
        try:
            found = ProcessStat.of(self.pid)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return found.start_ticks == self.start_ticks and not found.ending


def age_s() -> float:
    """Return how long ago this process was started."""
    ticks = ProcessStat.of(os.getpid()).start_ticks
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def _boot_id() -> str:
    return BOOT_ID.read_text().strip()


def _pid_namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())
