"""Events of different lengths, as arrays: the values of all of them, and where each begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import how_many

__all__ = ["Jagged"]


class Jagged:
    """Several events, each with its own number of records.

    It is a sequence of arrays, and its two arrays are there for calculations with all events at
    once. ``events["charge"]`` is one field of all of them, jagged as well.

    Parameters
    ----------
    values
        The records of all events, one event behind the other.
    offsets
        Where each event begins in them, and at last where the last one ends: whole numbers that
        never fall, one more than there are events.

    Examples
    --------
    >>> import numpy as np
    >>> from mimocorb import Jagged
    >>> clusters = Jagged.of([[3.0, 1.0], [], [2.0, 2.0, 5.0]], "float64")
    >>> len(clusters), clusters.lengths.tolist(), clusters[2].tolist()
    (3, [2, 0, 3], [2.0, 2.0, 5.0])
    >>> np.bincount(clusters.owners, clusters.values, len(clusters)).tolist()
    [4.0, 0.0, 9.0]
    """

    def __init__(self, values: NDArray[Any], offsets: NDArray[np.int64]) -> None:
        self.values = values
        self.offsets = offsets

    @classmethod
    def of(cls, events: Iterable[Any], dtype: Any) -> Jagged:
        """Return events, each an array or what NumPy makes one of, as one of this kind."""
        kind = np.dtype(dtype)
        arrays = [np.asarray(event, kind.base) for event in events]
        offsets = np.zeros(len(arrays) + 1, np.int64)
        np.cumsum([len(array) for array in arrays], out=offsets[1:])
        values = np.empty((int(offsets[-1]), *kind.shape), kind.base)
        for array, begin, end in zip(arrays, offsets, offsets[1:], strict=False):
            values[begin:end] = array.reshape(values[begin:end].shape)
        return cls(values, offsets)

    @classmethod
    def joined(cls, parts: Sequence[Jagged]) -> Jagged:
        """Return the events of several behind each other; of at least one."""
        if len(parts) == 1:
            return parts[0]
        ends = np.cumsum([0, *(int(part.lengths.sum()) for part in parts)])
        first = parts[0].values
        # numpy.concatenate would bring all numbers into the byte order of this machine
        values = np.empty((int(ends[-1]), *first.shape[1:]), first.dtype)
        offsets = [np.zeros(1, np.int64)]
        for part, begin in zip(parts, ends.tolist(), strict=False):
            values[begin : begin + int(part.lengths.sum())] = part.whole().values
            offsets.append(part.offsets[1:] - part.offsets[0] + begin)
        return cls(values, np.concatenate(offsets))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many records each event has."""
        lengths: NDArray[np.int64] = np.diff(self.offsets)
        return lengths

    @property
    def owners(self) -> NDArray[np.int64]:
        """For each of the values, the place of its event: ``bincount`` and masks go by it."""
        owners: NDArray[np.int64] = np.repeat(np.arange(len(self)), self.lengths)
        return owners

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy type of a record."""
        return self.values.dtype

    @property
    def record_bytes(self) -> int:
        """Bytes of a record."""
        return int(self.values.dtype.itemsize * np.prod(self.values.shape[1:], dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of all records."""
        return int(self.offsets[-1] - self.offsets[0]) * self.record_bytes

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[NDArray[Any]]:
        for begin, end in pairwise(self.offsets.tolist()):
            yield self.values[begin:end]

    @overload
    def __getitem__(self, place: int | np.integer[Any]) -> NDArray[Any]: ...

    @overload
    def __getitem__(self, place: slice | str | list[Any] | NDArray[Any]) -> Jagged: ...

    def __getitem__(self, place: Any) -> NDArray[Any] | Jagged:
        if isinstance(place, str):
            return Jagged(self.values[place], self.offsets)
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if step == 1:
                return Jagged(self.values, self.offsets[start : max(start, stop) + 1]).whole()
            return self._at(np.arange(start, stop, step))
        if isinstance(place, tuple):
            raise TypeError(
                "events of different lengths have no columns: events[3] is one event, and"
                " events.values has the values of all, with events.offsets, lengths and owners"
            )
        if isinstance(place, (list, np.ndarray)):
            chosen = np.asarray(place)
            if chosen.dtype == np.bool_ and chosen.shape != (len(self),):
                raise IndexError(f"a mask of {chosen.shape} for {how_many(len(self), 'event')}")
            return self._at(np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen)
        index = range(len(self))[place]
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def whole(self) -> Jagged:
        """Return the same, with values that begin with the first event and end with the last."""
        begin, end = int(self.offsets[0]), int(self.offsets[-1])
        if begin == 0 and end == len(self.values):
            return self
        return Jagged(self.values[begin:end], self.offsets - begin)

    def _at(self, places: NDArray[Any]) -> Jagged:
        places = np.arange(len(self))[places] if len(places) else np.empty(0, np.int64)
        lengths = self.lengths[places]
        offsets = np.zeros(len(places) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        # of each value: its place in its event, from where this begins
        within = np.arange(int(offsets[-1])) - np.repeat(offsets[:-1], lengths)
        return Jagged(self.values[np.repeat(self.offsets[places], lengths) + within], offsets)

    def __repr__(self) -> str:
        return f"<{how_many(len(self), 'event')} of {self.values.dtype}, {len(self.values)} in all>"
