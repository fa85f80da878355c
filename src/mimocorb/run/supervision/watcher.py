"""What is watched while a run goes on: one class for each concern, all in one list."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.model import Setup
from mimocorb.run.alarms import Alarms
from mimocorb.run.findings import Findings
from mimocorb.run.options import SupervisorOptions
from mimocorb.run.run_state import RunState
from mimocorb.run.supervision.meters import RunClock
from mimocorb.run.workers.worker_function import WorkerFunction

__all__ = ["ALIVE", "RunParts", "Watcher"]

DRAIN_TIMEOUT_S = 60.0

ALIVE = frozenset({RunState.STARTING, RunState.RUNNING, RunState.PAUSED, RunState.DRAINING})
"""The states in which something is expected of the workers."""


@dataclass(frozen=True)
class RunParts:
    """What a run has, for all that looks after it.

    Parameters
    ----------
    setup, options
        What is run, and the times that it is given.
    findings, alarms
        Where it is told what happens.
    clock
        Counts the time of data taking.
    buffers, functions
        By name, and in the order of the set-up; filled when they are made.
    results
        What workers have reported so far, by process and name; filled while the run goes on.
    """

    setup: Setup
    options: SupervisorOptions
    findings: Findings
    alarms: Alarms
    clock: RunClock = field(default_factory=RunClock)
    buffers: dict[str, NewBuffer] = field(default_factory=dict)
    functions: list[WorkerFunction] = field(default_factory=list)
    results: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def drain_timeout_s(self) -> float:
        """After so long without any progress a run that drains is stuck."""
        return self.setup.drain_timeout_s or DRAIN_TIMEOUT_S


class Watcher:
    """Looks at one concern, in each turn of the supervisor's loop or less often.

    Parameters
    ----------
    run
        What it looks at, and where it tells.

    Attributes
    ----------
    states
        In which states of the run it looks.
    interval_s
        Least time between two looks; 0: it looks in each turn, however often there is one.
    directory
        That of the run; set when the workers start.
    """

    states: frozenset[RunState] = frozenset(RunState)
    interval_s: float = 0.0
    directory = Path()
    _next_s = 0.0

    def __init__(self, run: RunParts) -> None:
        self._setup, self._options, self._clock = run.setup, run.options, run.clock
        self._findings, self._alarms = run.findings, run.alarms
        self._buffers, self._functions, self._results = run.buffers, run.functions, run.results

    def turn(self, state: RunState) -> None:
        """Look, if the run is in one of the states and it is time."""
        now_s = time.monotonic()
        if state in self.states and now_s >= self._next_s:
            self._next_s = now_s + self.interval_s
            self.look()

    def next_look_s(self, state: RunState) -> float:
        """Return the time until the next look for which a turn has to come."""
        if not self.interval_s or state not in self.states:
            return math.inf
        return max(0.0, self._next_s - time.monotonic())

    def look(self) -> None:
        """Look, and do or tell what follows."""
        raise NotImplementedError

    def data_taking_ends(self) -> None:
        """Note that no more data are taken; what has been taken is still to be processed."""

    def finish(self) -> list[str]:
        """Do what is left when the run is over; return warnings for the summary."""
        return []
