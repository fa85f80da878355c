"""Check a live-time clock against the times at which the events came.

Two answers to the question in which part of the time a source could take events:

* *by the clock*: the process was live for ``t_live`` of the time ``T``, so the fraction is
  ``f_clock = t_live / T`` and the rate of events while live ``r_clock = N / t_live``;
* *by the arrival times*: independent events that come at a constant rate λ have intervals of live
  time distributed as ``λ exp(-λt)``, and what follows after any dead time has again this form,
  because the process has no memory. A dead time that the clock does not see, non-paralysable and of
  any length up to ``t0``, takes events away from the short intervals only. Beyond ``t0`` the
  distribution stays exponential with the true λ, which is estimated from there:
  ``f_arrivals = N / (λ T)``.

With the interval counted from the end of the known dead time, and τ the mean dead time that is not
seen, the clock finds ``N / t_live = λ / (1 + λτ)``: the classic formula for a non-paralysable
counter, ``m = n / (1 + nτ)`` (W. R. Leo, Techniques for Nuclear and Particle Physics Experiments,
2nd ed., section 5.7; G. F. Knoll, Radiation Detection and Measurement, 4th ed., section 4.VII).

A dead time of one length is found before that, by the shortest interval, for both kinds of it: see
:mod:`mimocorb.run.accounts.dead_time`. The tail of the intervals knows nothing of one that extends
itself, as it falls with another rate than that of the events.

How λ is found. The intervals are in bins of logarithmic width. The tail begins at ``t0``, the edge
of a bin below which at least half of the events are; it does not depend on how well the result
fits. In the tail λ is the maximum-likelihood value for binned exponential data, of relative
uncertainty ``1/√n`` with ``n`` events in the tail.

When nothing is said. The check has to hold for sources of every kind, and most of them are no
Poisson processes: pulsers, files read as fast as possible, devices that hand over blocks. So the
tail is first looked at whether it is exponential: χ² of the bins (of at least 5 expected events, 2
% of each forgiven) and bins that are small against ``1/λ``, which rules out all that is periodic.
It has to hold a third of all events as well: if it does not, more than a sixth of all are in the
one bin below it, like those of a pulser, of which the few late ones say nothing. If not, or if
there are more short intervals than independent events have (bursts, after-pulses, events that the
device has kept meanwhile, a rate that changes), there is no second answer to compare with; this is
said, and is no fault. What is left are exponential tails with too few short intervals: these are
what a hidden dead time makes. They are reported as a disagreement if it is larger than three
standard deviations and than 1 % of the live time, in at least 1000 events, and if the exponential
reaches down to the shorter intervals: 85 % of all have to be in it. A dead time that varies more
than the intervals themselves is not found in this way; the price for not taking every source that
varies smoothly, like the computing time of a simulation, for a detector with dead time.

Whether the events come at random. A rate of live time with the uncertainty √N has a meaning only
for events that come independently. These are the ones of which the intervals above say so: both
answers agree, or differ as a hidden dead time makes them differ. With less than 200 events there is
no second answer, but from 10 events on the intervals are compared with an exponential distribution
of their mean: the largest distance D of the two cumulative distributions, with the significance of
M. A. Stephens, J. Am. Stat. Assoc. 69 (1974) 730, table 1.4: 1 % of random sources are taken for
others. What is played back or computed as fast as possible has intervals that are much alike, and
is recognised from some ten events on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from mimocorb.components.meter_page import interval_edges_ns
from mimocorb.run.accounts.binned import chi2_sigma
from mimocorb.run.accounts.dead_time import SMALLEST_PART, DeadTime, find_dead_time

__all__ = ["ArrivalCheck", "Finding", "check_arrivals"]

FEWEST_EVENTS = 200
FEWEST_EVENTS_TO_COMPARE = 10
LARGEST_DISTANCE = 1.308
"""Of D (√n + 0.26 + 0.5/√n) for n events, with D less 0.2/n; see Stephens."""
FEWEST_EVENTS_FOR_A_FAULT = 1000
LONGER_HALF = 0.5
SMALLEST_TAIL = 1 / 3
WITH_SHORT_ONES = 0.85
LARGEST_CHI2_SIGMA = 3.5
LARGEST_CHI2_SIGMA_OF_A_FAULT = 2.0
WIDEST_BIN = 0.4
SIGNIFICANT_SIGMA = 3.0
SMALLEST_DIFFERENCE = 0.01


class Finding(Enum):
    """What comparing the live-time clock with the arrival times has given."""

    AGREE = "agree"
    DISAGREE = "disagree"
    NOT_POISSON = "not Poisson-distributed"
    TOO_FEW = "too few events"


_PREFIXES = {
    Finding.NOT_POISSON: "the events do not look Poisson-distributed in time: ",
    Finding.DISAGREE: "clock and arrival times disagree: ",
}


@dataclass(frozen=True)
class ArrivalCheck:
    """The result of :func:`check_arrivals`.

    Attributes
    ----------
    finding
        Which of the cases it is.
    by_clock
        Part of the time in which the source was live, by the clock.
    by_arrivals, uncertainty
        The same by the arrival times, with one standard deviation; None where these do not tell.
    detail
        What about the arrival times, for a reader.
    is_random
        Whether the events come independently of each other; None if they are too few to tell.
    """

    finding: Finding
    by_clock: float
    by_arrivals: float | None = None
    uncertainty: float | None = None
    detail: str = ""
    is_random: bool | None = None

    @property
    def sentence(self) -> str:
        """The result in words."""
        if self.by_arrivals is None or self.uncertainty is None:
            return _PREFIXES.get(self.finding, "") + self.detail
        both = (
            f"live time {100 * self.by_clock:.1f} % by the clock, "
            f"({100 * self.by_arrivals:.1f} ± {100 * self.uncertainty:.1f}) % by the arrival times"
        )
        if self.finding is Finding.AGREE:
            return f"{both}: they agree{self.detail}"
        return f"clock and arrival times disagree: {both}: {self.detail}"


def check_arrivals(intervals: NDArray[np.int64], live_ns: int, total_ns: int) -> ArrivalCheck:
    """Compare the live time of a source with what the intervals between its events say.

    Parameters
    ----------
    intervals
        Events by the live time since the event before, in the bins of
        :func:`~mimocorb.components.meter_page.interval_edges_ns`.
    live_ns, total_ns
        Live time by the clock, and all time from the begin to the end of data taking.

    Returns
    -------
    ArrivalCheck
        For the reasons see the top of this module.
    """
    by_clock = live_ns / total_ns if total_ns else 0.0
    events = int(intervals.sum())
    if events < FEWEST_EVENTS or not live_ns:
        detail = (
            f"too few events to check the live time by their arrival times: {events}, at least "
            f"{FEWEST_EVENTS} are needed"
        )
        return ArrivalCheck(
            Finding.TOO_FEW, by_clock, detail=detail, is_random=_look_random(intervals)
        )
    tail = _Tail.of(intervals, LONGER_HALF)
    problem = tail.problem()
    dead = find_dead_time(intervals, live_ns / events)
    if dead is not None and dead.is_seen:
        return _with_dead_time(dead, by_clock, events, None if problem else tail)
    if problem:
        return ArrivalCheck(Finding.NOT_POISSON, by_clock, detail=problem, is_random=False)
    check = _by_tail(intervals, by_clock, tail, live_ns)
    if check.finding is not Finding.AGREE:
        return check
    if dead is not None and dead.part >= SMALLEST_PART:
        detail = (
            f"no two events come closer than {_ms(dead.edge_ns)} of live time, but the others are"
            " not as behind a dead time of one length; whether a part of the dead time is not seen"
            " cannot be known from these times"
        )
        return ArrivalCheck(Finding.NOT_POISSON, by_clock, detail=detail, is_random=False)
    return replace(check, detail=_not_known(dead, events))


def _by_tail(
    intervals: NDArray[np.int64], by_clock: float, tail: _Tail, live_ns: int
) -> ArrivalCheck:
    """Compare the live time with the rate in an exponential tail."""
    events = int(intervals.sum())
    by_arrivals = by_clock * (events / live_ns) / tail.rate
    uncertainty = by_arrivals / math.sqrt(tail.events)
    difference = by_arrivals - by_clock
    least = max(SIGNIFICANT_SIGMA * uncertainty, SMALLEST_DIFFERENCE * by_clock)
    if difference > least:
        detail = (
            "more short intervals than independent events have; bursts, a changing rate, or events"
            " that the device keeps while the source is busy"
        )
        return ArrivalCheck(Finding.NOT_POISSON, by_clock, detail=detail, is_random=False)
    if difference < -least:
        finding, detail = _fault_or_not(intervals, events)
        if finding is not Finding.DISAGREE:
            is_random = finding is Finding.TOO_FEW and _look_random(intervals)
            return ArrivalCheck(finding, by_clock, detail=detail, is_random=is_random)
        return ArrivalCheck(finding, by_clock, by_arrivals, uncertainty, detail, is_random=True)
    return ArrivalCheck(Finding.AGREE, by_clock, by_arrivals, uncertainty, is_random=True)


def _with_dead_time(
    dead: DeadTime, by_clock: float, events: int, tail: _Tail | None
) -> ArrivalCheck:
    """Say that there is a dead time of one length that is not seen."""
    detail = f"no two events come closer than {_ms(dead.edge_ns)} of live time, as if a dead time"
    if events < FEWEST_EVENTS_FOR_A_FAULT:
        detail += (
            f" were not seen, but there are too few events ({events}, at least"
            f" {FEWEST_EVENTS_FOR_A_FAULT} are needed) to tell it from events that are not"
            " Poisson-distributed"
        )
        return ArrivalCheck(Finding.TOO_FEW, by_clock, detail=detail, is_random=True)
    detail += (
        " were not seen, for instance in the device, or where the source function reads without"
        " saying so (mimocorb.reading_out)"
    )
    rates_hz = [part / dead.edge_ns * 1e9 for part in dead.true_parts]
    either = f"{rates_hz[0]:.3g} or {rates_hz[1]:.3g} Hz, which these times cannot tell"
    if not dead.is_constant:
        detail += f"; it extends itself, as the intervals say, and the true rate is {either}"
        return ArrivalCheck(Finding.DISAGREE, by_clock, detail=detail, is_random=True)
    if dead.is_extending:
        detail += f"; if it extends itself (paralysable), the true rate is {either}"
    live = 1 - dead.part
    uncertainty = math.hypot(live / math.sqrt(events), dead.part * dead.RESOLUTION)
    if tail is not None:
        live = (dead.part / dead.edge_ns) / tail.rate
        uncertainty = live / math.sqrt(tail.events)
    return ArrivalCheck(
        Finding.DISAGREE, by_clock, by_clock * live, by_clock * uncertainty, detail, is_random=True
    )


def _not_known(dead: DeadTime | None, events: int) -> str:
    """Say what agreement does not tell."""
    if events < FEWEST_EVENTS_FOR_A_FAULT:
        return f", as far as can be known from {events} events"
    if dead is not None and dead.part < SMALLEST_PART:
        return (
            f"; no two events come closer than {_ms(dead.edge_ns)}, and whether a dead time of this"
            " length extends itself, at a much higher rate, these times cannot tell"
        )
    return ""


def _ms(time_ns: float) -> str:
    return f"{time_ns * 1e-6:.3g} ms"


def _look_random(intervals: NDArray[np.int64]) -> bool | None:
    """Whether few intervals may be those of independent events; None if too few to tell."""
    events = int(intervals.sum())
    if events < FEWEST_EVENTS_TO_COMPARE:
        return None
    edges = interval_edges_ns()
    mean_ns = float((intervals * (edges[:-1] + edges[1:]) / 2).sum()) / events
    found = np.cumsum(intervals) / events
    expected = -np.expm1(-edges[1:] / mean_ns)
    # Between two edges the distributions are not known, so only these are compared.
    distance = float(np.abs(found - expected).max()) - 0.2 / events
    root = math.sqrt(events)
    return distance * (root + 0.26 + 0.5 / root) < LARGEST_DISTANCE


def _fault_or_not(intervals: NDArray[np.int64], events: int) -> tuple[Finding, str]:
    """Say what it means that short intervals are rarer than the live time lets expect."""
    if _Tail.of(intervals, WITH_SHORT_ONES).problem(LARGEST_CHI2_SIGMA_OF_A_FAULT):
        return (
            Finding.NOT_POISSON,
            "short intervals are too rare, but not as behind a dead time of one length; whether a"
            " part of the dead time is not seen cannot be known from these times",
        )
    if events < FEWEST_EVENTS_FOR_A_FAULT:
        return (
            Finding.TOO_FEW,
            f"short intervals are rare, but there are too few events ({events}, at least "
            f"{FEWEST_EVENTS_FOR_A_FAULT} are needed) to tell a dead time that is not seen from"
            " events that are not Poisson-distributed",
        )
    return (
        Finding.DISAGREE,
        "a part of the dead time is not seen, for instance in the device, or where the source"
        " function reads without saying so (mimocorb.reading_out)",
    )


@dataclass(frozen=True)
class _Tail:
    """The longer intervals: counts, lower edges and upper edges of bins, and the fit.

    ``part`` is that of all events, ``rate`` λ in 1/ns.
    """

    counts: NDArray[np.float64]
    lower_ns: NDArray[np.float64]
    upper_ns: NDArray[np.float64]
    part: float
    rate: float

    @classmethod
    def of(cls, intervals: NDArray[np.int64], largest_part: float) -> _Tail:
        """Keep at most this part of the intervals, whole bins from the longest down, and fit."""
        edges = interval_edges_ns()
        last = int(np.flatnonzero(intervals)[-1])
        below = np.cumsum(intervals) / intervals.sum()
        first = min(last, int(np.searchsorted(below, 1 - largest_part)) + 1)
        counts = intervals[first : last + 1].astype(float)
        lower, upper = edges[first : last + 1], edges[first + 1 : last + 2]
        part = float(counts.sum() / intervals.sum())
        return cls(counts, lower, upper, part, _fitted_rate(counts, lower, upper))

    @property
    def events(self) -> float:
        """Number of events in the tail."""
        return float(self.counts.sum())

    def problem(self, largest_chi2_sigma: float = LARGEST_CHI2_SIGMA) -> str:
        """Return why this is no tail of an exponential distribution; nothing if it may be one."""
        width = self.rate * (self.upper_ns[0] - self.lower_ns[0])
        if width > WIDEST_BIN or self.part < SMALLEST_TAIL:
            return "they come too regularly for independent events, or all at once"
        if self._chi2_sigma() > largest_chi2_sigma:
            return "long intervals are not distributed as between independent events"
        return ""

    def _chi2_sigma(self) -> float:
        """Return by how many standard deviations the bins are off, as for a normal variable."""
        above = np.exp(-self.rate * (self.lower_ns - self.lower_ns[0]))
        expected = self.events * (above - np.append(above[1:], 0.0))
        return chi2_sigma(self.counts, expected, fitted=2)  # the number of events and λ


def _fitted_rate(
    counts: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> float:
    """Return the maximum-likelihood λ of exponential data in bins, by expectation maximisation.

    Within a bin of width w, exponential data lie on average ``1/λ - w/(exp(λw) - 1)`` above its
    lower edge; λ is one over the mean that follows from that.
    """
    start, width = lower[0], upper - lower
    rate = counts.sum() / (counts * (lower + width / 2 - start)).sum()
    for _ in range(100):
        inside = 1 / rate - width / np.expm1(np.minimum(rate * width, 700.0))
        better = counts.sum() / (counts * (lower - start + inside)).sum()
        if abs(better - rate) < 1e-9 * rate:
            break
        rate = better
    return float(rate)
