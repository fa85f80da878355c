"""Slots in the hands of a writer: claimed, filled in place, published."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mimocorb.buffers.batch_metadata import METADATA_DTYPE, NO_TIME
from mimocorb.buffers.contract import Status, WriterPort
from mimocorb.buffers.counts import at_most, whole_number
from mimocorb.buffers.exact import exact_column, exact_number
from mimocorb.buffers.handle import OpenHandle
from mimocorb.buffers.lengths import NOT_SAID, SizedViews, check_length
from mimocorb.buffers.lent_arrays import views_of
from mimocorb.buffers.setup_dict import open_writer_port
from mimocorb.buffers.stats import WaitingTime
from mimocorb.buffers.waits import WaitCause, tell_and_wait
from mimocorb.errors import BufferTimeout, BufferUnreachable, EndOfStream, HandleMisuse

__all__ = ["SlotsInHand", "exact_metadata"]

_NONE_IN_HAND = -1


class SlotsInHand(OpenHandle):
    """Claim slots of a buffer, fill them in place, publish them.

    Parameters
    ----------
    setup_dict
        From :meth:`NewBuffer.new_writer`.
    spin_us
        How long to look for a slot before going to sleep, in microseconds.
    """

    _kind = "writer"
    _maker = "new_writer"
    _port: WriterPort

    def __init__(self, setup_dict: Mapping[str, Any], *, spin_us: float) -> None:
        super().__init__(open_writer_port(setup_dict), setup_dict)
        self._views = views_of(self._port, setup_dict, lambda: self._slot >= 0)
        self._arrays = self._views.arrays
        self._advance_batch = self._port.advance_batch
        self._claim = self._port.claim
        self._advance, self._publish = self._port.advance, self._port.publish
        if self.variable:
            self._advance = self._with_length(self._advance)
            self._publish = self._with_length(self._publish)
        self._slot = _NONE_IN_HAND
        self._in_hand = 0
        self._spin_s = spin_us * 1e-6

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
            self._port.set_metadata(
                self._slot, *exact_metadata(counter, timestamp, deadtime, time_ns)
            )

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

    @property
    def waiting(self) -> WaitingTime:
        """How long this writer has waited so far, by cause."""
        full_ns, paused_ns = self._port.waited_ns()
        return WaitingTime(full_ns / 1e9, paused_ns / 1e9)

    def close(self) -> None:
        """Leave the buffer; when its last writer leaves, the stream ends. Idempotent."""
        self._slot = _NONE_IN_HAND
        self._port.close()

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


def exact_metadata(
    counter: int, timestamp: float, deadtime: float, time_ns: int | None
) -> tuple[int, float, float, int]:
    """Return metadata as they are kept."""
    return (
        exact_number(counter, np.int64, "counter"),
        exact_number(timestamp, np.float64, "timestamp"),
        exact_number(deadtime, np.float64, "deadtime"),
        NO_TIME if time_ns is None else exact_number(time_ns, np.int64, "time_ns"),
    )
