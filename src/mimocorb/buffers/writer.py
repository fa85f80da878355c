"""The Writer: how a process puts events into a buffer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mimocorb.buffers.batch_metadata import METADATA_DTYPE, NO_TIME, MetadataRows
from mimocorb.buffers.contract import Places, Status
from mimocorb.buffers.counts import at_most, whole_number
from mimocorb.buffers.exact import exact_column, exact_number, store_event
from mimocorb.buffers.handle import Handle
from mimocorb.buffers.jagged import Jagged
from mimocorb.buffers.lengths import NOT_SAID, SizedSlot, SizedViews, check_length, slots_of
from mimocorb.buffers.lent_arrays import views_of
from mimocorb.buffers.setup_dict import open_writer_port
from mimocorb.buffers.stats import WaitingTime
from mimocorb.buffers.waits import WaitCause, tell_and_wait
from mimocorb.errors import BufferTimeout, BufferUnreachable, EndOfStream, HandleMisuse, SetupError
from mimocorb.model.channels import channels_of

__all__ = ["Writer"]

_NONE_IN_HAND = -1
_PIECE_BYTES = 256 * 1024
"""So much of a :class:`Jagged` is brought into the form of slots at once."""


class Writer(Handle):
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
        self._port = open_writer_port(setup_dict)
        self._advance = self._port.advance
        self._advance_batch = self._port.advance_batch
        self._publish = self._port.publish
        self._claim = self._port.claim
        self.put_now = self._port.put
        self.put_event = self._port.put_event
        self._views = views_of(self._port, setup_dict, lambda: self._slot >= 0)
        self._arrays = self._views.arrays
        self._slot = _NONE_IN_HAND
        self._in_hand = 0
        self._spin_s = spin_us * 1e-6
        self.name: str = setup_dict["name"]
        self.number_of_slots: int = setup_dict["number_of_slots"]
        self.values_per_slot: int = setup_dict["values_per_slot"]
        self._shape = (self.values_per_slot,)
        self.dtype: np.dtype[Any] = setup_dict["dtype"]
        self.channels = channels_of(setup_dict)
        self._dtype = self.dtype
        self.variable: bool = setup_dict["variable"]
        self._store: Callable[[NDArray[Any], Any], None] = store_event
        self._as_in_slot: Callable[[Any], Any] = _no_other_form
        if self.variable:
            self._sized = SizedSlot(self.dtype, self.values_per_slot, self.name)
            slot_bytes = len(self._sized.memory)
            most = max(1, min(self.number_of_slots, _PIECE_BYTES // slot_bytes))
            self._piece = np.empty((most, slot_bytes), np.uint8)
            self._shape = (-1,)  # of no event: all go another way
            self._store, self._as_in_slot = self._store_sized, self._sized_form
            self._advance = self._with_length(self._port.advance)
            self._publish = self._with_length(self._port.publish)

    def get_new_buffer(self, timeout_s: float | None = None) -> NDArray[Any]:
        """Publish the slot in hand, if any, and return a new one to fill.

        Blocks, without using the processor, while no slot is free or the buffer is paused.

        Parameters
        ----------
        timeout_s
            How long to wait at most, in seconds; None waits as long as it takes.

        Returns
        -------
        numpy.ndarray
            A writable view of the slot, shape ``(values_per_slot,)`` and the dtype of the buffer,
            valid until this writer publishes or aborts it. It holds whatever was there before. In
            a buffer of variable length :meth:`set_length` says how much of it is the event.

        Raises
        ------
        EndOfStream
            A :class:`SystemExit`: the buffer was shut down.
        BufferTimeout
            No slot came within `timeout_s`; what was in hand has been published. The ledger counts
            it as one refused claim, in ``refused_full`` or ``refused_paused`` of the statistics.
        """
        slot = self._advance()
        if slot < 0:
            slot, _ = self._wait_for_slots(slot, lambda: self._claim(1), timeout_s)
            if slot < 0:
                raise self._refused(timeout_s)
        self._slot, self._in_hand = slot, 1
        array = self._arrays[slot]
        return array if array is not None else self._views.make(slot)

    def get_new_buffers(self, count: int, timeout_s: float | None = None) -> NDArray[Any]:
        """Publish what is in hand and return up to `count` neighbouring slots to fill.

        For small records: the cost of a call is shared by all of them. Blocks as
        :meth:`get_new_buffer` does until there is at least one free slot, not until there are
        `count`. All of them must be filled: publishing and aborting act on all.

        Returns
        -------
        numpy.ndarray
            A writable view, shape ``(k, values_per_slot)`` with 1 ≤ k ≤ `count`; row 0 is
            published first.
        """
        slots = self.try_new_buffers(count, timeout_s)
        if slots is None:
            raise self._refused(timeout_s)
        return slots

    def try_new_buffers(self, count: int, timeout_s: float | None = 0.0) -> NDArray[Any] | None:
        """Return what :meth:`get_new_buffers` does, or None if no slot came within `timeout_s`.

        For those who will ask again and lose nothing by it: it does not count as refused.
        """
        if self.variable:
            raise HandleMisuse(
                f"get_new_buffers() gives slots of equal length, and the events of {self.name} have"
                " lengths of their own: write them one by one with write(), or together with"
                " put_many(), which takes a mimocorb.Jagged"
            )
        count = at_most("the count of get_new_buffers()", count, self.number_of_slots)
        first, claimed = self._advance_batch(count)
        if first < 0:
            first, claimed = self._wait_for_slots(first, lambda: self._claim(count), timeout_s)
            if first < 0:
                return None
        self._slot, self._in_hand = first, claimed
        return self._views.run(first, claimed)

    def set_length(self, length: int) -> None:
        """Say how many records of the slot in hand are the event: the first so many, also none.

        In a buffer of variable length it is said of each slot before it is published. Without a
        slot in hand, nothing happens.

        Raises
        ------
        ValueError
            A slot has fewer.
        """
        if self._slot < 0 or (length == self.values_per_slot and not self.variable):
            return
        length = whole_number("the length of set_length()", length, least=0)
        check_length(length, self.values_per_slot, self.name)
        if self.variable:
            cast("SizedViews", self._views).used[self._slot] = length * self.dtype.itemsize
        else:
            raise HandleMisuse(
                f"the events of {self.name} have {self.values_per_slot} records each: make the"
                " buffer with variable=True for shorter ones"
            )

    def process_buffer(self) -> None:
        """Publish what is in hand. Its content must not be changed afterwards.

        With nothing in hand, nothing happens.
        """
        if self._slot >= 0:
            self._publish()
            self._slot = _NONE_IN_HAND

    def abort(self) -> None:
        """Give what is in hand back unpublished. With nothing in hand, nothing happens."""
        self._slot = _NONE_IN_HAND
        self._port.abort()

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

    def wait_for_room(self) -> None:
        """Block, without using the processor, until a slot may be free.

        Raises
        ------
        EndOfStream
            A :class:`SystemExit`: the buffer was shut down.
        """
        status, _ = self._claim(0)
        if status < 0:
            self._wait_for_slots(status, lambda: (0, 0), None)

    def has_ended(self) -> bool:
        """Return at once whether the buffer takes no more events."""
        status, _ = self._claim(0)
        return status in (Status.ENDED, Status.ORPHANED)

    def set_metadata(
        self, counter: int, timestamp: float, deadtime: float, *, time_ns: int | None = None
    ) -> None:
        """Set the metadata of the slot in hand. Without one, nothing happens.

        Every number is kept as it is, or refused by a ValueError that names it.

        Parameters
        ----------
        counter
            Number of the event, from 0, without gaps. By default this writer's own count.
        timestamp
            UTC in seconds since 1970. By default the time of publishing.
        deadtime
            Fraction dead / (dead + active) of the interval since the previous event: 0.0 is none,
            0.99 is only 1 % active. By default −1, not measured.
        time_ns
            Time in whole ns, exact, since whatever moment the source counts from; see
            :attr:`Reader.time_ns`. By default none.
        """
        if self._slot >= 0:
            self._port.set_metadata(self._slot, *_exact(counter, timestamp, deadtime, time_ns))

    def mark_repeat(self) -> None:
        """Mark the slot in hand: its event may be there already. Without one, nothing happens.

        For who loops over a :class:`Reader` and writes what comes of its events: of one that has
        ``may_repeat`` the results are marked as well.
        """
        if self._slot >= 0:
            self._port.mark_repeat(self._slot)

    def set_metadata_batch(
        self,
        counter: ArrayLike,
        timestamp: ArrayLike,
        deadtime: ArrayLike,
        *,
        time_ns: ArrayLike | None = None,
    ) -> None:
        """Set the metadata of all slots from :meth:`get_new_buffers`.

        Each argument is one value for all, or one for each slot, kept as it is or refused. With
        nothing in hand, nothing happens.
        """
        if self._slot >= 0:
            count = self._in_hand
            rows = np.zeros(count, METADATA_DTYPE)
            rows["counter"] = exact_column(counter, np.int64, count, "counter")
            rows["timestamp"] = exact_column(timestamp, np.float64, count, "timestamp")
            rows["deadtime"] = exact_column(deadtime, np.float64, count, "deadtime")
            given = NO_TIME if time_ns is None else time_ns
            rows["time_ns"] = exact_column(given, np.int64, count, "time_ns")
            self._port.set_metadata_run(self._slot, rows)

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
            own = _exact(counter, timestamp, deadtime, time_ns)
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

    @property
    def waiting(self) -> WaitingTime:
        """How long this writer has waited so far, by cause."""
        full_ns, paused_ns = self._port.waited_ns()
        return WaitingTime(full_ns / 1e9, paused_ns / 1e9)

    def close(self) -> None:
        """Leave the buffer; when its last writer leaves, the stream ends. Idempotent."""
        self._slot = _NONE_IN_HAND
        self._port.close()

    def __del__(self) -> None:
        port = getattr(self, "_port", None)
        if port is not None:
            port.close()

    def _with_length(self, act: Callable[[], int]) -> Callable[[], int]:
        """Return what publishes the slot in hand, if it has been told how long its event is."""
        used = cast("SizedViews", self._views).used

        def checked() -> int:
            if self._slot >= 0 and used[self._slot] == NOT_SAID:
                raise HandleMisuse(
                    f"the events of {self.name} have lengths of their own: say with set_length()"
                    " how many records of the slot are the event before it is published, or use"
                    " write()"
                )
            return act()

        return checked

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

    def _wait_for_slots(
        self, status: int, attempt: Callable[[], tuple[int, int]], timeout_s: float | None
    ) -> tuple[int, int]:
        """Return what the attempt gave when there was room for it; else (NOT_NOW, 0)."""
        self._slot = _NONE_IN_HAND
        until_s = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while True:
            if status in (Status.ENDED, Status.ORPHANED):
                raise self._ended(status)
            cause = WaitCause.RESUME if status == Status.PAUSED else WaitCause.ROOM
            left_s = until_s - time.monotonic()
            outcome = tell_and_wait(cause, self._port.wait, left_s, self._spin_s)
            if outcome == Status.NOT_NOW:
                return outcome, 0
            status, claimed = (outcome, 0) if outcome < 0 else attempt()
            if status >= 0:
                return status, claimed

    def _ended(self, status: int) -> EndOfStream | BufferUnreachable:
        if status == Status.ENDED:
            return EndOfStream(f"buffer {self.name} takes no more events: it was shut down")
        return BufferUnreachable(
            f"buffer {self.name}: the process that made it has died, so this writer ends"
        )

    def _refused(self, timeout_s: float | None) -> BufferTimeout:
        """Count that a claim was given up; returns what tells it."""
        paused = self._port.refuse() == Status.PAUSED
        cause = "the buffer is paused" if paused else "no slot was free"
        return BufferTimeout(f"buffer {self.name}: {cause} for {timeout_s} s")


def _no_other_form(array: Any) -> None:
    """Do what a writer does with an event that does not lie as in a slot of fixed length."""


def _exact(
    counter: int, timestamp: float, deadtime: float, time_ns: int | None
) -> tuple[int, float, float, int]:
    """Return metadata as they are kept."""
    return (
        exact_number(counter, np.int64, "counter"),
        exact_number(timestamp, np.float64, "timestamp"),
        exact_number(deadtime, np.float64, "deadtime"),
        NO_TIME if time_ns is None else exact_number(time_ns, np.int64, "time_ns"),
    )
