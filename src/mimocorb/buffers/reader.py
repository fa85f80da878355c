"""The Reader: how a process takes events out of a buffer."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from numpy.typing import NDArray

from mimocorb._words import how_many, ordinal
from mimocorb.buffers.contract import Status
from mimocorb.buffers.counts import at_most, whole_number
from mimocorb.buffers.events_in_hand import NONE_IN_HAND, EventsInHand
from mimocorb.buffers.quarantine import write_event, write_note
from mimocorb.buffers.waits import WaitCause, tell_and_wait
from mimocorb.errors import BufferTimeout, EndOfStream, HandleMisuse

__all__ = ["Reader"]

logger = logging.getLogger(__name__)


class Reader(EventsInHand):
    """Take events out of a buffer, one at a time, each once in a reader group.

    Parameters
    ----------
    setup_dict
        From :meth:`NewBuffer.new_reader_group`. All Readers made with the same dictionary, in any
        number of processes, share the events; every group gets each event.
    spin_us
        How long to look for an event before going to sleep, in microseconds. While waits turn out
        to be short up to twenty times as long, but then whoever else is ready to run goes first.
        Sleeping costs nothing, waking up 10 to 50 µs.
    scattered
        Whether the events of a batch may lie anywhere in the buffer. Where several processes read
        or write it, neighbours become rare, and with them batches of more than one event. Events
        that are no neighbours are copied together.

    Notes
    -----
    To be opened in the process that uses it, and used by one thread at a time. An event counts as
    processed when the next one is asked for, at :meth:`acknowledge`, or when a ``with`` statement
    ends normally. An event in the hands of a Reader that is closed, fails or dies goes back to the
    group and is delivered again, marked by :attr:`delivery`.

    Iterating gives the events up to the end of the stream.

    ``held_by_others()`` tells how many events the other readers of the group have in hand, about
    now: for those who choose the size of their batches.

    Examples
    --------
    >>> from mimocorb.mimo_buffer import NewBuffer, Reader, Writer
    >>> with NewBuffer(8, 3, "int32") as buffer:
    ...     group = buffer.new_reader_group()
    ...     with Writer(buffer.new_writer()) as writer:
    ...         writer.write([1, 2, 3], counter=0, timestamp=1.7e9, deadtime=0.0)
    ...     with Reader(group) as reader:
    ...         event = reader.get()
    ...         print(event, reader.get_metadata())
    [1 2 3] (0, 1700000000.0, 0.0)
    """

    _kind = "reader"
    _maker = "new_reader_group"

    def __init__(
        self, setup_dict: Mapping[str, Any], *, spin_us: float = 5.0, scattered: bool = False
    ) -> None:
        super().__init__(setup_dict)
        self._scattered = scattered
        if scattered:
            self._port.scatter(True)
        self._advance = self._port.advance
        self._advance_batch = self._port.advance_batch
        self._arrays = self._views.arrays
        self._take = self._port.take
        self.held_by_others = self._port.held_by_others
        self._address = setup_dict["address"]
        self._group: int = setup_dict["group"]
        self._spin_s = spin_us * 1e-6
        self.debug: bool = setup_dict["debug"]

    def get(self, timeout_s: float | None = None) -> NDArray[Any]:
        """Mark the previous event as done and return the next one.

        Blocks, without using the processor, while there is none.

        Parameters
        ----------
        timeout_s
            How long to wait at most, in seconds; None waits as long as it takes.

        Returns
        -------
        numpy.ndarray
            A read-only view of the slot, shape ``(values_per_slot,)`` and the dtype of the buffer,
            valid until the next call. Use :meth:`copy` to keep the event. In a buffer of variable
            length it is as long as the event.

        Raises
        ------
        EndOfStream
            A :class:`SystemExit`: all writers have ended, or the buffer was shut down, and this
            group has processed everything.
        BufferTimeout
            No event came within `timeout_s`; the previous one has been marked as done.
        """
        slot = self._advance()
        if slot < 0:
            slot, _ = self._wait_for_events(slot, 1, timeout_s)
        self._slot, self._in_hand, self._is_run, self._metadata = slot, 1, True, None
        array = self._arrays[slot]
        return array if array is not None else self._views.make(slot)

    def get_batch(self, count: int, timeout_s: float | None = None) -> Any:
        """Mark what is in hand as done and return up to `count` events that follow each other.

        For small records: the cost of a call is shared by all of them. Blocks as :meth:`get` does
        until there is at least one event, not until there are `count`. All of them count as
        processed at the next call.

        Returns
        -------
        numpy.ndarray
            A read-only view, shape ``(k, values_per_slot)`` with 1 ≤ k ≤ `count`, valid until the
            next call; row 0 was published first. In a buffer of variable length it is a
            :class:`~mimocorb.Jagged` of copies.
        """
        self.take(count, timeout_s)
        return self.together()

    def take(self, count: int, timeout_s: float | None = None) -> int:
        """Mark what is in hand as done and take up to `count` events; returns how many.

        As :meth:`get_batch`, for those who want more than :meth:`together`: to look at the events
        with :meth:`each`, or to copy them from where they lie, :meth:`in_place`.
        """
        count = at_most("the count of get_batch()", count, self.number_of_slots)
        first, taken = self._advance_batch(count)
        if first < 0:
            first, taken = self._wait_for_events(first, count, timeout_s)
        self._slot, self._in_hand, self._metadata = first, taken, None
        self._is_run = taken == 1 or not self._scattered or self._port.are_neighbours()
        return taken

    def take_more(self, count: int) -> int:
        """Take up to `count` events beside what is in hand, which stays there; returns how many.

        Blocks as :meth:`take` does. What is in hand keeps its slots: with all slots of the buffer
        in hand no event can come. At the end of the stream what is in hand stays there as well.

        Raises
        ------
        EndOfStream
            All writers have ended, and everything else is processed.
        """
        first, taken = self._take(count)
        if first < 0:
            first, taken = self._until_taken(first, count, None)
        if self._slot < 0:
            self._slot, self._in_hand = first, 0
        self._in_hand += taken
        self._is_run = self._in_hand == 1 or self._port.are_neighbours()
        return taken

    def batches(self, count: int) -> Iterator[Any]:
        """Iterate over batches of up to `count` events, to the end of the stream."""
        while True:
            try:
                yield self.get_batch(count)
            except EndOfStream:
                return

    def acknowledge(self, count: int | None = None) -> None:
        """Mark what is in hand as done now. Its view is no longer valid.

        Parameters
        ----------
        count
            Only the first so many events of a batch. The others stay in hand, and
            :meth:`get_metadata_batch`, :meth:`reject` and the like go on with them.
        """
        if count is None or count == self._in_hand or self._slot < 0:
            self._let_go()
            self._port.acknowledge()
            return
        count = whole_number("the count of acknowledge()", count, least=0)
        if count > self._in_hand:
            in_hand = how_many(self._in_hand, "event")
            raise HandleMisuse(f"acknowledge({count}), but in hand: {in_hand}")
        self._port.acknowledge_first(count)
        self._in_hand -= count
        self._slot = self._slot + count if self._is_run else int(self._places_in_hand()[0])

    def reject(self, reason: str = "") -> None:
        """Give what is in hand back undone: the group gets it again, with :attr:`delivery` + 1.

        An event that comes back too often (``max_deliveries`` of the buffer) is set aside, to be
        looked at by :meth:`NewBuffer.quarantined`.

        Parameters
        ----------
        reason
            What went wrong, for whoever looks into it.
        """
        if self._slot >= 0 and reason:
            for slot in self._slots_in_hand():
                write_note(self._address, self._group, self._port.sequence(slot), reason)
        self._let_go()
        self._port.give_back()

    def give_back_failed(self, places: range, reason: str) -> None:
        """Give everything in hand back; only the events at these places in hand have failed.

        For those who keep events in hand while they work on later ones.

        Parameters
        ----------
        places
            Of the events that failed, from 0 for the first in hand.
        reason
            What went wrong, for whoever looks into it.
        """
        self._need_event("give_back_failed()")
        for slot in self._slots_in_hand()[places.start : places.stop]:
            write_note(self._address, self._group, self._port.sequence(slot), reason)
        behind = self._in_hand - places.stop
        self._let_go()
        self._port.give_back(False, behind)
        self._port.give_back(True, len(places))
        self._port.give_back(False)

    def absolve(self) -> None:
        """Say that the events in hand have done no harm, though they stay in hand.

        If their reader fails later, because of another event, that does not add up with failures
        before. They are no longer marked by :attr:`may_repeat`; :meth:`deliveries` still tells.
        """
        self._port.absolve()

    def wait_for_turn(self, timeout_s: float | None = None) -> bool:
        """Wait until the group has finished with every event before the one in hand.

        Readers that share the events of a group and call this before they pass a result on, keep
        the results in the order of the events. Blocks, without using the processor.

        Parameters
        ----------
        timeout_s
            How long to wait at most, in seconds; None waits as long as it takes.

        Returns
        -------
        bool
            True: it is the turn of the event in hand (of a batch: of its first event), and will be
            until it is acknowledged. False: an earlier event came back, because the process that
            had it failed or was killed. To let it go first, what was in hand has been given back,
            without counting as failed: drop the result and call :meth:`get` again.

        Raises
        ------
        BufferTimeout
            The turn did not come within `timeout_s`; the event is still in hand.
        BufferUnreachable
            The process that made the buffer has died.
        """
        self._need_event("wait_for_turn()")
        wait_s = math.inf if timeout_s is None else timeout_s
        outcome = tell_and_wait(
            WaitCause.TURN, self._port.wait_turn, self._slot, wait_s, self._spin_s
        )
        if outcome == Status.NOT_NOW:
            raise BufferTimeout(
                f"buffer {self.name}: for {timeout_s} s, another reader of the group has not "
                "finished with an earlier event"
            )
        if outcome == Status.ORPHANED:
            raise self._orphaned()
        if outcome == Status.EARLIER:
            self._let_go()
            self._port.give_back(failed=False)
        return outcome >= 0

    @property
    def waiting_s(self) -> float:
        """How long this reader has waited for data so far, in seconds."""
        return self._port.waited_ns() / 1e9

    def close(self) -> None:
        """Leave the group; an event in hand goes back to it. Idempotent."""
        self._let_go()
        self._port.close()

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return self

    def __next__(self) -> NDArray[Any]:
        try:
            return self.get()
        except EndOfStream:
            raise StopIteration from None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.acknowledge()
        elif error is not None:
            self.reject(f"{kind.__name__}: {error}")
        self.close()

    def _quarantine(self, slot: int) -> None:
        """Set an event aside. Written first and counted then, so that a kill loses nothing."""
        port = self._port
        sequence, metadata = port.sequence(slot), port.metadata(slot)
        write_event(self._address, self._group, sequence, metadata, port.slot(slot).tobytes())
        logger.error(
            "event %d, the %s of %s, failed again and again in reader group %d and is set aside",
            metadata[0],
            ordinal(sequence),
            self.name,
            self._group,
        )
        port.quarantine(1)  # it alone: what was in hand before stays there

    def _wait_for_events(self, status: int, count: int, timeout_s: float | None) -> tuple[int, int]:
        """Return the first slot, and how many events of `count` were taken after all."""
        self._slot = NONE_IN_HAND
        try:
            return self._until_taken(status, count, timeout_s)
        except BaseException:
            # A signal may come together with an event. Nobody has seen it, and the next get() would
            # mark it as done. If the signal's handler has closed the port, that gave it back.
            with suppress(HandleMisuse):
                self._port.give_back(failed=False)
            raise

    def _until_taken(self, status: int, count: int, timeout_s: float | None) -> tuple[int, int]:
        until_s = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while True:
            if status == Status.NOT_NOW:
                left_s = until_s - time.monotonic()
                status, taken = tell_and_wait(
                    WaitCause.EVENT, self._port.wait_and_take, count, left_s, self._spin_s
                )
                if taken:  # first, as all else takes long on the cold caches after a sleep
                    return status, taken
                if status == Status.NOT_NOW:
                    raise BufferTimeout(f"buffer {self.name}: no event within {timeout_s} s")
            elif status == Status.POISONOUS:
                self._quarantine(self._port.poisonous())
                status, taken = self._take(count)
                if taken:
                    return status, taken
            elif status == Status.ENDED:
                raise EndOfStream(f"buffer {self.name} has ended and everything is processed")
            else:
                raise self._orphaned()
