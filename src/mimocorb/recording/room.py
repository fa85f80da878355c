"""Waiting for a disk that takes nothing more, instead of losing what was accepted.

Whatever writes a file of a run does so in attempts: one leaves what was there before if it fails,
so that it can be made again. When the disk is full, or cannot be written for another reason that
may pass, the process tells its supervisor and tries again until it succeeds. The run is paused
meanwhile, and goes on when there is room. To end it, the supervisor interrupts the process; what it
has in hand goes back to its buffer.

Outside a run nobody would learn that it waits: there the error is raised at once.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["connect", "when_there_is_room"]

MAY_PASS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.EROFS,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ENODEV,
        errno.ENXIO,
        errno.EREMOTEIO,
    }
)
"""A full disk, a quota, an error of the device or of the network. Not a limit on one file: there a
new process can go on in a new file."""
RETRY_S = 0.25

T = TypeVar("T")

_tell: list[Callable[[str], None]] = []


def connect(tell: Callable[[str], None]) -> None:
    """Let `tell` have why this process waits, and an empty text when it goes on."""
    _tell[:] = [tell]


def when_there_is_room(attempt: Callable[[], T], what: str) -> T:
    """Return what an attempt to write gives; while the disk takes nothing, make it again.

    Parameters
    ----------
    attempt
        Writes something, all of it or, if it raises an OSError, nothing.
    what
        That cannot be written, for the message.

    Raises
    ------
    OSError
        From the attempt: its reason will not pass, or there is nobody to tell it.
    """
    said = ""
    while True:
        try:
            result = attempt()
        except OSError as error:
            if error.errno not in MAY_PASS or not _tell:
                raise
            why = f"{what} cannot be written: {error.strerror}"
            if why != said:
                said = why
                _tell[0](why)
            time.sleep(RETRY_S)
        else:
            if said:
                _tell[0]("")
            return result
