"""What differs between two runs: set-up, functions, versions, and the rates of events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mimocorb._run.run_record import RunRecord, RunResult

__all__ = [
    "Comparison",
    "Difference",
    "Rate",
    "RateDifference",
    "compare",
    "live_time_s",
    "rate_of",
    "significance",
]

FEWEST_EVENTS = 10


@dataclass(frozen=True)
class Difference:
    """A value that is not the same in both runs; None where one has no such value."""

    key: str
    first: Any
    second: Any


@dataclass(frozen=True)
class Rate:
    """Events per second of live time, with the uncertainty of the count.

    Parameters
    ----------
    events
        How many were published.
    live_s
        In which time.
    """

    events: int
    live_s: float

    @property
    def value_hz(self) -> float:
        """The rate."""
        return self.events / self.live_s

    @property
    def uncertainty_hz(self) -> float:
        """Standard deviation of the rate if events come independently of each other."""
        return math.sqrt(self.events) / self.live_s

    def as_dict(self) -> dict[str, Any]:
        """Return count, time, rate and uncertainty."""
        values = {"value_hz": self.value_hz, "uncertainty_hz": self.uncertainty_hz}
        return {**asdict(self), **values}


@dataclass(frozen=True)
class RateDifference:
    """The rates of one buffer in both runs; None where one has not been measured."""

    buffer: str
    first: Rate | None
    second: Rate | None

    def as_dict(self) -> dict[str, Any]:
        """Return both rates and their difference in plain values."""
        return {
            "buffer": self.buffer,
            "first": self.first.as_dict() if self.first else None,
            "second": self.second.as_dict() if self.second else None,
            "sigma": self.sigma,
        }

    @property
    def sigma(self) -> float | None:
        """By how many standard deviations the second one is higher; None if that cannot be said."""
        if self.first is None or self.second is None:
            return None
        return significance(self.first, self.second)


@dataclass(frozen=True)
class Comparison:
    """All differences between two runs."""

    setup: list[Difference]
    files: list[Difference]
    versions: list[Difference]
    rates: list[RateDifference]

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain values."""
        return {**asdict(self), "rates": [rate.as_dict() for rate in self.rates]}


def compare(first: RunRecord, second: RunRecord) -> Comparison:
    """Return what differs; rates are listed whether they differ or not."""
    hashes = [{file.path: file.sha256 for file in record.files} for record in (first, second)]
    return Comparison(
        setup=_differences(first.setup, second.setup),
        files=_differences(*hashes),
        versions=_differences(first.versions, second.versions),
        rates=_rates(first.result, second.result),
    )


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    one, other = dict(_flat(first)), dict(_flat(second))
    keys = [*one, *(key for key in other if key not in one)]
    return [
        Difference(key, one.get(key), other.get(key))
        for key in keys
        if one.get(key) != other.get(key)
    ]


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that is no mapping, with its path such as ``workers.Fkt_2.config.name``."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _rates(first: RunResult | None, second: RunResult | None) -> list[RateDifference]:
    names = [buffer.name for result in (first, second) if result for buffer in result.buffers]
    return [
        RateDifference(name, rate_of(first, name), rate_of(second, name))
        for name in dict.fromkeys(names)
    ]


def rate_of(result: RunResult | None, buffer: str) -> Rate | None:
    """Return the rate of events into a buffer; None if it has not been measured."""
    live_s = live_time_s(result) if result else None
    if result is None or not live_s:
        return None
    for books in result.buffers:
        if books.name == buffer:
            return Rate(books.published, live_s)
    return None


def live_time_s(result: RunResult) -> float | None:
    """Return the time in which the sources could take events; None if it was not measured."""
    if result.active_s is None:
        return None
    dead = [buffer.dead_fraction for buffer in result.buffers]
    measured = [fraction for fraction in dead if fraction is not None]
    return result.active_s * (1.0 - measured[0]) if measured else result.active_s


def significance(first: Rate, second: Rate) -> float | None:
    """Return the difference of two rates in standard deviations; None with too few events.

    With fewer than ten events in one of them, the count is too far from a normal distribution.
    """
    if min(first.events, second.events) < FEWEST_EVENTS:
        return None
    uncertainty = math.hypot(first.uncertainty_hz, second.uncertainty_hz)
    return (second.value_hz - first.value_hz) / uncertainty
