"""The Observer: how a display looks at a buffer without anyone noticing."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import known_time
from mimocorb.buffers.contract import ObserverPort, Snapshot, Status
from mimocorb.buffers.handle import OpenHandle
from mimocorb.buffers.lengths import event_in, slot_bytes_of
from mimocorb.buffers.setup_dict import open_observer_port
from mimocorb.errors import BufferTimeout, EndOfStream, HandleMisuse

__all__ = ["Observer"]

_RETRY_S = 0.0005
_NEVER_PUBLISHED = 2**63 - 1


class Observer(OpenHandle):
    """Get copies of the newest event of a buffer, without slowing anyone or being waited for.

    Parameters
    ----------
    setup_dict
        From :meth:`NewBuffer.new_observer`; it may serve any number of processes.

    Notes
    -----
    An Observer sees the memory read-only. Its copies are never torn: a copy during which the slot
    was overwritten is thrown away and made again. Iterating gives each newest event once, until
    the stream ends; events in between are skipped and counted in :attr:`skipped`.

    Examples
    --------
    >>> from mimocorb.mimo_buffer import NewBuffer, Observer, Writer
    >>> with NewBuffer(8, 3, "int32") as buffer:
    ...     observer = Observer(buffer.new_observer())
    ...     with Writer(buffer.new_writer()) as writer:
    ...         writer.write([1, 2, 3])
    ...         writer.write([4, 5, 6])
    ...     print(observer.get(), observer.sequence, observer.skipped)
    [4 5 6] 2 1
    """

    _kind = "observer"
    _maker = "new_observer"
    _port: ObserverPort

    def __init__(self, setup_dict: Mapping[str, Any]) -> None:
        super().__init__(open_observer_port(setup_dict), setup_dict)
        # Two, so that a failed copy does not damage the event handed out last.
        self._spare, self._other = (np.empty(slot_bytes_of(setup_dict), np.uint8) for _ in "12")
        self._current: NDArray[Any] = np.empty(0, self.dtype)
        self._seen: Snapshot | None = None
        self._seen_at_s = 0.0
        self._skipped = 0

    def get(self, timeout_s: float | None = None) -> NDArray[Any]:
        """Return a copy of the newest event.

        Waits only while there is no event at all. After the end of the stream the last event is
        returned again and again.

        Parameters
        ----------
        timeout_s
            How long to wait for the first event, in seconds; None waits as long as it takes.

        Returns
        -------
        numpy.ndarray
            Shape ``(values_per_slot,)``, the dtype of the buffer, in a buffer of variable length as
            long as the event; it belongs to this Observer and does not change until the next call.

        Raises
        ------
        EndOfStream
            A :class:`SystemExit`: the stream has ended and there never was an event.
        BufferTimeout
            There was no event within `timeout_s`.
        """
        deadline_s = time.monotonic() + (math.inf if timeout_s is None else timeout_s)
        while not self._look():
            if self._seen is not None:
                break
            left_s = deadline_s - time.monotonic()
            outcome = self._port.wait(0, left_s)
            self._check(outcome, f"no event within {timeout_s} s")
            time.sleep(_RETRY_S)  # there is an event, but it did not hold still
            if left_s <= 0:
                raise BufferTimeout(f"buffer {self.name}: no event held still for {timeout_s} s")
        return self._current

    def get_metadata(self) -> tuple[int, float, float]:
        """Return ``(counter, timestamp, deadtime)`` of the event last obtained.

        Before the first: ``(0, -1.0, -1.0)``. The meaning is that of ``Reader.get_metadata``.
        """
        seen = self._seen
        return (seen.counter, seen.timestamp_s, seen.deadtime) if seen else (0, -1.0, -1.0)

    @property
    def time_ns(self) -> int | None:
        """Time of the event last obtained in whole ns, as ``Reader.time_ns``; None: it has none."""
        return known_time(self._seen.time_ns) if self._seen else None

    @property
    def sequence(self) -> int:
        """Publish number of the event last obtained; 0 before the first."""
        return self._seen.sequence if self._seen else 0

    @property
    def age_s(self) -> float:
        """Time since the event last obtained was published, in seconds."""
        if self._seen is None:
            raise HandleMisuse("age_s needs an event: call get() first")
        return self._seen.age_s + time.monotonic() - self._seen_at_s

    @property
    def skipped(self) -> int:
        """Events published between the last two that were obtained, and not seen."""
        return self._skipped

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for an event newer than the one last obtained, without obtaining it.

        Parameters
        ----------
        timeout_s
            How long to wait at most, in seconds; None waits as long as it takes.

        Returns
        -------
        bool
            True if :meth:`get` would return a newer event; False if none came within `timeout_s`,
            or none will come because the stream has :attr:`ended`.
        """
        outcome = self._port.wait(self.sequence, math.inf if timeout_s is None else timeout_s)
        if outcome == Status.ORPHANED:
            self._check(outcome, "")
        return outcome >= 0

    @property
    def ended(self) -> bool:
        """Whether the stream has ended: no event will come that is not there now."""
        return self._port.wait(_NEVER_PUBLISHED, 0) == Status.ENDED

    def close(self) -> None:
        """Let go of the buffer. Idempotent."""
        self._port.close()

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return self

    def __next__(self) -> NDArray[Any]:
        before = self.sequence
        while True:
            try:
                self._check(self._port.wait(before, math.inf), "")
            except EndOfStream:
                if self._port.newest() > before and self._look():
                    return self._current
                raise StopIteration from None
            if self._look() and self.sequence > before:
                return self._current
            time.sleep(_RETRY_S)

    def _look(self) -> bool:
        """Copy the newest event; False if there is none or none held still."""
        target = self._spare
        found = self._port.snapshot(target)
        if found is None:
            return False
        seen = Snapshot(*found)
        if seen.sequence < self.sequence:  # older than what we have: the newest did not hold still
            return False
        self._skipped = max(0, seen.sequence - self.sequence - 1)
        self._seen, self._seen_at_s = seen, time.monotonic()
        self._current = event_in(target, self.dtype, self.values_per_slot, self.variable)
        self._spare, self._other = self._other, target
        return True

    def _check(self, outcome: int, timed_out: str) -> None:
        if outcome == Status.ENDED:
            raise EndOfStream(f"buffer {self.name} has ended")
        if outcome == Status.ORPHANED:
            raise self._orphaned()
        if outcome == Status.NOT_NOW:
            raise BufferTimeout(f"buffer {self.name}: {timed_out}")
