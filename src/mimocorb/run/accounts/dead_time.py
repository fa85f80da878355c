"""Find a dead time that nobody has told by the shortest time between two events.

Independent events come arbitrarily close to one another. Behind a dead time τ they do not: none of
the live intervals is shorter. With n events of mean interval t̄, ``n (1 - exp(-τ/t̄))`` were to be
expected there; that none came is a dead time with certainty where these would have been 20 or more.
The shape of what is above τ tells dead times from pulsers, computing times and the like, and the
two kinds apart:

* *not extending* (non-paralysable): τ behind each recorded event. Intervals are τ and an
  exponentially distributed time; λ = 1/(t̄ - τ), the live part of the time 1 - τ/t̄;
* *extending* (paralysable): τ behind each event, recorded or not, so a trigger in the dead time
  makes it longer. An event is recorded if none was in the time τ before it. The part S(t) of the
  intervals longer than t follows ``dS/dt = -S(t - τ)/t̄`` with S = 1 up to τ: it depends on t̄ and
  τ alone. From ``1/t̄ = λ exp(-λτ)`` follow two rates of true events, one with λτ < 1 and one with
  λτ > 1: at a high rate hardly any event is recorded. The times cannot tell these two apart.

(W. R. Leo, Techniques for Nuclear and Particle Physics Experiments, 2nd ed., section 5.7; G. F.
Knoll, Radiation Detection and Measurement, 4th ed., section 4.VII.)

What cannot be known. An edge below 2.5 % of t̄ may be the computer's own, as a process needs some
0.1 ms to wake up; it is told as a remark. An extending dead time with λτ > 5.3 leaves no more than
that. A dead time of more than 87 % of t̄ cannot be told from a pulser with late pulses. If the dead
time varies by more than a few per cent there is no edge; then only the tail of the intervals tells,
see :mod:`mimocorb.run.accounts.arrivals`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mimocorb.components.meter_page import interval_edges_ns
from mimocorb.run.accounts.binned import FORGIVEN, Floats, chi2_sigma

__all__ = ["SMALLEST_PART", "DeadTime", "find_dead_time"]

FEWEST_MISSING = 20.0
SMALLEST_PART = 0.025
LARGEST_PART = 7 / 8
LARGEST_PART_IF_EXTENDING = 1 / math.e
LARGEST_CHI2_SIGMA = 2.5
STEPS = 12
"""Places within a bin that are tried for the edge."""


@dataclass(frozen=True)
class DeadTime:
    """An edge below which there are no intervals.

    Attributes
    ----------
    edge_ns
        Where it is.
    part
        The edge in mean intervals.
    is_constant, is_extending
        Whether the intervals above are those behind a dead time of this length that does not, or
        does, extend itself; both if they can be either. Below :data:`SMALLEST_PART` the second is
        not asked for: a run would spend its time on it.
    """

    edge_ns: float
    part: float
    is_constant: bool
    is_extending: bool

    RESOLUTION: ClassVar[float] = 1 / 100
    """Relative uncertainty of the edge, from the width of the bins and the places tried."""

    @property
    def is_seen(self) -> bool:
        """Whether it is a dead time, and long enough not to be the computer's own."""
        return self.part >= SMALLEST_PART and (self.is_constant or self.is_extending)

    @property
    def true_parts(self) -> tuple[float, float]:
        """λτ of an extending dead time, the two solutions."""
        return _extending(self.part, above=False), _extending(self.part, above=True)


