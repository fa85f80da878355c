"""Whom to tell that this process waits at a buffer, and for what.

Readers and writers tell it only when they are about to sleep, so nobody pays for it who does not
wait anyway. The times that the ring itself keeps are those of a buffer; what is told here is for an
account of the process.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ParamSpec, Protocol, TypeVar

__all__ = ["WaitCause", "WaitListener", "tell_and_wait", "tell_waits_to"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


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


def tell_and_wait(
    cause: WaitCause, wait: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
) -> _T:
    """Return ``wait(*args, **kwargs)``; the listener of this thread, if any, learns that it waits.

    Not a context manager: what runs after a wait runs with cold caches, so its length counts.
    """
    if _find_listener is None:
        return wait(*args, **kwargs)
    listener = _find_listener()
    listener.wait_begins(cause)
    try:
        return wait(*args, **kwargs)
    finally:
        listener.wait_ends()
