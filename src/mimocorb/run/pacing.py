"""When recorded events come again: as fast as possible, as they were recorded, or at a rate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import NO_TIME, BatchMetadata
from mimocorb.errors import SetupError
from mimocorb.recording.block import Block

__all__ = ["NextRound", "Pace", "Pacer", "check_pace", "without_time"]

Pace = Literal["fastest", "original", "fixed", "random"]

_LONGEST_SLEEP_S = 0.2
_LATE_S = 1.0
"""Who is later than this has been held up, by a pause or a full buffer: what follows is moved."""
_NS = 1e9
_NO_TIMESTAMP = -1.0


class Pacer:
    """Gives out recorded events when they are due.

    Parameters
    ----------
    pace
        How they come.
    rate_hz
        Mean rate of the paces ``fixed`` and ``random``, in Hz.
    seed
        Of the random numbers.
    """

    def __init__(self, pace: Pace, rate_hz: float | None, seed: int | None) -> None:
        self._pace = pace
        self._interval_s = 1.0 / rate_hz if rate_hz else 0.0
        self._random = np.random.default_rng(seed)
        self._origin_s: float | None = None
        self._last_s = 0.0
        self._first: Any = None

    def begin(self) -> None:
        """Begin another recording, whose first event comes at once in the pace ``original``."""
        self._first = None

    def parts(self, block: Block) -> Iterator[Block]:
        """Yield the events of a block, as many at a time as are due; sleeps until then."""
        if self._pace == "fastest":
            yield block
            return
        due_s, at, count = self._due(block), 0, len(block.data)
        while at < count:
            late_s = self._now() - due_s[at]
            if late_s < 0:
                time.sleep(min(-late_s, _LONGEST_SLEEP_S))
                continue
            if late_s > _LATE_S and self._origin_s is not None:
                self._origin_s += late_s
            end = max(at + 1, int(np.searchsorted(due_s, self._now(), side="right")))
            yield Block(block.data[at:end], block.metadata.at(slice(at, end)))
            at = end

    def _now(self) -> float:
        if self._origin_s is None:
            self._origin_s = time.monotonic()
        return time.monotonic() - self._origin_s

    def _due(self, block: Block) -> NDArray[np.float64]:
        """Return when the events of a block are due, in s since the first event of all."""
        count = len(block.data)
        if self._pace == "original":
            return self._as_recorded(block)
        if self._pace == "fixed":
            steps = np.full(count, self._interval_s)
        else:
            steps = self._random.exponential(self._interval_s, count)
        due_s: NDArray[np.float64] = self._last_s + np.cumsum(steps)
        self._last_s = float(due_s[-1])
        return due_s

    def _as_recorded(self, block: Block) -> NDArray[np.float64]:
        times_ns = block.metadata.time_ns
        if times_ns is not None and not (times_ns == NO_TIME).any():
            times, per_s = times_ns, _NS
        else:
            times, per_s = block.metadata.timestamp, 1.0  # type: ignore[assignment]
        if self._first is None:
            self._first, self._begun_s = times[0], self._now()
        since_s = (times - self._first) / per_s
        # one that was recorded before the one in front of it comes together with that
        ordered: NDArray[np.float64] = np.fmax.accumulate(self._begun_s + since_s)
        return np.fmax(ordered, self._begun_s)


class NextRound:
    """Counters and times of events that are played again and again: they go on."""

    def __init__(self) -> None:
        self._counter = self._time_ns = 0
        self._timestamp = 0.0
        self._seen: dict[str, tuple[Any, Any]] = {}
        self._events = 0

    def metadata(self, block: Block) -> BatchMetadata | dict[str, Any]:
        """Return the metadata of events as a source gives them to its buffer."""
        found = block.metadata
        self._note(found)
        if without_time(block):
            return {"counter": found.counter + self._counter, "deadtime": found.deadtime}
        moved = BatchMetadata(
            found.counter + self._counter, found.timestamp + self._timestamp, found.deadtime
        )
        moved.may_repeat = found.may_repeat
        if found.time_ns is not None:
            is_known = found.time_ns != NO_TIME
            moved.time_ns = np.where(is_known, found.time_ns + self._time_ns * is_known, NO_TIME)
        return moved

    def _note(self, found: BatchMetadata) -> None:
        self._events += len(found.counter)
        for name in ("counter", "timestamp", "time_ns"):
            values = getattr(found, name)
            if name == "time_ns" and values is not None:
                values = values[values != NO_TIME]
            if values is not None and len(values):
                low, high = self._seen.get(name, (values.min(), values.max()))
                self._seen[name] = (min(low, values.min()), max(high, values.max()))

    def begin(self) -> None:
        """Begin the next round: one mean interval behind the last event of the one before."""
        intervals = max(1, self._events - 1)
        for name, (low, high) in self._seen.items():
            if name == "counter":
                self._counter += int(high - low) + 1
            elif name == "timestamp":
                self._timestamp += float(high - low) * (1 + 1 / intervals)
            else:
                self._time_ns += int(high - low) + round(int(high - low) / intervals)
        self._seen, self._events = {}, 0


def without_time(block: Block) -> bool:
    """Whether nothing is known of when its events were recorded."""
    return bool((block.metadata.timestamp == _NO_TIMESTAMP).all())


def check_pace(pace: str, rate_hz: float | None) -> None:
    """Raise a SetupError if a pace lacks its rate, or has one that it does not need."""
    wants_rate = pace in ("fixed", "random")
    if wants_rate and (rate_hz is None or not 0 < rate_hz < float("inf")):
        raise SetupError(
            f"replay: the pace {pace} needs rate_hz, a number above 0; found {rate_hz}"
        )
    if not wants_rate and rate_hz is not None:
        raise SetupError(
            f"replay: rate_hz is for the paces fixed and random; found {rate_hz} with the pace"
            f" {pace}: remove it, or choose one of these"
        )
