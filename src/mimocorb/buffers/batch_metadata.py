"""The metadata of several events, and the time that stands beside the three numbers of the manual.

The metadata of an event are ``(counter, timestamp, deadtime)``, three numbers wherever they are
a tuple. ``time_ns`` stands beside them, for the clocks of devices: whole nanoseconds, exact, since
whatever moment the device counts from. A float of seconds has steps of 240 ns in our century.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["METADATA_DTYPE", "NO_TIME", "BatchMetadata", "MetadataRows", "known_time"]

NO_TIME = int(np.iinfo(np.int64).min)
"""Stands in arrays for the time of an event that has none; the bits of NumPy's NaT."""

METADATA_DTYPE = np.dtype(
    [
        ("counter", np.int64),
        ("timestamp", np.float64),
        ("deadtime", np.float64),
        ("time_ns", np.int64),
        ("may_repeat", np.bool_),
    ],
    align=True,
)
"""All that is known of an event, as backends take and give it: MetadataRow in ring.hpp."""

MetadataRows = NDArray[np.void]
"""One row of METADATA_DTYPE for each event."""


def known_time(time_ns: int) -> int | None:
    """Return a time as it is, None in place of NO_TIME."""
    return None if time_ns == NO_TIME else time_ns


class _Columns(NamedTuple):
    counter: NDArray[np.int64]
    timestamp: NDArray[np.float64]
    deadtime: NDArray[np.float64]


class BatchMetadata(_Columns):
    """Metadata of a batch, one array entry per event; the meaning is that of ``get_metadata``.

    Attributes
    ----------
    may_repeat : numpy.ndarray or None
        Beside the three: which events may be a repeat. A process that had begun to work on them, or
        on what they came out of, was killed or failed, and may have passed its results on before.
        None: none of them.
    sequence : numpy.ndarray or None
        Their publish numbers in the buffer, for those who have to know them; None: not asked for.
    time_ns : numpy.ndarray or None
        The times in whole ns, int64, as
        :attr:`Reader.time_ns <mimocorb.mimo_buffer.Reader.time_ns>` for one event. None if no event
        of the batch has one; if only some have, the least int64 stands for the others, which is NaT
        for ``time_ns.view("M8[ns]")``.
    notes : numpy.ndarray or None
        A text for each event, such as why it was rejected. Only files have them.
    """

    may_repeat: NDArray[np.bool_] | None = None
    sequence: NDArray[np.int64] | None = None
    time_ns: NDArray[np.int64] | None = None
    notes: NDArray[np.object_] | None = None

    def at(self, places: NDArray[np.int64] | slice) -> Self:
        """Return the metadata of the events at these places."""
        chosen = type(self)(self.counter[places], self.timestamp[places], self.deadtime[places])
        if self.may_repeat is not None:
            chosen.may_repeat = self.may_repeat[places]
        if self.sequence is not None:
            chosen.sequence = self.sequence[places]
        if self.time_ns is not None:
            chosen.time_ns = self.time_ns[places]
        if self.notes is not None:
            chosen.notes = self.notes[places]
        return chosen

    def rows(self) -> MetadataRows:
        """Return all of it as rows."""
        rows = np.zeros(len(self.counter), METADATA_DTYPE)
        for name, column in zip(self._fields, self, strict=True):
            rows[name] = column
        rows["time_ns"] = NO_TIME if self.time_ns is None else self.time_ns
        if self.may_repeat is not None:
            rows["may_repeat"] = self.may_repeat
        return rows

    @classmethod
    def of(cls, metadata: tuple[int, float, float], time_ns: int | None = None) -> Self:
        """Return the metadata of one event as those of a batch of one."""
        counter, timestamp, deadtime = metadata
        batch = cls(np.array([counter]), np.array([timestamp]), np.array([deadtime]))
        if time_ns is not None:
            batch.time_ns = np.array([time_ns])
        return batch

    @classmethod
    def of_rows(cls, rows: MetadataRows) -> Self:
        """Return what stands in rows, a column in one piece for each of the parts."""
        batch = cls(*(rows[name].copy() for name in cls._fields))
        if rows["may_repeat"].any():
            batch.may_repeat = rows["may_repeat"].copy()
        if (rows["time_ns"] != NO_TIME).any():
            batch.time_ns = rows["time_ns"].copy()
        return batch

    @classmethod
    def empty(cls, count: int) -> Self:
        """Return arrays to be filled."""
        return cls(
            np.empty(count, np.int64), np.empty(count, np.float64), np.empty(count, np.float64)
        )

    def times(self) -> list[int | None]:
        """Return the time of each event, None where it has none."""
        if self.time_ns is None:
            return [None] * len(self.counter)
        return [known_time(time_ns) for time_ns in self.time_ns.tolist()]
