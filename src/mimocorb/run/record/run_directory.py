"""The directory of a run: made once, never shared, and enough to say what was run.

``target/simultest_setup_2026-11-22_142501_run0042/`` holds

* ``run.json``: the record of the run (:mod:`mimocorb.run.record.run_record`);
* ``simultest_setup.yaml``, ``config/…``, ``modules/…``: the set-up and every file it named, as
  they were, with the neighbours that modules import;
* ``log.txt`` and ``log.jsonl``: what happened;
* ``summary.txt``: what came out, for people;
* ``histograms.json``: what workers with ``function: histogram`` have filled, with the fits; while
  the run goes on ``histograms/``, a page for each process;
* ``.reserved``: room for these two on a disk that gets full, until the run ends;
* ``.spill.zip.part``: room for the events that may be left then;
* and what the sinks wrote.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from mimocorb.errors import OutputError
from mimocorb.model import Setup
from mimocorb.recording.spill_place import SPILL_FILE, partial_of
from mimocorb.run.record.run_number import run_suffix, take_run_number
from mimocorb.setup.user_code.user_functions import neighbours

__all__ = [
    "SCAN_FILE",
    "CopiedFile",
    "FileKind",
    "copied_code",
    "copy_configuration",
    "create_run_directory",
    "files_of",
    "free_reserved_room",
    "reserve_room",
    "write_atomically",
]

RESERVE = ".reserved"
SCAN_FILE = "scan.json"
"""In a directory beside those of runs: that of a scan."""

FileKind = Literal["set-up", "configuration", "function"]


@dataclass(frozen=True)
class CopiedFile:
    """One file that a run was made with.

    Parameters
    ----------
    path
        The copy, relative to the directory of the run.
    original
        Where it was copied from, absolute.
    kind
        What it is: ``"set-up"``, ``"configuration"`` or ``"function"`` (the module of a worker
        function, or a neighbour that it imports).
    sha256
        Hash of the copy, in hexadecimal digits.
    """

    path: str
    original: str
    kind: FileKind
    sha256: str


def create_run_directory(parent: Path, name: str, time_s: float | None = None) -> tuple[Path, int]:
    """Make a directory that did not exist before, for a run with a number that no other run has.

    Parameters
    ----------
    parent
        Made as well if needed; each has run numbers of its own.
    name
        Name of the set-up; date and time (UTC) and the number of the run are added.
    time_s
        UTC time in seconds; now if not given.

    Returns
    -------
    directory, number
        Where the run belongs, and its number, from 1.

    Raises
    ------
    OutputError
        The directory cannot be made.
    """
    moment = datetime.fromtimestamp(time.time() if time_s is None else time_s, UTC)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        number = take_run_number(parent)
        directory = parent / f"{name}_{moment:%Y-%m-%d_%H%M%S}{run_suffix(number)}"
        directory.mkdir()
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot make a directory for this run in {parent}: {error.strerror or error}; "
            "choose another place with --output or output_directory"
        ) from error
    return directory, number


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or nothing: under another name first, then on disk, then renamed.

    Raises
    ------
    OutputError
        It could not be written; what was there before is untouched.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        with suppress(FileNotFoundError):  # what a program that was killed has left, or a link
            partial.unlink()
        with partial.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def reserve_room(directory: Path, size_bytes: int) -> None:
    """Occupy room in a directory, so that there is some for its last files when the disk is full.

    Where that is not possible, the first file that does not fit tells so.
    """
    with suppress(OSError), (directory / RESERVE).open("xb") as file:
        os.posix_fallocate(file.fileno(), 0, size_bytes)


def free_reserved_room(directory: Path) -> None:
    """Give back the room that was reserved, also for events that are left. Idempotent."""
    for name in (directory / RESERVE, partial_of(directory / SPILL_FILE)):
        with suppress(OSError):
            name.unlink()


def _sync_directory(directory: Path) -> None:
    """Put the names in a directory on disk: without that, a power cut may undo a renaming."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # not every file system can; the file itself is safe already
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_configuration(directory: Path, setup: Setup) -> list[CopiedFile]:
    """Copy the set-up, its configuration and its modules as they are now; returns the copies.

    With a module come the files beside it that it imports. Files below the directory of the set-up
    keep their relative place, so that the copy can be run again; others go into ``elsewhere/``.
    """
    copies: dict[Path, CopiedFile] = {}
    for kind, file in files_of(setup):
        original = file.resolve()
        if original in copies:
            continue
        try:
            place = original.relative_to(setup.base_directory.resolve())
        except ValueError:
            place = Path("elsewhere", file.name)
        target = _free_name(directory / place)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            with target.open("rb") as copied:
                digest = hashlib.file_digest(copied, "sha256").hexdigest()
        except OSError as error:
            raise OutputError(
                f"cannot copy {file} to {directory}: {error.strerror or error}; make room, or "
                "choose another place with --output or output_directory"
            ) from error
        path = str(target.relative_to(directory))
        copies[original] = CopiedFile(path, str(original), kind, digest)
    return list(copies.values())


def copied_code(directory: Path, copies: Iterable[CopiedFile]) -> dict[Path, Path]:
    """Return where the copy of each module is, by its original."""
    return {
        Path(each.original): directory / each.path for each in copies if each.kind == "function"
    }


def files_of(setup: Setup) -> Iterator[tuple[FileKind, Path]]:
    """Yield every file that the set-up consists of, some more than once."""
    if setup.path is not None:
        yield "set-up", setup.path
    yield from (("configuration", file) for file in setup.config_files)
    for worker in setup.workers:
        module = worker.function.path
        if module is not None:
            yield from (("function", file) for file in (module, *neighbours(module)))
        yield from (("configuration", file) for file in worker.config_files)


def _free_name(path: Path) -> Path:
    """Return the path, or one with a number added if it is taken by another file."""
    candidate, number = path, 2
    while candidate.exists():
        candidate = path.with_stem(f"{path.stem}_{number}")
        number += 1
    return candidate
