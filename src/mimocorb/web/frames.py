"""Events on their way to a screen: reduced once, written once, whoever looks.

A frame is one message: the length of its head (four bytes, little endian), the head as JSON, padded
to a multiple of four bytes, and behind it the values as float32, one channel after the other. In a
reduced frame each channel has two values for each column of the picture: the least and the greatest
sample, so that no narrow pulse is lost.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_COLUMNS", "SeenEvent", "columns_of", "encoded", "plain_values"]

MOST_COLUMNS = 2000
FEW_VALUES = 64
"""Events of not more than these are shown as numbers, not as a curve."""


@dataclass(frozen=True)
class SeenEvent:
    """A copy of one event, and what is known about it.

    Parameters
    ----------
    buffer
        Where it was.
    sequence
        Its publish number, or place in the recording.
    metadata
        ``(counter, timestamp, deadtime)``.
    time_ns
        Its time in whole ns, if it has one.
    skipped
        Events between the one shown before and this one.
    published_s
        UTC time at which it was published, as far as known.
    data
        Shape ``(values_per_slot,)``; nobody changes it.
    pulses
        What a filter has found in it: see :mod:`mimocorb.web.found_pulses`.
    """

    buffer: str
    sequence: int
    metadata: tuple[int, float, float]
    time_ns: int | None
    skipped: int
    published_s: float | None
    data: NDArray[Any]
    pulses: list[dict[str, Any]] = field(default_factory=list)

    def head(self) -> dict[str, Any]:
        """Return what is said about the event."""
        counter, timestamp, deadtime = self.metadata
        return {
            "buffer": self.buffer,
            "sequence": self.sequence,
            "counter": counter,
            "timestamp": _finite(timestamp),
            "deadtime": _finite(deadtime),
            "skipped": self.skipped,
            "published_s": self.published_s,
            "pulses": self.pulses,
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def columns_of(data: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the numbers of each channel in one row, by name; what is no number is left out."""
    if data.dtype.names is None:
        named = {"value": data}
    else:
        named = {name: data[name] for name in data.dtype.names}
    return {
        name: np.asarray(column).reshape(-1)
        for name, column in named.items()
        if column.dtype.kind in "biuf"
    }


def plain_values(data: NDArray[Any]) -> dict[str, Any]:
    """Return a small event as plain values, by field; numbers that are none as text."""
    names = data.dtype.names
    named = {name: data[name] for name in names} if names else {"value": data}
    found = {}
    for name, column in named.items():
        values = [_plain(value) for value in np.asarray(column).reshape(-1).tolist()]
        found[name] = values[0] if len(values) == 1 else values
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return str(value)


def encoded(event: SeenEvent, columns: int) -> bytes:
    """Return the frame of an event, reduced to so many columns; 0: everything."""
    channels = columns_of(event.data)
    count = max((len(values) for values in channels.values()), default=0)
    head = event.head() | {"channels": list(channels), "samples": count, "width": 0}
    if sum(map(len, channels.values())) <= FEW_VALUES or not channels:
        head["values"] = plain_values(event.data)
    width = -(-count // columns) if columns else 1
    if width > 2:
        head["width"] = width
        starts = np.arange(0, count, width)
        rows = [_extremes(values, starts, width) for values in channels.values()]
    else:
        rows = [np.asarray(values, np.float32) for values in channels.values()]
    head["lengths"] = [len(row) for row in rows]
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([struct.pack("<I", len(text)), text, *(row.tobytes() for row in rows)])


def _extremes(values: NDArray[Any], starts: NDArray[Any], width: int) -> NDArray[np.float32]:
    """Return least and greatest sample of each column, one after the other."""
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    found = np.empty((len(starts), 2), np.float32)
    whole = len(values) // width
    table = values[: whole * width].reshape(whole, width)
    # One pass over each place in a column: three times as fast as reduceat for narrow columns.
    low = high = table[:, 0]
    for place in range(1, width):
        low, high = np.minimum(low, table[:, place]), np.maximum(high, table[:, place])
    found[:whole, 0], found[:whole, 1] = low, high
    if whole < len(starts):
        rest = values[whole * width :]
        found[whole:] = (rest.min(), rest.max()) if len(rest) else (np.nan, np.nan)
    return found.reshape(-1)
