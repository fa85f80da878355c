"""Runs as tables and pages: what ``mimocorb runs`` shows. Nothing here reads or decides anything.

A number that has not been measured is shown as "–", never as 0; one that the run doubts, with "?".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import yaml
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mimocorb._words import count
from mimocorb.run.record.catalogue import KnownRun
from mimocorb.run.record.quality import CLEAN, KILLED
from mimocorb.run.record.run_record import RunRecord
from mimocorb.run.record.run_result import RunResult
from mimocorb.run.run_state import RunState, StateChange
from mimocorb.run.run_view import BufferView
from mimocorb.run.screen.fitted_table import Column, fitted_table
from mimocorb.run.wording import UNKNOWN, data_taking, percent, rate, results_line, time_taken

__all__ = ["moment", "one_line", "quality_of", "run_page", "runs_table", "section"]

NARROW = 100
LAST_RANK = 6
_SETUP = Column("set-up", rank=3, least_width=8)
_COLUMNS = (
    Column("run", is_number=True),
    _SETUP,
    Column("scan", rank=2),
    Column("start (UTC)"),
    Column("time", rank=1, is_number=True),
    Column("events", is_number=True),
    Column("rate/s", is_number=True),
    Column("dead", rank=2, is_number=True),
    Column("quality", least_width=10, good_width=18),
    Column("operator", rank=4, least_width=6),
    Column("comment", rank=5, least_width=8),
)


def runs_table(
    runs: Sequence[KnownRun], width: int, hosts: Mapping[Path, str] | None = None
) -> RenderableType:
    """Return one line for each run; narrow terminals do without the year, then without columns.

    For runs of several hosts the name of the host comes first.
    """
    date = "%m-%d %H:%M" if width < NARROW else "%Y-%m-%d %H:%M"
    columns = list(_COLUMNS)
    if len({run.record.title for run in runs}) == 1:  # nothing is told apart by it
        columns[columns.index(_SETUP)] = replace(_SETUP, rank=LAST_RANK)
    rows = [_row(run, date) for run in runs]
    if hosts is not None:
        columns.insert(0, Column("host"))
        rows = [[Text(hosts[run.directory]), *row] for run, row in zip(runs, rows, strict=True)]
    return fitted_table(columns, rows, width)


def _row(run: KnownRun, date: str) -> list[Text]:
    record, result = run.record, run.record.result
    first = _source_buffer(result)
    return [
        Text(str(record.number)),
        one_line(record.title),
        Text(_scan_of(record)),
        Text(f"{moment(record.started_utc):{date}}"),
        Text(time_taken(result.elapsed_s if result else _lived_s(record))),
        Text(_events(record)),
        Text(_by_live_time(first, rate(_rate_hz(first)))),
        Text(_by_live_time(first, percent(first.dead_fraction if first else None))),
        quality_of(run),
        one_line(record.operator),
        one_line(record.comment),
    ]


def _scan_of(record: RunRecord) -> str:
    """Return which point of which scan it is: ``2: 3/8``; nothing for others."""
    scan = record.scan
    return "" if scan is None else f"{scan['number']}: {scan['point']}/{scan['of']}"


def moment(utc: str) -> datetime:
    """Return a time of a record."""
    return datetime.fromisoformat(utc).astimezone(UTC)


def _lived_s(record: RunRecord) -> float | None:
    """Return for how long a run is known to have lived that was killed."""
    if record.last_sign_utc is None:
        return None
    return (moment(record.last_sign_utc) - moment(record.started_utc)).total_seconds()


def _events(record: RunRecord) -> str:
    """Return how many events were taken; of a run that has no closed ledger, at least how many."""
    if record.result is not None:
        return count(record.result.events)
    return UNKNOWN if record.progress is None else f"≥ {count(record.progress.events)}"


def one_line(text: str) -> Text:
    """Return a text in one line."""
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


def quality_of(run: KnownRun) -> Text:
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
            parts.append(section(title, _pairs(pairs)))
    for title, values in (("Versions", record.versions), ("Set-up", record.setup)):
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None)
        parts.append(section(title, Text(text.rstrip())))
    return Group(*parts)


def _overview(run: KnownRun) -> Iterator[tuple[str, str | Text]]:
    record, result = run.record, run.record.result
    yield "quality", quality_of(run)
    for reasons in (record.quality or {}).values():
        yield from (("", reason) for reason in reasons)
    yield "directory", str(run.directory)
    yield "started", record.started_utc
    if record.ended_utc:
        yield "ended", record.ended_utc
    if record.last_sign_utc:
        yield "last sign of life", record.last_sign_utc
        yield "killed after", f"{time_taken(_lived_s(record))}, or later"
    if record.progress is not None:
        published = record.progress.published.items()
        listed = ", ".join(f"{name} {count(events)}" for name, events in published)
        yield "events", f"at least, as of {record.progress.time_utc}: {listed}"
    if result is not None:
        yield "ended because", result.reason
        yield "data taking", data_taking(result.elapsed_s, result.active_s)
        for worker, found in result.results.items():
            yield "result", f"{worker}: {results_line(found)}"
        yield "events", count(result.events)
        yield "exit code", str(result.exit_code)
    for connected in record.connected:
        yield "other hosts", connected.told()
    for host, clock in record.clocks.items():
        offset, error = 1000 * clock.offset_s, 1000 * clock.uncertainty_s
        yield f"clock of {host}", f"ahead by {offset:.2f} ± {error:.2f} ms"
    yield "operator", record.operator or UNKNOWN
    yield "comment", record.comment.strip() or UNKNOWN
    if record.part is not None:
        yield "host of the set-up", str(record.part["host"])
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


def section(title: str, *content: RenderableType) -> Group:
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
