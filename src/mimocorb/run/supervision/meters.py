"""Measuring a run from outside: times and throughput. Live and dead time are in the accounts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from enum import IntEnum

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.run.run_view import BufferView, GroupView
from mimocorb.run.supervision.spill import Spilled
from mimocorb.run.workers.worker_function import WorkerFunction

__all__ = ["BufferMeter", "RunClock"]


RATE_WINDOW_S = 2.0
SHORTEST_WINDOW_S = 0.2


class _RunTime(IntEnum):
    NOT_BEGUN = 0
    ACTIVE = 1
    PAUSED = 2
    OVER = 3


class RunClock:
    """Time since data taking began, with and without pauses; stops when no more data are taken.

    The time in which the run wants data, in the same clock as the accounts of the processes; what
    a source makes of it is in these.
    """

    def __init__(self) -> None:
        self._state = _RunTime.NOT_BEGUN
        self._since_ns = time.monotonic_ns()
        self._spent_ns = dict.fromkeys(_RunTime, 0)

    def start(self) -> None:
        """Begin to count."""
        self._switch(_RunTime.ACTIVE)

    def pause(self) -> None:
        """Stop counting active time."""
        self._switch(_RunTime.PAUSED)

    def resume(self) -> None:
        """Count active time again."""
        self._switch(_RunTime.ACTIVE)

    def stop(self) -> None:
        """End counting. Idempotent."""
        self._switch(_RunTime.OVER)

    @property
    def paused_ns(self) -> int:
        """Time for which the run has been paused."""
        return self._until_now_ns(_RunTime.PAUSED)

    def elapsed_s(self) -> float | None:
        """Time since the start, pauses included; None before the start."""
        active_s = self.active_s()
        return None if active_s is None else active_s + self.paused_ns / 1e9

    def active_s(self) -> float | None:
        """Time since the start without pauses; None before the start."""
        active_ns = self._until_now_ns(_RunTime.ACTIVE)
        return active_ns / 1e9 if active_ns else None

    def _switch(self, state: _RunTime) -> None:
        now_ns = time.monotonic_ns()
        self._spent_ns[self._state] += now_ns - self._since_ns
        self._since_ns, self._state = now_ns, state

    def _until_now_ns(self, state: _RunTime) -> int:
        present_ns = time.monotonic_ns() - self._since_ns if state == self._state else 0
        return self._spent_ns[state] + present_ns


class BufferMeter:
    """Takes the statistics of a buffer and adds the throughput and the readers' names."""

    def __init__(self, buffer: NewBuffer, functions: Sequence[WorkerFunction]) -> None:
        self._buffer = buffer
        name = buffer.name
        reading = [function for function in functions if name in function.readers]
        names = [function.spec.function.name for function in reading]
        self._readers = {
            int(function.readers[name]["group"]): (
                plain if names.count(plain) == 1 else function.label
            )
            for function, plain in zip(reading, names, strict=True)
        }
        self._points: deque[tuple[float, int]] = deque()
        self._settled: int | None = None

    def begin_drain(self) -> None:
        """Count from now on how many events there are to drain; the first call rules."""
        if self._settled is None:
            groups = self._buffer.stats().groups
            self._settled = sum(group.offered - group.due for group in groups)

    @property
    def throughput_hz(self) -> float | None:
        """Events published per second over the last seconds; None before it has been measured."""
        if len(self._points) < 2:
            return None
        (first_s, first), (last_s, last) = self._points[0], self._points[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else None

    def view(
        self, active_s: float | None, spilled: Mapping[int, Spilled], *, over: bool = False
    ) -> BufferView:
        """Look at the buffer now.

        Parameters
        ----------
        active_s
            How long data have been taken, without pauses; None before.
        spilled
            Events taken out for the spill file, by group number.
        over
            Whether the run has ended: then the throughput is that of all data taking.
        """
        stats = self._buffer.stats()
        now = time.monotonic()
        if active_s is not None and (
            not self._points or now - self._points[-1][0] > SHORTEST_WINDOW_S
        ):
            self._points.append((now, stats.published))
            while now - self._points[0][0] > RATE_WINDOW_S and len(self._points) > 2:
                self._points.popleft()
        to_drain = None
        if self._settled is not None:
            to_drain = sum(group.offered for group in stats.groups) - self._settled
        groups = tuple(
            GroupView.of(
                group,
                stats.published,
                self._readers.get(group.group, f"group {group.group}"),
                *spilled.get(group.group, Spilled()),
            )
            for group in stats.groups
        )
        mean_hz = stats.published / active_s if active_s else None
        throughput_hz = mean_hz if over else self.throughput_hz
        return BufferView.of(stats, groups, throughput_hz=throughput_hz, to_drain=to_drain)
