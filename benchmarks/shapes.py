"""The shapes of traffic that are measured, and what a correct run of them has to give.

An event carries its number in its first value. A reader adds the numbers up; count and sum are
checked after every run. Each writer ends with one mark for each reader of a group, whatever the
peer knows about ends of streams: the same loop for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

END = -1
SAMPLES = 4250
CHANNELS = ("chA", "chB", "chC", "chD")
SLOTS = 128

_DTYPES = {
    "small": np.dtype(np.int32),
    "large": np.dtype(np.float64),
    "stamps": np.dtype(np.int64),
    "interleaved": np.dtype([(name, np.float64) for name in CHANNELS]),
    "contiguous": np.dtype([(name, np.float64, (SAMPLES,)) for name in CHANNELS]),
}
_LENGTHS = {"small": 10, "large": 4 * SAMPLES, "stamps": 5, "interleaved": SAMPLES, "contiguous": 1}


@dataclass(frozen=True)
class Shape:
    """Who writes what to whom.

    Attributes
    ----------
    events
        Per writer.
    readers
        Per group; they share its events.
    kind
        "small": 10 × int32. "stamps": 5 × int64. "large": 17 000 × float64, 136 kB.
        "interleaved", "contiguous": the same in 4250 samples × 4 channels, sample after sample as
        documented, or channel after channel.
    """

    title: str
    writers: int
    groups: int
    readers: int
    events: int
    kind: str = "small"

    @property
    def dtype(self) -> np.dtype:
        """Type of a value in a slot."""
        return _DTYPES[self.kind]

    @property
    def values_per_slot(self) -> int:
        """Length of the array in a slot."""
        return _LENGTHS[self.kind]

    @property
    def event_bytes(self) -> int:
        """Size of an event."""
        return self.dtype.itemsize * self.values_per_slot

    def template(self) -> np.ndarray:
        """An event to copy from."""
        return np.zeros(self.values_per_slot, self.dtype)

    def expected_sum(self) -> int:
        """Sum of the numbers of all events that a group gets."""
        return self.writers * self.events * (self.events - 1) // 2


SHAPES = {
    "1-1": Shape("1→1, 40 B", 1, 1, 1, 400_000),
    "1-2": Shape("1→2 shared, 40 B", 1, 1, 2, 200_000),
    "2-2": Shape("2→2 groups, 40 B", 2, 2, 1, 100_000),
    "interleaved": Shape("1→1, 136 kB interleaved", 1, 1, 1, 8_000, "interleaved"),
    "contiguous": Shape("1→1, 136 kB channel-contiguous", 1, 1, 1, 20_000, "contiguous"),
}
