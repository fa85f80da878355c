"""NumPy views of slots, made once per slot and kept: making one costs more than moving an event."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.contract import ReaderPort, WriterPort

__all__ = ["SlotViews"]


_MOST_VIEWS = 1 << 16


class SlotViews:
    """The views of all slots of a port, made when first asked for.

    Attributes
    ----------
    arrays
        One array per slot, or None where none was asked for yet; then call :meth:`make`.
    """

    def __init__(self, port: WriterPort | ReaderPort, setup: Mapping[str, Any]) -> None:
        self._port = port
        self._shape = (setup["values_per_slot"],)
        self._dtype = setup["dtype"]
        self.arrays: list[NDArray[Any] | None] = [None] * setup["number_of_slots"]

    def make(self, slot: int) -> NDArray[Any]:
        """Make and keep the view of a slot; writable if the port's is."""
        # Of a memory view: a read-only one stays so, whatever flags are set on the array.
        array: NDArray[Any] = np.ndarray(self._shape, self._dtype, self._port.slot(slot).data)
        self.arrays[slot] = array
        return array

    def each(self, slots: Sequence[int]) -> Sequence[NDArray[Any]]:
        """Return the views of these slots."""
        arrays = self._every
        if isinstance(slots, range):
            return arrays[slots.start : slots.stop]
        return [arrays[slot] for slot in slots]

    @cached_property
    def _every(self) -> Sequence[NDArray[Any]]:
        """The views of all slots, made at once; of the rows of a huge buffer when asked for."""
        return list(self.ring) if len(self.arrays) <= _MOST_VIEWS else cast("Any", self.ring)

    def run(self, first: int, count: int) -> NDArray[Any]:
        """Return neighbouring slots as one array, shape ``(count, values_per_slot)``."""
        return self.ring[first : first + count]

    def references(self) -> int:
        """Count the references to arrays of slots that anybody has."""
        of_slots = self._every if isinstance(self._every, list) else ()
        owner = self.ring if self.ring.base is None else self.ring.base
        return sys.getrefcount(owner) + sum(map(sys.getrefcount, of_slots))

    @cached_property
    def ring(self) -> NDArray[Any]:
        """All slots as one array, shape ``(number_of_slots, values_per_slot)``."""
        dtype, slots = self._dtype, len(self.arrays)
        flat = self._port.slots(0, slots).view(dtype.base)
        ring: NDArray[Any] = flat.reshape(slots, *self._shape, *dtype.shape)
        return ring
