"""What a run tells all its workers at any time: whether it is paused.

Workers that only read notice a pause by getting nothing, which may have many reasons. Where time
without an event counts against somebody, the time of a pause must not.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from multiprocessing.connection import Connection

__all__ = ["PauseFlag", "read_pause_flag"]


class PauseFlag:
    """The flag as the supervisor holds it: one byte in memory that it alone writes."""

    def __init__(self) -> None:
        descriptor = os.memfd_create("mimocorb pause flag")
        os.ftruncate(descriptor, 1)
        self._map = mmap.mmap(descriptor, 1)
        self.connection = Connection(descriptor)
        """The flag on its way to workers; a Connection, because these travel to any child."""

    def write(self, *, paused: bool) -> None:
        """Tell whether the run is paused."""
        self._map[0] = paused

    def close(self) -> None:
        """Let go of the memory. Idempotent."""
        self.connection.close()
        self._map.close()


def read_pause_flag(connection: Connection) -> Callable[[], bool]:
    """Return a function that says in a worker whether the run is paused; closes the connection."""
    flag = mmap.mmap(connection.fileno(), 1, prot=mmap.PROT_READ)
    connection.close()
    return lambda: bool(flag[0])
