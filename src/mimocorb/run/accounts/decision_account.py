"""What became of the events that a filter has read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mimocorb._words import how_many, verb
from mimocorb.buffers.stats import GroupStats
from mimocorb.components.meter_page import OTHER_REASONS, Capability, MeterReading
from mimocorb.model import WorkerSpec

__all__ = ["DecisionAccount"]


@dataclass(frozen=True)
class DecisionAccount:
    """The decisions of one filter; of one that reads and writes by itself they are not known.

    Attributes
    ----------
    known
        Whether the function lets mimocorb count; if not, every count is without meaning.
    unit
        What is decided about: an event, or in a worker that merges, a set of events.
    events
        That it has decided about, one by one or in sets.
    accepted, rejected
        Events or sets of which something, or nothing, went on. Each is in one of them, once.
    failed
        Times that the function raised an exception; such an event comes again, or is set aside.
    accepted_for
        Events or sets of which something went to a sink, by name of the buffer.
    reasons
        Rejections by the reason that the function gave, the most frequent first; the rest of
        `rejected` had none.
    sampled, sample_lost
        Rejected events kept in the sample, and those that could not be written.
    prescale, seeds
        One in how many rejected events was to be kept, and by which random numbers: one seed for
        each process that keeps a sample.
    """

    name: str
    label: str
    known: bool
    unit: Literal["event", "set"] = "event"
    events: int = 0
    accepted: int = 0
    rejected: int = 0
    failed: int = 0
    accepted_for: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    prescale: int | None = None
    sampled: int = 0
    sample_lost: int = 0
    seeds: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        spec: WorkerSpec,
        label: str,
        pages: Sequence[MeterReading],
    ) -> DecisionAccount:
        """Add up the pages of all processes, of those that have been replaced as well."""
        # All run the same function; one that was killed early may not have come to say so.
        if not any(Capability.DECISIONS in page.knows for page in pages):
            return cls(spec.name, label, known=False, prescale=spec.rejected_sample)
        parts = [page.decisions for page in pages]
        reasons: dict[str, int] = {}
        for part in parts:
            for reason, count in part.reasons.items():
                reasons[reason] = reasons.get(reason, 0) + count
        ordered = sorted(reasons, key=lambda text: (text == OTHER_REASONS, -reasons[text]))
        return cls(
            spec.name,
            label,
            known=True,
            unit="set" if any(Capability.SETS in page.knows for page in pages) else "event",
            events=sum(part.decided for part in parts),
            accepted=sum(part.accepted for part in parts),
            rejected=sum(part.rejected for part in parts),
            failed=sum(part.failed for part in parts),
            accepted_for={
                sink: sum(part.accepted_for[number] for part in parts)
                for number, sink in enumerate(spec.writes[: len(parts[0].accepted_for)])
            },
            reasons={reason: reasons[reason] for reason in ordered},
            prescale=spec.rejected_sample,
            sampled=sum(part.sampled for part in parts),
            sample_lost=sum(part.sample_lost for part in parts),
            seeds=tuple(part.sample_seed for part in parts if part.sample_seed),
        )

    def problem(self, groups: Sequence[GroupStats]) -> str:
        """Return why the decisions do not fit to the ledger of the reader groups; or nothing.

        They are counted before the event is acknowledged. A process that is killed in between
        counts an event that comes again, so there may be as many too many as were redelivered.
        """
        processed = sum(group.acknowledged for group in groups)
        surplus = self.events - processed
        if not self.known or 0 <= surplus <= sum(group.redelivered for group in groups):
            return ""
        return (
            f"the decisions of {self.label} do not add up: it has decided about "
            f"{how_many(self.events, 'event')}, but {how_many(processed, 'event')} "
            f"{verb(processed, 'was')} processed"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain values; only the name and `known` if nothing is known."""
        if not self.known:
            return {"name": self.name, "known": False}
        fields = asdict(self)
        del fields["label"]
        return fields
