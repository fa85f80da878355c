"""When a run ends: at a time, a number of events, or a result."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mimocorb._words import how_many, verb
from mimocorb.model import StopCondition
from mimocorb.run.run_view import Goal
from mimocorb.run.supervision.watcher import RunParts
from mimocorb.setup.graph import Graph

__all__ = ["EndCondition", "reported_by"]

COARSE_LOOK_S = 0.25
FINE_LOOK_S = 0.0005
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


def reported_by(
    worker: str, results: Mapping[str, Mapping[str, float]]
) -> dict[str, Mapping[str, float]]:
    """Return what the processes of a worker have reported, by process and name."""
    return {
        process: reported
        for process, reported in results.items()
        if process.partition("[")[0] == worker  # fit[2] is the second one of fit
    }


class EndCondition:
    """Everything in a set-up at which a run ends: its time, numbers of events, results.

    Events of a buffer that sources write are counted where they are published: it takes exactly as
    many as asked for and then ends by itself. What is looked at here is whether it has. Behind a
    filter it cannot be known which event will be the last one, so there the run ends as soon as the
    number is reached, and what is being processed still comes on top.

    Each process of a worker reports for itself, and only the user knows how their results could be
    put together. A condition holds as soon as it does for one of them.

    Parameters
    ----------
    run
        What it looks at.
    source_buffers
        Names of the buffers that sources write.

    Attributes
    ----------
    limits
        How many events are wanted, by buffer.
    """

    def __init__(self, run: RunParts, source_buffers: Sequence[str]) -> None:
        self._runtime_s = run.setup.runtime_s
        self._clock, self._buffers, self._results = run.clock, run.buffers, run.results
        self.limits = Graph(run.setup).event_limits
        self._conditions = run.setup.stop_when
        # With one way in and nothing else counted, everybody knows which events are meant.
        self._counts_all = len(self.limits) == 1 and [*self.limits] == [*source_buffers]
        for name in source_buffers:
            if name in self.limits:
                run.buffers[name].end_after(self.limits[name])

    def goals(self) -> tuple[Goal, ...]:
        """Return how far the run is on its way to each end that it may come to."""
        goals = [self._of_events(name, limit) for name, limit in self.limits.items()]
        if self._runtime_s:
            active_s = self._clock.active_s() or 0.0
            over = f"the run time of {self._runtime_s:g} s is over"
            reached = over if active_s >= self._runtime_s else ""
            goals.append(Goal("time", "run time", active_s, self._runtime_s, reached))
        return (*goals, *(self._of_condition(condition) for condition in self._conditions))

    def reached(self) -> str:
        """Return which end has been reached, in words; an empty text if none."""
        return next((goal.reached for goal in self.goals() if goal.reached), "")

    def next_look_s(self) -> float:
        """Return the time in which the run time cannot be passed by much."""
        if not self._runtime_s:
            return COARSE_LOOK_S
        left_s = self._runtime_s - (self._clock.active_s() or 0.0)
        return min(COARSE_LOOK_S, max(FINE_LOOK_S, left_s))

    def _of_events(self, name: str, limit: int) -> Goal:
        events = self._buffers[name].stats().published
        what = "been taken" if self._counts_all else f"come into {name}"
        reached = f"{how_many(limit, 'event')} {verb(limit, 'has')} {what}"
        return Goal("events", name, events, limit, reached if events >= limit else "")

    def _of_condition(self, condition: StopCondition) -> Goal:
        limit, values = condition.limit, self._values(condition)
        if not values:
            return Goal("result", str(condition), None, limit, "")
        compare = COMPARISONS[condition.comparison]
        holding = {name: value for name, value in values.items() if compare(value, limit)}
        # If none, the one that comes closest.
        name = next(iter(holding), min(values, key=lambda name: abs(values[name] - limit)))
        place = f" in {name}" if name != condition.subject else ""
        reached = f"{condition} holds: it is {values[name]:g}{place}" if holding else ""
        return Goal("result", str(condition), values[name], limit, reached)

    def _values(self, condition: StopCondition) -> dict[str, float]:
        """Return what is compared, by the name of the buffer or of each process that reported."""
        subject, quantity = condition.subject, condition.quantity
        if subject in self._buffers:
            return {subject: float(self._buffers[subject].stats().published)}
        return {
            process: reported[quantity]
            for process, reported in reported_by(subject, self._results).items()
            if quantity in reported
        }
