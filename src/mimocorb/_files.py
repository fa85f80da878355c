"""Files that somebody has named, to be read or made: nothing waits, and nothing is overwritten.

A FIFO or a device makes whoever opens it wait, for ever if nobody writes into it, and ``/dev/zero``
never ends. Only regular files are opened here, and only up to a size.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from mimocorb._memory import size_in_words
from mimocorb.errors import OutputError

__all__ = ["kind_of_special", "open_regular", "read_regular", "write_new"]

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def open_regular(path: Path, *, most_bytes: int | None = None) -> BinaryIO:
    """Open a regular file to read it; never waits.

    Parameters
    ----------
    path
        The file.
    most_bytes
        The largest size that makes sense.

    Raises
    ------
    OSError
        There is none, or it is something else, or too large; ``strerror`` says so.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _check(path, os.fstat(descriptor), most_bytes)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check(path: Path, found: os.stat_result, most_bytes: int | None) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise OSError(errno.EINVAL, f"{kind}, no regular file", str(path))
    if most_bytes is not None and found.st_size > most_bytes:
        size, most = size_in_words(found.st_size), size_in_words(most_bytes)
        raise OSError(errno.EFBIG, f"{size}, at most {most} are read", str(path))


def kind_of_special(path: Path) -> str | None:
    """Say what there is, in words, if it is neither a regular file nor a directory."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return "a link to itself" if error.errno == errno.ELOOP else None
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else _KINDS.get(stat.S_IFMT(mode))


def read_regular(path: Path, *, most_bytes: int) -> bytes:
    """Return the content of a regular file; see :func:`open_regular`."""
    with open_regular(path, most_bytes=most_bytes) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:  # it has grown, or its size is not known, as in /proc
        most = size_in_words(most_bytes)
        raise OSError(errno.EFBIG, f"it goes on behind {most}, more is not read", str(path))
    return content


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet; nothing is left of one that could not be written.

    Raises
    ------
    OutputError
        The file is there already, or cannot be written.
    """
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise OutputError(f"{path} is there already: give another name") from None
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
