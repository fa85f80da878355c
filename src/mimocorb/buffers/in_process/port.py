"""What writers and readers of the in-process ring have in common."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from mimocorb.buffers.contract import Status
from mimocorb.buffers.in_process.state import RingState, Slot
from mimocorb.errors import HandleMisuse

__all__ = ["Port", "run_length"]


class Port(ABC):
    """A handle on the ring: the slots in its hands, closing, waiting."""

    def __init__(self, state: RingState) -> None:
        self._state = state
        self.in_hand: list[int] = []
        self.is_dead = False
        """For tests: the owner has died without closing it."""
        self.is_open = True

    @abstractmethod
    def all_waited_ns(self) -> int:
        """Time this handle has waited for anything."""

    @abstractmethod
    def recover(self) -> None:
        """Take back what a dead owner had in hand, and close."""

    def geometry(self) -> tuple[int, int]:
        """Return number and size in bytes of the slots."""
        return self._state.geometry

    def check_open(self) -> None:
        """Raise HandleMisuse if nobody can use this handle any more."""
        if not self.is_open or self.is_dead:
            raise HandleMisuse("this handle is closed: open a new one from its set-up dictionary")

    def slot_in_hand(self, index: int) -> Slot:
        """Return a slot that is in the hands of this handle."""
        self.check_open()
        if index not in self.in_hand:
            raise HandleMisuse(f"slot {index} is not in the hands of this handle")
        return self._state.slots[index]

    def wait_until(
        self, status: Callable[[], int], timeout_s: float, account: Callable[[int, int], None]
    ) -> int:
        """Wait while `status()` is NOT_NOW or PAUSED, and account the time to that cause."""
        deadline = time.monotonic() + timeout_s
        changed = self._state.changed
        with changed:
            self.check_open()
            while (cause := status()) in (Status.NOT_NOW, Status.PAUSED):
                started_ns = time.monotonic_ns()
                remaining_s = deadline - time.monotonic()
                if remaining_s <= 0:
                    return Status.NOT_NOW
                changed.wait(min(remaining_s, threading.TIMEOUT_MAX))
                account(cause, time.monotonic_ns() - started_ns)
                self.check_open()
            return cause


def run_length(indices: list[int], count: int) -> int:
    """How many of the first `count` indices are neighbouring slots in rising order."""
    length = 1
    while length < min(count, len(indices)) and indices[length] == indices[length - 1] + 1:
        length += 1
    return length
