"""The metadata of several events."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["BatchMetadata"]


class BatchMetadata(NamedTuple):
    """Metadata of a batch, one array entry per event; the meaning is that of ``get_metadata``."""

    counter: NDArray[np.int64]
    timestamp: NDArray[np.float64]
    deadtime: NDArray[np.float64]

    def at(self, places: NDArray[np.int64] | slice) -> Self:
        """Return the metadata of the events at these places."""
        return type(self)(self.counter[places], self.timestamp[places], self.deadtime[places])

    @classmethod
    def of(cls, metadata: tuple[int, float, float]) -> Self:
        """Return the metadata of one event as those of a batch of one."""
        counter, timestamp, deadtime = metadata
        return cls(np.array([counter]), np.array([timestamp]), np.array([deadtime]))

    @classmethod
    def empty(cls, count: int) -> Self:
        """Return arrays to be filled."""
        return cls(
            np.empty(count, np.int64), np.empty(count, np.float64), np.empty(count, np.float64)
        )
