"""File names in set-ups: relative to the set-up file when read, as short as possible when shown."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["RUNS_DIRECTORY", "absolute", "shown"]

RUNS_DIRECTORY = Path("target")
"""Where directories of runs are made and looked for unless something else is said."""


def absolute(base_directory: Path, name: str) -> Path:
    """Return the absolute path of a name in a set-up; ``~`` is the home directory.

    Symbolic links stay as they are: a neighbour of the named file is meant, not of the link's
    target. Never raises, whatever the name.
    """
    # os.path, because pathlib raises for unknown users and link loops.
    joined = os.path.join(base_directory, os.path.expanduser(name))  # noqa: PTH111, PTH118
    return Path(os.path.abspath(joined))  # noqa: PTH100


def shown(path: Path) -> str:
    """Return the path for a message: relative if it is below the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
