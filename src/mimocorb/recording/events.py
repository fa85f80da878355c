"""Recorded events, as NumPy arrays, read when they are asked for."""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, NamedTuple, Self, overload

import numpy as np
from numpy.typing import NDArray

from mimocorb._closing import Closing
from mimocorb.buffers.batch_metadata import BatchMetadata, known_time
from mimocorb.components.form import Metadata
from mimocorb.errors import DamagedFile, MimocorbError
from mimocorb.recording.block import Block, joined_metadata
from mimocorb.recording.columns import Columns
from mimocorb.recording.formats import EventFile

__all__ = ["DamageWarning", "Event", "Events"]

_KEPT_BLOCKS = 4


class DamageWarning(UserWarning):
    """A part of a file is not what was written; its events were left out."""


class Event(NamedTuple):
    """A recorded event.

    Parameters
    ----------
    data
        Shape ``(values_per_slot,)``, with the fields of the buffer that it was in.
    metadata
        ``counter``, ``timestamp``, ``deadtime`` and, where known, ``time_ns``.
    """

    data: NDArray[Any]
    metadata: Metadata


class Events(Closing):
    """The events of a recording; get one from :func:`mimocorb.open`.

    It is a sequence: ``len(events)``, ``events[3]``, ``events[100:200]``, ``for event in events``.
    Nothing is read before it is asked for, and what is given out is what was written: an event
    in a part of the file that is damaged raises a :class:`~mimocorb.errors.DamagedFile`; where many
    events are asked for, such a part is left out with a :class:`DamageWarning`.

    As a context manager it closes the files.

    Attributes
    ----------
    name
        Of the recording.
    file
        What reads it.
    """

    def __init__(self, file: EventFile, name: str) -> None:
        self.file = file
        self._kept: OrderedDict[int, Block] = OrderedDict()
        self.name = name
        self._count()

    def _count(self) -> None:
        counts = self.file.counts
        self._ends = list(accumulate(counts))

    # --- what they are

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy type of one value: that of the buffer."""
        return self.file.dtype

    @property
    def values_per_slot(self) -> int:
        """Length of the array of one event."""
        return self.file.values_per_slot

    @property
    def about(self) -> Mapping[str, Any]:
        """What is known of the data besides: ``scale``, ``sample_time_ns`` and so on."""
        return self.file.about

    @property
    def units(self) -> Mapping[str, str]:
        """Field → unit, as far as they are known."""
        units: Mapping[str, str] = self.about.get("units") or {}
        return units

    # --- as a sequence

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, place: int) -> Event: ...

    @overload
    def __getitem__(self, place: slice) -> Block: ...

    def __getitem__(self, place: int | slice) -> Event | Block:
        if isinstance(place, slice):
            return self._slice(place)
        index = place + len(self) if place < 0 else place
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} events, and no event {place}")
        number = bisect_right(self._ends, index)
        block = self._read(number)
        at = index - self._first(number)
        return Event(block.data[at], _metadata_of(block.metadata, at))

    def __iter__(self) -> Iterator[Event]:
        for block in self.blocks():
            for at, data in enumerate(block.data):
                yield Event(data, _metadata_of(block.metadata, at))

    def _slice(self, place: slice) -> Block:
        start, stop, step = place.indices(len(self))
        chosen = range(start, stop, step)
        low, high = (min(chosen), max(chosen) + 1) if chosen else (0, 0)
        blocks = [
            _cut(block, low - first, high - first) for first, block in self._blocks(low, high)
        ]
        joined = self._joined(blocks)
        if step == 1:
            return joined
        every = slice(None, None, step)
        return Block(joined.data[every], joined.metadata.at(every))

    def blocks(self, events: int | None = None) -> Iterator[Block]:
        """Yield all events in blocks, as NumPy arrays with their metadata.

        Parameters
        ----------
        events
            How many in a block, fewer in the last; None takes them as they lie in the file, which
            is quickest.
        """
        if events is None:
            for _, block in self._blocks(0, len(self)):
                yield block
            return
        if events < 1:
            raise ValueError(f"a block has at least 1 event, found {events}")
        waiting: list[Block] = []
        for _, block in self._blocks(0, len(self)):
            waiting.append(block)
            while sum(len(each.data) for each in waiting) >= events:
                joined = self._joined(waiting)
                yield _cut(joined, 0, events)
                waiting = [_cut(joined, events, len(joined.data))]
        if any(len(each.data) for each in waiting):
            yield self._joined(waiting)

    @property
    def metadata(self) -> BatchMetadata:
        """Arrays ``counter``, ``timestamp``, ``deadtime`` and ``time_ns`` of all events."""
        return joined_metadata([block.metadata for _, block in self._blocks(0, len(self))])

    # --- for other tools

    def to_arrow(self) -> Any:
        """Return everything as a :class:`pyarrow.Table`, one row for each event."""
        import pyarrow as pa  # type: ignore[import-untyped]

        columns = Columns(self.dtype, self.values_per_slot, self.units)
        batches = [columns.batch(block) for _, block in self._blocks(0, len(self))]
        return pa.Table.from_batches(batches, columns.schema)

    def to_pandas(self) -> Any:
        """Return everything as a :class:`pandas.DataFrame`, one row for each event.

        A field with several values for an event is a column of arrays.
        """
        try:
            import pandas as pd  # type: ignore[import-untyped]  # noqa: F401
        except ImportError as error:
            raise MimocorbError("to_pandas() needs pandas: pip install pandas") from error
        return self.to_arrow().to_pandas()

    # --- the files

    def look_again(self) -> Self:
        """Find what the run has written since; returns these events."""
        self.file.look_again()
        self._kept.clear()  # the last block may have grown
        self._count()
        return self

    def damage(self) -> list[str]:
        """Read everything and return what is wrong with it, one sentence each; empty if nothing."""
        return list(self.file.damage())

    def close(self) -> None:
        """Close the files. Idempotent."""
        self.file.close()

    def __repr__(self) -> str:
        return f"<{len(self)} events of {self.name}: {self.values_per_slot} x {self.dtype}>"

    # --- blocks

    def _first(self, number: int) -> int:
        return self._ends[number - 1] if number else 0

    def _read(self, number: int) -> Block:
        kept = self._kept
        if number in kept:
            kept.move_to_end(number)
        else:
            kept[number] = self.file.read_block(number)
            if len(kept) > _KEPT_BLOCKS:
                kept.popitem(last=False)
        return kept[number]

    def _blocks(self, low: int, high: int) -> Iterator[tuple[int, Block]]:
        """Yield the blocks with events from `low` to `high`, and the place of their first event."""
        for number in range(bisect_right(self._ends, low), len(self._ends)):
            first = self._first(number)
            if first >= high:
                return
            try:
                block = self._read(number)
            except DamagedFile as error:
                warnings.warn(f"left out: {error}", DamageWarning, stacklevel=3)
                continue
            yield first, block

    def _joined(self, blocks: list[Block]) -> Block:
        if len(blocks) == 1:
            return blocks[0]
        count = sum(len(block.data) for block in blocks)
        # numpy.concatenate would bring all numbers into the byte order of this machine
        data = np.zeros((count, self.values_per_slot, *self.dtype.shape), self.dtype.base)
        at = 0
        for block in blocks:
            data[at : at + len(block.data)] = block.data
            at += len(block.data)
        return Block(data, joined_metadata([block.metadata for block in blocks]))


def _cut(block: Block, low: int, high: int) -> Block:
    low, high = max(0, low), min(len(block.data), high)
    if (low, high) == (0, len(block.data)):
        return block
    return Block(block.data[low:high], block.metadata.at(slice(low, high)))


def _metadata_of(metadata: BatchMetadata, at: int) -> Metadata:
    counter, timestamp, deadtime = (part[at].item() for part in metadata)
    times = metadata.time_ns
    time_ns = None if times is None else known_time(times[at].item())
    return Metadata(counter, timestamp, deadtime, time_ns)
