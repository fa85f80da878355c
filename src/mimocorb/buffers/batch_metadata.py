"""The metadata of several events."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["BatchMetadata"]


class _Parts(NamedTuple):
    counter: NDArray[np.int64]
    timestamp: NDArray[np.float64]
    deadtime: NDArray[np.float64]


class BatchMetadata(_Parts):
    """Metadata of a batch, one array entry per event; the meaning is that of ``get_metadata``.

    Attributes
    ----------
    may_repeat
        Which events may be a repeat: a process that had begun to work on them, or on what they came
        out of, was killed or failed, and may have passed its results on before. None: none of them.
    sequence
        Their publish numbers in the buffer, for those who have to know them; None: not asked for.
    """

    may_repeat: NDArray[np.bool_] | None = None
    sequence: NDArray[np.int64] | None = None

    def at(self, places: NDArray[np.int64] | slice) -> Self:
        """Return the metadata of the events at these places."""
        chosen = type(self)(self.counter[places], self.timestamp[places], self.deadtime[places])
        if self.may_repeat is not None:
            chosen.may_repeat = self.may_repeat[places]
        if self.sequence is not None:
            chosen.sequence = self.sequence[places]
        return chosen

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
