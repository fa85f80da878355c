"""Runs as tables and pages: what ``mimocorb runs`` shows. Nothing here reads or decides anything.

A number that has not been measured is shown as "–", never as 0; one that the run doubts, with "?".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import yaml
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mimocorb._words import count
from mimocorb.run.accounts.live_time import Rate
from mimocorb.run.record.catalogue import KnownRun
from mimocorb.run.record.comparison import Comparison, Difference, RateDifference
from mimocorb.run.record.quality import CLEAN, KILLED
from mimocorb.run.record.run_record import RunRecord
from mimocorb.run.record.run_result import RunResult
from mimocorb.run.run_state import BufferView, RunState, StateChange
from mimocorb.run.screen.fitted_table import Column, fitted_table
from mimocorb.run.wording import UNKNOWN, percent, rate, results_line, time_taken

__all__ = ["comparison_page", "run_page", "runs_table"]

NARROW = 100
HASH_DIGITS = 12
LARGE_SIGMA = 3.0
LAST_RANK = 6
_SETUP = Column("set-up", rank=3, least_width=8)
_COLUMNS = (
    Column("run", is_number=True),
    _SETUP,
    Column("start (UTC)"),
    Column("time", rank=1, is_number=True),
    Column("events", is_number=True),
    Column("rate/s", is_number=True),
    Column("dead", rank=2, is_number=True),
    Column("quality", least_width=10, good_width=18),
    Column("operator", rank=4, least_width=6),
    Column("comment", rank=5, least_width=8),
)


def runs_table(runs: Sequence[KnownRun], width: int) -> RenderableType:
    """Return one line for each run; narrow terminals do without the year, then without columns."""
    date = "%m-%d %H:%M" if width < NARROW else "%Y-%m-%d %H:%M"
    columns = list(_COLUMNS)
    if len({run.record.title for run in runs}) == 1:  # nothing is told apart by it
        columns[columns.index(_SETUP)] = replace(_SETUP, rank=LAST_RANK)
    return fitted_table(columns, [_row(run, date) for run in runs], width)


def _row(run: KnownRun, date: str) -> list[Text]:
    record, result = run.record, run.record.result
    first = _source_buffer(result)
    return [
        Text(str(record.number)),
        _one_line(record.title),
        Text(f"{_moment(record.started_utc):{date}}"),
        Text(time_taken(result.elapsed_s if result else _lived_s(record))),
        Text(_events(record)),
        Text(_by_live_time(first, rate(_rate_hz(first)))),
        Text(_by_live_time(first, percent(first.dead_fraction if first else None))),
        _quality(run),
        _one_line(record.operator),
        _one_line(record.comment),
    ]


def _moment(utc: str) -> datetime:
    return datetime.fromisoformat(utc).astimezone(UTC)


def _lived_s(record: RunRecord) -> float | None:
    """Return for how long a run is known to have lived that was killed."""
    if record.last_sign_utc is None:
        return None
    return (_moment(record.last_sign_utc) - _moment(record.started_utc)).total_seconds()


def _events(record: RunRecord) -> str:
    """Return how many events were taken; of a run that has no closed ledger, at least how many."""
    if record.result is not None:
        return count(record.result.events)
    return UNKNOWN if record.progress is None else f"≥ {count(record.progress.events)}"


def _one_line(text: str) -> Text:
    return Text(" ".join(text.split()))


def _source_buffer(result: RunResult | None) -> BufferView | None:
    """Return the first buffer that only sources write: its dead time is that of the experiment."""
    buffers = result.buffers if result else []
    return next((buffer for buffer in buffers if buffer.dead_fraction is not None), None)


def _rate_hz(buffer: BufferView | None) -> float | None:
    """Return the rate of the experiment, also of one whose events are played back."""
    if buffer is None:
        return None
    return buffer.recorded_rate_hz if buffer.rate_hz is None else buffer.rate_hz


def _by_live_time(buffer: BufferView | None, value: str) -> str:
    """Return a value that follows from the live time, with a mark if the run doubts that."""
    doubtful = buffer is not None and buffer.live_time_doubtful and value != UNKNOWN
    return f"{value}?" if doubtful else value


def _quality(run: KnownRun) -> Text:
    """Return the flags, or for a run that goes on, its state."""
    quality = run.record.quality
    if quality is None:
        return Text(run.state, style="cyan")
    style = "green" if CLEAN in quality else "bold red" if KILLED in quality else "yellow"
    return Text(", ".join(quality), style=style)


# --- one run


def run_page(run: KnownRun, summary: str) -> RenderableType:
    """Return everything about one run.

    Parameters
    ----------
    run
        What its record says.
    summary
        The text of its summary: the ledger and what follows from it; empty if there is none.
    """
    record, result = run.record, run.record.result
    parts: list[RenderableType] = [
        Text(f"Run {record.number}, {record.title}", style="bold"),
        Padding(_pairs(_overview(run)), (0, 0, 0, 2)),
    ]
    # What stands above the first blank line is in the overview.
    tables = summary.partition("\n\n")[2].rstrip()
    if tables:
        parts += [Text(), Text(tables)]
    ends = result.workers if result else []
    workers = [(worker.name, f"{worker.state}: {worker.how}") for worker in ends]
    states = [_state(record, state) for state in record.states]
    files = [(f"{f.kind} {f.path}", f"SHA-256 {f.sha256}") for f in record.files]
    for title, pairs in (("Processes", workers), ("States", states), ("Files", files)):
        if pairs:
            parts.append(_section(title, _pairs(pairs)))
    for title, values in (("Versions", record.versions), ("Set-up", record.setup)):
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None)
        parts.append(_section(title, Text(text.rstrip())))
    return Group(*parts)


def _overview(run: KnownRun) -> Iterator[tuple[str, str | Text]]:
    record, result = run.record, run.record.result
    yield "quality", _quality(run)
    for reasons in (record.quality or {}).values():
        yield from (("", reason) for reason in reasons)
    yield "directory", str(run.directory)
    yield "started", record.started_utc
    if record.ended_utc:
        yield "ended", record.ended_utc
    if record.last_sign_utc:
        yield "last sign of life", record.last_sign_utc
        yield "killed after", time_taken(_lived_s(record))
    if record.progress is not None:
        published = record.progress.published.items()
        listed = ", ".join(f"{name} {count(events)}" for name, events in published)
        yield "events", f"at least, as of {record.progress.time_utc}: {listed}"
    if result is not None:
        yield "ended because", result.reason
        paused = result.active_s != result.elapsed_s
        without = f", {time_taken(result.active_s)} of it without pauses" if paused else ""
        yield "data taking", time_taken(result.elapsed_s) + without
        for worker, found in result.results.items():
            yield "result", f"{worker}: {results_line(found)}"
        yield "events", count(result.events)
        yield "exit code", str(result.exit_code)
    yield "operator", record.operator or UNKNOWN
    yield "comment", record.comment.strip() or UNKNOWN
    yield "host", f"{record.supervisor.host}, process {record.supervisor.pid}"
    yield "command", " ".join(record.command)
    if record.repeats is not None:
        yield "set-up of run", str(record.repeats)
    if record.setup_commit:
        yield "set-up commit", record.setup_commit


def _state(record: RunRecord, state: StateChange) -> tuple[str, str]:
    """Return when a state began, and why; a run was killed before that was found out."""
    if state.state is RunState.KILLED and record.last_sign_utc:
        return record.last_sign_utc, f"{state.state}: {state.cause}; found at {state.time_utc}"
    return state.time_utc, f"{state.state}: {state.cause}"


def _section(title: str, *content: RenderableType) -> Group:
    """Return a title with what belongs to it, indented."""
    indented = [Padding(part, (0, 0, 0, 2)) for part in content]
    return Group(Text(f"\n{title}", style="bold"), *indented)


def _pairs(pairs: Iterable[tuple[str, str | Text]]) -> Table:
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in pairs:
        table.add_row(Text(key, style="dim"), Text(value) if isinstance(value, str) else value)
    return table


# --- two runs


def comparison_page(first: KnownRun, second: KnownRun, comparison: Comparison) -> RenderableType:
    """Return what differs between two runs, and their rates."""
    runs = (first, second)
    about = _two_columns(runs)
    about.add_row("set-up", *(run.record.title for run in runs))
    about.add_row(
        "start (UTC)", *(f"{_moment(r.record.started_utc):%Y-%m-%d %H:%M:%S}" for r in runs)
    )
    about.add_row("quality", *(_quality(run) for run in runs))
    about.add_row("operator", *(_one_line(run.record.operator) for run in runs))
    about.add_row("comment", *(_one_line(run.record.comment) for run in runs))
    parts: list[RenderableType] = [about]
    for title, differences in (
        ("Set-up", comparison.setup),
        ("Files", comparison.files),
        ("Versions", comparison.versions),
    ):
        parts.append(
            _section(title, _differences(runs, differences))
            if differences
            else _section(f"{title}: no difference")
        )
    parts.append(_section("Rates", _rates(runs, comparison.rates)))
    return Group(*parts)


def _two_columns(runs: Iterable[KnownRun]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("", overflow="fold")
    for run in runs:
        table.add_column(f"run {run.record.number}", overflow="fold")
    return table


def _differences(runs: Iterable[KnownRun], differences: Iterable[Difference]) -> Table:
    table = _two_columns(runs)
    for difference in differences:
        values = (difference.first, difference.second)
        table.add_row(difference.key, *(Text(_shown(value)) for value in values))
    return table


def _shown(value: Any) -> str:
    """Return a value in short; hashes are told apart by their first digits."""
    if value is None:
        return UNKNOWN
    text = str(value)
    is_hash = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return text[:HASH_DIGITS] if is_hash else text


def _rates(runs: Sequence[KnownRun], rates: Iterable[RateDifference]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("buffer", no_wrap=True)
    for title in (*(f"run {run.record.number} (1/s)" for run in runs), "difference"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rates:
        both = zip((row.first, row.second), row.throughput_hz, strict=True)
        values = [_rate(measured, throughput_hz) for measured, throughput_hz in both]
        difference = UNKNOWN if row.sigma is None else f"{row.sigma:+.1f} σ"
        style = "yellow" if row.sigma is not None and abs(row.sigma) > LARGE_SIGMA else ""
        table.add_row(row.buffer, *values, Text(difference, style))
    return table


def _rate(measured: Rate | None, throughput_hz: float | None) -> str:
    """Return the rate of the experiment, or else what went through the buffer, marked as such."""
    if measured is not None:
        return str(measured)
    return UNKNOWN if throughput_hz is None else f"({rate(throughput_hz)})"
