"""Events with their metadata, as files take them and give them back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import NO_TIME, BatchMetadata
from mimocorb.buffers.jagged import Jagged

__all__ = [
    "PARTS",
    "Block",
    "Data",
    "alone",
    "joined_data",
    "joined_metadata",
    "metadata_from_parts",
    "no_data",
    "notes_of",
    "parts_of",
]

Data = NDArray[Any] | Jagged
"""Events: an array with a row for each, or, if their lengths differ, both arrays of a Jagged."""

PARTS: Mapping[str, type[np.generic]] = {
    "counter": np.int64,
    "timestamp": np.float64,
    "deadtime": np.float64,
    "time_ns": np.int64,
    "may_repeat": np.bool_,
    "sequence": np.int64,
}
"""Everything that is known of an event besides its data. Behind the first three, what a batch may
do without."""

_ALWAYS = len(BatchMetadata._fields)


class Block(NamedTuple):
    """Some events that follow each other in a file.

    Parameters
    ----------
    data
        Shape ``(k, values_per_slot)``, the dtype of the buffer that the events were in. Of a buffer
        of variable length a :class:`~mimocorb.Jagged`.
    metadata
        One array entry for each event.
    """

    data: Any
    metadata: BatchMetadata


def parts_of(metadata: BatchMetadata) -> dict[str, NDArray[Any] | None]:
    """Return the metadata by name; None for what is not known of any of the events."""
    return {name: getattr(metadata, name, None) for name in PARTS}


def metadata_from_parts(parts: Mapping[str, NDArray[Any] | None]) -> BatchMetadata:
    """Return the metadata that :func:`parts_of` came from."""
    names = list(PARTS)
    metadata = BatchMetadata(*(parts[name] for name in names[:_ALWAYS]))  # type: ignore[arg-type]
    for name in names[_ALWAYS:]:
        values = parts.get(name)
        if values is not None:
            setattr(metadata, name, values)
    return metadata


def no_data(dtype: np.dtype[Any], values_per_slot: int, variable: bool) -> Data:
    """Return what holds no events."""
    if variable:
        return Jagged(np.empty((0, *dtype.shape), dtype.base), np.zeros(1, np.int64))
    return np.empty((0, values_per_slot, *dtype.shape), dtype.base)


def alone(event: NDArray[Any], variable: bool) -> Data:
    """Return one event as the data of a block."""
    if variable:
        return Jagged(np.ascontiguousarray(event), np.array([0, len(event)], np.int64))
    return event[np.newaxis]


def joined_data(parts: Sequence[Data], nothing: Data) -> Data:
    """Return the events of several blocks behind each other.

    Parameters
    ----------
    parts
        The data of the blocks.
    nothing
        Of :func:`no_data`, for what is common to all.
    """
    if isinstance(nothing, Jagged):
        return Jagged.joined([part for part in parts if isinstance(part, Jagged)] or [nothing])
    count = sum(len(part) for part in parts)
    # numpy.concatenate would bring all numbers into the byte order of this machine
    data = np.zeros((count, *nothing.shape[1:]), nothing.dtype)
    at = 0
    for part in parts:
        data[at : at + len(part)] = part
        at += len(part)
    return data


def joined_metadata(batches: Iterable[BatchMetadata]) -> BatchMetadata:
    """Return the metadata of several batches as those of one."""
    batches = list(batches)
    each = [(len(batch.counter), parts_of(batch)) for batch in batches]
    joined: dict[str, NDArray[Any] | None] = {}
    for name, kind in PARTS.items():
        found = [(count, parts[name]) for count, parts in each]
        if any(values is not None for _, values in found):
            joined[name] = np.concatenate(
                [_unknown(kind, count) if part is None else part for count, part in found]
            )
        else:
            joined[name] = np.empty(0, kind) if name in BatchMetadata._fields else None
    metadata = metadata_from_parts(joined)
    if any(batch.notes is not None for batch in batches):
        metadata.notes = np.concatenate([notes_of(batch) for batch in batches])
    return metadata


def notes_of(metadata: BatchMetadata) -> NDArray[np.object_]:
    """Return the note of each event, empty if it has none."""
    if metadata.notes is not None:
        return metadata.notes
    return np.full(len(metadata.counter), "", np.object_)


def _unknown(kind: type[np.generic], count: int) -> NDArray[Any]:
    """Return what stands for events of which something is not known, beside others of which it is.

    For a time this is the least int64, NaT for NumPy.
    """
    return np.full(count, UNKNOWN.get(kind, 0), kind)


UNKNOWN: Mapping[type[np.generic], Any] = {np.int64: NO_TIME, np.bool_: False}
