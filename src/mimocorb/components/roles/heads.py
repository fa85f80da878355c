"""The heads of several buffers, and which of them belong together.

What heads and sets are, and M1 to M3, stand in :mod:`mimocorb.components.roles.merge`.

Events are put together by a *key*, their counter or their time. An event without a key, such as one
whose time is NaN, belongs to no other event: it is a set of its own. A counter that goes back, or
comes twice, makes it doubtful what belongs together from there on; that is counted and told. With a
``modulo`` counters are unwrapped: each is taken to be as near as can be to the one before.
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
from mimocorb.errors import BufferTimeout, EndOfStream, UserFunctionError
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
    head, metadata, time_ns, key
        The event in hand with its metadata, and the number by which it is put together with others.
    has_key
        Whether it has such a number; if not, ``key`` is that of the event before.
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
    time_ns: int | None = None
    key: float = -math.inf
    has_key: bool = True
    passed_over: float = -math.inf
    wanted_since_s: float | None = None
    is_silent: bool = False
    ended: bool = False
    counts: dict[str, int] = field(
        default_factory=lambda: {"complete": 0, "incomplete": 0, "late": 0, "out of order": 0}
    )


class Keys:
    """The number by which an event is put together with others, and what to say of it.

    Parameters
    ----------
    settings
        How events are put together.

    Attributes
    ----------
    by_counter : bool
        Whether it is the counter.
    width : float or int
        How much more it may be than that of the earliest event of a set.
    """

    def __init__(self, settings: MergeSettings) -> None:
        self.by_counter = settings.by == "counter"
        self._by_time_ns = settings.window_ns is not None
        self._modulo = settings.modulo
        self.width: float = settings.window_s or settings.window_ns or 0

    def key_of(self, source: Source, others: Sequence[float]) -> float | None:
        """Return the key of the head of a source, None if it has none.

        `others` are the keys of all sources that have had an event, its own among them.
        """
        counter, timestamp_s, _ = source.metadata
        if self._by_time_ns:
            return source.time_ns
        if not self.by_counter:
            return timestamp_s if math.isfinite(timestamp_s) else None
        if self._modulo is None:
            return counter
        if not 0 <= counter < self._modulo:
            raise UserFunctionError(
                f"merge: event {counter} of {source.name} has a counter that is not below the"
                f" modulo {self._modulo}; set modulo to where the counters begin again at 0"
            )
        if not others:
            return counter
        near = int(source.key if source.key != -math.inf else max(others))
        step = (counter - near) % self._modulo
        return near + (step if step <= self._modulo // 2 else step - self._modulo)

    def without_key(self, source: Source) -> str:
        """Say that an event has no key."""
        name = source.name
        if self._by_time_ns:
            return (
                f"buffer {name}: event {source.metadata[0]} has no time_ns, so it belongs to no"
                " other event: it counts as incomplete. window_ns needs a source that gives its"
                " events a time_ns; window_s goes by their timestamp"
            )
        return (
            f"buffer {name}: event {source.metadata[0]} has the timestamp {source.metadata[1]}, so"
            " it belongs to no other event: it counts as incomplete"
        )

    def disorder(self, source: Source, previous: float) -> str:
        """Say that the key of a source is not above the one before."""
        what = "counter" if self.by_counter else "time_ns" if self._by_time_ns else "timestamp"
        text = f"buffer {source.name}: a {what} of {source.key} comes behind one of {previous}"
        if source.key == previous:
            return (
                f"{text}, so what belongs together is doubtful from here on. Merging by counter"
                " needs a counter that is new with every event"
            )
        text += (
            ". Merging needs events in order: if several processes write this buffer, set"
            " 'ordered: true' for their worker"
        )
        if self.by_counter and self._modulo is None:
            laps = 1 << int(previous).bit_length()
            text += (
                f". Do the counters begin again, after {laps} values? Then write merge:"
                f" {{by: counter, modulo: {laps}}}. What belongs together is doubtful from here on"
            )
        return text


class Heads:
    """Takes one event of each source at a time, and finds those that are a set.

    Parameters
    ----------
    sources
        The sources, in the order of the set-up.
    settings
        How events are put together.

    Attributes
    ----------
    disordered_count : int
        How often a counter or a time went back, or a counter came twice.
    """

    def __init__(self, sources: Sequence[Source], settings: MergeSettings) -> None:
        self.disordered_count = 0
        self._sources = sources
        self._keys = Keys(settings)
        self._fails = settings.incomplete == "fail"
        self._timeout_s = settings.timeout_s
        self._is_paused = current_worker().is_paused

    def next_set(self) -> list[Source]:
        """Return the sources whose heads are the next set; none at the end of all streams."""
        while True:
            self._fill()
            heads = [source for source in self._sources if source.head is not None]
            alone = next((source for source in heads if not source.has_key), None)
            if alone is not None:
                return [alone]
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
        source.metadata, source.time_ns = source.reader.get_metadata(), source.reader.time_ns
        source.is_silent, source.wanted_since_s = False, None
        others = [other.key for other in self._sources if other.key != -math.inf]
        previous, key = source.key, self._keys.key_of(source, others)
        source.has_key = key is not None
        if key is None:
            self._tell_once(source, "no time", self._keys.without_key(source))
            return
        source.key = key
        if source.reader.delivery > 1 or previous == -math.inf:
            return
        if key < previous or (key == previous and self._keys.by_counter):
            self._tell_disorder(source, previous)

    def _tell_disorder(self, source: Source, previous: float) -> None:
        self.disordered_count += 1
        text = self._keys.disorder(source, previous)
        if self._fails:
            raise UserFunctionError(f"merge: {text}")
        self._tell_once(source, "repeated" if source.key == previous else "out of order", text)

    def _tell_once(self, source: Source, what: str, text: str) -> None:
        count = source.counts[what] = source.counts.get(what, 0) + 1
        if count == 1:
            _LOGGER.warning("%s", text)

    def _lowest(self, heads: list[Source]) -> list[Source]:
        """Return the sources whose heads belong to the earliest one, in the order of the set-up."""
        up_to = min(source.key for source in heads) + self._keys.width
        for source in self._sources:
            if source.is_silent:
                source.passed_over = max(source.passed_over, up_to)
        return [source for source in heads if source.key <= up_to]
