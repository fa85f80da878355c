"""Modules of the user as they were when the run began.

A module may be edited while a run goes on. A process that is started then, in the place of one that
has failed, would run other code than its colleagues, and than the record of the run shows; or none,
if the file is just being saved. So workers import what has been copied into the directory of the
run. All else is as if it came from where the user has it: names, ``__file__``, places in messages.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Mapping
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
)
from pathlib import Path
from types import CodeType

__all__ = ["RecordedLoader", "edited", "import_as_recorded", "recorded"]

_copies: dict[Path, Path] = {}


def import_as_recorded(copies: Mapping[Path, Path]) -> None:
    """Import these files of the user as their copies are, from now on in this process.

    Parameters
    ----------
    copies
        Where the copy of each file is; both absolute, the file without symbolic links.
    """
    _copies.update(copies)
    sys.path_hooks.insert(0, _finder)
    for directory in {str(original.parent) for original in copies}:
        sys.path_importer_cache.pop(directory, None)


def edited(copies: Mapping[Path, Path]) -> list[Path]:
    """Return the files that are not any more as their copies are."""
    return [original for original, copy in copies.items() if _content(original) != _content(copy)]


def recorded(path: Path) -> Path:
    """Return what a file is read from: its copy if there is one, so it may be gone itself."""
    return _copies.get(path.resolve(), path)


class RecordedLoader(SourceFileLoader):
    """Loads a file as it was recorded, and others as they are."""

    def get_data(self, path: str) -> bytes:
        """Return the content of a file."""
        copy = _copies.get(Path(path).resolve())
        return super().get_data(str(copy) if copy else path)

    def get_code(self, fullname: str) -> CodeType | None:
        """Return what is to be executed: the text as it is now, nothing that Python has cached.

        The cache takes a file that was changed within a second, and is as long, for the same.
        """
        path = self.get_filename(fullname)
        content = self.get_data(path)
        if Path(path).resolve() in _copies:
            lines = content.decode(errors="replace").splitlines(keepends=True)
            linecache.cache[path] = (len(content), None, lines, path)  # what a traceback shows
        return self.source_to_code(content, path)


def _finder(directory: str) -> FileFinder:
    """Find modules in a directory that holds recorded ones."""
    if Path(directory).resolve() not in {original.parent for original in _copies}:
        raise ImportError(f"nothing in {directory} has been recorded")
    return FileFinder(
        directory, (ExtensionFileLoader, EXTENSION_SUFFIXES), (RecordedLoader, SOURCE_SUFFIXES)
    )


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
