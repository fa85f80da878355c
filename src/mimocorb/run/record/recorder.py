"""Keeps the record of a run up to date, from its start to its end."""

from __future__ import annotations

import getpass
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from mimocorb._files import read_regular
from mimocorb.errors import RunRecordError
from mimocorb.model import Setup
from mimocorb.run.own_files import OwnFile, free_name
from mimocorb.run.record.comparison import compare
from mimocorb.run.record.connected import Clock, Connected
from mimocorb.run.record.notes import Note
from mimocorb.run.record.provenance import commit_of, resolved, versions
from mimocorb.run.record.quality import LEDGER_OPEN
from mimocorb.run.record.run_directory import (
    copy_configuration,
    free_reserved_room,
    reserve_room,
    write_atomically,
)
from mimocorb.run.record.run_record import (
    RECORD_FILE,
    Progress,
    RunRecord,
    read_record,
    write_record,
)
from mimocorb.run.record.summary import RunSummary
from mimocorb.run.run_log import utc
from mimocorb.run.run_state import StateChange
from mimocorb.run.run_view import RunView
from mimocorb.run.workers.processes import ProcessIdentity

__all__ = ["SUMMARY_FILE", "Recorder", "read_summary", "run_of_the_copy"]

SUMMARY_FILE, SUMMARY_BESIDE_ANOTHER = "summary.txt", "summary_run.txt"
LARGEST_SUMMARY_BYTES = 16 << 20
PROGRESS_INTERVAL_S = 5.0
SHARE_OF_TIME = 0.1
RESERVED_BYTES = 64 << 10
RESERVED_BYTES_OF_A_PROCESS = 8 << 10
"""For its end, its account and its ledger, in the record and in the summary."""


class Recorder:
    """The record of one run, written again whenever there is something new.

    Parameters
    ----------
    directory, number
        Of the run; its set-up, configuration and functions are copied into it.
    setup
        What is run.
    started_s
        UTC time in seconds.
    changes
        The states that the run has been in so far.

    Raises
    ------
    OutputError
        The record cannot be written.
    """

    def __init__(
        self,
        directory: Path,
        number: int,
        setup: Setup,
        started_s: float,
        changes: Sequence[StateChange],
    ) -> None:
        self._directory = directory
        self._next_s = 0.0
        self._repeated = run_of_the_copy(setup)
        self.record = RunRecord(
            number=number,
            title=setup.title,
            state=changes[-1].state,
            started_utc=utc(started_s),
            operator=setup.operator or _login_name(),
            comment=setup.comment,
            supervisor=ProcessIdentity.of_this_process(),
            command=list(sys.argv),
            repeats=self._repeated.number if self._repeated else None,
            rerun_of=str(setup.rerun_of) if setup.rerun_of else None,
            scan=dict(setup.scan) if setup.scan else None,
            versions=versions(),
            setup_commit=commit_of(setup.base_directory),
            files=copy_configuration(directory, setup),
            setup=resolved(setup),
            states=list(changes),
            part=asdict(setup.part) if setup.part else None,
        )
        self._file = OwnFile(directory / RECORD_FILE)
        self.told: list[str] = []
        """What others have done to files of the run, one sentence each."""
        self._write()
        processes = sum(worker.number_of_processes for worker in setup.workers)
        reserve_room(directory, RESERVED_BYTES + processes * RESERVED_BYTES_OF_A_PROCESS)

    def follow(self, changes: Sequence[StateChange], look: Callable[[], RunView]) -> None:
        """Write the record again if the run has changed its state since, and every few seconds.

        However slow the disk is, the latter takes at most a tenth of the time.

        Raises
        ------
        OutputError
            It could not be written; the next time is another chance.
        """
        began_s = time.monotonic()
        if len(changes) == len(self.record.states) and began_s < self._next_s:
            return
        progress = Progress.of(look(), time.time())
        self.record = replace(self.record.with_states(changes), progress=progress)
        try:
            self._write()
        finally:
            now_s = time.monotonic()
            self._next_s = now_s + max(PROGRESS_INTERVAL_S, (now_s - began_s) / SHARE_OF_TIME)

    def add_note(self, note: Note) -> None:
        """Keep a note; it is written with the record at the next turn of the run."""
        self.record = replace(self.record, notes=[*self.record.notes, note])
        self._next_s = 0.0

    def is_connected(self, connected: Sequence[Connected], clocks: Mapping[str, Clock]) -> None:
        """Take what came of the events of other hosts; it is written with the end."""
        self.record = replace(self.record, connected=list(connected), clocks=dict(clocks))

    def end(self, changes: Sequence[StateChange], summary: RunSummary) -> None:
        """Write the record of a run that has ended, and its summary for people.

        Raises
        ------
        OutputError
            One of them could not be written.
        """
        self.record = self.record.with_states(changes).ended(
            summary.ended_s, summary.quality, summary.result()
        )
        free_reserved_room(self._directory)
        self._write()
        write_atomically(self.summary_path(), summary.text())

    def summary_path(self) -> Path:
        """Return where the summary for people goes: under a free name, if its own is taken."""
        path = self._directory / SUMMARY_FILE
        return free_name(path, "run") if os.path.lexists(path) else path

    def make_way(self) -> None:
        """Give another name to what somebody else has written in the place of the record."""
        self._tell(self._file.make_way())

    def _write(self) -> None:
        self._tell(self._file.write(lambda: write_record(self._directory, self.record)))

    def _tell(self, found: str) -> None:
        if found:
            self.told.append(found)

    def give_up(self, changes: Sequence[StateChange], now_s: float) -> None:
        """Write the record of a run whose program leaves it before its end; not if it has ended.

        Raises
        ------
        OutputError
            It could not be written.
        """
        if self.record.ended_utc is None:
            self.record = self.record.with_states(changes).ended(
                now_s, {LEDGER_OPEN: ["the program left the run before its end"]}, None
            )
            free_reserved_room(self._directory)
            self._write()

    def differences(self) -> list[str]:
        """Return what is not as it was in the run that is repeated, if one is."""
        if self._repeated is None:
            return []
        used = {file.path: file.sha256 for file in self.record.files}
        changed = [
            f"{file.path} has changed since"
            for file in self._repeated.files
            if used.get(file.path, file.sha256) != file.sha256
        ]
        if self.record.rerun_of is not None:  # other sources; what else was set is wanted so
            return changed
        # Functions and output lie in another place now; options are seen in what they change.
        changed += [
            f"{found.key} was {found.first}, is {found.second}"
            for found in compare(self._repeated, self.record).setup
            if not found.key.endswith(".file") and found.key not in ("settings", "target_directory")
        ]
        return changed


def read_summary(directory: Path) -> str:
    """Return the summary of a run for people; empty if there is none."""
    for name in (SUMMARY_BESIDE_ANOTHER, SUMMARY_FILE):
        with suppress(OSError):
            content = read_regular(directory / name, most_bytes=LARGEST_SUMMARY_BYTES)
            return content.decode(errors="replace")
    return ""


def run_of_the_copy(setup: Setup) -> RunRecord | None:
    """Return the record of the run that is repeated: the set-up is the copy in its directory."""
    if setup.path is None:
        return None
    try:
        record = read_record(setup.path.parent)
    except RunRecordError:
        return None
    return record if record.title == setup.title else None  # else only a part of it runs


def _login_name() -> str:
    """Return the name under which the user is logged in; empty where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return ""
