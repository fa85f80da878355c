"""What a user writes: a source, a filter and a sink; the same for all that is compared.

Event number n has n in its first value. The functions of a batch do the same for many events at
once. Works with the forms of an earlier mimocorb 2 as well, which knows no batch functions.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb import filter, sink, source

_LARGEST_BLOCK_BYTES = 1 << 20


@source
def numbers(*, count: int, length: int, dtype: np.dtype, started: str = "") -> Iterator[np.ndarray]:
    """Yield events one by one, always the same array."""
    event = np.zeros(length, dtype)
    note(started, count)
    for number in range(count):
        event[0] = number
        yield event


@filter
def keep(event: np.ndarray, *, one_in: int) -> bool | None:
    """Keep one event in so many."""
    return True if event[0] % one_in == 0 else None


@sink
class Count:
    """Count events, add up their numbers, and note when the last one is there."""

    def __init__(self, *, expected: int, place: str) -> None:
        self.expected, self.place = expected, place
        self.count = self.total = 0

    def __call__(self, events: np.ndarray) -> None:
        self.count += len(events)
        self.total += int(events[:, 0].sum())
        if self.count >= self.expected:
            note(self.place, self.count, self.total)


try:

    @source(batch=True)
    def blocks_of_numbers(
        *, count: int, length: int, dtype: np.dtype, started: str = ""
    ) -> Iterator[np.ndarray]:
        """Yield the events of `numbers` in blocks."""
        size = max(1, min(1000, _LARGEST_BLOCK_BYTES // (length * dtype.itemsize)))
        block = np.zeros((size, length), dtype)
        note(started, count)
        for first in range(0, count, size):
            k = min(size, count - first)
            block[:k, 0] = np.arange(first, first + k)
            yield block[:k]

    @filter(batch=True)
    def keep_of_many(events: np.ndarray, *, one_in: int) -> np.ndarray:
        """Return which events `keep` would keep."""
        return events[:, 0] % one_in == 0

except TypeError:
    pass  # an earlier version


def note(place: str, *figures: int) -> None:
    """Write down the time, and some figures."""
    if place:
        Path(place).write_text(json.dumps([time.monotonic(), *figures]), encoding="utf-8")


def read_note(place: Path) -> list[Any]:
    """Return what was noted; raises FileNotFoundError if nothing was."""
    noted: list[Any] = json.loads(place.read_text("utf-8"))
    return noted
