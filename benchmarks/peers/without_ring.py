"""The limit set by NumPy and memory: the same copy and the same sum in one process, no ring."""

from __future__ import annotations

import time

import numpy as np
from measure import check
from shapes import CHANNELS, SHAPES, SLOTS, Shape


def interleaved(events: int = 10_000) -> dict[str, float]:
    """``np.copyto`` field by field into one of 128 slots, and the sum of a channel."""
    return _copy_and_sum(SHAPES["interleaved"], events, as_bytes=False)


def contiguous(events: int = 20_000) -> dict[str, float]:
    """Copy of the bytes into one of 128 slots, and the sum of a channel in one piece."""
    return _copy_and_sum(SHAPES["contiguous"], events, as_bytes=True)


def _copy_and_sum(shape: Shape, events: int, *, as_bytes: bool) -> dict[str, float]:
    slots = np.zeros((SLOTS, shape.values_per_slot), shape.dtype)
    template = shape.template()
    first = template[CHANNELS[0]].reshape(-1)[:1]
    source = template.view(np.uint8) if as_bytes else template
    targets = [slot.view(np.uint8) if as_bytes else slot for slot in slots]
    total = 0
    for slot in slots:  # touch the memory first
        slot[:] = template
    begin_s = time.monotonic()
    for number in range(events):
        first[0] = number
        np.copyto(targets[number % SLOTS], source)
        total += int(np.sum(slots[number % SLOTS][CHANNELS[0]]))
    duration_s = time.monotonic() - begin_s
    check("one process", (events, total), (events, events * (events - 1) // 2))
    return {"rate_hz": events / duration_s}
