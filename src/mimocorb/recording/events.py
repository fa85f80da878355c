"""Recorded events, as NumPy arrays, read when they are asked for."""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from itertools import accumulate
from typing import Any, NamedTuple, Self, overload

import numpy as np
from numpy.typing import NDArray

from mimocorb._closing import Closing
from mimocorb.buffers.batch_metadata import BatchMetadata, known_time
from mimocorb.components.form import Metadata
from mimocorb.errors import DamagedFile, MimocorbError, SetupError
from mimocorb.model.channels import Channel
from mimocorb.recording.block import Block, joined_data, joined_metadata, no_data
from mimocorb.recording.channel_notes import COUNTS, channels_in
from mimocorb.recording.columns import Columns
from mimocorb.recording.formats import EventFile, is_variable, reading
from mimocorb.recording.selection import Selection, is_chosen

__all__ = ["DamageWarning", "Event", "Events"]

_KEPT_BYTES = 64 << 20
"""Of blocks that were read last: single events are mostly asked for near each other."""


class DamageWarning(UserWarning):
    """A part of a file is not what was written; its events were left out."""


class Event(NamedTuple):
    """A recorded event.

    Parameters
    ----------
    data
        Shape ``(values_per_slot,)``, with the fields of the buffer that it was in; of a buffer of
        variable length it is as long as the event was.
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

    def __init__(
        self, file: EventFile, name: str, find_more: Callable[[], EventFile | None] | None = None
    ) -> None:
        self.file = file
        self._kept: OrderedDict[int, Block] = OrderedDict()
        self._kept_bytes = 0
        self._metadata: BatchMetadata | None = None
        self.name = name
        self._find_more = find_more
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
        """Length of the array of one event, at most if they are :attr:`variable`."""
        return self.file.values_per_slot

    @property
    def variable(self) -> bool:
        """Whether events have lengths of their own: then blocks have a ``mimocorb.Jagged``."""
        return is_variable(self.file)

    @property
    def about(self) -> Mapping[str, Any]:
        """What is known of the data besides: ``scale``, ``sample_time_ns`` and so on."""
        return self.file.about

    @property
    def units(self) -> Mapping[str, str]:
        """Field → unit of its numbers, as far as known; ``counts`` of those with a scale."""
        known = self.channels.items()
        return {name: COUNTS if one.is_raw else one.unit for name, one in known if one.is_described}

    @property
    def channels(self) -> Mapping[str, Channel]:
        """Field → its ``unit``, ``scale`` and ``offset``: what :func:`mimocorb.in_units` makes."""
        return channels_in(self.about)

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
        if isinstance(place, str):
            raise TypeError(
                f"events go by their number; for the field {place!r} of all events write"
                f" [:].data[{place!r}], for large files block.data[{place!r}] of each block in"
                " .blocks()"
            )
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
            _cut(block, low - first, high - first)
            for first, block in self._blocks(low, high, keeps=True)
        ]
        joined = self._joined(blocks)
        if step == 1:
            return joined
        every = slice(None, None, step)
        return Block(joined.data[every], joined.metadata.at(every))

    def blocks(self, events: int | None = None, *, strict: bool = False) -> Iterator[Block]:
        """Yield all events in blocks, as NumPy arrays with their metadata.

        Parameters
        ----------
        events
            How many in a block, fewer in the last; None takes them as they lie in the file, which
            is quickest.
        strict
            Whether a damaged part raises a DamagedFile, instead of being left out with a warning.
        """
        if events is None:
            for _, block in self._blocks(0, len(self), strict=strict):
                yield block
            return
        if events < 1:
            raise ValueError(f"a block has at least 1 event, found {events}")
        waiting: list[Block] = []
        for _, block in self._blocks(0, len(self), strict=strict):
            waiting.append(block)
            while sum(len(each.data) for each in waiting) >= events:
                joined = self._joined(waiting)
                yield _cut(joined, 0, events)
                waiting = [_cut(joined, events, len(joined.data))]
        if any(len(each.data) for each in waiting):
            yield self._joined(waiting)

    @property
    def metadata(self) -> BatchMetadata:
        """Arrays ``counter``, ``timestamp``, ``deadtime`` and ``time_ns`` of all events.

        ``time_ns`` is None if no event has one. The first time everything is read for it.
        """
        if self._metadata is None:
            blocks = self._blocks(0, len(self))
            self._metadata = joined_metadata([block.metadata for _, block in blocks])
        return self._metadata

    # --- a part of them

    def select(
        self,
        *,
        counter: int | tuple[int | None, int | None] | None = None,
        timestamp: Any = None,
        time_ns: int | tuple[int | None, int | None] | None = None,
    ) -> Events:
        """Return the events with these counters or times, as a sequence like this one.

        A value asks for the events that have it, and a pair ``(from, below)`` for those from the
        first on, without the second; None leaves that side open. Events have to fulfil all that is
        given. Only the metadata are kept; the data are read when they are asked for.

        Parameters
        ----------
        counter
            Number of the event, from its source.
        timestamp
            UTC in seconds since 1970, or a :class:`~datetime.datetime` with its time zone.
        time_ns
            Time in whole ns, compared exactly.

        Raises
        ------
        SetupError
            Something else was given, or nothing; or there are no times in ns.

        Examples
        --------
        >>> import mimocorb
        >>> events = mimocorb.open(12)["waveforms"]  # doctest: +SKIP
        >>> events.select(counter=(1000, 2000), time_ns=(0, 5_000_000_000))  # doctest: +SKIP
        <412 events of waveforms: 200 x [('chA', '<i2')]>
        """
        given = {"counter": counter, "timestamp": timestamp, "time_ns": time_ns}
        wanted = {name: limits for name, limits in given.items() if limits is not None}
        if not wanted:
            raise SetupError("select() is told what to select by: counter, timestamp or time_ns")
        places, knows_times = [np.empty(0, np.int64)], False
        for first, block in self._blocks(0, len(self)):
            knows_times |= block.metadata.time_ns is not None
            places.append(first + np.flatnonzero(is_chosen(block.metadata, wanted)))
        if time_ns is not None and not knows_times and len(self):
            raise SetupError(
                f"{self.name} has no times in ns; select by timestamp, which is in seconds"
            )
        return self.take(np.concatenate(places))

    def take(self, places: Any) -> Events:
        """Return the events at these places, in this order, as a sequence like this one.

        Parameters
        ----------
        places
            Whole numbers from 0 to ``len(events) - 1``, or a truth value for each event.
        """
        chosen = np.asarray(places)
        if chosen.dtype == np.bool_ and chosen.shape == (len(self),):
            chosen = np.flatnonzero(chosen)
        if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
            raise SetupError(
                "take() is given places, that are whole numbers, or one truth value for each event;"
                f" found {chosen.dtype} of shape {chosen.shape}"
            )
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < len(self):
            raise IndexError(f"{self.name} has {len(self)} events, from 0 to {len(self) - 1}")
        return Events(Selection(self, chosen.astype(np.int64)), self.name)

    # --- for other tools

    def to_arrow(self) -> Any:
        """Return everything as a :class:`pyarrow.Table`, one row for each event."""
        import pyarrow as pa  # type: ignore[import-untyped]

        has_notes = bool(self.about.get("notes"))
        columns = Columns(
            self.dtype,
            self.values_per_slot,
            self.about,
            notes=has_notes,
            variable=self.variable,
        )
        batches = [columns.batch(block) for _, block in self._blocks(0, len(self))]
        return pa.Table.from_batches(batches, columns.schema)

    def to_pandas(self) -> Any:
        """Return everything as a :class:`pandas.DataFrame`, one row for each event.

        A field with several values for an event is a column of arrays.
        """
        _needs("to_pandas()", "pandas")
        return self.to_arrow().to_pandas()

    def to_awkward(self) -> Any:
        """Return everything as an :class:`awkward.Array`, one record for each event."""
        awkward = _needs("to_awkward()", "awkward")
        return awkward.from_arrow(self.to_arrow())

    # --- the files

    def look_again(self) -> Self:
        """Find what the run has written since, also in new files; returns these events."""
        more = self._find_more() if self._find_more is not None else None
        if more is None:
            self.file.look_again()
        else:
            self.file.close()
            self.file = more
        self._kept.clear()  # the last block may have grown
        self._kept_bytes = 0
        self._metadata = None
        self._count()
        return self

    def damage(self) -> list[str]:
        """Read everything and return what is wrong with it, one sentence each; empty if nothing."""
        found: list[str] = []
        try:
            reading(self.name, lambda: found.extend(self.file.damage()), "the rest of it")
        except DamagedFile as error:
            found.append(str(error))
        return found

    def close(self) -> None:
        """Close the files. Idempotent."""
        self.file.close()

    def __repr__(self) -> str:
        most = "up to " if self.variable else ""
        return f"<{len(self)} events of {self.name}: {most}{self.values_per_slot} x {self.dtype}>"

    # --- blocks

    def _first(self, number: int) -> int:
        return self._ends[number - 1] if number else 0

    def _read(self, number: int, *, keeps: bool = True) -> Block:
        kept = self._kept
        if number in kept:
            kept.move_to_end(number)
        else:
            block = reading(self.name, lambda: self.file.read_block(number), f"block {number}")
            if not keeps:  # who reads everything comes by once, and fresh memory costs time
                return block
            kept[number] = block
            self._kept_bytes += kept[number].data.nbytes
            while self._kept_bytes > _KEPT_BYTES and len(kept) > 1:
                _, oldest = kept.popitem(last=False)
                self._kept_bytes -= oldest.data.nbytes
        return kept[number]

    def blocks_with(self, places: NDArray[np.int64]) -> Iterator[tuple[int, Block]]:
        """Yield the blocks that events at these places are in, with the place of their first one.

        Raises
        ------
        DamagedFile
            One of them is not what was written.
        """
        for number in np.unique(np.searchsorted(self._ends, places, side="right")).tolist():
            yield self._first(number), self._read(number)

    def _blocks(
        self, low: int, high: int, *, strict: bool = False, keeps: bool = False
    ) -> Iterator[tuple[int, Block]]:
        """Yield the blocks with events from `low` to `high`, and the place of their first event."""
        for sentence in getattr(self.file, "missing", tuple)():
            if strict:
                raise DamagedFile(f"{self.name}: {sentence}")
            warnings.warn(f"left out: {sentence}", DamageWarning, stacklevel=3)
        for number in range(bisect_right(self._ends, low), len(self._ends)):
            first = self._first(number)
            if first >= high:
                return
            try:
                block = self._read(number, keeps=keeps)
            except DamagedFile as error:
                if strict:
                    raise
                warnings.warn(f"left out: {error}", DamageWarning, stacklevel=3)
                continue
            yield first, block

    def _joined(self, blocks: list[Block]) -> Block:
        if len(blocks) == 1:
            return blocks[0]
        nothing = no_data(self.dtype, self.values_per_slot, self.variable)
        data = joined_data([block.data for block in blocks], nothing)
        return Block(data, joined_metadata([block.metadata for block in blocks]))


def _needs(what: str, package: str) -> Any:
    try:
        return import_module(package)
    except ImportError as error:
        raise MimocorbError(f"{what} needs {package}: pip install {package}") from error


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
