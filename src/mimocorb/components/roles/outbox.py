"""Records on their way from a filter into its sinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import MetadataRows
from mimocorb.buffers.contract import Places
from mimocorb.buffers.jagged import Jagged
from mimocorb.buffers.lengths import joined, slots_of
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.components.records import RecordForm
from mimocorb.components.variable_records import form_of, packer_of

__all__ = ["InHand", "Outbox"]

_MEMORY_BYTES = 1 << 20
_NONE: Places = np.empty(0, np.int64)
_FIRST: Places = np.zeros(1, np.int64)


class InHand:
    """The events that a filter works on at the moment, where they lie.

    Everything about them is asked for at most once, while all of them are in hand.

    Parameters
    ----------
    reader
        Has them in hand.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        # not cached_property: it takes a lock
        self._events: Sequence[NDArray[Any]] | None = None
        self._place: tuple[NDArray[Any], Places] | None = None
        self._metadata: MetadataRows | None = None

    @property
    def events(self) -> Sequence[NDArray[Any]]:
        """An array for each of them."""
        if self._events is None:
            self._events = self._reader.each()
        return self._events

    @property
    def metadata(self) -> MetadataRows:
        """What is known of each of them."""
        if self._metadata is None:
            self._metadata = self._reader.metadata_rows()
        return self._metadata

    def look(self) -> None:
        """Ask for the events now: when some are acknowledged, those in hand are fewer."""
        self._events = self._reader.each()

    def metadata_at(self, places: Places) -> MetadataRows:
        """Return what is known of the events at these places."""
        return self._reader.metadata_rows(places)

    def at(self, places: Places) -> tuple[NDArray[Any], Places]:
        """Return rows, and the places in them of the events at these places in hand."""
        if self._place is None:
            self._place = self._reader.in_place()
        rows, index = self._place
        return rows, index[places]


