"""Events that are taken out of a buffer to be kept: rows of an array, each with its metadata."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import NO_TIME, BatchMetadata
from mimocorb.buffers.jagged import Jagged
from mimocorb.recording.block import Block

__all__ = ["block_of_rows", "event_dtype"]


def event_dtype(
    dtype: np.dtype[Any], values_per_slot: int, variable: bool = False
) -> np.dtype[Any]:
    """Return the type of a row: an event with its metadata.

    Fields are ``sequence`` (publish number), ``counter``, ``timestamp`` (UTC, s), ``deadtime``,
    ``time_ns`` (whole ns; the least int64 if the event has none), ``may_repeat`` and ``data``, the
    array of the slot. In a buffer of variable length only the first ``length`` of its values are
    the event.
    """
    return np.dtype(
        [
            ("sequence", "<i8"),
            ("counter", "<i8"),
            ("timestamp", "<f8"),
            ("deadtime", "<f8"),
            ("time_ns", "<i8"),
            ("may_repeat", "?"),
            *([("length", "<i8")] if variable else []),
            ("data", dtype, (values_per_slot,)),
        ]
    )


def block_of_rows(rows: NDArray[Any]) -> Block:
    """Return rows, of a spill file of version 1 as well, as a block."""
    metadata = BatchMetadata(rows["counter"], rows["timestamp"], rows["deadtime"])
    metadata.sequence = rows["sequence"]
    names = rows.dtype.names or ()
    if "time_ns" in names and (rows["time_ns"] != NO_TIME).any():
        metadata.time_ns = rows["time_ns"]
    marks = rows["may_repeat"] if "may_repeat" in names else rows["delivery"] > 1
    if marks.any():
        metadata.may_repeat = marks
    data: Any = rows["data"]
    if "length" in names:
        lengths = rows["length"]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        data = Jagged(data[np.arange(data.shape[1]) < lengths[:, np.newaxis]], offsets)
    return Block(data, metadata)