def find_dead_time(intervals: NDArray[np.int64], mean_ns: float) -> DeadTime | None:
    """Return the edge below which intervals are missing; None if there is none.

    Parameters
    ----------
    intervals
        Numbers of events by the live time since the event before, in the bins of
        :func:`~mimocorb.components.meter_page.interval_edges_ns`.
    mean_ns
        The mean interval.
    """
    edges = interval_edges_ns()
    events = int(intervals.sum())
    below = np.concatenate([[0], np.cumsum(intervals)])
    missing = -events * np.expm1(-edges / mean_ns)
    is_gap = (missing >= FEWEST_MISSING) & (below <= FORGIVEN * missing)
    if not is_gap.any():
        return None
    first = int(np.flatnonzero(is_gap)[-1])
    if first + 1 >= len(edges):
        return None
    places = np.linspace(edges[first], edges[first + 1], STEPS + 1)
    above = _Above(intervals, first, mean_ns)
    constant = above.best(places, _beyond_constant, LARGEST_PART)
    extending = (math.inf, float(places[0]))
    if places[-1] >= SMALLEST_PART * mean_ns:  # else hundreds of steps for what is only a remark
        extending = above.best(places, _beyond_extending, LARGEST_PART_IF_EXTENDING)
    chi2, edge_ns = min(constant, extending)
    return DeadTime(
        edge_ns if math.isfinite(chi2) else float(edges[first]),
        min(edge_ns / mean_ns, 1.0),
        constant[0] < LARGEST_CHI2_SIGMA,
        extending[0] < LARGEST_CHI2_SIGMA,
    )


class _Above:
    """The intervals from a bin on, to be compared with what is expected above an edge in it."""

    def __init__(self, intervals: NDArray[np.int64], first: int, mean_ns: float) -> None:
        last = int(np.flatnonzero(intervals)[-1])
        self._upper_ns = interval_edges_ns()[first + 1 : last + 1]
        self._counts = intervals[first : last + 1].astype(float)
        self._mean_ns = mean_ns

    def best(
        self,
        places: Floats,
        beyond: Callable[[Floats, float, float], Floats],
        largest_part: float,
    ) -> tuple[float, float]:
        """Return how far off they are in σ with the best edge of these places, and that edge."""
        found = (math.inf, float(places[0]))
        for edge_ns in map(float, places):
            if edge_ns > largest_part * self._mean_ns:
                break
            longer = np.append(beyond(self._upper_ns, edge_ns, self._mean_ns), 0.0)
            expected = self._counts.sum() * -np.diff(longer, prepend=1.0)
            found = min(found, (chi2_sigma(self._counts, expected, fitted=3), edge_ns))
        return found


def _beyond_constant(times_ns: Floats, edge_ns: float, mean_ns: float) -> Floats:
    above = np.maximum(times_ns - edge_ns, 0.0)
    return np.asarray(np.exp(-above / (mean_ns - edge_ns)))


def _beyond_extending(times_ns: Floats, edge_ns: float, mean_ns: float) -> Floats:
    grid, longer = _longer_than(round(edge_ns / mean_ns, 6))
    return np.asarray(np.interp(times_ns / edge_ns, grid, longer, right=0.0))


@lru_cache(maxsize=64)
def _longer_than(part: float) -> tuple[Floats, Floats]:
    """Return S over times in dead times, for τ/t̄; solved step by step, one dead time each."""
    steps = 64
    within = np.linspace(0.0, 1.0, steps + 1)
    now = np.ones(steps + 1)
    pieces = [now[:-1]]
    while now[-1] > 1e-9:
        gone = np.concatenate([[0.0], np.cumsum((now[1:] + now[:-1]) / 2)]) / steps
        now = np.maximum(now[-1] - part * gone, 0.0)
        pieces.append(now[:-1])
    grid = (np.arange(len(pieces))[:, None] + within[:-1]).reshape(-1)
    return grid, np.concatenate(pieces)


def _extending(part: float, *, above: bool) -> float:
    """Return the solution of ``x exp(-x) = part`` below or above 1, by halving."""
    part = min(part, LARGEST_PART_IF_EXTENDING)
    low, high = (1.0, 50.0) if above else (0.0, 1.0)
    for _ in range(60):
        middle = (low + high) / 2
        if (middle * math.exp(-middle) < part) is above:
            high = middle
        else:
            low = middle
    return (low + high) / 2
