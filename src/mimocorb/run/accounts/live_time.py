"""Live time of the sources, dead time by cause, and rates with their uncertainties.

For each process of a source, in whole nanoseconds and exactly::

    total = live + ring full + paused + reading out + device lost

from its begin to the end of data taking. Processes of one source that work side by side have each
a clock of their own: their times are added up, and their rates too. A process and the one that took
its place after a failure are one; the time in between belongs to neither.

The rate while live is ``N / t_live`` with the uncertainty ``√N / t_live`` of a Poisson process.
With several processes it is the sum of ``N_i / t_i``; this defines the effective live time
``t = ΣN_i / Σ(N_i / t_i)``, by which the events of a buffer behind the source are divided.

Such a rate has a meaning only for events that come at random (:mod:`.arrivals`). Those that are
computed or read as fast as possible have none, and those that are played back have the rate at
which they were recorded: their number by the time between the first and the last one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from mimocorb.components.meter_page import Activity, Capability
from mimocorb.run.accounts.arrivals import ArrivalCheck, Finding, check_arrivals
from mimocorb.run.accounts.process_account import AccountReading, Span

__all__ = ["CAUSES", "Arrivals", "LiveTime", "Rate", "SourceAccount"]

CAUSES = {
    "ring_full": Activity.NO_ROOM,
    "paused": Activity.PAUSED,
    "reading_out": Activity.READING_OUT,
    "device_lost": Activity.DEVICE_LOST,
}
"""Causes of dead time, as they are called in records."""


class Arrivals(StrEnum):
    """How the events of a source come, as far as that can be known. The value is for records."""

    RANDOM = "random"
    """Independently of each other: their number has the uncertainty of a Poisson process."""
    NOT_RANDOM = "not random"
    """As fast as the source can make or read them, or in time with something."""
    RECORDED = "recorded"
    """They bring the times at which they were recorded with them."""
    UNKNOWN = "unknown"
    """There are too few of them, or the source writes by itself."""


@dataclass(frozen=True)
class Rate:
    """Events per second of live time, with one standard deviation, and whether to doubt it."""

    value_hz: float
    sigma_hz: float
    is_doubtful: bool = False

    @classmethod
    def of(cls, events: int, live_s: float, *, is_doubtful: bool = False) -> Rate | None:
        """Return N ± √N divided by the live time; None without live time."""
        if live_s <= 0:
            return None
        return cls(events / live_s, math.sqrt(events) / live_s, is_doubtful)

    def __str__(self) -> str:
        """Return both with as many decimals as the uncertainty has two figures, and the doubt."""
        doubt = " (doubtful)" if self.is_doubtful else ""
        if not self.sigma_hz:
            return f"{self.value_hz:.3g}{doubt}"
        decimals = max(0, 1 - math.floor(math.log10(self.sigma_hz)))
        both = f"{self.value_hz:,.{decimals}f} ± {self.sigma_hz:,.{decimals}f}"
        return both.replace(",", " ") + doubt


@dataclass(frozen=True)
class LiveTime:
    """The time of one source process, in nanoseconds.

    Attributes
    ----------
    reading_out_ns
        None if the function does not tell when it has an event: reading is in the live time then.
    events
        Events that it published; None if it does not count them.
    stopped_ns
        Of the live time, that in which the process was stopped, at least, and took no event.
    recorded_s
        Earliest and latest time that the source gave to an event; None if it gave none.
    plays_back
        Whether it is known that the events were recorded before: when they come says nothing.
    """

    live_ns: int
    ring_full_ns: int
    paused_ns: int
    reading_out_ns: int | None
    total_ns: int
    events: int | None
    check: ArrivalCheck | None
    stopped_ns: int = 0
    recorded_s: tuple[float, float] | None = None
    device_lost_ns: int = 0
    plays_back: bool = False

    @classmethod
    def of(cls, readings: Sequence[AccountReading], events: int) -> LiveTime:
        """Return the time of one process, or of several that took each other's place.

        `events` is what they have published in the end, when the time is no longer counted.
        """
        span = sum((Span.between(None, reading) for reading in readings), Span())
        knows = [reading.page.knows for reading in readings]
        arrivals = any(Capability.ARRIVALS in known for known in knows)
        tells = arrivals or any(Capability.READING_OUT in known for known in knows)
        live_ns = span.spent_ns[Activity.WORKING]
        check = None
        recorded = [each for r in readings if (each := r.page.recorded_s) is not None]
        plays_back = any(Capability.PLAYED_BACK in known for known in knows)
        if arrivals and not plays_back:
            intervals = np.sum([reading.page.intervals for reading in readings], axis=0)
            check = check_arrivals(intervals, live_ns, span.total_ns)
        return cls(
            live_ns=live_ns,
            ring_full_ns=span.spent_ns[Activity.NO_ROOM],
            paused_ns=span.spent_ns[Activity.PAUSED],
            reading_out_ns=span.spent_ns[Activity.READING_OUT] if tells else None,
            device_lost_ns=span.spent_ns[Activity.DEVICE_LOST],
            total_ns=span.total_ns,
            events=events if arrivals else None,
            check=check,
            stopped_ns=span.stopped_ns[Activity.WORKING],
            recorded_s=_from_first_to_last(recorded),
            plays_back=plays_back,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain values."""
        fields = asdict(self)
        if self.check is not None:
            fields["check"]["finding"] = self.check.finding.value
            fields["check"]["sentence"] = self.check.sentence
        return fields


