"""The limit set by NumPy and memory: the same copy and the same sum in one process, no ring."""

from __future__ import annotations

import time

import numpy as np
from shapes import CHANNELS, SHAPES, SLOTS, Shape


def interleaved() -> dict[str, float]:
    """``np.copyto`` field by field into one of 128 slots, and the sum of a channel."""
    return _copy_and_sum(SHAPES["interleaved"], as_bytes=False)


def contiguous() -> dict[str, float]:
    """Copy of the bytes into one of 128 slots, and the sum of a channel in one piece."""
    return _copy_and_sum(SHAPES["contiguous"], as_bytes=True)


def _copy_and_sum(shape: Shape, *, as_bytes: bool) -> dict[str, float]:
    slots = np.zeros((SLOTS, shape.values_per_slot), shape.dtype)
    template = shape.template()
    source = template.view(np.uint8) if as_bytes else template
    targets = [slot.view(np.uint8) if as_bytes else slot for slot in slots]
    events = 4 * shape.events // 5
    total = 0
    for slot in slots:  # touch the memory first
        slot[:] = template
    begin_s = time.monotonic()
    for number in range(events):
        np.copyto(targets[number % SLOTS], source)
        total += int(np.sum(slots[number % SLOTS][CHANNELS[0]]))
    return {"rate_hz": events / (time.monotonic() - begin_s)}
