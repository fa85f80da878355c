"""Files that functions of the user have open, and the end of what they belong to on a full disk.

Python keeps what was written last in memory until a file is flushed or closed. A file that is
closed on a full disk is closed all the same, and loses that. So room is waited for and files are
flushed *before* a ``close()`` of the user is called, and before those are closed that were left.

A ``close()`` that finds the disk full all the same, with a result that it writes, is called again,
but only if nothing can be lost by that: many objects take themselves for closed at the second call,
also when the first one has failed, and do nothing. So it is not called again if it has closed one
of the files that were open before, or if something else than files of Python has one open, such as
a library.
"""

from __future__ import annotations

import errno
import fcntl
import gc
import io
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from mimocorb.components.room import FULL, again_when_there_is_room, when_there_is_room
from mimocorb.errors import MimocorbError

__all__ = [
    "begin_afresh",
    "close_when_there_is_room",
    "flush_when_there_is_room",
    "name_of",
    "open_files",
]

BUFFERS = 4
"""In a file of Python: those of text and of bytes, twice for good measure."""


_IN_MEMORY = (io.BytesIO, io.StringIO)
_not_of_the_user: set[tuple[int, int]] = set()


def begin_afresh() -> None:
    """Note what this process has from its parent: the function of the user has none of that."""
    _not_of_the_user.update(_written_on_disk())


def open_files() -> list[io.IOBase]:
    """Return all files that are open for writing, but not standard streams, nor those in memory."""
    standard = {0, 1, 2}
    found = []
    for each in gc.get_objects():
        with suppress(Exception):  # an object of the user may raise whatever it likes
            is_file = isinstance(each, io.IOBase) and not isinstance(each, _IN_MEMORY)
            is_open = is_file and not each.closed and each.writable()
            if is_open and _descriptor(each) not in standard:
                found.append(each)
    return found


def name_of(file: io.IOBase) -> str:
    """Return what messages call a file."""
    return str(getattr(file, "name", type(file).__name__))


def flush_when_there_is_room(file: io.IOBase) -> None:
    """Write what is in the memory of a file; while its disk is full, the run waits."""
    descriptor = _descriptor(file)
    if descriptor is None or not _is_written(descriptor):  # a device, a pipe: no disk gets room
        file.flush()
    else:
        when_there_is_room(partial(_flush, file, descriptor), Path(name_of(file)).name)


def close_when_there_is_room(close: Callable[[], Any], name: str) -> None:
    """Call ``close()`` of an object of the user, again if need and sense be.

    Parameters
    ----------
    close
        The method.
    name
        Of the object, for the message.
    """
    kept = open_files()
    for file in kept:
        with suppress(Exception):  # what is wrong with it, `close` will say
            flush_when_there_is_room(file)

    def attempt() -> None:
        try:
            close()
        except OSError as error:
            ours = isinstance(error, MimocorbError)  # which has waited, where that helps
            if ours or (error.errno in FULL and not _may_be_called_again(kept)):
                raise _Lost(error) from error
            raise

    try:
        attempt()
    except _Lost as lost:
        raise lost.why from None
    except OSError as error:
        try:
            again_when_there_is_room(error, attempt, f"close() of {name}")
        except _Lost as lost:
            raise lost.why from None


class _Lost(Exception):
    """A full disk after which ``close()`` would have nothing to write any more."""

    def __init__(self, why: OSError) -> None:
        super().__init__(str(why))
        self.why = why


def _flush(file: io.IOBase, descriptor: int) -> None:
    # Text that cannot be flushed is lost on its way, so it is not tried without room.
    disk = os.fstatvfs(descriptor)
    needed = BUFFERS * max(io.DEFAULT_BUFFER_SIZE, disk.f_bsize)
    if disk.f_blocks and disk.f_bavail * disk.f_frsize < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name_of(file))
    file.flush()


def _may_be_called_again(kept: list[io.IOBase]) -> bool:
    if any(file.closed for file in kept):
        return False
    plain = {_descriptor(file) for file in kept}
    return all(number in plain for number, _ in _written_on_disk() - _not_of_the_user)


def _written_on_disk() -> set[tuple[int, int]]:
    """Return descriptor and number of the files on a disk that this process may write."""
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are all that is wanted
        with suppress(OSError):  # the one with which this was listed
            number = int(name)
            is_memory = str(Path(f"/proc/self/fd/{name}").readlink()).startswith("/memfd:")
            if _is_written(number) and not is_memory:
                found.add((number, os.fstat(number).st_ino))
    return found


def _is_written(descriptor: int) -> bool:
    mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
    return stat.S_ISREG(os.fstat(descriptor).st_mode) and mode != os.O_RDONLY


def _descriptor(file: io.IOBase) -> int | None:
    try:
        return file.fileno()
    except (OSError, ValueError, AttributeError):
        return None
