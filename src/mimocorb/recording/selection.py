"""A part of recorded events: chosen by counter or time, or put into another order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import NO_TIME, BatchMetadata
from mimocorb.errors import SetupError
from mimocorb.recording.block import Block, Data, joined_data, joined_metadata, no_data

if TYPE_CHECKING:
    from mimocorb.recording.events import Events

__all__ = ["Selection", "is_chosen"]

_BLOCK_BYTES = 1 << 20
_MOST_EVENTS_OF_A_BLOCK = 4096


class Selection:
    """Some events of others, read when they are asked for.

    Parameters
    ----------
    events
        The others.
    places
        Which of them, in which order.
    """

    def __init__(self, events: Events, places: NDArray[np.int64]) -> None:
        self._events = events
        self._places = places
        event_bytes = max(1, events.dtype.itemsize * events.values_per_slot)
        self._most = max(1, min(_MOST_EVENTS_OF_A_BLOCK, _BLOCK_BYTES // event_bytes))

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy type of one value."""
        return self._events.dtype

    @property
    def values_per_slot(self) -> int:
        """Length of the array of one event."""
        return self._events.values_per_slot

    @property
    def variable(self) -> bool:
        """Whether events have lengths of their own."""
        return self._events.variable

    @property
    def about(self) -> Mapping[str, Any]:
        """What is known of the data besides."""
        return self._events.about

    @property
    def counts(self) -> Sequence[int]:
        """How many events each block has."""
        whole, rest = divmod(len(self._places), self._most)
        return [self._most] * whole + [rest] * bool(rest)

    def read_block(self, number: int) -> Block:
        """Return the events of a block; DamagedFile if one of them is not what was written."""
        places = self._places[number * self._most : (number + 1) * self._most]
        nothing = no_data(self.dtype, self.values_per_slot, self.variable)
        parts: list[Data] = []
        found: list[BatchMetadata] = []
        order: list[NDArray[np.intp]] = []
        for first, block in self._events.blocks_with(places):
            here = np.flatnonzero((places >= first) & (places < first + len(block.data)))
            parts.append(block.data[places[here] - first])
            found.append(block.metadata.at(places[here] - first))
            order.append(here)
        back = np.argsort(np.concatenate(order))
        return Block(joined_data(parts, nothing)[back], joined_metadata(found).at(back))

    def look_again(self) -> None:
        """Do nothing: it stays what was chosen."""

    def damage(self) -> Iterator[str]:
        """Yield what is wrong with the files."""
        yield from self._events.damage()

    def close(self) -> None:
        """Let go of the files. Idempotent."""
        self._events.close()


def is_chosen(metadata: BatchMetadata, wanted: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return which of some events have counters and times that are wanted.

    Parameters
    ----------
    metadata
        Of the events.
    wanted
        ``counter``, ``timestamp`` or ``time_ns``, each with a value, or with a pair: from the
        first on, up to but without the second; None leaves that side open.
    """
    chosen = np.ones(len(metadata.counter), np.bool_)
    for name, limits in wanted.items():
        values = getattr(metadata, name)
        if values is None:
            chosen[:] = False
            continue
        if not isinstance(limits, tuple | list):
            chosen &= values == _number(name, limits)
            continue
        if len(limits) != 2:
            raise SetupError(
                f"{name} is chosen by a value, or by a pair (from, below); found"
                f" {len(limits)} values"
            )
        low, high = limits
        if low is not None:
            chosen &= values >= _number(name, low)
        if high is not None:
            chosen &= values < _number(name, high)
        if name == "time_ns":
            chosen &= values != NO_TIME
    return chosen


def _number(name: str, value: Any) -> Any:
    """Return a counter or a time in ns as the whole number it is, a timestamp in seconds."""
    if name == "timestamp" and isinstance(value, datetime):
        if value.tzinfo is None:
            raise SetupError(
                f"a time of day has to say its time zone, found {value!r}: write"
                " datetime(…, tzinfo=timezone.utc)"
            )
        return value.timestamp()
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if isinstance(value, bool) or not is_number or (name != "timestamp" and value != int(value)):
        kind = "seconds or a datetime" if name == "timestamp" else "a whole number"
        raise SetupError(f"{name} is {kind}, found {value!r}")
    return float(value) if name == "timestamp" else int(value)
