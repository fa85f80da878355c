"""The accounts of a run at one moment: plain values, for displays, records and other programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mimocorb._words import how_many
from mimocorb.run.accounts.bottleneck import Cores, TimeUse, WorkerTime, limit_of_rate
from mimocorb.run.accounts.decision_account import DecisionAccount
from mimocorb.run.accounts.live_time import Rate, SourceAccount

__all__ = ["RunAccount"]


@dataclass(frozen=True)
class RunAccount:
    """The accounts of a run at one moment.

    Attributes
    ----------
    sources
        Live time of each source.
    decisions
        Of each worker that reads one buffer and writes.
    workers
        Where the time of each worker went that handles data.
    rates
        Events per second of live time in each buffer that has one source upstream, whose events
        come at random.
    recorded_rates
        Events per second of the recorded times, where the one source upstream plays events back.
    cores
        Processor cores there are for the run, and those in use.
    entries
        Names of the workers that write each buffer.
    problems
        What does not add up, one sentence each.
    may_repeat
        Events given to workers without a sink that may be repeats, by name of the worker.
    live_s
        Effective live time of the one source upstream of each buffer, in s; missing where it is not
        known.
    is_rest
        Whether the sources only give what an earlier run has left, which says nothing of the
        experiment: then nothing is told of their live time, of rates and of what limits these.
    """

    sources: tuple[SourceAccount, ...]
    decisions: tuple[DecisionAccount, ...]
    workers: tuple[WorkerTime, ...]
    rates: dict[str, Rate]
    recorded_rates: dict[str, float]
    cores: Cores
    entries: dict[str, tuple[str, ...]]
    problems: tuple[str, ...]
    may_repeat: dict[str, int] = field(default_factory=dict)
    live_s: dict[str, float] = field(default_factory=dict)
    is_rest: bool = False

    @property
    def doubts(self) -> list[str]:
        """Why the live time may be wrong, one sentence each."""
        return [doubt for source in self._measured for doubt in source.doubts()]

    def is_doubtful(self, buffer: str) -> bool:
        """Whether the rate or the dead time of a buffer is that of a source with such doubts."""
        rate, writers = self.rates.get(buffer), self.entries.get(buffer, ())
        return (rate is not None and rate.is_doubtful) or any(
            source.doubts() for source in self._measured if source.name in writers
        )

    @property
    def _measured(self) -> tuple[SourceAccount, ...]:
        """Sources whose time is that of the experiment."""
        return () if self.is_rest else self.sources

    def repeats(self) -> list[str]:
        """Say which workers got events that may be repeats, one sentence each."""
        return [
            f"{worker}: {how_many(events, 'event')} may be repeated"
            ", because a process that had worked on them was killed or failed; marked in files that"
            " mimocorb writes"
            for worker, events in self.may_repeat.items()
        ]

    @property
    def recent(self) -> dict[str, TimeUse]:
        """What each worker did in the last seconds, by name; what is not known is missing."""
        return {w.name: use for w in self.workers if (use := w.recent_use) is not None}

    @cached_property
    def limit(self) -> str:
        """What limits the rate; empty if not known."""
        if self.is_rest:
            return ""
        used = {worker.name: use for worker in self.workers if (use := worker.use) is not None}
        return limit_of_rate(self.workers, used, self.cores)

    def dead_time(self, buffer: str) -> dict[str, float]:
        """Return the dead part of the time of the sources that write a buffer, by cause.

        Nothing where others write as well: their waiting is not the dead time of the experiment.
        """
        writers = self.entries.get(buffer, ())
        sources = [source for source in self._measured if source.name in writers]
        total_ns = sum(source.total_ns for source in sources)
        found: dict[str, float] = {}
        if len(sources) < len(writers) or not total_ns:
            return found
        for source in sources:
            for cause, fraction in source.dead_fractions().items():
                weight = source.total_ns / total_ns
                found[cause] = found.get(cause, 0.0) + weight * fraction
        return found

    def of_buffer(self, name: str) -> dict[str, Any]:
        """Return what the view of a buffer says about live time and rates."""
        dead_time, rate = self.dead_time(name), self.rates.get(name)
        return {
            "rate_hz": rate.value_hz if rate else None,
            "rate_sigma_hz": rate.sigma_hz if rate else None,
            "live_time_doubtful": self.is_doubtful(name),
            "recorded_rate_hz": self.recorded_rates.get(name),
            "dead_time": dead_time,
            "dead_fraction": sum(dead_time.values()) if dead_time else None,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain values, for records."""
        return {
            "live_time": [source.as_dict() for source in self._measured],
            "doubts": self.doubts,
            "rates": {
                name: {"value_hz": rate.value_hz, "sigma_hz": rate.sigma_hz}
                for name, rate in self.rates.items()
            },
            "decisions": [decision.as_dict() for decision in self.decisions],
            "may_repeat": self.may_repeat,
            "time_use": [worker.as_dict() for worker in self.workers],
            "cores": vars(self.cores),
            "limit": self.limit,
        }
