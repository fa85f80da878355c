"""How many events a process takes at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

__all__ = [
    "BYTES_OF_A_BATCH_FUNCTION",
    "EVENTS_OF_A_BATCH_FUNCTION",
    "BatchPace",
    "batch_limit",
    "events_in_a_batch",
    "is_small",
]

EVENTS_OF_A_BATCH_FUNCTION = 4096
BYTES_OF_A_BATCH_FUNCTION = 1 << 20
"""So that a few large events share the cost of a call; a megabyte is copied in 0.1 ms."""

_BATCH_BYTES = 64 * 1024
_SMALL_BYTES = 4096
_LEAST_WORTH_IT = 16
_PART_OF_A_SLOT = 8


def batch_limit(
    setup: Mapping[str, Any], at_most: int, processes: int = 1, batch_bytes: int = _BATCH_BYTES
) -> int:
    """Return how many events of a buffer may be in the hands of one reader.

    * At most 64 KiB, unless told otherwise: a batch stays in the processor's cache.
    * At most half of the slots, for all processes of the group together. Events in hand keep their
      slots occupied: the other half is still there for the writer to go on.

    Parameters
    ----------
    setup
        Set-up dictionary of the reader.
    at_most
        The limit for small events in a large buffer.
    processes
        That share the events of the buffer.
    batch_bytes
        As much as a batch may have.
    """
    slots: int = setup["number_of_slots"]
    return max(1, min(at_most, events_in_a_batch(setup, batch_bytes), slots // (2 * processes)))


def events_in_a_batch(setup: Mapping[str, Any], batch_bytes: int = _BATCH_BYTES) -> int:
    """Return how many events of a buffer are as much data as a batch may have, at least 1."""
    return max(1, batch_bytes // _event_bytes(setup))


def is_small(setup: Mapping[str, Any]) -> bool:
    """Return whether events may be copied to lie beside each other; larger ones are not worth it.

    Of these a batch is what lies beside each other anyway.
    """
    return setup["variable"] or _event_bytes(setup) <= _SMALL_BYTES


def _event_bytes(setup: Mapping[str, Any]) -> int:
    """Return how large an event is; one of variable length is taken to fill a part of its slot."""
    size: int = setup["dtype"].itemsize * setup["values_per_slot"]
    return max(1, size // _PART_OF_A_SLOT) if setup["variable"] else size


class BatchPace:
    """Chooses the size of the next batch so that it takes about a millisecond to process.

    What is in hand is kept from the colleagues of the group, and what comes out of it from the
    buffers behind. With functions that need a millisecond or more per event, batches are as small
    as they may be; where they need microseconds, many events share the cost of a call.

    Parameters
    ----------
    limit
        The largest batch. If that is too small to be worth it, events go one by one untimed.
    least
        The smallest batch: what is the share of a process if all of the group are at work.
    """

    TARGET_S = 1e-3

    def __init__(self, limit: int, least: int = 1) -> None:
        self.least = self.size = least
        self._worth_it = _LEAST_WORTH_IT if least == 1 else least
        self._limit = limit if limit >= self._worth_it else least
        self._is_timed = self._limit > least
        self._began_s = 0.0

    def begin(self) -> None:
        """Note that processing begins now."""
        if self._is_timed:
            self._began_s = time.perf_counter()

    def end(self, count: int) -> None:
        """Note that `count` events have been processed."""
        if not self._is_timed:
            return
        event_s = (time.perf_counter() - self._began_s) / count
        affordable = int(self.TARGET_S / event_s) if event_s > 0 else self._limit
        if min(affordable, self._limit) < self._worth_it:
            self.size = self.least
        else:  # growing by doubling: quick events may be followed by slow ones
            self.size = min(affordable, max(self._worth_it, 2 * self.size), self._limit)

    def share(self, left: int) -> int:
        """Return the size of the next batch of a process that is not alone.

        Half of the slots are for all processes together. Of what the others have `left` of it,
        nobody takes more than half: two who are at work have a third each, and whoever joins them
        finds something.
        """
        return min(self.size, max(self.least, left // 2))
