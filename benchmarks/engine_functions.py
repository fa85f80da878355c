"""Worker functions of the runs that benchmarks/engine.py measures.

The first number of an event is its own, the second is when it was written, by the monotonic clock,
which all processes of a machine share.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import mimocorb as mc

BLOCK_BYTES = 1 << 20


@mc.source(batch=True)
def blocks(*, count: int, length: int) -> Iterator[Any]:
    """Yield events in blocks, as fast as they are taken."""
    size = max(1, min(4096, BLOCK_BYTES // (8 * length)))
    block = np.zeros((size, length), np.int64)
    for first in range(0, count, size):
        k = min(size, count - first)
        block[:k, 0] = np.arange(first, first + k)
        block[:k, 1] = time.monotonic_ns()
        yield {"value": block[:k]}


@mc.source
def paced(*, count: int, length: int, pause_s: float) -> Iterator[Any]:
    """Yield single events, with pauses."""
    event = np.zeros(length, np.int64)
    for number in range(count):
        time.sleep(pause_s)
        event[0], event[1] = number, time.monotonic_ns()
        yield {"value": event}


@mc.sink
class Arrived:
    """Check that each event comes once, and note when.

    Parameters
    ----------
    place
        File for the figures.
    """

    def __init__(self, *, place: Path) -> None:
        self.place = place
        self.count = self.total = 0
        self.first: tuple[int, int] | None = None
        self.last_ns = 0
        self.latencies_ns: list[int] = []

    def __call__(self, events: Any) -> None:
        """Look at a batch."""
        now_ns = time.monotonic_ns()
        numbers, written_ns = events["value"][:, 0], events["value"][:, 1]
        if self.first is None:
            self.first = (now_ns, len(numbers))
        self.count += len(numbers)
        self.total += int(numbers.sum())
        self.last_ns = now_ns
        if len(self.latencies_ns) < 20_000:
            self.latencies_ns += (now_ns - written_ns).tolist()

    def close(self) -> None:
        """Write the figures down."""
        first_ns, before = self.first or (0, 0)
        figures = {
            "count": self.count,
            "total": self.total,
            "rate_hz": (self.count - before) / max((self.last_ns - first_ns) / 1e9, 1e-9),
            "latencies_us": [each / 1e3 for each in self.latencies_ns],
        }
        self.place.write_text(json.dumps(figures), encoding="utf-8")
