"""One thread for each buffer that somebody looks at: it copies and reduces the newest event.

Nobody looks: nothing is copied. Many look: it is done once. The thread waits in the core until
there is a newer event, and then for the rest of the frame; it never asks again and again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from mimocorb.buffers.observer import Observer
from mimocorb.buffers.units import in_units
from mimocorb.errors import BufferTimeout, BufferUnreachable, EndOfStream, MimocorbError
from mimocorb.web.found_pulses import pulses_in
from mimocorb.web.frames import MOST_COLUMNS, SeenEvent, columns_of, encoded

__all__ = ["FRAME_S", "BufferWatch"]

FRAME_S = 0.05
"""20 frames per second: more cannot be told apart, and each costs."""

KEPT_EVENTS = 40
KEPT_BYTES = 32 << 20
LOOK_S = 0.25
TRIES = 4


class BufferWatch:
    """Looks at one buffer for everybody.

    Parameters
    ----------
    observer
        Of the buffer.
    beside
        Observers of buffers in which a filter writes what it has found in these events.
    publish
        Called from the thread of the watch with each event that is new.

    Attributes
    ----------
    columns
        Columns of the widest picture.
    full
        Whether somebody has zoomed in, and wants every sample.
    """

    def __init__(
        self,
        observer: Observer,
        beside: Sequence[Observer],
        publish: Callable[[SeenEvent, bytes, bytes | None], None],
    ) -> None:
        self.name = observer.name
        self.columns = 500
        self.full = False
        self._observer = observer
        self._beside = beside
        self._publish = publish
        self._wanted = threading.Event()
        self._closed = False
        self._lock = threading.Lock()
        self._kept: deque[SeenEvent] = deque(maxlen=KEPT_EVENTS)
        size = observer.values_per_slot * observer.dtype.itemsize
        self._most_kept = max(2, min(KEPT_EVENTS, KEPT_BYTES // max(1, size)))
        self._thread = threading.Thread(target=self._run, name=f"watch {self.name}", daemon=True)
        self._thread.start()

    def want(self, columns: int, *, full: bool) -> None:
        """Go on, for pictures not wider than this."""
        self.columns, self.full = max(50, min(MOST_COLUMNS, columns)), full
        self._wanted.set()

    def rest(self) -> None:
        """Nobody looks any more."""
        self._wanted.clear()

    def seen(self, counter: int) -> SeenEvent | None:
        """Return an event that was shown lately, by its counter."""
        for event in tuple(self._kept):
            if event.metadata[0] == counter:
                return event
        return None

    def newest(self) -> SeenEvent | None:
        """Return the newest event now, whether somebody looks or not; None if there is none."""
        if self._thread.is_alive() and self._wanted.is_set() and self._kept:
            return self._kept[-1]
        with suppress(MimocorbError, EndOfStream):
            return self._look()
        return None

    def close(self) -> None:
        """End the thread, and let go of the buffers. Idempotent."""
        self._closed = True
        self._wanted.set()
        self._thread.join(timeout=5)
        for observer in (self._observer, *self._beside):
            observer.close()

    def _run(self) -> None:
        last = 0
        next_s = 0.0
        while not self._closed:
            self._wanted.wait()
            left_s = next_s - time.monotonic()
            if left_s > 0:
                time.sleep(left_s)
            if self._closed:
                return
            try:
                if not self._observer.wait(LOOK_S):
                    if self._observer.ended:
                        time.sleep(LOOK_S)
                    continue
                event = self._look()
            except (BufferUnreachable, BufferTimeout, EndOfStream):
                time.sleep(LOOK_S)  # the run has gone; who asks for its status will tell
                continue
            next_s = time.monotonic() + FRAME_S
            if event.sequence == last:
                continue
            last = event.sequence
            self._keep(event)
            full = encoded(event, 0) if self.full else None
            self._publish(event, encoded(event, self.columns), full)

    def _keep(self, event: SeenEvent) -> None:
        while len(self._kept) >= self._most_kept:
            self._kept.popleft()
        self._kept.append(event)

    def _look(self) -> SeenEvent:
        """Copy the newest event, and what a filter has found in it if that can be had."""
        with self._lock:  # an observer belongs to one thread at a time
            return self._copied(self._observer)

    def _copied(self, observer: Observer) -> SeenEvent:
        matching: list[Observer] = []
        for _ in range(TRIES if self._beside else 1):
            data = in_units(observer.get(timeout_s=0.1), observer)
            metadata = observer.get_metadata()
            matching = [one for one in self._beside if _has(one, metadata[0])]
            if matching:
                break
        channels = list(columns_of(data))
        pulses = [p for one in matching for p in pulses_in(one.get(timeout_s=0.1), channels)]
        return SeenEvent(
            self.name,
            observer.sequence,
            metadata,
            observer.time_ns,
            observer.skipped,
            time.time() - observer.age_s,
            data,
            pulses,
        )


def _has(observer: Observer, counter: int) -> bool:
    """Whether the newest event of this buffer is the one with this counter."""
    with suppress(BufferTimeout, EndOfStream, BufferUnreachable):
        observer.get(timeout_s=0)
        return observer.get_metadata()[0] == counter
    return False