class Outbox:
    """What a batch of events puts into one sink, each record with the place of its event.

    A copy of an event stays where it is until it is published: that is one copy from slot to slot.
    Records that a function returns are copied at once, as it may use its array again for the next
    event. Only if it is called once, with a large event, they are kept as they are.

    Parameters
    ----------
    writer
        The sink.
    source
        Its form is that of the events; None if there is none to be copied.
    keeps
        Whether records are kept as they are: no function is called before they are published.
    """

    def __init__(self, writer: Writer, source: RecordForm | None, *, keeps: bool) -> None:
        self.writer = writer
        self.form = form_of(writer.dtype, writer.values_per_slot, writer.variable)
        self.places: list[int] = []
        """Of the events, in the batch, that the records came out of."""
        packer = packer_of(self.form)
        self._pack_form, self._pack_numbers = packer.pack, packer.pack_numbers
        self._pack_record, self._record_bytes = packer.pack_record, packer.record_bytes
        self._copies = source is not None and (
            (source.dtype, source.samples, source.is_variable)
            == (self.form.dtype, self.form.samples, self.form.is_variable)
        )
        self._keeps = keeps and not self.form.is_variable
        self._source = source
        self.copies_only = self._copies
        """Whether a copy is no more than one more place."""
        self._kept: list[NDArray[Any]] = []
        self._memory = memoryview(bytearray(0))
        self._packed = 0
        self._rows: tuple[NDArray[Any], Places] | None = None
        self._places: Places = _NONE
        self._last_place = -1
        self._done = 0
        self.claimed = 0
        """Slots claimed for records that have not been published."""
        self.filled = 0
        """How many of them are ready to be published."""

    # --- what goes in

    def copy(self, in_hand: InHand, place: int) -> None:
        """Append a copy of an event.

        Raises
        ------
        DoesNotFitError
            Events of the source do not fit into the sink.
        """
        if self.copies_only:
            self.places.append(place)
        else:
            self.add(in_hand.events[place], place, in_hand)

    def add(self, value: Any, place: int, in_hand: InHand | None = None) -> None:
        """Append a record that came out of the event at this place of the batch.

        Raises
        ------
        DoesNotFitError
            It has none of the understood forms.
        """
        if self._keeps:
            self._kept.append(self.form.record(value))
        else:
            if len(self.places) > self._packed:  # copies of events before a record: as records
                self._pack_copies(in_hand)
            self._pack(value)
        self.places.append(place)

    def add_quickly(self, value: Any, place: int) -> bool:
        """Append a record of one of the usual forms; False for all others."""
        places, packed = self.places, self._packed
        if self._keeps or len(places) > packed:
            return False
        at = packed * self._record_bytes
        if at == len(self._memory):
            self._make_room()
        pack = self._pack_numbers if type(value) is dict else self._pack_form
        if not pack(value, self._memory, at):
            return False
        self._packed = packed + 1
        self.copies_only = False
        places.append(place)
        return True

    def take_rows(self, rows: Any, places: Places) -> None:
        """Take the records of a whole batch, which came out of the events at these places."""
        if isinstance(rows, Jagged):
            rows = slots_of(rows, self.form.samples)
        self._take(rows, np.arange(len(rows)), places)

    def take_copies(self, in_hand: InHand, places: Places) -> None:
        """Take copies of the events at these places, as all that there is.

        Raises
        ------
        DoesNotFitError
            Events of the source do not fit into the sink.
        """
        rows, index = in_hand.at(places)
        if self._copies:
            self._take(rows, index, places)
        else:
            of_source = self._source
            events: Any = rows[index]
            if of_source is not None and of_source.is_variable:
                events = joined(rows, index, of_source.dtype)
            self.take_rows(self.form.rows(events), places)

    def _take(self, rows: NDArray[Any], index: Places, places: Places) -> None:
        if len(places):
            self._rows, self._places = (rows, index), places

    def drop(self, place: int) -> None:
        """Drop the records that came out of an event, the last one that gave any."""
        while len(self.places) and self.places[-1] == place:
            self.places.pop()
        self._kept.clear()  # all of the only event
        self._packed = min(self._packed, len(self.places))
        self.copies_only = self._copies and not self._packed

    def clear(self) -> None:
        """Drop what is in it."""
        self.places, self._rows, self._packed, self._done = [], None, 0, 0
        self._places, self._last_place = _NONE, -1
        self.copies_only = self._copies
        self._kept.clear()
        if self.claimed:
            self.writer.abort()
        self.claimed = self.filled = 0

    def _pack(self, value: Any) -> None:
        at = self._packed * self._record_bytes
        if at == len(self._memory):
            self._make_room()
        self.copies_only = False
        if not self._pack_form(value, self._memory, at):
            self._pack_record(self.form.record(value), self._memory, at)
        self._packed += 1

    def _pack_copies(self, in_hand: InHand | None) -> None:
        assert in_hand is not None
        for place in self.places:
            self._pack(in_hand.events[place])

    def _make_room(self) -> None:
        least = max(1, min(64, _MEMORY_BYTES // self._record_bytes)) * self._record_bytes
        larger = bytearray(max(2 * len(self._memory), least))
        larger[: len(self._memory)] = self._memory
        self._memory = memoryview(larger)

    # --- what goes out

    @property
    def is_empty(self) -> bool:
        """Whether nothing was put in."""
        return not self.places and self._rows is None

    @property
    def left(self) -> int:
        """Number of records that have not been published, once they are sealed."""
        return len(self._places) - self._done

    @property
    def next_place(self) -> int:
        """Place of the event of the first record that has not been published."""
        return int(self._places[self._done])

    def seal(self, in_hand: InHand | None, metadata: MetadataRows | None) -> None:
        """Prepare all records for publishing, each with the metadata of its event.

        Parameters
        ----------
        in_hand
            The events of the batch.
        metadata
            A row for each of them; None: those that are needed are asked for.
        """
        if self._rows is None and self.places:
            self._places = np.array(self.places, np.int64)
            if self._packed:
                count = len(self.places)
                size = count * self._record_bytes
                rows = np.frombuffer(self._memory[:size], np.uint8).reshape(count, -1)
                self._rows = rows, np.arange(count)
            elif not self._kept:
                assert in_hand is not None
                self._rows = in_hand.at(self._places)
        self._last_place = int(self._places[-1]) if len(self._places) else -1
        if metadata is not None:
            self._known = metadata, self._places
        else:
            assert in_hand is not None
            self._known = in_hand.metadata_at(self._places), np.arange(len(self._places))

    def claim_before(self, place: int) -> int:
        """Claim slots for records of events before this place, as many as are free.

        Returns the place up to which all records have slots. Raises EndOfStream if the sink takes
        no more.
        """
        wanted = self._records_before(place) - self._done - self.claimed
        if wanted > 0:
            self.claimed += self.writer.claim_ahead(wanted)
        first = self._done + self.claimed  # without a slot
        return min(place, int(self._places[first])) if first < len(self._places) else place

    def fill_before(self, place: int) -> None:
        """Copy the records of events before this place into their slots."""
        slots = min(self._records_before(place) - self._done, self.claimed)
        at, self.filled = self.filled, max(slots, self.filled)
        records = slice(self._done + at, self._done + self.filled)
        metadata, rows_of = self._known
        fill, places = self.writer.fill_ahead, rows_of[records]
        if self._rows is not None:
            rows, index = self._rows
            fill(at, rows, index[records], metadata, places)
        else:  # one by one, each as it lies
            for each, record in enumerate(self._kept[records]):
                fill(at + each, record[np.newaxis], _FIRST, metadata, places[each : each + 1])

    def _records_before(self, place: int) -> int:
        """Return how many records came out of events before this place."""
        if place > self._last_place:
            return len(self._places)
        return int(self._places.searchsorted(place))

    def publish(self) -> None:
        """Publish what has been filled."""
        self.writer.publish_ahead(self.filled)
        self._done += self.filled
        self.claimed -= self.filled
        self.filled = 0
