"""Waiting for a disk that takes nothing more, instead of losing what was accepted.

Whatever of mimocorb writes a file of a run does so in attempts: one leaves what was there before if
it fails, so that it can be made again. When the disk is full, or cannot be written for another
reason that may pass, the process tells its supervisor and tries again until it succeeds. The run is
paused meanwhile, and goes on when there is room. To end it, the supervisor interrupts the process;
what it has in hand goes back to its buffer.

A function of the user that finds its disk full is called again with the same events, in the same
way. What it had written of them before may then be there twice, so they are marked as what may be
repeats.

Outside a run nobody would learn that it waits: there the error is raised at once.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["again_when_there_is_room", "connect", "when_there_is_room"]

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
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a function of the user may raise for a full disk; anything else may be its device."""
RETRY_S = 0.25
LONGEST_RETRY_S = 5.0

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


def again_when_there_is_room(error: BaseException, attempt: Callable[[], T], what: str) -> T:
    """Return what a function of the user gives that is called again until its disk has room.

    Parameters
    ----------
    error
        What it has raised.
    attempt
        Calls it again.
    what
        Its name, for the message.

    Raises
    ------
    BaseException
        `error`, or what the function raises next, is of another kind; or there is nobody to tell.
    """
    wait_s, said = RETRY_S, False
    while isinstance(error, OSError) and error.errno in FULL and _tell:
        if not said:
            _tell[0](f"{what} cannot write: {error.strerror}")
            said = True
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_RETRY_S)
        try:
            result = attempt()
        except OSError as next_error:
            error = next_error
        else:
            _tell[0]("")
            return result
    raise error