@dataclass(frozen=True)
class SourceAccount:
    """The time and the rate of one source.

    Attributes
    ----------
    name, label
        In the set-up, and for people.
    processes
        One entry for each that has begun.
    marks_reading
        Whether the user's function says when it reads (:func:`mimocorb.reading_out`).
    events
        Published in all; None for a source that writes with its own Writer into several buffers.
    """

    name: str
    label: str
    processes: tuple[LiveTime, ...]
    marks_reading: bool
    events: int | None

    @property
    def total_ns(self) -> int:
        """Time of all processes."""
        return sum(process.total_ns for process in self.processes)

    @property
    def live_ns(self) -> int:
        """Live time of all processes."""
        return sum(process.live_ns for process in self.processes)

    def dead_fractions(self) -> dict[str, float]:
        """Return the dead part of the time by cause, in the order of :data:`CAUSES`.

        A cause that cannot be told from live time is left out, and a lost device if there was none.
        """
        found = {}
        for cause in CAUSES:
            times = [getattr(process, f"{cause}_ns") for process in self.processes]
            if self.total_ns and None not in times and (cause != "device_lost" or sum(times)):
                found[cause] = sum(times) / self.total_ns
        return found

    @property
    def live_s(self) -> float | None:
        """Live time by which events are to be divided to get a rate; None if there is none."""
        if not self.live_ns:
            return None
        counts = [process.events for process in self.processes]
        known = [count for count in counts if count is not None]
        if len(known) < len(counts) or not sum(known):
            return self.live_ns / len(self.processes) / 1e9
        rate = sum(
            count / process.live_ns
            for count, process in zip(known, self.processes, strict=True)
            if process.live_ns
        )
        return sum(known) / rate / 1e9

    @property
    def arrivals(self) -> Arrivals:
        """How its events come."""
        if any(process.plays_back for process in self.processes):
            return Arrivals.RECORDED
        checks = [process.check for process in self.processes if process.check is not None]
        look_random = {check.is_random for check in checks}
        if self.recorded_s is not None:
            # As long as nothing is odd about it, it is a device with a clock of its own.
            agree = all(check.finding is Finding.AGREE for check in checks)
            return Arrivals.RANDOM if checks and agree else Arrivals.RECORDED
        if False in look_random:
            return Arrivals.NOT_RANDOM
        return Arrivals.RANDOM if True in look_random else Arrivals.UNKNOWN

    @property
    def recorded_s(self) -> tuple[float, float] | None:
        """Earliest and latest time that it gave to an event; None if it gave none."""
        return _from_first_to_last([p.recorded_s for p in self.processes if p.recorded_s])

    def recorded_rate_hz(self, events: int) -> float | None:
        """Return the rate of so many of its events by the times at which they were recorded.

        None if it gave no times, or for a single event: N events have N - 1 intervals.
        """
        if self.recorded_s is None or not self.events or self.events < 2:
            return None
        duration_s = (self.recorded_s[1] - self.recorded_s[0]) * self.events / (self.events - 1)
        return events / duration_s if duration_s > 0 else None

    @property
    def rate(self) -> Rate | None:
        """Events per second of live time; None if they do not come at random."""
        if self.events is None or self.live_s is None or self.arrivals is not Arrivals.RANDOM:
            return None
        return Rate.of(self.events, self.live_s, is_doubtful=bool(self.doubts()))

    def doubts(self) -> list[str]:
        """Return why the live time may be wrong, in sentences."""
        checks = [
            f"{self.label}: {process.check.sentence}"
            for process in self.processes
            if process.check is not None and process.check.finding is Finding.DISAGREE
        ]
        stops = [
            f"{self.label} was stopped for at least {_seconds(process.stopped_ns)}, by a signal or "
            "a debugger, which counts as live"
            for process in self.processes
            if process.stopped_ns
        ]
        return checks + stops

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain values."""
        rate = self.rate
        return {
            "name": self.name,
            "total_ns": self.total_ns,
            "live_ns": self.live_ns,
            "live_fraction": self.live_ns / self.total_ns if self.total_ns else None,
            "dead_fractions": self.dead_fractions(),
            "effective_live_s": self.live_s,
            "events": self.events,
            "arrivals": self.arrivals,
            "rate_hz": rate.value_hz if rate else None,
            "rate_sigma_hz": rate.sigma_hz if rate else None,
            "recorded_rate_hz": self.recorded_rate_hz(self.events or 0),
            "live_time_doubtful": bool(self.doubts()),
            "marks_reading": self.marks_reading,
            "processes": [process.as_dict() for process in self.processes],
        }


def _from_first_to_last(spans: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Return the earliest and the latest of times; None without any."""
    if not spans:
        return None
    return min(first for first, _last in spans), max(last for _first, last in spans)


def _seconds(time_ns: int) -> str:
    """Return a time that was measured, which is not written as 0.0 s because it is short."""
    seconds = time_ns / 1e9
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2g} s"
