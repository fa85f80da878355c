"""The number of a run: one more than the last one in this output directory, whatever happens.

A small file beside the directories of the runs keeps the last number. To get one, a run locks it,
so runs that start together get different numbers, and a number is never given again, also if its
run has been deleted since. If the file is lost or older than the runs, as in a copy or after a
backup, counting goes on after the highest number in the names of the runs that are there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mimocorb.errors import OutputError

__all__ = ["COUNTER_FILE", "run_suffix", "take_run_number"]

COUNTER_FILE = ".last_run_number"
# Always as long as this, so that one write replaces the old number and never a part of it.
DIGITS = 12
RUN_NAME = re.compile(r"_run(\d{4,11})")


def run_suffix(number: int) -> str:
    """Return what the name of a run's directory ends with."""
    return f"_run{number:04d}"


def take_run_number(parent: Path) -> int:
    """Return a number that no run in this directory has or had.

    Parameters
    ----------
    parent
        Directory of the runs; it has to exist.

    Raises
    ------
    OutputError
        The file with the last number cannot be locked or written.

    Notes
    -----
    Blocks for as long as others take their numbers, which is milliseconds.
    """
    try:
        with _locked(parent / COUNTER_FILE) as counter:
            number = max(_last_given(counter), _highest_found(parent)) + 1
            os.pwrite(counter, f"{number:0{DIGITS}d}\n".encode(), 0)
            os.fsync(counter)
    except OSError as error:
        raise OutputError(
            f"cannot take a run number in {parent / COUNTER_FILE}: {_reason(error)}; remove it, or "
            "choose another place with --output or output_directory"
        ) from error
    return number


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "it is a symbolic link, which is not followed"
    return error.strerror or str(error)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open the file, made if needed, for this process alone."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o644)
        try:
            _check_place(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # If the file is deleted while we wait for it, we have a lock on nothing.
            if os.fstat(descriptor).st_nlink:
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _check_place(descriptor: int) -> None:
    """Refuse what others may have put there to have another file of this user overwritten."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    if found.st_nlink > 1:
        raise OSError(errno.EMLINK, "it is a file that has another name as well")


def _last_given(counter: int) -> int:
    """Return the number in the file; 0 if there is none, or none that can be read."""
    text = os.pread(counter, DIGITS + 1, 0)
    return int(text) if re.fullmatch(rb"\d{%d}\n" % DIGITS, text) else 0


def _highest_found(parent: Path) -> int:
    with os.scandir(parent) as entries:
        found = [RUN_NAME.search(entry.name) for entry in entries]
    return max((int(match[1]) for match in found if match), default=0)
