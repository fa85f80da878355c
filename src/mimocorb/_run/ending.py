"""When a run ends, and how to end workers that do not end by themselves: ask, wait, kill."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable

from mimocorb._buffer.new_buffer import NewBuffer
from mimocorb._run.meters import RunClock
from mimocorb._run.process import ASK_TO_END
from mimocorb._run.worker_process import WorkerProcess
from mimocorb._setup.model import Setup

__all__ = ["EndCondition", "Escalation", "ProgressWatch"]

COARSE_LOOK_S = 0.25
FINE_LOOK_S = 0.0005


class EndCondition:
    """The run time and the number of events after which a run ends.

    Events are counted where sources publish them: the first buffer takes exactly as many as asked
    for and then ends by itself. What is looked at here is whether it has.

    Parameters
    ----------
    setup
        Gives both limits.
    clock
        Counts the time.
    buffer
        The first buffer that sources write.
    """

    def __init__(self, setup: Setup, clock: RunClock, buffer: NewBuffer) -> None:
        self._runtime_s = setup.runtime_s
        self._runevents = setup.runevents
        self._clock = clock
        self._buffer = buffer
        if setup.runevents:
            buffer.end_after(setup.runevents)

    def reached(self) -> str:
        """Return which limit has been reached, in words; an empty text if none."""
        if self._runtime_s and (self._clock.active_s() or 0.0) >= self._runtime_s:
            return f"the run time of {self._runtime_s:g} s is over"
        if self._runevents and self._buffer.stats().published >= self._runevents:
            return f"{self._runevents} events have been taken"
        return ""

    def next_look_s(self) -> float:
        """Return the time in which the run time cannot be passed by much."""
        if not self._runtime_s:
            return COARSE_LOOK_S
        left_s = self._runtime_s - (self._clock.active_s() or 0.0)
        return min(COARSE_LOOK_S, max(FINE_LOOK_S, left_s))


class Escalation:
    """Asks processes to end, once each, and kills those that are still there after a grace time."""

    def __init__(self, kill_grace_s: float) -> None:
        self._kill_grace_s = kill_grace_s
        self._asked_s: dict[WorkerProcess, float] = {}

    def ask(self, processes: Iterable[WorkerProcess]) -> None:
        """Ask: the worker's function gets an exception wherever it is, so that it can tidy up."""
        for process in processes:
            if process not in self._asked_s:
                self._asked_s[process] = time.monotonic()
                process.asked_to_end = True
                process.signal(ASK_TO_END)

    def kill_the_deaf(self) -> list[WorkerProcess]:
        """Kill who was asked too long ago; returns those that this call killed."""
        now = time.monotonic()
        deaf = [
            process
            for process, asked_s in self._asked_s.items()
            if not process.gone and not process.killed and now - asked_s > self._kill_grace_s
        ]
        for process in deaf:
            process.killed = True
            process.signal(signal.SIGKILL)
        return deaf


class ProgressWatch:
    """Says for how long something that should change has stayed the same."""

    def __init__(self) -> None:
        self._last: object = None
        self._since_s = time.monotonic()

    def unchanged_s(self, now: object) -> float:
        """Return the time for which the value has been what it is now."""
        if now != self._last:
            self._last = now
            self._since_s = time.monotonic()
        return time.monotonic() - self._since_s
