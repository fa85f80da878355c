"""Whom to tell that this process waits at a buffer, and for what.

Readers and writers tell it only when they are about to sleep, so nobody pays for it who does not
wait anyway. The times that the ring itself keeps are those of a buffer; what is told here is for an
account of the process.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Protocol

__all__ = ["WaitCause", "WaitListener", "tell_waits_to", "waiting"]


class WaitCause(Enum):
    """What a reader or writer waits for."""

    EVENT = "an event"
    TURN = "readers that have an earlier event"
    PARTNER = "an event that belongs to those in hand"
    ROOM = "a free slot"
    RESUME = "the end of a pause"


class WaitListener(Protocol):
    """Gets told about waits, in the thread that waits."""

    def wait_begins(self, cause: WaitCause) -> None:
        """Tell that this thread is about to wait; a wait within a wait is part of it."""

    def wait_ends(self) -> None:
        """Tell that it goes on; called after each :meth:`wait_begins`, whatever happened."""


_find_listener: Callable[[], WaitListener] | None = None


def tell_waits_to(find_listener: Callable[[], WaitListener]) -> None:
    """Let the listener that `find_listener` returns for a thread know of its waits from now on."""
    global _find_listener  # noqa: PLW0603 - one account of a process
    _find_listener = find_listener


class _Told:
    """A wait that a listener is told about. A generator would cost several times as much."""

    __slots__ = ("_cause", "_listener")

    def __init__(self, listener: WaitListener, cause: WaitCause) -> None:
        self._listener = listener
        self._cause = cause

    def __enter__(self) -> None:
        self._listener.wait_begins(self._cause)

    def __exit__(self, *_: object) -> None:
        self._listener.wait_ends()


_UNTOLD = nullcontext()


def waiting(cause: WaitCause) -> AbstractContextManager[None]:
    """Tell the listener of this thread, if any, that it waits while the block runs."""
    return _UNTOLD if _find_listener is None else _Told(_find_listener(), cause)
