"""What differs between two runs: set-up, functions, versions, and the rates of events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mimocorb.run.accounts.live_time import Rate
from mimocorb.run.record.run_record import RunRecord
from mimocorb.run.record.run_result import RunResult

__all__ = ["Comparison", "Difference", "RateDifference", "compare"]

FEWEST_EVENTS = 10


@dataclass(frozen=True)
class Difference:
    """A value that is not the same in both runs; None where one has no such value."""

    key: str
    first: Any
    second: Any


@dataclass(frozen=True)
class RateDifference:
    """Events per second of live time in one buffer of both runs.

    Parameters
    ----------
    buffer
        Its name.
    first, second
        The rates; None where not measured, or where the events do not come at random.
    throughput_hz
        Events per second of data taking in both, which says nothing of the experiment.
    fewest_events
        The smaller one of both numbers of events.
    """

    buffer: str
    first: Rate | None
    second: Rate | None
    fewest_events: int
    throughput_hz: tuple[float | None, float | None] = (None, None)

    @property
    def sigma(self) -> float | None:
        """By how many standard deviations the second one is higher.

        None if that cannot be said: one of them is doubtful, or with fewer than ten events in one
        of them, the number of events is too far from a normal distribution.
        """
        if self.first is None or self.second is None or self.fewest_events < FEWEST_EVENTS:
            return None
        if self.first.is_doubtful or self.second.is_doubtful:
            return None
        uncertainty_hz = math.hypot(self.first.sigma_hz, self.second.sigma_hz)
        return (self.second.value_hz - self.first.value_hz) / uncertainty_hz

    def as_dict(self) -> dict[str, Any]:
        """Return both rates and their difference in plain values."""
        return {**asdict(self), "sigma": self.sigma}


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
    """Return the rates of the buffers that both runs have."""
    if first is None or second is None:
        return []
    others = {buffer.name: buffer for buffer in second.buffers}
    return [
        RateDifference(
            buffer.name,
            buffer.rate,
            others[buffer.name].rate,
            min(buffer.published, others[buffer.name].published),
            (buffer.throughput_hz, others[buffer.name].throughput_hz),
        )
        for buffer in first.buffers
        if buffer.name in others
    ]
