"""What can be asked of the events that a reader has in hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import (
    METADATA_DTYPE,
    NO_TIME,
    BatchMetadata,
    MetadataRows,
    known_time,
)
from mimocorb.buffers.contract import Places, ReaderPort
from mimocorb.buffers.handle import OpenHandle
from mimocorb.buffers.lengths import HEAD_BYTES, event_in, joined, slot_bytes
from mimocorb.buffers.lent_arrays import views_of
from mimocorb.buffers.setup_dict import open_reader_port
from mimocorb.errors import HandleMisuse

__all__ = ["NONE_IN_HAND", "EventsInHand"]

NONE_IN_HAND = -1
"""In place of a slot."""
_NO_METADATA = (0, -1.0, -1.0, NO_TIME)


class EventsInHand(OpenHandle):
    """Events of a buffer in the hands of a reader: they, where they lie, and what is known of them.

    Parameters
    ----------
    setup_dict
        From :meth:`NewBuffer.new_reader_group`.
    """

    _port: ReaderPort

    def __init__(self, setup_dict: Mapping[str, Any]) -> None:
        super().__init__(open_reader_port(setup_dict), setup_dict)
        self._views = views_of(self._port, setup_dict, lambda: self._slot >= 0)
        self._slot = NONE_IN_HAND
        self._in_hand = 0
        self._is_run = True  # whether they lie one behind the other, from _slot on
        self._metadata: tuple[int, float, float, int] | None = _NO_METADATA

    def together(self) -> Any:
        """Return the events in hand, as :meth:`get_batch` does."""
        if self.variable:
            jagged = joined(*self.in_place(), self._dtype)
            jagged.values.flags.writeable = False
            return jagged
        if self._is_run:
            return self._views.run(self._slot, self._in_hand)
        events = np.empty((self._in_hand, self.values_per_slot), self._dtype)
        self._port.copy_all(events)
        events.flags.writeable = False
        return events

    def each(self) -> Sequence[NDArray[Any]]:
        """Return a view of each event in hand, as :meth:`get` does."""
        return self._views.each(self._slots_in_hand())

    def references(self) -> int:
        """Count the references to the memory of the buffer: more than before are views kept."""
        return self._views.references()

    def in_place(self) -> tuple[NDArray[Any], Places]:
        """Return all slots of the buffer as rows, and the indices of those in hand.

        In a buffer of variable length the rows are bytes, see :mod:`mimocorb.buffers.lengths`.
        """
        return self._views.ring, self._places_in_hand()

    def get_metadata_batch(self) -> BatchMetadata:
        """Return the metadata of all events from :meth:`get_batch`, one array entry for each.

        ``sink.set_metadata_batch(*metadata, time_ns=metadata.time_ns)`` hands them on.
        """
        return BatchMetadata.of_rows(self.metadata_rows())

    def metadata_rows(self, places: Places | None = None) -> MetadataRows:
        """Return what :meth:`get_metadata_batch` does, a row for each event.

        Parameters
        ----------
        places
            Only those of the events at these places in the batch; there has to be one in hand.
        """
        if places is not None:
            rows = np.empty(len(places), METADATA_DTYPE)
            self._port.metadata_at(places, rows)
            return rows
        rows = np.empty(self._in_hand if self._slot >= 0 else 0, METADATA_DTYPE)
        if self._slot >= 0:
            self._port.metadata_in_hand(rows)
        return rows

    def get_metadata(self) -> tuple[int, float, float]:
        """Return ``(counter, timestamp, deadtime)`` of the event last obtained.

        Returns
        -------
        counter : int
            Number of the event, from 0.
        timestamp : float
            UTC in seconds since 1970.
        deadtime : float
            Fraction dead / (dead + active) of the interval since the previous event; −1 if it was
            not measured.

        Before the first event: ``(0, -1.0, -1.0)``.
        """
        if self._slot >= 0:
            self._metadata = self._port.metadata(self._slot)
        return (self._metadata or _NO_METADATA)[:3]

    @property
    def time_ns(self) -> int | None:
        """Time of the event last obtained in whole ns, as its source gave it; None if it did not.

        Since whatever moment the source counts from: its own start, or 1970 UTC.
        """
        if self._slot >= 0:
            self._metadata = self._port.metadata(self._slot)
        return known_time((self._metadata or _NO_METADATA)[3])

    def copy(self) -> NDArray[Any]:
        """Return a copy of the event in hand, made as plain bytes."""
        self._need_event("copy()")
        if self.variable:
            slot = np.empty(slot_bytes(self._dtype, self.values_per_slot, True), np.uint8)
            self._port.copy(self._slot, slot)
            used = event_in(slot, self._dtype, self.values_per_slot, True).nbytes
            return event_in(
                slot[: HEAD_BYTES + used].copy(), self._dtype, self.values_per_slot, True
            )
        copied = np.empty(self.values_per_slot, self._dtype)
        self._port.copy(self._slot, copied)
        return copied

    @property
    def delivery(self) -> int:
        """How often the event in hand has been handed out by now; 1 is the first time."""
        self._need_event("delivery")
        return self._port.delivery(self._slot)

    @property
    def may_repeat(self) -> bool:
        """Whether what comes of the events in hand may be there already.

        So it is if a process that had begun to work on one of them, or on what it came out of, was
        killed or failed: it may have passed results on before. :meth:`get_metadata_batch` tells
        which they are.
        """
        self._need_event("may_repeat")
        return self._port.may_repeat()

    @property
    def sequence(self) -> int:
        """Publish number of the event in hand: 1 for the first event of the buffer."""
        self._need_event("sequence")
        return self._port.sequence(self._slot)

    def deliveries(self) -> NDArray[np.int64]:
        """Return how often each event in hand has been handed out by now."""
        slots = self._slots_in_hand() if self._slot >= 0 else ()
        return np.fromiter(map(self._port.delivery, slots), np.int64, len(slots))

    def sequences(self) -> NDArray[np.int64]:
        """Return the publish numbers of the events in hand."""
        count = self._in_hand if self._slot >= 0 else 0
        slots = self._slots_in_hand() if count else ()
        return np.fromiter(map(self._port.sequence, slots), np.int64, count)

    def _places_in_hand(self) -> Places:
        places = np.empty(self._in_hand, np.int64)
        self._port.slots_in_hand(places)
        return places

    def _slots_in_hand(self) -> Sequence[int]:
        if self._is_run:
            return range(self._slot, self._slot + self._in_hand)
        slots: list[int] = self._places_in_hand().tolist()
        return slots

    def _let_go(self) -> None:
        if self._slot >= 0:
            self._metadata = self._port.metadata(self._slot)
            self._slot = NONE_IN_HAND

    def _need_event(self, what: str) -> None:
        if self._slot < 0:
            raise HandleMisuse(f"{what} needs an event in hand: call get() first")
