"""The heads of several buffers, and which of them belong together.

What heads and sets are, and M1 to M3, stand in :mod:`mimocorb.components.roles.merge`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.waits import WaitCause, tell_and_wait
from mimocorb.components.worker import current_worker
from mimocorb.errors import BufferTimeout, EndOfStream
from mimocorb.model.merge import MergeSettings

__all__ = ["Heads", "Metadata", "Source"]

Metadata = tuple[int, float, float]

_LOGGER = logging.getLogger(__name__)
_TURN_S = 0.05
"""Longest wait for one source before the others are looked at."""


@dataclass(eq=False)
class Source:
    """One input and its head.

    Parameters
    ----------
    reader, name
        Of the buffer.
    head, metadata, key
        The event in hand with its metadata, and the number by which it is put together with others.
    passed_over
        Sets up to this key have been dealt with without waiting for this source.
    wanted_since_s
        Since when the others are held up by it; None if they are not.
    is_silent, ended
        Whether it is not waited for until its next event; whether there will be none.
    counts
        What became of its events.
    """

    reader: Reader
    name: str
    head: NDArray[Any] | None = None
    metadata: Metadata = (0, -1.0, -1.0)
    key: float = -math.inf
    passed_over: float = -math.inf
    wanted_since_s: float | None = None
    is_silent: bool = False
    ended: bool = False
    counts: dict[str, int] = field(
        default_factory=lambda: {"complete": 0, "incomplete": 0, "late": 0, "out of order": 0}
    )


class Heads:
    """Takes one event of each source at a time, and finds those that are a set.

    Parameters
    ----------
    sources
        The sources, in the order of the set-up.
    settings
        How events are put together.
    """

    def __init__(self, sources: Sequence[Source], settings: MergeSettings) -> None:
        self._sources = sources
        self._by_counter = settings.by == "counter"
        self._width = settings.window_s or 0.0
        self._timeout_s = settings.timeout_s
        self._is_paused = current_worker().is_paused

    def next_set(self) -> list[Source]:
        """Return the sources whose heads are the next set; none at the end of all streams."""
        while True:
            self._fill()
            heads = [source for source in self._sources if source.head is not None]
            missing = self._missing()
            if heads and all(source.is_silent for source in missing):
                return self._lowest(heads)
            if not heads and not missing:
                return []

    def _missing(self) -> list[Source]:
        return [s for s in self._sources if s.head is None and not s.ended]

    def _fill(self) -> None:
        """Take what there is; if that does not suffice, wait for it, but not longer than a turn."""
        for source in self._missing():
            if not source.is_silent:
                self._take(source, 0.0)
        missing = self._missing()
        held_up = len(missing) < len([s for s in self._sources if not s.ended])
        awaited = [source for source in missing if not source.is_silent]
        if awaited:
            # no set is possible without each of them, so it does no harm to look at one only
            patience_s = min(_TURN_S, self._patience_s(awaited, held_up=held_up))
            if held_up:
                tell_and_wait(WaitCause.PARTNER, self._take, awaited[0], patience_s)
            else:
                self._take(awaited[0], patience_s)
        elif not held_up:
            for source in missing:
                self._take(source, _TURN_S / len(missing))
        for source in missing:
            if source.is_silent and source.head is None:
                self._take(source, 0.0)  # what has come meanwhile is in time

    def _patience_s(self, awaited: list[Source], *, held_up: bool) -> float:
        """Note who has been waited for too long; return how long the first may be waited for."""
        timeout_s = self._timeout_s
        if timeout_s is None:
            return math.inf
        now_s = time.monotonic()
        for source in awaited:
            if not held_up or self._is_paused():
                source.wanted_since_s = None
            elif source.wanted_since_s is None:
                source.wanted_since_s = now_s
            elif now_s - source.wanted_since_s >= timeout_s:
                source.is_silent = True
                _LOGGER.warning(
                    "buffer %s has had nothing for %g s: the others are no longer held up",
                    source.name,
                    timeout_s,
                )
        since_s = awaited[0].wanted_since_s
        return math.inf if since_s is None else max(0.0, since_s + timeout_s - now_s)

    def _take(self, source: Source, timeout_s: float) -> None:
        """Take the next event of a source, if it comes in time."""
        try:
            source.head = source.reader.get(timeout_s)
        except BufferTimeout:
            return
        except EndOfStream:
            source.ended = True
            return
        source.metadata = source.reader.get_metadata()
        source.is_silent, source.wanted_since_s = False, None
        previous, source.key = source.key, source.metadata[0 if self._by_counter else 1]
        if source.key < previous and source.reader.delivery == 1:
            source.counts["out of order"] += 1
            if source.counts["out of order"] == 1:
                _LOGGER.warning(
                    "buffer %s: a %s of %g comes behind one of %g. Merging needs events in order:"
                    " if several processes write this buffer, set 'ordered: true' for their worker",
                    source.name,
                    "counter" if self._by_counter else "timestamp",
                    source.key,
                    previous,
                )

    def _lowest(self, heads: list[Source]) -> list[Source]:
        """Return the sources whose heads belong to the earliest one, in the order of the set-up."""
        up_to = min(source.key for source in heads) + self._width
        for source in self._sources:
            if source.is_silent:
                source.passed_over = max(source.passed_over, up_to)
        return [source for source in heads if source.key <= up_to]
