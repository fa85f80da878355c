"""One observer of the in-process ring."""

from __future__ import annotations

import threading
import time

import numpy as np

from mimocorb.buffers.contract import Bytes, Snapshot, Status
from mimocorb.buffers.in_process.state import RingState, State

__all__ = ["InProcessObserver"]


class InProcessObserver:
    """One observer: it copies and leaves no trace."""

    def __init__(self, state: RingState) -> None:
        self._state = state

    def snapshot(self, target: Bytes) -> Snapshot | None:
        """Copy the newest event that is still whole; None while there is none."""
        state = self._state
        with state.changed:
            index = max(range(len(state.slots)), key=state.sequence_of)
            slot = state.slots[index]
            if slot.sequence == 0:
                return None
            np.copyto(target, state.payload[index])
            age_s = (time.monotonic_ns() - slot.published_ns) * 1e-9
            return Snapshot(
                slot.sequence,
                slot.counter,
                slot.timestamp_s,
                slot.deadtime,
                age_s,
                slot.time_ns,
            )

    def geometry(self) -> tuple[int, int]:
        """Return number and size in bytes of the slots."""
        return self._state.geometry

    def newest(self) -> int:
        """Publish number of the newest event, 0 before the first."""
        return self._state.published

    def oldest_unfinished(self) -> int:
        """Publish number of the oldest event that a group has not finished with."""
        state = self._state
        with state.changed:
            ready = (slot.sequence for slot in state.slots if slot.state is State.READY)
            return min(ready, default=state.published + 1)

    def wait(self, newer_than: int, timeout_s: float) -> int:
        """Block until an event newer than the given one is there; 0, NOT_NOW or ENDED."""
        state = self._state
        with state.changed:
            state.changed.wait_for(
                lambda: state.published > newer_than or state.no_more_events(),
                min(timeout_s, threading.TIMEOUT_MAX),
            )
            if state.published > newer_than:
                return 0
            return Status.ENDED if state.no_more_events() else Status.NOT_NOW

    def close(self) -> None:
        """Nothing to let go of."""
