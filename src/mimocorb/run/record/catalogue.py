"""The runs in an output directory, as their records tell.

A run that was killed could not write so into its record. It is done at the next look: a record that
is not final, of a supervisor that no longer lives, is completed once, with the flags ``killed`` and
``ledger open``. Where nothing can be written, it is only shown so.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mimocorb._files import open_regular
from mimocorb.errors import RunRecordError
from mimocorb.run.record.notes import Note
from mimocorb.run.record.quality import KILLED, LEDGER_OPEN
from mimocorb.run.record.run_directory import SCAN_FILE, free_reserved_room
from mimocorb.run.record.run_record import RECORD_FILE, RunRecord, read_record, write_record
from mimocorb.run.run_log import JSON_LOG

__all__ = [
    "Catalogue",
    "KnownRun",
    "add_note",
    "catalogue",
    "find_run",
    "is_run",
    "look_at",
    "newest_run",
    "rewrite",
    "run_directory",
]

_BESIDE_RUNS = ("outbox", "engine")
"""What hosts that are connected have there besides."""
LONGEST_LOG_LINE = 128 * 1024


@dataclass(frozen=True)
class KnownRun:
    """A run and its record at the moment of looking.

    Parameters
    ----------
    directory
        Of the run.
    record
        What it says, completed if the run was killed.
    certain
        Whether the state is known; a run of another machine that has not ended may have been
        killed.
    """

    directory: Path
    record: RunRecord
    certain: bool = True

    @property
    def state(self) -> str:
        """The state in words."""
        return self.record.state if self.certain else f"{self.record.state}?"


@dataclass(frozen=True)
class Catalogue:
    """The runs of a directory by number, and what is wrong with what else is there."""

    runs: list[KnownRun]
    problems: list[str]


def is_run(directory: Path) -> bool:
    """Whether this is the directory of a run."""
    return (directory / RECORD_FILE).is_file()


def catalogue(parent: Path) -> Catalogue:
    """Look at all runs of a directory.

    Raises
    ------
    RunRecordError
        There is no such directory, or it cannot be read.
    """
    runs, problems = [], []
    for directory in _directories(parent):
        try:
            runs.append(look_at(directory))
        except RunRecordError as error:
            problems.append(str(error))
    runs.sort(key=lambda run: (run.record.number, run.record.started_utc))
    return Catalogue(runs, problems)


def _directories(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            found = [
                e
                for e in entries
                if e.is_dir()
                and not e.name.startswith(".")
                and e.name not in _BESIDE_RUNS
                and not Path(e.path, SCAN_FILE).is_file()
            ]
    except OSError as error:
        raise RunRecordError(
            f"there are no runs in {parent}: {error.strerror or error}; name the directory that "
            "holds the directories of the runs: mimocorb runs DIR"
        ) from error
    return sorted(parent / entry.name for entry in found)


def find_run(parent: Path, number: int) -> KnownRun:
    """Return the run with this number.

    Raises
    ------
    RunRecordError
        There is none, or more than one.
    """
    found = [run for run in catalogue(parent).runs if run.record.number == number]
    if not found:
        raise RunRecordError(
            f"there is no run {number} in {parent}; those that are there: mimocorb runs {parent}"
        )
    if len(found) > 1:
        names = ", ".join(run.directory.name for run in found)
        raise RunRecordError(f"{parent} holds several runs {number}: name the directory of {names}")
    return found[0]


def newest_run(parent: Path) -> Path:
    """Return the directory of the run whose record was written last.

    Raises
    ------
    RunRecordError
        There is none.
    """
    runs = [directory for directory in _directories(parent) if is_run(directory)]
    if not runs:
        raise RunRecordError(f"there are no runs in {parent}")
    return max(runs, key=lambda directory: (directory / RECORD_FILE).stat().st_mtime)


def run_directory(parent: Path, name: str) -> Path:
    """Return the directory of a run that is given by its directory, or by its number in `parent`.

    What is both is a directory, as for connections to a run.

    Raises
    ------
    RunRecordError
        There is no run of this number, or more than one.
    """
    directory = Path(name)
    if name.isdecimal() and not directory.is_dir():
        return find_run(parent, int(name)).directory
    return directory


def look_at(directory: Path) -> KnownRun:
    """Return the run in a directory; completes its record if the run was killed.

    Raises
    ------
    RunRecordError
        There is no record, or none that can be read.
    """
    record = read_record(directory)
    if record.is_final:
        return KnownRun(directory, record)
    lives = record.supervisor.lives()
    if lives is None:
        return KnownRun(directory, record, certain=False)
    return KnownRun(directory, record if lives else _completed(directory, record))


def add_note(directory: Path, note: Note) -> RunRecord:
    """Keep a note with a run that is over; returns its record.

    Raises
    ------
    RunRecordError
        There is no record, or the run goes on: it has to be asked.
    OutputError
        It cannot be written.
    """
    try:
        look_at(directory)  # completes the record of one that was killed
        with _locked(directory / RECORD_FILE):
            return _changed(directory, lambda record: {"notes": [*record.notes, note]})
    except PermissionError as error:
        raise RunRecordError(f"{directory}: {error.strerror or error}") from error


def rewrite(directory: Path, **fields: Any) -> RunRecord:
    """Write fields into the record of a run that is over; returns the record.

    Raises
    ------
    RunRecordError
        There is no record, or the run goes on.
    OutputError
        It cannot be written.
    """
    with _locked(directory / RECORD_FILE):
        return _changed(directory, lambda _record: fields)


def _changed(directory: Path, change: Callable[[RunRecord], Mapping[str, Any]]) -> RunRecord:
    record = read_record(directory)
    if not record.is_final:
        raise RunRecordError(f"{directory}: the run goes on, and writes its record itself")
    record = replace(record, **change(record))
    write_record(directory, record)
    return record


def _completed(directory: Path, record: RunRecord) -> RunRecord:
    """Return the record of a run whose supervisor has gone, and write it if that is possible."""
    # Where nothing can be locked or written, it is only shown.
    with suppress(OSError), _locked(directory / RECORD_FILE):
        # It may have ended in order since it was read, or another look has completed it.
        record = read_record(directory)
        if not record.is_final:
            free_reserved_room(directory)
            write_record(directory, _killed(directory, record))
        return read_record(directory)
    return _killed(directory, record)


def _killed(directory: Path, record: RunRecord) -> RunRecord:
    main = f"the main process ({record.supervisor.pid} on {record.supervisor.host})"
    cause = f"{main} vanished: it was killed, or the machine was switched off"
    quality = {KILLED: [cause], LEDGER_OPEN: ["the run was killed before its ledger was closed"]}
    written_utc = record.progress.time_utc if record.progress else record.states[-1].time_utc
    written_s = datetime.fromisoformat(written_utc).timestamp()
    last_sign_s = max(written_s, _last_time_in_log(directory / JSON_LOG))
    return record.killed(time.time(), last_sign_s, quality, cause)


def _last_time_in_log(path: Path) -> float:
    """Return the UTC time of the last whole line, in seconds; 0 if there is none."""
    try:
        with open_regular(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST_LOG_LINE))
            lines = file.read().splitlines()
    except OSError:
        return 0.0
    for line in reversed(lines):
        with suppress(ValueError, KeyError, TypeError):
            return float(json.loads(line)["time_s"])
    return 0.0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep others from completing this record at the same time.

    After waiting for the lock, the record is found completed under the same name; that the lock is
    on the file that was there before does not matter.
    """
    with open_regular(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
