"""What came out of a run: the closed ledger, how everybody ended, and whether all is well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mimocorb.errors import RunFailed
from mimocorb.run.record.account_lines import account_lines
from mimocorb.run.record.connected import Connected
from mimocorb.run.record.end_page import end_page
from mimocorb.run.record.ledger_lines import ledger_lines
from mimocorb.run.record.quality import judge
from mimocorb.run.record.run_record import Quality
from mimocorb.run.record.run_result import RunResult
from mimocorb.run.run_state import WorkerState
from mimocorb.run.run_view import ProcessView, RunView
from mimocorb.run.wording import data_taking, results_line

__all__ = ["RunSummary"]


@dataclass(frozen=True)
class RunSummary:
    """What came out of a finished run, for its record and for people.

    Parameters
    ----------
    number, title, directory
        Number of the run, name of the set-up, and where the output is.
    reason
        Why the run ended.
    started_s, ended_s
        UTC times in seconds.
    view
        The last picture of the run, with the closed ledger.
    failures, warnings
        What went wrong; any failure makes the exit code 1.
    asked_to_end
        Whether it was asked to end, by Ctrl-C or otherwise.
    exported
        What was written in another format at the end.
    unfinished
        The run whose left events are still to be processed, if there are any.
    connected
        What came of the events that went to other hosts, or came from them.
    is_kept
        Whether the record and the text could be written into the directory.
    """

    number: int
    title: str
    directory: Path
    reason: str
    started_s: float
    ended_s: float
    view: RunView
    failures: Sequence[str]
    warnings: Sequence[str]
    asked_to_end: bool = False
    unfinished: Path | None = None
    exported: Sequence[str] = ()
    connected: Sequence[Connected] = ()
    is_kept: bool = True

    def __repr__(self) -> str:
        return f"<run {self.number}, {self.title}: {self._verdict}; {self.reason}>"

    @property
    def exit_code(self) -> int:
        """0 only if everything that was accepted has been processed and written."""
        return 1 if self.failures else 0

    def raise_for_failures(self) -> None:
        """Raise the first failure for programs that run a set-up themselves."""
        if self.failures:
            more = f" (and {len(self.failures) - 1} more)" if len(self.failures) > 1 else ""
            raise RunFailed(f"{self.failures[0]}{more}; see {self.directory / 'log.txt'}")

    @property
    def processes(self) -> list[ProcessView]:
        """How each process ended, replaced ones included."""
        return [each for w in self.view.workers for each in (*w.replaced, *w.processes)]

    @property
    def quality(self) -> Quality:
        """Whether the data can be trusted, in fixed words, each with its reasons."""
        doubts = self.view.accounts.doubts if self.view.accounts else ()
        return judge(self.view, self.processes, self.failures, doubts)

    def result(self) -> RunResult:
        """Return what goes into the record of the run."""
        view = self.view
        return RunResult(
            reason=self.reason,
            exit_code=self.exit_code,
            elapsed_s=view.elapsed_s,
            active_s=view.active_s,
            events=view.events,
            buffers=list(view.buffers),
            workers=self.processes,
            results={worker: dict(results) for worker, results in view.results.items()},
            accounts=view.accounts.as_dict() if view.accounts else {},
            failures=list(self.failures),
            warnings=list(self.warnings),
            alarms=list(view.alarms),
        )

    @property
    def started(self) -> str:
        """When it began, in words."""
        return _utc(self.started_s)

    @property
    def _verdict(self) -> str:
        return "FAILED" if self.failures else "complete: every event was processed"

    def page(self) -> str:
        """Return what a person has to know at the end: all of it, if no file has it."""
        if not self.is_kept:
            return self.text()
        return end_page(self)

    def text(self) -> str:
        """Return all of it for people, for the directory of the run."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterable[str]:
        view = self.view
        yield f"Run {self.title}: {self._verdict}"
        yield f"  run number     {self.number}"
        yield f"  ended because  {self.reason}"
        yield f"  time           {self.started} to {_utc(self.ended_s)}"
        yield f"  data taking    {data_taking(view.elapsed_s, view.active_s)}"
        for worker, results in view.results.items():
            yield f"  result         {worker}: {results_line(results)}"
        for text in self.exported:
            yield f"  exported       {text}"
        yield f"  quality        {', '.join(self.quality)}"
        yield f"  output         {self.directory}"
        yield ""
        yield "Ledger"
        yield from ledger_lines(view)
        yield from account_lines(view)
        if self.connected:
            yield ""
            yield "Other hosts"
            yield from (f"  {each.told()}" for each in self.connected)
        unusual = [each for each in self.processes if each.state is not WorkerState.ENDED]
        if unusual:
            yield ""
            lines = (f"  {process.name}: {self._ending(process)}" for process in unusual)
            yield from dict.fromkeys(lines)  # a process that was replaced may end as the last one
        for title, texts in (("Failures", self.failures), ("Warnings", self.warnings)):
            if texts:
                yield ""
                yield title
                yield from (f"  - {text}" for text in texts)

    def _ending(self, process: ProcessView) -> str:
        """Say how a process ended; what stands below in full is not said twice."""
        texts = (*self.failures, *self.warnings)
        told = any(text.startswith(process.name) and process.how in text for text in texts)
        return f"{process.state}, see below" if told else f"{process.state}, {process.how}"


def _utc(time_s: float) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
