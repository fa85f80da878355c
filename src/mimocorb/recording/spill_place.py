"""Where a spill file goes: with room of its own, so that a full disk does not lose what it is for.

All events that may be left when a run ends lie in its buffers, so it is known at the start how much
room they need at most. It is reserved by the file that they would be written into, in the directory
of the run; where that takes more than half of what is free there, on another file system, and a
small file in the directory of the run says where.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mimocorb._files import read_regular

__all__ = ["OLD_SPILL_FILE", "SPILL_FILE", "SpillPlace", "find_spill_file", "partial_of"]

SPILL_FILE = "spill.zip"
OLD_SPILL_FILE = "spill.npz"
LONGEST_PATH_BYTES = 64 << 10
ELSEWHERE = "spill_is_elsewhere.txt"
SHARE_OF_DISK = 0.5


def partial_of(path: Path) -> Path:
    """Return the name of a spill file until it is complete."""
    return path.with_name(f".{path.name}.part")


def find_spill_file(directory: Path) -> Path:
    """Return where the spill file of a run is, or would be."""
    try:
        text = read_regular(directory / ELSEWHERE, most_bytes=LONGEST_PATH_BYTES).decode()
        place = Path(text.strip())
        if place.name in (SPILL_FILE, OLD_SPILL_FILE) and place.is_absolute():
            return place
    except (OSError, ValueError):
        pass
    old = directory / OLD_SPILL_FILE
    new = directory / SPILL_FILE
    return old if os.path.lexists(old) and not os.path.lexists(new) else new


class SpillPlace:
    """Room for a spill file, reserved until it is written or :meth:`free` is called.

    Parameters
    ----------
    directory
        Of the run.
    size_bytes
        How large the file may become.
    """

    def __init__(self, directory: Path, size_bytes: int) -> None:
        self._directory = directory
        self.path = directory / SPILL_FILE
        self.is_reserved = _reserve(self.path, size_bytes)
        if not self.is_reserved:
            for other in _other_places(directory):
                if self._move_to(other, size_bytes):
                    return

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is not in the directory of the run."""
        return self.path.parent != self._directory

    def free(self) -> None:
        """Give back the room if no complete file is there. Idempotent."""
        partial_of(self.path).unlink(missing_ok=True)
        if self.is_elsewhere and not self.path.exists():
            (self._directory / ELSEWHERE).unlink(missing_ok=True)
            with suppress(OSError):
                self.path.parent.rmdir()

    def _move_to(self, parent: Path, size_bytes: int) -> bool:
        """Reserve room in a directory of its own below `parent`, and say so in that of the run."""
        try:
            place = Path(tempfile.mkdtemp(prefix="mimocorb-spill-", dir=parent))
        except OSError:
            return False
        if _reserve(place / SPILL_FILE, size_bytes):
            with suppress(OSError):
                (self._directory / ELSEWHERE).write_text(f"{place / SPILL_FILE}\n", "utf-8")
                self.path, self.is_reserved = place / SPILL_FILE, True
                return True
        shutil.rmtree(place, ignore_errors=True)
        return False


def _other_places(directory: Path) -> Iterator[Path]:
    """Yield directories on other file systems that keep files; memory comes last."""
    seen = {directory.stat().st_dev}
    for name in (tempfile.gettempdir(), "/var/tmp", Path.home(), "/dev/shm"):
        with suppress(OSError):
            place = Path(name)
            device = place.stat().st_dev
            if device not in seen:
                seen.add(device)
                yield place


def _reserve(path: Path, size_bytes: int) -> bool:
    """Make the file that becomes the spill file, with room for so much; whether it was possible."""
    partial = partial_of(path)
    try:
        disk = os.statvfs(path.parent)
        if size_bytes > SHARE_OF_DISK * disk.f_bavail * disk.f_frsize:
            return False
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(partial, flags, 0o644)
    except OSError:
        return False
    try:
        # Not posix_fallocate: where the file system cannot reserve room, that writes all of it.
        fallocate = ctypes.CDLL(None, use_errno=True).fallocate
        fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
        done: bool = fallocate(descriptor, 0, 0, size_bytes) == 0
    finally:
        os.close(descriptor)
    if not done:
        partial.unlink()
    return done
