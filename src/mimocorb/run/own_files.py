"""The files that a run writes under names of its own, where workers may write as well."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["OwnFile", "free_name"]


def free_name(path: Path, mark: str) -> Path:
    """Return a name that no file has: with the mark behind the stem, and a number if needed."""
    found, number = path.with_stem(f"{path.stem}_{mark}"), 2
    while os.path.lexists(found):
        found = path.with_stem(f"{path.stem}_{mark}_{number}")
        number += 1
    return found


class OwnFile:
    """A file that the run writes again and again, and that is its own: no other is written over.

    Parameters
    ----------
    path
        Of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[int, ...] | None = None

    def make_way(self) -> str:
        """Give another name to what somebody else has put here; say so, or return nothing."""
        return self._keep_what_is_of_others(self.path)

    def write(self, replace: Callable[[], None]) -> str:
        """Write it anew; keep what somebody else has put here until then, and say so.

        Parameters
        ----------
        replace
            Puts another file in the place of this one. That may take long, and whoever opens this
            one meanwhile has it under another name afterwards.
        """
        told = self.make_way()
        before = self.path.with_name(f".{self.path.name}.before")
        with suppress(OSError):  # there is none, or the disk knows no second names
            before.unlink(missing_ok=True)
            os.link(self.path, before)
        try:
            replace()
            told = told or self._keep_what_is_of_others(before)
            self._known = _state_of(self.path)
        finally:
            with suppress(OSError):
                before.unlink(missing_ok=True)
        return told

    def _keep_what_is_of_others(self, place: Path) -> str:
        found = _state_of(place)
        if found is None or found == self._known:
            return ""
        other = free_name(self.path, "found")
        place.rename(other)
        return (
            f"{self.path.name} is a file of the run, but was written by another: now {other.name}"
        )


def _state_of(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
