"""NumPy views of slots, made once per slot and kept: making one costs more than moving an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.contract import ReaderPort, WriterPort

__all__ = ["SlotViews"]


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
        self._all: NDArray[Any] | None = None

    def make(self, slot: int) -> NDArray[Any]:
        """Make and keep the view of a slot; writable if the port's is."""
        # Of a memory view: a read-only one stays so, whatever flags are set on the array.
        array: NDArray[Any] = np.ndarray(self._shape, self._dtype, self._port.slot(slot).data)
        self.arrays[slot] = array
        return array

    def run(self, first: int, count: int) -> NDArray[Any]:
        """Return neighbouring slots as one array, shape ``(count, values_per_slot)``."""
        if self._all is None:
            dtype = self._dtype
            flat = self._port.slots(0, len(self.arrays)).view(dtype.base)
            self._all = flat.reshape(len(self.arrays), *self._shape, *dtype.shape)
        return self._all[first : first + count]
