"""File names in set-ups: relative to the set-up file when read, as short as possible when shown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

__all__ = ["RUNS_DIRECTORY", "absolute", "places_of_copies", "shown"]

RUNS_DIRECTORY = Path("target")
"""Where directories of runs are made and looked for unless something else is said."""


def absolute(base_directory: Path, name: str) -> Path:
    """Return the absolute path of a name in a set-up; ``~`` is the home directory.

    Symbolic links stay as they are: a neighbour of the named file is meant, not of the link's
    target. Never raises, whatever the name.
    """
    # os.path, because pathlib raises for unknown users and link loops.
    joined = os.path.join(base_directory, os.path.expanduser(name))  # noqa: PTH111, PTH118
    path = Path(os.path.abspath(joined))  # noqa: PTH100
    return _copies.get().get(path, path)


_copies: ContextVar[Mapping[Path, Path]] = ContextVar("_copies", default={})  # noqa: B039


@contextmanager
def places_of_copies(copies: Mapping[Path, Path]) -> Iterator[None]:
    """Let names in set-ups mean copies of files that were kept, while a set-up is read.

    Parameters
    ----------
    copies
        Where the copy is that is meant in the place of each file; both absolute.
    """
    token = _copies.set(copies)
    try:
        yield
    finally:
        _copies.reset(token)


def shown(path: Path) -> str:
    """Return the path for a message: relative if it is below the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
