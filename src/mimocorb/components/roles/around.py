"""The filter that hands on events around those that its function keeps: a trigger with look-back.

An event is *undecided* until so many events have come behind it that no later trigger can ask for
it. Undecided events stay in hand, in their slots: they are pending in the ledger of the buffer, and
a process that is killed leaves them to be delivered again, as every event. So nothing is kept
anywhere else, and nothing can be lost.

A trigger whose events behind it have not all come stays in hand as well, with what was handed on
since: the process that takes over learns from it how many are still wanted. These are handed on
once more then, marked as every repeat.

In hand, in the order of the buffer, are

1. events that are handed on, from the last trigger on, while events behind it are wanted;
2. undecided ones; of 1. and 2. only one is there at a time;
3. the new ones, which the function is called with.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.buffers.contract import Places
from mimocorb.buffers.exact import DoesNotFitError
from mimocorb.buffers.lengths import joined
from mimocorb.components.decisions import Reject, Verdict
from mimocorb.components.roles.batch_results import kept_places
from mimocorb.components.roles.filter import Filter
from mimocorb.components.roles.outbox import InHand
from mimocorb.components.worker import current_worker
from mimocorb.errors import EndOfStream, MimocorbError, UserFunctionError

__all__ = ["AroundFilter", "around"]

Mask = NDArray[np.bool_]

_ALLOWED = (
    "a filter with events_before or events_after says of each event whether it is kept: True, or"
    " None, False or Reject(reason) (for a batch also a mask)"
)


class AroundFilter(Filter):
    """Calls a function with each event once; hands on those around the ones that it keeps.

    ``events_before`` and ``events_after`` of the worker say how many. Each event is handed on once,
    also where the windows of two triggers overlap, with its own metadata. The parameters are those
    of :class:`~mimocorb.components.roles.filter.Filter`.
    """

    def __init__(self, source: Mapping[str, Any], *args: Any, **options: Any) -> None:
        super().__init__(source, *args, **options)
        spec = current_worker().spec
        self._before, self._after = spec.events_before, spec.events_after
        room = int(source["number_of_slots"]) - max(self._before, self._after + 1)
        self._most = max(1, room // 2)
        self._done: list[Verdict] = []
        """Of events that are handed on and not acknowledged."""
        self._undecided: list[str] = []
        """Why each undecided event is rejected if no trigger asks for it."""
        self._wanted = 0
        """Events that are still to be handed on behind the last trigger."""
        self._may_be_redelivered = True

    def _take(self, count: int) -> None:
        self.reader.take_more(min(count, self._most))

    def _end(self) -> None:
        verdicts = [*self._done, *self._undecided]
        if verdicts:
            self._settle(verdicts, 0, len(verdicts), InHand(self.reader))

    def _process_each(self) -> None:
        """Call the function with one new event after the other."""
        in_hand, old = InHand(self.reader), self._old
        new = in_hand.events[old:]
        arguments: Iterator[tuple[Any, ...]] = zip(new)
        if self._make is not None:
            each = itertools.islice(self._each_metadata(self._make), old, None)
            arguments = zip(new, each, strict=True)
        kept, reasons = np.zeros(len(new), np.bool_), []
        self._pace.begin()
        place = old
        try:
            for place, given in enumerate(arguments, old):
                result = self._called(place, given)
                reasons.append(result.reason if isinstance(result, Reject) else "")
                kept[place - old] = self._is_kept(result, place)
        except UserFunctionError as error:
            self.reader.give_back_failed(range(place, place + 1), str(error))
            raise
        self._pace.end(len(new))
        self._decide(kept, reasons, in_hand)

    def _process_together(self) -> None:
        """Call the function with all new events."""
        in_hand, old = InHand(self.reader), self._old
        count = len(in_hand.metadata) - old
        events = self._new_events(old)
        metadata = BatchMetadata.of_rows(in_hand.metadata[old:])
        given = (events,) if self._make is None else (events, metadata)
        kept = np.zeros(count, np.bool_)
        self._pace.begin()
        try:
            result = self._called(None, given)
            kept[self._kept_places(result, count)] = True
        except UserFunctionError as error:
            self.reader.give_back_failed(range(old, old + count), str(error))
            raise
        self._pace.end(count)
        reason = result.reason if isinstance(result, Reject) else ""
        self._decide(kept, [reason] * count, in_hand)

    def _new_events(self, old: int) -> Any:
        """Return the events behind the old ones together: a view if they lie beside each other."""
        reader = self.reader
        rows, index = reader.in_place()
        index = index[old:]
        if reader.variable:
            return joined(rows, index, reader.dtype)
        first, last = index[0], index[-1]
        are_neighbours = bool((np.diff(index) == 1).all())
        events = rows[first : last + 1] if are_neighbours else rows[index]
        events.flags.writeable = False
        return events

    @property
    def _old(self) -> int:
        """How many events were in hand before the new ones."""
        return len(self._done) + len(self._undecided)

    def _called(self, place: int | None, given: tuple[Any, ...]) -> Any:
        try:
            return self._function(*given)
        except MimocorbError:
            raise
        except (Exception, SystemExit) as error:
            return self._again(place, error, given)

    def _kept_places(self, result: Any, count: int) -> Places:
        try:
            places = kept_places(result, count)
        except DoesNotFitError as error:
            raise self._misfit(None, error) from None
        if places is None:
            raise self._misfit(None, _unusable(result))
        return places

    def _is_kept(self, result: Any, place: int) -> bool:
        if result is None or isinstance(result, (bool, np.bool_, Reject)):
            return bool(result)
        raise self._misfit(place, _unusable(result))

    def _decide(self, kept: Mask, reasons: Sequence[str], in_hand: InHand) -> None:
        """Hand on what is around the events kept; acknowledge what nobody can ask for any more."""
        self._mark(in_hand)
        reasons, old = [*self._undecided, *reasons], len(self._done)
        triggers = np.concatenate([np.zeros(len(self._undecided), np.bool_), kept])
        wanted = around(triggers, self._before, self._after)
        wanted[: self._wanted] = True
        (found,), (asked,) = wanted.nonzero(), triggers.nonzero()
        count = len(triggers)
        decided = max(found[-1] + 1 if len(found) else 0, count - self._before, 0)
        if len(asked):
            self._wanted = max(0, self._after - (count - 1 - int(asked[-1])))
            begin = old + int(asked[-1])
        else:
            self._wanted, begin = max(0, self._wanted - count), 0
        # the last trigger stays in hand as long as events behind it are wanted
        finished = begin if self._wanted else old + decided
        verdicts: list[Verdict] = [
            1 if handed_on else reason
            for handed_on, reason in zip(wanted[:decided], reasons, strict=False)
        ]
        verdicts = [*self._done, *verdicts]
        self._hand_on(verdicts, old + found, finished, in_hand)
        self._done, self._undecided = verdicts[finished:], reasons[decided:]

    def _hand_on(
        self, verdicts: list[Verdict], places: NDArray[np.intp], finished: int, in_hand: InHand
    ) -> None:
        """Publish copies of the events at these places; acknowledge the first `finished` in hand.

        That may be later than publishing, and is never earlier.
        """
        results, settled = self._results, 0
        done, total = len(self._done), len(verdicts)
        if not len(places):
            self._settle(verdicts, 0, finished, in_hand)
            return
        try:
            try:
                results.copy_all(0, in_hand, places)
            except DoesNotFitError as error:
                raise self._misfit(None, error) from None
            results.seal(in_hand, in_hand.metadata)
            if self._sample is not None:
                in_hand.look()
            while done < total:
                done = results.make_room(done, total)
                settled = self._settle_up_to(verdicts, settled, min(finished, done), in_hand)
        except EndOfStream:
            done = min(finished, results.unpublished_from)
            self._settle_up_to(verdicts, settled, done, in_hand)
            raise
        finally:
            results.clear()

    def _settle_up_to(
        self, verdicts: list[Verdict], settled: int, end: int, in_hand: InHand
    ) -> int:
        end = max(settled, end)
        self._settle(verdicts, settled, end, in_hand)
        return end

    def _mark(self, in_hand: InHand) -> None:
        """Mark what may have been handed on before, and absolve what the function has coped with.

        The buffer marks, and counts against, whatever was in hand when a process failed. The last
        event alone may have been the reason; an event that comes again and again, and is kept in
        hand each time, is none.
        """
        if self._may_be_redelivered:
            again = self.reader.deliveries() > 1
            in_hand.metadata["may_repeat"] |= again
            self.reader.absolve()
            self._may_be_redelivered = bool(again.any())


def around(triggers: Mask, before: int, after: int) -> Mask:
    """Return which events are at most so many before, or after, one that is marked.

    Examples
    --------
    >>> marked = np.array([0, 0, 0, 1, 0, 0, 0], bool)
    >>> around(marked, 2, 1).astype(int).tolist()
    [0, 1, 1, 1, 1, 0, 0]
    """
    count = len(triggers)
    so_far = np.concatenate([[0], np.cumsum(triggers)])
    places = np.arange(count)
    last = so_far[np.minimum(places + before + 1, count)]
    first = so_far[np.maximum(places - after, 0)]
    found: Mask = last > first
    return found


def _unusable(result: Any) -> DoesNotFitError:
    return DoesNotFitError(f"returned {type(result).__name__} {result!r:.100}; {_ALLOWED}")
