r"""Signals as an operator means them: what asks for the end of a run, and what insists on it.

One wish may come as several signals. A terminal that is closed sends SIGHUP to the run, and the
shell in it sends another one; who logs out sends SIGTERM and SIGHUP; a program around the run
passes a Ctrl-C on that the terminal has sent to the run already. Nobody has decided twice then, and
the events that were taken are not thrown away. So a signal insists only if a person has pressed a
key once more: if it is a SIGINT or a SIGTERM, if one of the same kind has asked before, and if that
is some time ago.

Other signals that would end the process ask for the end as well, as SIGPWR of a failing supply, or
SIGXCPU and SIGUSR1 of a batch system; they never insist. SIGQUIT (Ctrl-\\) is an end at once. So
whatever comes, the terminal is given back and the run says what became of its events. A handler
that a program has set for one of the others stays, and so does SIGHUP where it is ignored.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from types import FrameType
from typing import Any

from mimocorb.run.run_state import Command

__all__ = ["ONE_WISH_S", "OTHER_ENDS", "Wishes", "handled", "tidy_death"]

ONE_WISH_S = 1.0
"""Signals of one kind within this time are one wish."""
MAY_INSIST = (signal.SIGINT, signal.SIGTERM)
UNLESS_IGNORED = (signal.SIGHUP, signal.SIGQUIT)
"""A run that was started by nohup is to outlive its terminal."""
OTHER_ENDS = (
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGXCPU,
    signal.SIGIO,
    signal.SIGSTKFLT,
    signal.SIGPWR,
    *range(signal.SIGRTMIN, signal.SIGRTMAX + 1),
)
"""What else ends a process that has not asked to handle it."""


class Wishes:
    """Says what each signal of a run asks for."""

    def __init__(self) -> None:
        self._heard_s: dict[int, float] = {}

    def meant_by(self, number: int, now_s: float) -> Command | None:
        """Return what a signal asks for; None if that has been asked for by the one before it."""
        if number == signal.SIGQUIT:
            return Command.END
        before_s = self._heard_s.get(number)
        if before_s is None:
            self._heard_s[number] = now_s
            return Command.STOP
        if number not in MAY_INSIST or now_s - before_s < ONE_WISH_S:
            return None
        self._heard_s[number] = now_s
        return Command.END


_before: dict[int, Any] = {}
"""The handlers that there were before those of a run."""


@cache
def _restore_in_children() -> None:
    os.register_at_fork(after_in_child=_restore)


def _restore() -> None:
    for number, handler in _before.items():
        signal.signal(number, handler)
    _before.clear()


@contextmanager
def handled(post: Callable[[Command, str], None], suspend: Callable[[], None]) -> Iterator[None]:
    """Pass on what signals ask for, as long as the block lasts; not in processes forked meanwhile.

    Parameters
    ----------
    post
        Gets each wish, and the name of the signal.
    suspend
        Is called for Ctrl-Z.
    """
    wishes = Wishes()

    def asked(number: int, _frame: FrameType | None) -> None:
        command = wishes.meant_by(number, time.monotonic())
        if command is not None:
            post(command, _name(number))

    _restore_in_children()
    with suppress(ValueError):  # not in the main thread: signals are not ours to handle
        for number in (*MAY_INSIST, *UNLESS_IGNORED, *OTHER_ENDS):
            now = signal.getsignal(number)
            if number in MAY_INSIST or now is signal.SIG_DFL:
                _before[number] = signal.signal(number, asked)
        _before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, lambda _number, _frame: suspend())
    try:
        yield
    finally:
        _restore()


@contextmanager
def tidy_death() -> Iterator[None]:
    """Leave the block by an exception when a signal comes that ends processes, then die of it."""
    came: list[int] = []

    def leave(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        raise SystemExit(128 + number)

    numbers = [
        number
        for number in (signal.SIGTERM, *UNLESS_IGNORED, *OTHER_ENDS)
        if signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in numbers:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        if came:
            os.kill(os.getpid(), came[0])


def _name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
