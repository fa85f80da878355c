"""How the channels of an event lie in a slot.

*Interleaved*, the form of the manual: fields ``("chA", "f8"), ("chB", "f8")`` and
``values_per_slot`` S. The samples of all channels alternate, and ``event["chA"]`` is strided.

*Channel-contiguous*: fields ``("chA", "f8", (S,)), ("chB", "f8", (S,))`` and ``values_per_slot``
1. Each channel is one stretch of memory, and ``event["chA"]`` has the shape (1, S).
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["base_of_all_fields", "contiguous_samples"]


def contiguous_samples(dtype: np.dtype[Any], values_per_slot: int) -> int | None:
    """Return the number of samples of each channel if events are channel-contiguous, else None."""
    if values_per_slot != 1 or dtype.names is None:
        return None
    shapes = {dtype[name].shape for name in dtype.names}
    shape = shapes.pop()
    return shape[0] if not shapes and len(shape) == 1 else None


def base_of_all_fields(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """Return the type of the numbers in all fields if it is one, and nothing lies in between."""
    if dtype.names is None:
        return None
    bases = {dtype[name].base for name in dtype.names}
    base = bases.pop()
    if bases or base.names is not None:
        return None
    at = 0
    for _, (field, offset, *_) in sorted((dtype.fields or {}).items(), key=lambda item: item[1][1]):
        if offset != at:
            return None
        at += field.itemsize
    return base if at == dtype.itemsize else None
