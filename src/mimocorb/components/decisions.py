"""What a filter decided about each event, counted in the account of its process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mimocorb._texts import plain_text
from mimocorb.components import meter_page as page_of
from mimocorb.components.meter import Meter, current
from mimocorb.components.meter_page import Capability

__all__ = ["DecisionCounter", "Reject", "Verdict"]


class Reject:
    """What a filter function returns to reject an event and to say why.

    Counts by reason are in the summary of the run. A reason stands for many events, so it is a
    fixed text such as ``"no second pulse"``, without numbers of the event: a run tells 32 reasons
    of a process apart and counts further ones together. Without a reason, None does the same.

    Parameters
    ----------
    reason
        In a few words; 79 bytes are kept.

    Examples
    --------
    >>> from mimocorb import Reject
    >>> TOO_SMALL = Reject("too small")
    >>> def tall(pulse):
    ...     return True if pulse.max() > 5 else TOO_SMALL
    """

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"Reject({self.reason!r})"


Verdict = int | str
"""A bit for each sink that gets something (so not 0), or the reason of a rejection ("": none)."""


class DecisionCounter:
    """Counts verdicts in the account page, a few stores for each kind of them in a batch.

    Parameters
    ----------
    number_of_sinks
        Of the filter; those beyond the 32nd are not counted one by one.
    of_sets
        Whether each decision is about a set of events from several buffers.
    """

    def __init__(self, number_of_sinks: int, *, of_sets: bool = False) -> None:
        self._of_sets = of_sets
        self._sinks = range(min(number_of_sinks, page_of.MOST_SINKS))
        self._meter: Meter | None = None
        self._places: dict[str, int] = {}

    def begin(self) -> None:
        """Promise that from now on every event of this process is counted."""
        self._meter = current()
        self._meter.knows(
            Capability.DECISIONS | Capability.SETS if self._of_sets else Capability.DECISIONS
        )

    @staticmethod
    def verdict(outputs: Sequence[Sequence[Any]], result: Any) -> Verdict:
        """Return the verdict on an event from its records for each sink, and what said so."""
        if outputs:
            bits = 0
            for sink, records in enumerate(outputs):
                if records:
                    bits |= 1 << sink
            if bits:
                return bits
        return result.reason if isinstance(result, Reject) else ""

    def add(self, verdict: Verdict, count: int) -> None:
        """Count events that are decided, all in the same way: their records are published."""
        if self._meter is None:
            return
        words = self._meter.words
        if isinstance(verdict, int):
            words[page_of.ACCEPTED] += count
            for sink in self._sinks:
                if verdict >> sink & 1:
                    words[page_of.ACCEPTED_FOR + sink] += count
        else:
            words[page_of.REJECTED] += count
            if verdict:
                words[page_of.REASON_COUNTS + self._place(verdict)] += count

    def add_set(self, verdict: Verdict, events: int) -> None:
        """Count a set of events that is decided."""
        if self._meter is not None:
            self._meter.words[page_of.DECIDED] += events
            self.add(verdict, 1)

    def failed(self) -> None:
        """Count an event on which the function failed; it goes back to the group."""
        if self._meter is not None:
            self._meter.words[page_of.FAILED] += 1

    def _place(self, reason: str) -> int:
        """Return the place of a reason in the page, a new one for a new reason."""
        place = self._places.get(reason)
        if place is None:
            place = self._new_place(reason)
        return place

    def _new_place(self, reason: str) -> int:
        if self._meter is None or self._meter.words[page_of.REASONS] >= page_of.MOST_REASONS:
            return page_of.MOST_REASONS
        text = plain_text(reason.replace("\0", " ")).encode()[: page_of.REASON_BYTES - 1]
        number = self._places[reason] = self._meter.words[page_of.REASONS]
        start = page_of.REASON_TEXTS + number * page_of.REASON_BYTES
        self._meter.page[start : start + len(text)] = text
        self._meter.words[page_of.REASONS] = number + 1
        return number
