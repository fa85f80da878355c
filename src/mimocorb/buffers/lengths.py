"""Slots of buffers whose events may be shorter than a slot.

Such a slot begins with a head of 16 bytes: how many bytes the event has (a whole number of 64
bits), and 8 bytes that keep what follows aligned. The records of the event follow, and behind them
is whatever an earlier event has left there, which nobody looks at. So whoever moves a slot, within
the ring or out of it, moves the length with it, and a ring knows no more of it than how much to
copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._kernels import fill_slots, join_slots
from mimocorb._words import how_many
from mimocorb.buffers.contract import Places, ReaderPort, WriterPort
from mimocorb.buffers.exact import DoesNotFitError
from mimocorb.buffers.jagged import Jagged
from mimocorb.buffers.views import SlotViews
from mimocorb.errors import BufferUnreachable

__all__ = [
    "HEAD_BYTES",
    "NOT_SAID",
    "SizedSlot",
    "SizedViews",
    "bytes_of",
    "check_length",
    "event_in",
    "joined",
    "slot_bytes",
    "slot_bytes_of",
    "slots_of",
]

HEAD_BYTES = 16
NOT_SAID = 2**64 - 1
"""In place of a length: the writer has not said it yet."""


def slot_bytes(dtype: np.dtype[Any], values_per_slot: int, variable: bool) -> int:
    """Return how many bytes a slot has."""
    return dtype.itemsize * values_per_slot + (HEAD_BYTES if variable else 0)


def slot_bytes_of(setup: Mapping[str, Any]) -> int:
    """Return how many bytes a slot of the buffer has that a set-up dictionary describes."""
    return slot_bytes(np.dtype(setup["dtype"]), setup["values_per_slot"], setup["variable"])


def event_in(slot: Any, dtype: np.dtype[Any], values_per_slot: int, variable: bool) -> NDArray[Any]:
    """Return the event in the bytes of a slot, without a copy."""
    if not variable:
        return np.ndarray((values_per_slot,), dtype, slot)
    used = int(np.ndarray((1,), np.uint64, slot)[0])
    return np.ndarray((_length(used, dtype, values_per_slot),), dtype, slot, HEAD_BYTES)


def check_length(length: int, most: int, buffer: str) -> None:
    """Raise a DoesNotFitError if an event is longer than a slot."""
    if length > most:
        raise DoesNotFitError(
            f"the event has {how_many(length, 'record')}, and events of {buffer} have at most"
            f" {most}: make its data_length larger, or yield less"
        )


def _length(used: int, dtype: np.dtype[Any], most: int) -> int:
    length, rest = divmod(used, dtype.itemsize)
    if rest or length > most:
        raise BufferUnreachable(
            f"an event says that it has {used} bytes, in a slot for {most} of {dtype.itemsize}: the"
            " memory of the buffer has been written over, most likely by native code"
        )
    return length


class SizedSlot:
    """Memory for one event as it lies in a slot, used again for each.

    Parameters
    ----------
    dtype, values_per_slot
        Of the buffer.
    buffer
        Its name, for messages.
    """

    def __init__(self, dtype: np.dtype[Any], values_per_slot: int, buffer: str) -> None:
        self.memory = bytearray(slot_bytes(dtype, values_per_slot, True))
        self._dtype, self._most, self._buffer = dtype, values_per_slot, buffer
        self._raw = np.dtype((np.void, dtype.itemsize))
        self._head = np.ndarray((1,), np.uint64, self.memory)
        self._records = np.ndarray((values_per_slot,), self._raw, self.memory, HEAD_BYTES)

    def holds(self, array: NDArray[Any]) -> bool:
        """Copy an event of the very dtype into the memory; False if it has another form.

        Raises
        ------
        DoesNotFitError
            It is too long.
        """
        if array.ndim != 1 or array.dtype != self._dtype or isinstance(array, np.ma.MaskedArray):
            return False
        count = len(array)
        if count > self._most:
            check_length(count, self._most, self._buffer)
        self._records[:count] = array.view(self._raw)
        self._head[0] = count * self._dtype.itemsize
        return True


class SizedViews(SlotViews):
    """The views of slots that begin with a length.

    For a reader a view is as long as the event; for a writer as long as an event may be.
    """

    def __init__(self, port: WriterPort | ReaderPort, setup: Mapping[str, Any]) -> None:
        super().__init__(port, setup)
        self._slot_dtype: np.dtype[Any] = setup["dtype"]
        self._most: int = setup["values_per_slot"]
        self._record_bytes = self._slot_dtype.itemsize
        self._most_bytes = self._most * self._record_bytes
        self._slots = port.slots(0, len(self.arrays))
        self.used: NDArray[np.uint64] = self._slots[:, :8].view(np.uint64)[:, 0]
        """How many bytes the event in each slot has."""
        # which gives numbers of Python, sooner than the array does
        self._used_of = self.used.data
        self._is_writer = self.used.flags.writeable
        self._whole: list[NDArray[Any] | None] = [None] * len(self.arrays)

    def make(self, slot: int) -> NDArray[Any]:
        """Make the view of a slot, which is another one for each event."""
        whole = self._whole[slot]
        if whole is None:
            content = self._port.slot(slot).data
            whole = np.ndarray((self._most,), self._slot_dtype, content, HEAD_BYTES)
            self._whole[slot] = whole
        if self._is_writer:
            self.used[slot] = NOT_SAID
            return whole
        used = self._used_of[slot]
        if used % self._record_bytes or used > self._most_bytes:
            _length(used, self._slot_dtype, self._most)  # raises
        return whole[: used // self._record_bytes]

    def each(self, slots: Sequence[int]) -> Sequence[NDArray[Any]]:
        """Return the views of these slots."""
        return [self.make(slot) for slot in slots]

    @property
    def ring(self) -> NDArray[Any]:
        """All slots as rows of bytes."""
        return self._slots


def joined(slots: NDArray[np.uint8], places: Places, dtype: np.dtype[Any]) -> Jagged:
    """Return copies of the events in these slots, one behind the other."""
    used = slots[:, :8].view(np.uint64)[:, 0][places].astype(np.int64)
    lengths, rest = np.divmod(used, dtype.itemsize)
    most = (slots.shape[1] - HEAD_BYTES) // dtype.itemsize
    for wrong in np.flatnonzero(rest | (lengths < 0) | (lengths > most)):
        _length(int(used[wrong]), dtype, most)
    offsets = np.zeros(len(places) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    values = np.empty(int(offsets[-1]), dtype)
    join_slots(slots, places, bytes_of(values))
    return Jagged(values, offsets)


def slots_of(events: Jagged, values_per_slot: int, slots: NDArray[np.uint8] | None = None) -> Any:
    """Return events as they lie in slots: rows of bytes.

    Parameters
    ----------
    events
        Each with at most `values_per_slot` records.
    slots
        Memory for them; new one if there is none.
    """
    record_bytes = events.record_bytes
    if slots is None:
        slots = np.empty((len(events), HEAD_BYTES + values_per_slot * record_bytes), np.uint8)
    values = np.ascontiguousarray(events.values)
    fill_slots(bytes_of(values), np.ascontiguousarray(events.offsets), record_bytes, slots)
    return slots


def bytes_of(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the bytes of an array that lies in one piece."""
    return array.reshape(-1).view(np.uint8) if array.size else np.empty(0, np.uint8)
