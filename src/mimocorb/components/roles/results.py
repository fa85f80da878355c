"""What a filter function returns, turned into the records for each sink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mimocorb._words import how_many
from mimocorb.buffers.batch_metadata import MetadataRows
from mimocorb.buffers.contract import Places
from mimocorb.buffers.exact import DoesNotFitError
from mimocorb.buffers.writer import Writer
from mimocorb.components.decisions import Reject, Verdict
from mimocorb.components.records import RecordForm
from mimocorb.components.roles.outbox import InHand, Outbox
from mimocorb.components.roles.publishing import Publication

__all__ = ["Results"]

_ALLOWED = (
    "allowed are None or False (reject the event; Reject(reason) says why), a whole number or True"
    " (copy the event to the first sink), a list with one item per sink, a dictionary of sinks and"
    " items, or the record of the only sink"
)
_ALLOWED_WITHOUT_COPIES = (
    "allowed are None or False (reject the events; Reject(reason) says why), or a list with one"
    " item per sink, or a dictionary of sinks and items: None, a record or a list of records"
)


class Results:
    """Turns what a filter function returns into records, all of an event or none.

    The forms of a result are documented at :class:`mimocorb.buffer_control.BufferToBuffer`.

    Parameters
    ----------
    writers
        The sinks, in order.
    source
        Name of the buffer that the event comes from, for messages.
    form
        Of its events, for copies; None: there are none, as an event is one of several buffers.
    keeps
        Whether the records of each event are published before the function is called again.
    """

    def __init__(
        self, writers: Sequence[Writer], source: str, form: RecordForm | None, *, keeps: bool
    ) -> None:
        self.outboxes = [Outbox(writer, form, keeps=keeps) for writer in writers]
        self._names = [writer.name for writer in writers]
        self._source = source
        self._copies = form is not None
        self._first = self.outboxes[0] if writers else None
        self._only = self._first if len(writers) == 1 else None
        publication = Publication(self.outboxes)
        self.make_room, self.publish = publication.make_room, publication.publish
        self._allowed = _ALLOWED if self._copies else _ALLOWED_WITHOUT_COPIES

    def take(self, result: Any, place: int, in_hand: InHand | None) -> Verdict:
        """Take what the function returned for an event; returns what that means.

        Parameters
        ----------
        result
            What it returned.
        place
            Of the event in its batch.
        in_hand
            The events of the batch, for copies.

        Raises
        ------
        DoesNotFitError
            The result has no documented form, or does not fit into its sink.
        """
        if result is None or result is False:
            return ""
        if result is True:
            first = self._first
            if first is not None and first.copies_only:
                first.places.append(place)
                return 1
        elif type(result) is dict or type(result) is np.ndarray:
            if self._only is not None and self._only.add_quickly(result, place):
                return 1
        elif isinstance(result, Reject):
            return result.reason
        try:
            return self._take_items(self._items(result), place, in_hand)
        except DoesNotFitError:
            for outbox in self.outboxes:
                outbox.drop(place)
            raise

    def seal(self, in_hand: InHand | None, metadata: MetadataRows | None = None) -> None:
        """Prepare all records for publishing, each with the metadata of its event.

        Parameters
        ----------
        in_hand
            The events of the batch.
        metadata
            A row for each event that is none of one buffer alone.
        """
        if metadata is None and in_hand is not None and len(self.outboxes) > 1:
            metadata = in_hand.metadata  # asked for once
        for outbox in self.outboxes:
            outbox.seal(in_hand, metadata)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to publish."""
        return all(outbox.is_empty for outbox in self.outboxes)

    @property
    def unpublished_from(self) -> int:
        """Place of the first event of which a record has not been published."""
        return min(outbox.next_place for outbox in self.outboxes if outbox.left)

    def clear(self) -> None:
        """Drop all records."""
        for outbox in self.outboxes:
            outbox.clear()

    def _items(self, result: Any) -> Sequence[Any]:
        """Return one item per sink."""
        if isinstance(result, (int, np.integer, np.bool_)):
            is_copied = bool(result) if isinstance(result, np.bool_) else True
            return [is_copied, *[None] * (len(self._names) - 1)]
        if isinstance(result, Mapping):
            result = self.by_sink(result)
        elif isinstance(result, (np.ndarray, np.void)) and self._only is not None:
            result = [result]
        if not isinstance(result, (list, tuple)):
            raise DoesNotFitError(
                f"returned {type(result).__name__} {_shortened(result)}; {self._allowed}. A single"
                " result goes into a list: [result]."
            )
        sinks = len(self._names)
        if not result and self._only is not None and self._copies:
            raise DoesNotFitError(
                "returned an empty list for one sink, which may mean nothing or, as one item fewer"
                " than sinks, a copy of the event; write None to reject it, True to copy it"
            )
        if len(result) > sinks or (len(result) < sinks and not self._copies):
            raise DoesNotFitError(
                f"returned a list of {how_many(len(result), 'item')} for {how_many(sinks, 'sink')};"
                f" {self._allowed}"
            )
        return [True, *result] if len(result) < sinks else result

    def by_sink(self, result: Mapping[Any, Any]) -> list[Any]:
        """Return one item per sink from a dictionary of sinks, or from the record of the only one.

        A record wins: it cannot be meant otherwise unless its field is named like the sink, and
        then both mean the same.
        """
        is_record = self._only is not None and set(result) == set(self._only.form.channels)
        if not is_record and all(key in self._names for key in result):
            return [result.get(name) for name in self._names]
        if self._only is not None:
            return [result]
        raise DoesNotFitError(
            f"returned a dictionary with {', '.join(map(str, result))}, but the sinks are"
            f" {', '.join(self._names)}; {self._allowed}"
        )

    def _take_items(self, items: Sequence[Any], place: int, in_hand: InHand | None) -> Verdict:
        bits = 0
        for sink, item in enumerate(items):
            if item is None or item is False:
                continue
            outbox = self.outboxes[sink]
            before = len(outbox.places)
            if item is True:
                self._copy(sink, place, in_hand)
            else:
                self._add(sink, item, place, in_hand)
            if len(outbox.places) > before:
                bits |= 1 << sink
        return bits or ""

    def _add(self, sink: int, item: Any, place: int, in_hand: InHand | None) -> None:
        """Append what one item of the list puts into its sink."""
        outbox = self.outboxes[sink]
        several = isinstance(item, (list, tuple)) and not outbox.form.is_one_part_per_channel(item)
        try:
            for record in item if several else (item,):
                if record is not None or not several:
                    outbox.add(record, place, in_hand)
        except DoesNotFitError as error:
            raise DoesNotFitError(f"item for sink {self._names[sink]}: {error}") from None

    def copy_all(self, sink: int, in_hand: InHand, places: Places) -> None:
        """Take copies of the events of a batch at these places as all that a sink gets."""
        try:
            self.outboxes[sink].take_copies(in_hand, places)
        except DoesNotFitError as error:
            raise self._unlike(sink, error) from None

    def _copy(self, sink: int, place: int, in_hand: InHand | None) -> None:
        if in_hand is None or not self._copies:
            raise DoesNotFitError(
                "a copy of the event was asked for, but there are several events;"
                f" {_ALLOWED_WITHOUT_COPIES}"
            )
        try:
            self.outboxes[sink].copy(in_hand, place)
        except DoesNotFitError as error:
            raise self._unlike(sink, error) from None

    def _unlike(self, sink: int, error: DoesNotFitError) -> DoesNotFitError:
        return DoesNotFitError(
            f"a copy of the event was asked for, but events of {self._source} do not fit into"
            f" {self._names[sink]}: {error}"
        )


def _shortened(value: object, limit: int = 100) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
