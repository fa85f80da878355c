"""The buffer classes under the names of the manual: ours, with what its releases had besides.

Functions of these releases ask a buffer whether it is ``_active``, whether there are data, and what
its fields are; they let a buffer live on in the set-up dictionaries alone.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers import new_buffer, observer, reader, writer
from mimocorb.buffers.contract import Status
from mimocorb.buffers.setup_dict import SetupDict
from mimocorb.buffers.stats import BufferStats
from mimocorb.compat.manual.field_pairs import METADATA_PAIRS, documented_dtype, plain_setup
from mimocorb.components.roles.newest_events import NewestEvents
from mimocorb.components.worker import current_worker

__all__ = [
    "BufferStatus",
    "NewBuffer",
    "NewestQueue",
    "Observer",
    "Reader",
    "State",
    "StatusBuffer",
    "Writer",
]

_NONE = -1
_QUEUE_INTERVAL_S = 0.05


class State:
    """What is read like an event of :mod:`multiprocessing`: ``is_set()`` tells the present state.

    Parameters
    ----------
    tell
        Returns it.
    """

    def __init__(self, tell: Callable[[], bool]) -> None:
        self._tell = tell

    def is_set(self) -> bool:
        """Return whether it is so now."""
        return self._tell()


def _paused() -> State:
    return State(lambda: current_worker().is_paused())


class _Keeper:
    """Keeps a buffer for the dictionaries and handles made of it, in the process that made it."""

    def __init__(self, buffer: NewBuffer | None = None) -> None:
        self.buffer = buffer

    def __reduce__(self) -> tuple[Any, ...]:
        return _Keeper, ()


class BufferStatus(int):
    """The number of free slots, and what the first version unpacked besides.

    That is ``events, filled, rate``: events published so far, slots in use, and events per second
    since it was asked before.
    """

    _unpacked: tuple[int, int, float]

    @classmethod
    def of(cls, stats: BufferStats, rate_hz: float) -> BufferStatus:
        """Return the status of a buffer."""
        status = cls(stats.free_slots)
        status._unpacked = (stats.published, stats.number_of_slots - stats.free_slots, rate_hz)
        return status

    def __iter__(self) -> Iterator[int | float]:
        return iter(self._unpacked)


class StatusBuffer(new_buffer.NewBuffer):
    """A buffer whose status can be unpacked."""

    _asked: tuple[float, int] | None = None

    def buffer_status(self) -> int:
        """Return the number of free slots; unpacked: events, filled slots, events per second."""
        now_s, stats = time.monotonic(), self.stats()
        before_s, before = self._asked or (now_s, stats.published)
        self._asked = (now_s, stats.published)
        passed_s = now_s - before_s
        return BufferStatus.of(stats, (stats.published - before) / passed_s if passed_s else 0.0)


class NewBuffer(StatusBuffer):  # noqa: D101
    __doc__ = new_buffer.NewBuffer.__doc__

    def set_ending(self) -> None:
        """End the stream; readers go on with what there is. The same as :meth:`end_writers`."""
        self.end_writers()

    def _setup(self, kind: str, **more: int) -> SetupDict:
        setup = super()._setup(kind, **more)
        setup["dtype"] = documented_dtype(self.dtype)
        setup["address"]["kept"] = _Keeper(self)
        return setup


class Writer(writer.Writer):  # noqa: D101
    __doc__ = writer.Writer.__doc__

    def __init__(self, setup_dict: Mapping[str, Any], *, spin_us: float = 5.0) -> None:
        super().__init__(plain_setup(setup_dict), spin_us=spin_us)
        self.dtype = documented_dtype(self.dtype)
        self._kept = setup_dict["address"].get("kept")

    @property
    def _active(self) -> State:
        """Whether the buffer takes events still, or will when it is not full or paused."""
        return State(lambda: self._port.claim(0)[0] != Status.ENDED)

    @property
    def _paused(self) -> State:
        """Whether the buffer is paused."""
        return State(lambda: self._port.claim(0)[0] == Status.PAUSED)


class Reader(reader.Reader):  # noqa: D101
    __doc__ = reader.Reader.__doc__

    metadata_dtype = METADATA_PAIRS

    def __init__(
        self, setup_dict: Mapping[str, Any], *, spin_us: float = 5.0, scattered: bool = False
    ) -> None:
        super().__init__(plain_setup(setup_dict), spin_us=spin_us, scattered=scattered)
        self.dtype = documented_dtype(self.dtype)
        self._kept = setup_dict["address"].get("kept")
        self._ahead = _NONE

    def data_available(self) -> bool:
        """Return whether :meth:`get` has an event at once; what is in hand stays valid."""
        if self._ahead == _NONE:
            found, taken = self._port.take(1)
            # A poisonous one is in our hands as well: get() deals with it.
            if taken or found == Status.POISONOUS:
                self._ahead = found
                self._advance = self._to_the_one_ahead
                self._advance_batch = lambda count: (self._to_the_one_ahead(), 1)  # noqa: ARG005
        return self._ahead != _NONE

    def acknowledge(self, count: int | None = None) -> None:
        """Mark what is in hand as done now, or only its first `count` events."""
        if self._ahead == _NONE or (count is not None and self._slot >= 0):
            super().acknowledge(count)
        elif self._slot >= 0:
            self._let_go()
            self._port.acknowledge_first(self._in_hand)

    def reject(self, reason: str = "") -> None:
        """Give what is in hand back undone, with what :meth:`data_available` has found."""
        self._forget_the_one_ahead()
        super().reject(reason)

    def wait_for_turn(self, timeout_s: float | None = None) -> bool:
        """Wait until the group has finished with every event before the one in hand."""
        is_our_turn = super().wait_for_turn(timeout_s)
        if not is_our_turn:  # all has been given back
            self._forget_the_one_ahead()
        return is_our_turn

    @property
    def _active(self) -> State:
        """Whether events are there or may come."""
        return State(self._is_active)

    @property
    def _paused(self) -> State:
        """Whether the run is paused."""
        return _paused()

    def _is_active(self) -> bool:
        return self._ahead != _NONE or self._port.take(0)[0] != Status.ENDED

    def _to_the_one_ahead(self) -> int:
        """Mark what is in hand as done; returns the slot of the event that was taken ahead."""
        found = self._ahead
        self._forget_the_one_ahead()
        if self._slot >= 0:
            self._port.acknowledge_first(self._in_hand)
        return found

    def _forget_the_one_ahead(self) -> None:
        self._ahead = _NONE
        self._advance, self._advance_batch = self._port.advance, self._port.advance_batch


class Observer(observer.Observer):  # noqa: D101
    __doc__ = observer.Observer.__doc__

    metadata_dtype = METADATA_PAIRS

    def __init__(self, setup_dict: Mapping[str, Any]) -> None:
        super().__init__(plain_setup(setup_dict))
        self.dtype = documented_dtype(self.dtype)
        self._kept = setup_dict["address"].get("kept")
        self._queue: NewestQueue | None = None

    @property
    def dataQ(self) -> NewestQueue:  # noqa: N802 - the documented name
        """The newest events as a queue: ``(data, metadata)``, and None at the end of the stream."""
        self._queue = self._queue or NewestQueue(self)
        return self._queue

    @property
    def _active(self) -> State:
        """Whether the stream goes on."""
        return State(lambda: not self.ended)

    @property
    def _paused(self) -> State:
        """Whether the run is paused."""
        return _paused()


class NewestQueue:
    """The newest events of a buffer, read like a queue; at most 20 in a second.

    Parameters
    ----------
    source
        Where to look.
    """

    def __init__(self, source: observer.Observer) -> None:
        self._source = source
        self._newest = NewestEvents(source, _QUEUE_INTERVAL_S)

    def get(
        self, block: bool = True, timeout: float | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """Return a copy of the newest event that was not seen before, and its metadata.

        Parameters
        ----------
        block
            Whether to wait for one.
        timeout
            How long at most, in s; None waits as long as it takes.

        Returns
        -------
        tuple or None
            The event, shape ``(values_per_slot,)``, and an array of one record with counter,
            timestamp and deadtime; None when the stream has ended.

        Raises
        ------
        queue.Empty
            There was none in time.
        """
        if (not block or timeout is not None) and not self._source.wait(timeout if block else 0):
            if self._source.ended:
                return None
            raise queue.Empty
        data = next(self._newest, None)
        if data is None:
            return None
        return data.copy(), np.array([self._source.get_metadata()], METADATA_PAIRS)

    def empty(self) -> bool:
        """Return whether :meth:`get` would have to wait."""
        return not self._source.ended and not self._source.wait(0)
