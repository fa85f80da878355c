"""Measuring a run from outside: times, rates, dead time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from mimocorb._buffer.new_buffer import NewBuffer
from mimocorb._run.run_state import BufferView
from mimocorb._run.worker_function import WorkerFunction

__all__ = ["BufferMeter", "RunClock"]

RATE_WINDOW_S = 2.0
SHORTEST_WINDOW_S = 0.2


class RunClock:
    """Time since data taking began, with and without pauses; stops when no more data are taken."""

    def __init__(self) -> None:
        self._started_s: float | None = None
        self._stopped_s: float | None = None
        self._paused_since_s: float | None = None
        self._paused_s = 0.0

    def start(self) -> None:
        """Begin to count."""
        self._started_s = time.monotonic()

    def pause(self) -> None:
        """Stop counting active time."""
        self._paused_since_s = time.monotonic()

    def resume(self) -> None:
        """Count active time again."""
        if self._paused_since_s is not None:
            self._paused_s += time.monotonic() - self._paused_since_s
            self._paused_since_s = None

    def stop(self) -> None:
        """End counting; the first call rules."""
        if self._stopped_s is None:
            self.resume()
            self._stopped_s = time.monotonic()

    def elapsed_s(self) -> float | None:
        """Time since the start, pauses included; None before the start."""
        if self._started_s is None:
            return None
        end = time.monotonic() if self._stopped_s is None else self._stopped_s
        return end - self._started_s

    def active_s(self) -> float | None:
        """Time since the start without pauses; None before the start."""
        elapsed = self.elapsed_s()
        if elapsed is None:
            return None
        now_paused = 0.0
        if self._paused_since_s is not None:
            now_paused = time.monotonic() - self._paused_since_s
        return elapsed - self._paused_s - now_paused


class BufferMeter:
    """Takes the statistics of a buffer and adds the rate, the readers' names and the dead time."""

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
        writing = [function.spec for function in functions if name in function.writers]
        # Where filters write as well, their waiting is not the experiment's dead time.
        only_sources = bool(writing) and all(spec.is_source for spec in writing)
        self._sources = sum(s.number_of_processes for s in writing) if only_sources else 0
        self._points: deque[tuple[float, int]] = deque()
        self._settled: int | None = None

    def begin_drain(self) -> None:
        """Count from now on how many events there are to drain; the first call rules."""
        if self._settled is None:
            groups = self._buffer.stats().groups
            self._settled = sum(group.offered - group.due for group in groups)

    @property
    def rate_hz(self) -> float | None:
        """Events published per second over the last seconds; None before it has been measured."""
        if len(self._points) < 2:
            return None
        (first_s, first), (last_s, last) = self._points[0], self._points[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else None

    def view(self, active_s: float | None) -> BufferView:
        """Look at the buffer now, `active_s` seconds into the run."""
        stats = self._buffer.stats()
        now = time.monotonic()
        if active_s is not None and (
            not self._points or now - self._points[-1][0] > SHORTEST_WINDOW_S
        ):
            self._points.append((now, stats.published))
            while now - self._points[0][0] > RATE_WINDOW_S and len(self._points) > 2:
                self._points.popleft()
        dead = None
        if self._sources and active_s:
            dead = min(1.0, stats.waiting.full_s / (self._sources * active_s))
        to_drain = None
        if self._settled is not None:
            to_drain = sum(group.offered for group in stats.groups) - self._settled
        return BufferView(stats, self.rate_hz, dict(self._readers), dead, to_drain=to_drain)
