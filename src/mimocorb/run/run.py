"""One run from a checked set-up to its summary."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mimocorb._closing import Closing
from mimocorb._words import how_many
from mimocorb.analysis.histograms.page import pages_of
from mimocorb.checks.examination import warnings_of
from mimocorb.compat.mimocorb2.changed_meaning import changed_meaning
from mimocorb.errors import HandleMisuse, MimocorbError, OutputError
from mimocorb.model import Setup
from mimocorb.run.alarm import AlarmKind
from mimocorb.run.console import Console
from mimocorb.run.exports import Exports
from mimocorb.run.findings import ORIGIN
from mimocorb.run.ledger import audit
from mimocorb.run.options import RunOptions
from mimocorb.run.record.connected import Connected
from mimocorb.run.record.notes import Note
from mimocorb.run.record.recorder import SUMMARY_FILE, Recorder, run_of_the_copy
from mimocorb.run.record.run_directory import (
    copied_code,
    create_run_directory,
    write_atomically,
)
from mimocorb.run.record.summary import RunSummary
from mimocorb.run.remote.server import ControlServer
from mimocorb.run.run_log import RunLog
from mimocorb.run.run_state import RunState
from mimocorb.run.run_view import RunView
from mimocorb.run.supervision.supervisor import Supervisor
from mimocorb.run.wording import alarm_line, warned_workers
from mimocorb.run.workers.standard_streams import open_missing_streams
from mimocorb.setup.paths import RUNS_DIRECTORY

if TYPE_CHECKING:
    from mimocorb.run.hosts.companion import Companion

__all__ = ["Run", "run_setup"]

LONGEST_TURN_S = 0.25
OF_THE_SUMMARY = (
    AlarmKind.SILENT,
    AlarmKind.DEVICE_LOST,
    AlarmKind.STALLED,
    AlarmKind.DISK_LOW,
    AlarmKind.DISK_FULL,
    AlarmKind.HOST_AWAY,
    AlarmKind.HOST_TWICE,
    AlarmKind.ENGINE_AWAY,
    AlarmKind.CLOCKS,
    AlarmKind.SETUPS,
)
"""Kinds of alarms that the summary has among its warnings; others are told as what they are."""


class Run(Closing):
    """A run: :meth:`prepare`, :meth:`execute`, :meth:`finish`; each once, in this order.

    :meth:`close` ends it from any state; as a context manager it always does.

    Raises
    ------
    SetupError
        The functions of the set-up cannot run as it says.
    """

    def __init__(self, setup: Setup, options: RunOptions | None = None) -> None:
        open_missing_streams()
        self.setup = setup
        self.options = options or RunOptions()
        self._started_s = time.time()
        self.directory: Path | None = None
        self.log = RunLog()
        if not self.options.examined:
            for problem in warnings_of(setup, self.options.supervisor.start_method):
                self.log.add("WARNING", ORIGIN, str(problem))
        self._recorder: Recorder | None = None
        self._record_trouble = ""
        self._supervisor: Supervisor | None = None
        self._control: ControlServer | None = None
        self._companion: Companion | None = None
        self.summary: RunSummary | None = None
        self._signals = ExitStack()

    @property
    def supervisor(self) -> Supervisor:
        """The supervisor, there from :meth:`prepare` on."""
        if self._supervisor is None:
            raise HandleMisuse("this run has not been prepared: call prepare(), or setup(), first")
        return self._supervisor

    @property
    def recorder(self) -> Recorder:
        """Keeper of the record, there from :meth:`prepare` on."""
        if self._recorder is None:
            raise HandleMisuse("this run has not been prepared: call prepare(), or setup(), first")
        return self._recorder

    def prepare(self) -> Path:
        """Make the buffers and the workers' places, then the directory of the run and its records.

        Returns the directory. What cannot start leaves no directory behind.
        """
        self._supervisor = Supervisor(self.setup, self.log, self.options.supervisor)
        self._supervisor.create_buffers()
        self._supervisor.prepare_workers()
        stem = self.setup.path.stem if self.setup.path else self.setup.title or "run"
        directory, number = create_run_directory(self._parent(), stem, self._started_s)
        try:
            self._recorder = Recorder(
                directory, number, self.setup, self._started_s, self._supervisor.changes
            )
            self.log.write_to(directory)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)  # made by us a moment ago
            raise
        self.directory = directory
        source = self.setup.path.name if self.setup.path else stem
        self.log.add("INFO", ORIGIN, f"run {number} of {source}, output in {directory}")
        for text in changed_meaning(self.setup):
            self.log.add("INFO", ORIGIN, f"other than in mimoCoRB2: {text}")
        for difference in self._recorder.differences():
            repeated = self._recorder.record.repeats
            self._supervisor.findings.warn(f"run {repeated} is not repeated exactly: {difference}")
        return directory

    def _parent(self) -> Path:
        """Return where the directory of the run is to be made."""
        parent = self.setup.output_directory or RUNS_DIRECTORY.absolute()
        copy = self.setup.base_directory
        # A run that is repeated is made beside the first one, not inside it.
        if parent.is_relative_to(copy) and run_of_the_copy(self.setup) is not None:
            return copy.parent
        return parent

    def execute(self) -> None:
        """Take data until the run has ended and everything in flight has been dealt with."""
        directory = self.directory or self.prepare()
        supervisor = self.supervisor
        keyboard = self.setup.keyboard_control
        console = Console(supervisor, self.options, keyboard_control=keyboard)
        self._signals.enter_context(console.signals())  # until all is told, at the very end
        with ExitStack() as stack:
            record = self.recorder.record
            supervisor.start(directory, record.number, copied_code(directory, record.files))
            # Only now: a worker must not inherit sockets, or a terminal that has been taken over.
            number = self.recorder.record.number
            self._control = control = ControlServer(supervisor, directory, number, self._keep_note)
            if self.setup.part is not None:
                from mimocorb.run.hosts.companion import Companion

                self._companion = Companion(supervisor, self.setup, directory)
            stack.enter_context(console.shown())
            while not supervisor.ended:
                supervisor.turn(min(LONGEST_TURN_S, control.next_look_s()))
                control.update()
                if self._companion is not None:
                    self._companion.update()
                console.update()
                self._record_states()
                self.log.catch_up()
            console.update()
            self._record_states()

    def finish(self) -> RunSummary:
        """Close the ledger, write the summary and release everything."""
        directory = self.directory or self.prepare()
        supervisor = self.supervisor
        view = supervisor.view()
        if supervisor.state is not RunState.ENDED:
            supervisor.quarantine_files.finish()
            supervisor.findings.failures += audit(view)
        connected = self._compare_with_others(view)
        exports = Exports(directory, lambda text: self.log.add("INFO", ORIGIN, text))
        exports.make()
        failures = [*supervisor.findings.failures, *exports.failures]
        self.recorder.make_way()
        warnings = [*supervisor.findings.warnings, *self.recorder.told]
        summary_path = self.recorder.summary_path()
        if summary_path.name != SUMMARY_FILE:
            warnings.append(
                f"{SUMMARY_FILE} was written by another and is left as it is; the summary of the"
                f" run is in {summary_path.name}"
            )
        self._finish_log(failures, warnings)
        # What failures and warnings have told already is not told twice.
        warnings += map(alarm_line, (a for a in view.alarms if a.kind in OF_THE_SUMMARY))
        warnings += warned_workers(view)
        warnings += [each.told() for each in connected if each.compared and not each.agrees]
        is_left = any(group.saved for buffer in view.buffers for group in buffer.groups)
        summary = RunSummary(
            number=self.recorder.record.number,
            title=self.setup.title,
            directory=directory,
            reason=supervisor.reason,
            started_s=self._started_s,
            ended_s=time.time(),
            view=view,
            failures=failures,
            warnings=warnings,
            asked_to_end=supervisor.asked_to_end,
            exported=exports.done,
            unfinished=(self.setup.finishes or directory) if is_left else None,
            connected=connected,
        )
        try:
            self.recorder.end(supervisor.changes, summary)
        except OutputError as error:
            failures.append(str(error))
            summary = replace(summary, is_kept=False)
        failures += self._store_histograms(view)
        warnings += supervisor.alarms.finish(failures[0] if failures else "")
        self.log.add("INFO", ORIGIN, f"run ended: {summary.reason}", show=False)
        self.summary = summary
        self.close()
        return summary

    def _compare_with_others(self, view: RunView) -> list[Connected]:
        """Return what came of the events that went to other hosts, or came from them."""
        if self._companion is None:
            return []
        connected = self._companion.compare(view)
        self.recorder.is_connected(connected, self._companion.clocks)
        for each in connected:
            self.log.add("INFO", ORIGIN, each.told())
        return connected

    def _finish_log(self, failures: list[str], warnings: list[str]) -> None:
        """Write what is left for the log, and add what is not in it."""
        self.log.give_up_what_is_left()
        if self.log.cut_off:
            lines = how_many(self.log.cut_off, "line")
            warnings.append(f"not written to the log, as it is full: {lines} of workers")
        warnings += self.log.moved
        if self.log.lost:
            lines = how_many(self.log.lost, "line")
            failures.append(f"the log is not complete: {lines} could not be written")

    def _store_histograms(self, view: RunView) -> list[str]:
        """Put the sums of what the processes have counted into one file; returns what is wrong."""
        assert self.directory is not None
        if not pages_of(self.directory):
            return []
        from mimocorb.analysis.histograms import files

        try:
            live_s = view.accounts.live_s if view.accounts else None
            found = files.read_histograms(self.directory, live_s)
            write_atomically(
                self.directory / files.HISTOGRAMS_FILE, files.stored_text(found.values())
            )
        except MimocorbError as error:
            return [f"the histograms are still in pages, one for each process: {error}"]
        files.remove_pages(self.directory)
        return []

    def close(self) -> None:
        """Kill what still runs, release the memory. Idempotent."""
        if self._companion is not None:
            self._companion.close()
        if self._supervisor is not None:
            if self._recorder is not None:
                with suppress(OutputError):  # there is no place left to report it
                    self._recorder.give_up(self._supervisor.changes, time.time())
            if self._control is not None:
                self._control.close(self.summary.failures if self.summary else None)
            self._supervisor.close()
        self.log.close()
        self._signals.close()

    def _keep_note(self, note: Note) -> None:
        self.recorder.add_note(note)
        judged = "" if note.kind == "comment" else f"{note.kind}: "
        self.log.add("INFO", ORIGIN, f"note by {note.by}: {judged}{note.text}".rstrip(": "))

    def _record_states(self) -> None:
        """Write the state of the run into its record; data taking does not depend on that."""
        try:
            self.recorder.follow(self.supervisor.changes, self.supervisor.view)
        except OutputError as error:
            if str(error) != self._record_trouble:  # it is tried again and again
                self._record_trouble = str(error)
                self.log.add("ERROR", ORIGIN, str(error))


def run_setup(
    setup: Setup,
    options: RunOptions | None = None,
    beside: Callable[[Run], AbstractContextManager[None]] | None = None,
) -> RunSummary:
    """Run a checked set-up to its end.

    Parameters
    ----------
    setup, options
        What to run, and how.
    beside
        What is there as long as the run goes on; it is entered when the run has its directory.

    Raises
    ------
    MimocorbError
        The run could not be started: no directory, no memory.
    """
    with Run(setup, options) as run, ExitStack() as stack:
        run.prepare()
        if beside is not None:
            stack.enter_context(beside(run))
        run.execute()
        return run.finish()
