"""The place in which the directory of a run is to be made."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from mimocorb._memory import size_in_words
from mimocorb.model import Setup
from mimocorb.model.problem import Problem, Where
from mimocorb.setup.paths import RUNS_DIRECTORY, shown

__all__ = ["free_bytes", "target_of", "target_problems"]


def target_of(setup: Setup) -> Path:
    """Return the directory in which those of runs are made."""
    return setup.output_directory or RUNS_DIRECTORY.absolute()


def target_problems(setup: Setup) -> list[Problem]:
    """Return why no directory can be made for a run, or no run begun in it."""
    target = target_of(setup)
    try:
        place = _existing(target)
        if place.is_symlink() and not place.exists():
            found = f"found {shown(place)}, a link that leads to nothing"
        elif not place.is_dir():
            found = f"found {shown(place)}, which is no directory"
        elif not os.access(place, os.W_OK | os.X_OK):
            found = f"found that nothing can be written in {shown(place)}"
        elif not free_bytes(place) and not _takes_directories(place):
            found = f"found that no directory can be made in {shown(place)}"
        else:
            return _floor_problems(setup, target)
    except OSError as error:
        found = f"found: {error.strerror}"
    where = Where(shown(setup.path)) if setup.path else Where()
    asked = f"directories of runs are made in {shown(target)}"
    return [Problem(where, asked, found, "choose another place: target_directory, or --output")]


def _floor_problems(setup: Setup, target: Path) -> list[Problem]:
    free = free_bytes(target)
    if free is None or free >= setup.disk_floor_mb * 1e6:
        return []
    return [
        Problem(
            Where(shown(setup.path)) if setup.path else Where(),
            f"a run needs {setup.disk_floor_mb:g} MB of room to begin (disk_floor_mb)",
            f"found {size_in_words(free)} at {shown(target)}",
            "make room, or choose another place: target_directory, or --output",
        )
    ]


def free_bytes(target: Path) -> int | None:
    """Return how much can be written there; None if that is not known."""
    try:
        return shutil.disk_usage(_existing(target)).free
    except OSError:
        return None


def _existing(path: Path) -> Path:
    """Return the directory itself or the nearest one above it that exists."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return path


def _takes_directories(place: Path) -> bool:
    """Try it: to the superuser everything seems to be writable, also what is no place for files."""
    try:
        with TemporaryDirectory(dir=place):
            return True
    except OSError:
        return False
