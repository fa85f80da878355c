"""The Writer: how a process puts events into a buffer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mimocorb.buffers.batch_metadata import MetadataRows
from mimocorb.buffers.contract import Places, Status
from mimocorb.buffers.exact import store_event
from mimocorb.buffers.jagged import Jagged
from mimocorb.buffers.lengths import SizedSlot, check_length, slots_of
from mimocorb.buffers.slots_in_hand import SlotsInHand, exact_metadata
from mimocorb.errors import SetupError

__all__ = ["Writer"]

_PIECE_BYTES = 256 * 1024
"""So much of a :class:`Jagged` is brought into the form of slots at once."""


class Writer(SlotsInHand):
    """Put events into a buffer: claim a slot, fill it in place, publish it.

    Parameters
    ----------
    setup_dict
        From :meth:`NewBuffer.new_writer`. The same dictionary may serve several processes.
    spin_us
        How long to look for a slot before going to sleep, in microseconds. While waits turn out
        to be short up to twenty times as long, but then whoever else is ready to run goes first.
        Sleeping costs nothing, waking up 10 to 50 µs.

    Attributes
    ----------
    put_now : callable
        ``put_now(event, counter, timestamp, deadtime)`` copies an event that lies in memory as in a
        slot and publishes it, in one call and without waiting: 0, or negative if there is no room,
        the buffer is paused or has ended; then :meth:`get_new_buffer` waits or says so. Nothing may
        be in hand.
    put_event : callable
        ``put_event(event, counter, account)`` does the same for the event that a source reads out:
        the time is now, the dead time is that of the account of its process, which learns that the
        event is published.

    Notes
    -----
    To be opened in the process that uses it, and used by one thread at a time. When it is closed,
    a slot that was claimed but not published is given back and counted as aborted. In a ``with``
    statement it is closed at the end.

    Examples
    --------
    >>> from mimocorb.mimo_buffer import NewBuffer, Reader, Writer
    >>> with NewBuffer(8, 3, "int32") as buffer:
    ...     reader = Reader(buffer.new_reader_group())
    ...     with Writer(buffer.new_writer()) as writer:
    ...         for n in range(2):
    ...             slot = writer.get_new_buffer()
    ...             slot[:] = n
    ...             writer.process_buffer()
    ...     print([int(event.sum()) for event in reader])
    [0, 3]
    """

    def __init__(self, setup_dict: Mapping[str, Any], *, spin_us: float = 5.0) -> None:
        super().__init__(setup_dict, spin_us=spin_us)
        self.put_now = self._port.put
        self.put_event = self._port.put_event
        self._shape = (self.values_per_slot,)
        self._store: Callable[[NDArray[Any], Any], None] = store_event
        self._as_in_slot: Callable[[Any], Any] = _no_other_form
        if self.variable:
            self._sized = SizedSlot(self.dtype, self.values_per_slot, self.name)
            slot_bytes = len(self._sized.memory)
            most = max(1, min(self.number_of_slots, _PIECE_BYTES // slot_bytes))
            self._piece = np.empty((most, slot_bytes), np.uint8)
            self._shape = (-1,)  # of no event: all go another way
            self._store, self._as_in_slot = self._store_sized, self._sized_form

    def put_many(
        self,
        rows: NDArray[Any] | Jagged,
        metadata: MetadataRows,
        *,
        first: int = 0,
        timeout_s: float | None = None,
    ) -> int:
        """Copy events into slots and publish them, as many as find room; waits for the first.

        Parameters
        ----------
        rows
            Events of the dtype of the buffer, shape ``(n, values_per_slot)``; for a buffer of
            variable length a :class:`~mimocorb.Jagged`.
        metadata
            What is known of each of them.
        first
            How many of them are done already: it goes on from there.
        timeout_s
            How long to wait at most, in seconds; None waits as long as it takes.

        Returns
        -------
        int
            How many were published now; 0 if no slot came in time, which does not count as refused.

        Raises
        ------
        EndOfStream
            A :class:`SystemExit`: the buffer was shut down.
        """
        self.process_buffer()
        if isinstance(rows, Jagged):
            piece = slice(first, first + len(self._piece))
            metadata, first = metadata[piece], 0
            slots = slots_of(rows[piece], self.values_per_slot, self._piece[: len(metadata)])
        else:
            slots = rows

        def put() -> tuple[int, int]:
            return self._port.put_many(slots, metadata, first), 0

        done, _ = put()
        if done < 0:
            done, _ = self._wait_for_slots(done, put, timeout_s)
        return max(0, done)

    def claim_ahead(self, count: int) -> int:
        """Claim up to `count` slots beside those claimed so before, without waiting; how many.

        They are filled with :meth:`fill_ahead` and published with :meth:`publish_ahead`: for those
        who want slots in several buffers before they publish in any of them.

        Raises
        ------
        EndOfStream
            A :class:`SystemExit`: the buffer was shut down.
        """
        claimed = self._port.claim_anywhere(count)
        if claimed in (Status.ENDED, Status.ORPHANED):
            raise self._ended(claimed)
        return max(0, claimed)

    def fill_ahead(
        self, at: int, rows: NDArray[Any], index: Places, metadata: MetadataRows, places: Places
    ) -> None:
        """Copy events into slots from :meth:`claim_ahead`, beginning with the `at`-th.

        They are the rows at `index`, with the metadata and marks at `places`.
        """
        self._port.fill_claimed(at, rows, index, metadata, places)

    def publish_ahead(self, count: int) -> None:
        """Publish the first `count` slots from :meth:`claim_ahead`."""
        self._port.publish_first(count)

    def write(
        self,
        array: ArrayLike,
        counter: int | None = None,
        timestamp: float | None = None,
        deadtime: float | None = None,
        *,
        time_ns: int | None = None,
        timeout_s: float | None = None,
    ) -> None:
        """Copy one event into a slot and publish it.

        An array of the buffer's own dtype is copied as plain bytes, which for structured arrays is
        several times faster than assigning them field by field.

        Parameters
        ----------
        array
            Shape ``(values_per_slot,)``, or a shorter one in a buffer of variable length. Fields
            go by their names, and every number arrives as what it is: one that would be changed is
            refused. Only floats are rounded, to shorter ones.
        counter, timestamp, deadtime
            As in :meth:`set_metadata`, given all together or not at all.
        time_ns
            As in :meth:`set_metadata`, with the others.
        timeout_s
            As in :meth:`get_new_buffer`.

        Raises
        ------
        ValueError
            It does not fit: another shape, other names of fields, or a number out of range. The
            message says which; nothing was published.
        """
        metadata = (counter, timestamp, deadtime)
        if None in metadata and (metadata != (None, None, None) or time_ns is not None):
            raise SetupError(
                f"write() got counter={counter}, timestamp={timestamp}, deadtime={deadtime}: "
                "give all three, or none for the writer's own; time_ns goes with them"
            )
        # To compare data types that are equal, but not the same object, takes half a microsecond.
        as_it_lies = (
            array
            if isinstance(array, np.ndarray)
            and not isinstance(array, np.ma.MaskedArray)
            and (array.dtype is self._dtype or array.dtype == self._dtype)
            and array.shape == self._shape
            and array.flags.c_contiguous
            else self._as_in_slot(array)
        )
        own: tuple[int, float, float, int] | None = None
        if counter is not None and timestamp is not None and deadtime is not None:
            own = exact_metadata(counter, timestamp, deadtime, time_ns)
        if as_it_lies is not None and own is not None and time_ns is None:
            self.process_buffer()
            if self.put_now(as_it_lies, *own[:3]) >= 0:
                return
        target = self.get_new_buffer(timeout_s)
        try:
            if as_it_lies is not None:
                self._port.fill(self._slot, as_it_lies)
            else:
                self._store(target, array)
        except BaseException:
            self.abort()
            raise
        if own is not None:
            self._port.set_metadata(self._slot, *own)
        self.process_buffer()

    def _sized_form(self, array: Any) -> Any:
        """Return an event as it lies in a slot, if it is an array of the very dtype; else None."""
        is_array = isinstance(array, np.ndarray)
        return self._sized.memory if is_array and self._sized.holds(array) else None

    def _store_sized(self, target: NDArray[Any], event: Any) -> None:
        single = isinstance(event, (tuple, np.void)) or not hasattr(event, "__len__")
        length = 1 if single else len(event)
        check_length(length, self.values_per_slot, self.name)
        store_event(target[:length], event)
        self.set_length(length)


def _no_other_form(array: Any) -> None:
    """Do what a writer does with an event that does not lie as in a slot of fixed length."""
