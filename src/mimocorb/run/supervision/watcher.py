"""What is watched while a run goes on: one class for each concern, all in one list."""

from __future__ import annotations

import math
import time
from pathlib import Path

from mimocorb.run.run_state import RunState

__all__ = ["ALIVE", "Watcher"]

ALIVE = frozenset({RunState.STARTING, RunState.RUNNING, RunState.PAUSED, RunState.DRAINING})
"""The states in which something is expected of the workers."""


class Watcher:
    """Looks at one concern, in each turn of the supervisor's loop or less often.

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
