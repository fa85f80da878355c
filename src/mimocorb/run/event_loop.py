"""Waiting for several things at once, and being woken from anywhere."""

from __future__ import annotations

import os
import selectors
from collections.abc import Callable

__all__ = ["EventLoop"]


class EventLoop:
    """Calls an action when its descriptor is ready; :meth:`wake` ends a wait from anywhere."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_reading, self._wake_writing = os.pipe()
        for descriptor in (self._wake_reading, self._wake_writing):
            os.set_blocking(descriptor, False)
        self.watch(self._wake_reading, self._woken)

    def watch(self, descriptor: int, action: Callable[[], None], *, to_write: bool = False) -> None:
        """Call the action whenever the descriptor is readable, or instead when it is writable."""
        event = selectors.EVENT_WRITE if to_write else selectors.EVENT_READ
        self._selector.register(descriptor, event, action)

    def unwatch(self, descriptor: int) -> None:
        """Stop watching; does nothing if it was not watched."""
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)

    def turn(self, longest_s: float) -> None:
        """Wait until something is ready, at most so long, and call what belongs to it."""
        for key, _events in self._selector.select(longest_s):
            # An action may have ended the interest in others that were ready with it.
            if self._selector.get_map().get(key.fd) is key:
                key.data()

    def wake(self) -> None:
        """End the present wait, or the next one; safe in threads and signal handlers."""
        if self._wake_writing < 0:
            return
        try:
            os.write(self._wake_writing, b"!")
        except BlockingIOError:  # so many wakes are waiting that one more changes nothing
            return

    def close(self) -> None:
        """Release the descriptors. Idempotent."""
        if self._wake_writing >= 0:
            self._selector.close()
            os.close(self._wake_reading)
            os.close(self._wake_writing)
            self._wake_reading = self._wake_writing = -1

    def _woken(self) -> None:
        try:
            os.read(self._wake_reading, 4096)
        except BlockingIOError:
            return
