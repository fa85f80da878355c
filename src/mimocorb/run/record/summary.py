"""What came out of a run: the closed books, how everybody ended, and whether all is well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mimocorb._words import count, how_many
from mimocorb.buffers.stats import GroupStats
from mimocorb.errors import RunFailed
from mimocorb.run.accounts.live_time import Rate
from mimocorb.run.books import expected, lost, processed, reader_name, saved
from mimocorb.run.record.account_lines import account_lines
from mimocorb.run.record.quality import judge
from mimocorb.run.record.run_record import Quality
from mimocorb.run.record.run_result import BufferResult, GroupResult, RunResult, WorkerEnd
from mimocorb.run.run_state import BufferView, RunView
from mimocorb.run.wording import PAGE_WIDTH, end_of, time_taken

__all__ = ["RunSummary"]

LONGEST_NAME = 14
"""Of a buffer in the books, so that there is room for who reads it."""
FATES = {
    "aborted": "begun, and given back by the worker that writes",
    "torn": "left half written by a process that died",
    "refused": "no slot came within the time-out of the worker that writes",
    "set aside": "failed every time it was processed; kept in set_aside/",
    "saved": "not processed; kept for mimocorb replay",
    "lost": "published when nobody was left to process it, and not saved",
}
"""What may become of an event instead of being processed; said where it has happened."""


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
        The last picture of the run, with the closed books.
    workers
        How each process ended.
    failures, warnings
        What went wrong; any failure makes the exit code 1.
    asked_to_end
        Whether somebody wanted it to end, by Ctrl-C or otherwise.
    """

    number: int
    title: str
    directory: Path
    reason: str
    started_s: float
    ended_s: float
    view: RunView
    workers: Sequence[WorkerEnd]
    failures: Sequence[str]
    warnings: Sequence[str]
    asked_to_end: bool = False

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
    def quality(self) -> Quality:
        """Whether the data can be trusted, in fixed words, each with its reasons."""
        doubts = self.view.accounts.doubts if self.view.accounts else ()
        return judge(self.view, self.workers, self.failures, doubts)

    def result(self) -> RunResult:
        """Return what goes into the record of the run."""
        view = self.view
        return RunResult(
            reason=self.reason,
            exit_code=self.exit_code,
            elapsed_s=view.elapsed_s,
            active_s=view.active_s,
            events=view.events,
            buffers=[_buffer_result(view, buffer) for buffer in view.buffers],
            workers=list(self.workers),
            results={worker: dict(results) for worker, results in view.results.items()},
            accounts=view.accounts.as_dict() if view.accounts else {},
            failures=list(self.failures),
            warnings=list(self.warnings),
        )

    @property
    def _verdict(self) -> str:
        return "FAILED" if self.failures else "complete: every event was processed"

    def text(self) -> str:
        """Return the summary for people."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterable[str]:
        view = self.view
        yield f"Run {self.title}: {self._verdict}"
        yield f"  run number     {self.number}"
        yield f"  ended because  {self.reason}"
        yield f"  time           {_utc(self.started_s)} to {_utc(self.ended_s)}"
        paused = view.active_s != view.elapsed_s
        without = f", {time_taken(view.active_s)} of it without pauses" if paused else ""
        yield f"  data taking    {time_taken(view.elapsed_s)}{without}"
        for worker, results in view.results.items():
            listed = ", ".join(f"{name} = {value:g}" for name, value in results.items())
            yield f"  result         {worker}: {listed}"
        yield f"  quality        {', '.join(self.quality)}"
        yield f"  output         {self.directory}"
        yield ""
        yield "Books"
        yield from _books_table(view)
        if view.accounts is not None:
            yield from account_lines(view.accounts)
        unusual = [worker for worker in self.workers if worker.state != "ended"]
        if unusual:
            yield ""
            lines = (f"  {worker.name}: {self._ending(worker)}" for worker in unusual)
            yield from dict.fromkeys(lines)  # a process that was replaced may end as the last one
        for title, texts in (("Failures", self.failures), ("Warnings", self.warnings)):
            if texts:
                yield ""
                yield title
                yield from (f"  - {text}" for text in texts)
        # Once more, because this is what is seen of a long summary on a small screen.
        yield ""
        if self.failures:
            log = self.directory / "log.txt"
            yield f"Run {self.number} FAILED; {log} says what happened before"
        else:
            yield f"Run {self.number} is complete; its output is in {self.directory}"

    def _ending(self, worker: WorkerEnd) -> str:
        """Say how a process ended; what stands below in full is not said twice."""
        texts = (*self.failures, *self.warnings)
        told = any(text.startswith(worker.name) and worker.how in text for text in texts)
        return f"{worker.state}, see below" if told else f"{worker.state}, {worker.how}"


def _utc(time_s: float) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _rate(view: RunView, buffer: BufferView) -> Rate | None:
    """Return the events per second of live time."""
    return view.accounts.rates.get(buffer.stats.name) if view.accounts else None


def _buffer_result(view: RunView, buffer: BufferView) -> BufferResult:
    stats, measured = buffer.stats, _rate(view, buffer)
    return BufferResult(
        name=stats.name,
        claimed=stats.claimed,
        published=stats.published,
        aborted=stats.aborted,
        torn=stats.torn,
        in_hand=stats.in_hand,
        rate_hz=measured.value_hz if measured else None,
        rate_sigma_hz=measured.sigma_hz if measured else None,
        dead_fraction=buffer.dead_fraction,
        waiting_full_s=stats.waiting.full_s,
        waiting_paused_s=stats.waiting.paused_s,
        refused_full=stats.refused_full,
        refused_paused=stats.refused_paused,
        groups=[_group_result(buffer, group) for group in stats.groups],
        live_time_doubtful=view.accounts is not None and view.accounts.is_doubtful(stats.name),
    )


def _group_result(buffer: BufferView, group: GroupStats) -> GroupResult:
    return GroupResult(
        reader=reader_name(buffer, group),
        first_sequence=group.first_sequence,
        offered=group.offered,
        acknowledged=processed(buffer, group),
        quarantined=group.quarantined,
        saved=saved(buffer, group),
        due=group.due,
        lost=lost(buffer, group),
        abandoned=group.abandoned,
        redelivered=group.redelivered,
        waiting_s=group.waiting_s,
    )


def _books_table(view: RunView) -> Iterable[str]:
    """Yield the books: first of the buffers, then of the groups that read them."""
    seen = set()
    rows: list[tuple[str, ...]] = [("buffer", "claimed", "published", "aborted", "torn")]
    for buffer in view.buffers:
        s = buffer.stats
        seen |= {word for word in ("aborted", "torn") if getattr(s, word)}
        if s.refused_full or s.refused_paused:
            seen.add("refused")
        rows.append((s.name, *map(count, (s.claimed, s.published, s.aborted, s.torn))))
    yield from _aligned(rows)
    yield ""
    rows, remarks = [("buffer", "published", "processed", "set aside", "saved", "lost")], ["by"]
    for buffer in view.buffers:
        s = buffer.stats
        for g in s.groups:
            fates = {"set aside": g.quarantined, "saved": saved(buffer, g), "lost": lost(buffer, g)}
            seen |= {word for word, number in fates.items() if number}
            numbers = (expected(s, g), processed(buffer, g), *fates.values())
            rows.append((s.name, *map(count, numbers)))
            remarks.append(reader_name(buffer, g))
    for line, remark in zip(_aligned(rows), remarks, strict=True):
        yield f"{line}  {end_of(remark, PAGE_WIDTH - len(line) - 2)}"
    for buffer in view.buffers:
        yield from _remarks(buffer)
    yield from (f"  {word}: {meaning}" for word, meaning in FATES.items() if word in seen)


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    """Yield sums with their numbers below each other: name, sum, and what it is made of."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[0] = min(widths[0], LONGEST_NAME)
    for name, *numbers in rows:
        total, *parts = map(str.rjust, numbers, widths[1:])
        yield f"  {end_of(name, widths[0]):<{widths[0]}} {total} = {' + '.join(parts)}"


def _remarks(buffer: BufferView) -> Iterable[str]:
    """Yield what the books of the groups do not say in their columns."""
    stats = buffer.stats
    name = stats.name
    for cause, refused in (("full", stats.refused_full), ("paused", stats.refused_paused)):
        if refused:
            yield f"  {name}: {how_many(refused, 'claim')} refused while {cause}"
    for group in stats.groups:
        reader = reader_name(buffer, group)
        if group.due:
            yield f"  {name}: {count(group.due)} still due to {reader}"
        if group.redelivered:
            yield f"  {name}: {count(group.redelivered)} delivered again to {reader}"
    if not stats.groups:
        yield f"  {name}: {count(stats.published)} published, nobody reads this buffer"
