"""What differs between two runs: set-up, functions, versions, rates, decisions and results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mimocorb.run.accounts.live_time import Rate
from mimocorb.run.record.run_record import RunRecord
from mimocorb.run.record.run_result import RunResult
from mimocorb.run.wording import error_of

__all__ = [
    "Comparison",
    "CountDifference",
    "Difference",
    "RateDifference",
    "ResultDifference",
    "compare",
]

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
class CountDifference:
    """How many events a filter kept or rejected in both runs.

    Parameters
    ----------
    worker
        The filter.
    decision
        ``kept``, ``rejected``, or the reason of rejections.
    first, second
        How many; None where the run has no such filter, or nobody has counted.
    of_first, of_second
        Of how many.
    independent
        Whether the events of both runs came at random and are not the same ones.
    """

    worker: str
    decision: str
    first: int | None
    second: int | None
    of_first: int | None
    of_second: int | None
    independent: bool

    @property
    def fractions(self) -> tuple[float | None, float | None]:
        """Which part of the events that is in both."""
        both = ((self.first, self.of_first), (self.second, self.of_second))
        return (_fraction(*both[0]), _fraction(*both[1]))

    @property
    def sigma(self) -> float | None:
        """By how many standard deviations the part is larger in the second run.

        None if that cannot be said: the events are not independent, or with fewer than ten events
        on one side of a decision, their number is too far from a normal distribution.
        """
        first, second = self.fractions
        if not self.independent or first is None or second is None:
            return None
        assert self.first is not None
        assert self.second is not None
        assert self.of_first is not None
        assert self.of_second is not None
        others = (self.of_first - self.first, self.of_second - self.second)
        if min(self.first, self.second, *others) < FEWEST_EVENTS:
            return None
        of_all = (self.first + self.second) / (self.of_first + self.of_second)
        variance = of_all * (1 - of_all) * (1 / self.of_first + 1 / self.of_second)
        return (second - first) / math.sqrt(variance)

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain values."""
        return {**asdict(self), "fractions": self.fractions, "sigma": self.sigma}


def _fraction(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


@dataclass(frozen=True)
class ResultDifference:
    """A number that a worker has reported in both runs.

    Parameters
    ----------
    worker, name
        Who, and what.
    first, second
        The values; None where it was not reported.
    errors
        Their uncertainties, as far as they were reported.
    independent
        Whether the events of both runs are others.
    """

    worker: str
    name: str
    first: float | None
    second: float | None
    errors: tuple[float | None, float | None]
    independent: bool

    @property
    def sigma(self) -> float | None:
        """By how many standard deviations the second one is higher; None if nobody can say."""
        if self.first is None or self.second is None or not self.independent:
            return None
        if not all(error is not None and 0 < error < math.inf for error in self.errors):
            return None
        return (self.second - self.first) / math.hypot(*(error or 0.0 for error in self.errors))

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain values."""
        return {**asdict(self), "sigma": self.sigma}


@dataclass(frozen=True)
class Comparison:
    """All differences between two runs."""

    setup: list[Difference]
    files: list[Difference]
    versions: list[Difference]
    rates: list[RateDifference]
    decisions: list[CountDifference]
    results: list[ResultDifference]
    same_events: bool
    """Whether both processed the same recorded events."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain values."""
        return {
            **asdict(self),
            "rates": [rate.as_dict() for rate in self.rates],
            "decisions": [each.as_dict() for each in self.decisions],
            "results": [each.as_dict() for each in self.results],
        }


def compare(
    first: RunRecord, second: RunRecord, directories: tuple[str, str] = ("", "")
) -> Comparison:
    """Return what differs; rates, decisions and results are listed whether they differ or not.

    Parameters
    ----------
    first, second
        The records of the runs.
    directories
        Names of their directories, under which another run may have taken their events.
    """
    hashes = [{file.path: file.sha256 for file in record.files} for record in (first, second)]
    inputs = [set(_inputs(*each)) for each in zip((first, second), directories, strict=True)]
    same = bool(inputs[0] & inputs[1])
    return Comparison(
        setup=_differences(first.setup, second.setup),
        files=_differences(*hashes),
        versions=_differences(first.versions, second.versions),
        rates=_rates(first.result, second.result),
        decisions=list(_decisions(first.result, second.result, same_events=same)),
        results=list(_results(first.result, second.result, same_events=same)),
        same_events=same,
    )


def _inputs(record: RunRecord, directory: str) -> Iterator[str]:
    """Yield what the events of a run are known by: the run or the file that they come from.

    Of two runs that share some, what they find is no two measurements.
    """
    if record.rerun_of is not None:
        yield Path(record.rerun_of).name
        return
    played = [
        worker["config"].get("data")
        for worker in record.setup.get("Workers", {}).values()
        if worker.get("function") == "replay" and not worker.get("sources")
    ]
    for data in played:
        for place in data if isinstance(data, list) else [data]:
            yield from Path(str(place)).parts[-2:]
    if not played:
        yield from (str(record.number), *([directory] if directory else []))


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


def _decisions(
    first: RunResult | None, second: RunResult | None, *, same_events: bool
) -> Iterator[CountDifference]:
    """Yield what was kept, what was rejected, and why, of each filter."""
    both = [_counts(result) for result in (first, second)]
    independent = not same_events and all(map(_comes_at_random, (first, second)))
    for worker in dict.fromkeys(name for counts in both for name in counts):
        one, other = (counts.get(worker, {}) for counts in both)
        for decision in dict.fromkeys((*one, *other)):
            # A reason that a run does not have was given by none of its events.
            first_kept, second_kept = (
                counts.get(decision, 0) if counts else None for counts in (one, other)
            )
            of_first, of_second = (
                sum(counts[key] for key in _WHOLE) if counts else None for counts in (one, other)
            )
            yield CountDifference(
                worker, decision, first_kept, second_kept, of_first, of_second, independent
            )


_WHOLE = ("kept", "rejected")


def _counts(result: RunResult | None) -> dict[str, dict[str, int]]:
    """Return how many events each filter kept or rejected, and for which reason."""
    decisions = result.accounts.get("decisions", []) if result else []
    return {
        each["name"]: {"kept": each["accepted"], "rejected": each["rejected"], **each["reasons"]}
        for each in decisions
        if each.get("known")
    }


def _comes_at_random(result: RunResult | None) -> bool:
    sources = result.accounts.get("live_time", []) if result else []
    return bool(sources) and all(source.get("arrivals") == "random" for source in sources)


def _results(
    first: RunResult | None, second: RunResult | None, *, same_events: bool
) -> Iterator[ResultDifference]:
    """Yield what workers have reported, each with its uncertainty if that was reported."""
    both = [result.results if result else {} for result in (first, second)]
    for worker in dict.fromkeys(name for results in both for name in results):
        one, other = (dict(results.get(worker, {})) for results in both)
        names = {**one, **other}
        errors = {name: error_of(name, names) for name in names}
        for name in names:
            if name not in errors.values():
                error = errors[name]
                yield ResultDifference(
                    worker,
                    name,
                    one.get(name),
                    other.get(name),
                    (one.get(error), other.get(error)),
                    not same_events,
                )


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
