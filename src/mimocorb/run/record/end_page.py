"""The end of a run on one screen: at most 20 lines of 80 characters, what went wrong first.

Everything else is in the directory of the run, and ``mimocorb runs N`` shows it.
"""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mimocorb._words import count, how_many
from mimocorb.run.accounts.live_time import Arrivals
from mimocorb.run.record.run_record import Quality
from mimocorb.run.run_view import BufferView, RunView
from mimocorb.run.wording import (
    PAGE_WIDTH,
    data_taking,
    dead_causes,
    end_of,
    percent,
    rate,
    results_line,
)
from mimocorb.setup.paths import RUNS_DIRECTORY, shown

if TYPE_CHECKING:
    from mimocorb.run.record.summary import RunSummary

__all__ = ["MOST_LINES", "end_page"]

MOST_LINES = 20
LEAST_OF_BUFFERS = 3  # a title, one of them, and how many more there are
ROOM_FOR_TROUBLES = 6
LONGEST_CAUSE, LONGEST_TEXT = 4, 2
LONGEST_PATH = 3
LONGEST_BUFFER = 24
INDENT = 17
"""Where the values begin, behind their names."""


def end_page(summary: RunSummary) -> str:
    """Return what a person has to know about a run that has ended."""
    number, directory, view = summary.number, summary.directory, summary.view
    failures, warnings = summary.failures, summary.warnings
    verdict = "FAILED:" if failures else "is complete: every event was processed"
    head = f"Run {number}, {end_of(summary.title, PAGE_WIDTH - len(verdict) - 20)}, {verdict}"
    about = list(_about(view, summary.quality, summary.started, has_failed=bool(failures)))
    exported = summary.exported
    if len(exported) > 2:
        exported = [exported[0], f"and {how_many(len(exported) - 1, 'more file')}"]
    about += _pair("exported", "; ".join(exported))
    about += _pair("other hosts", "; ".join(each.told() for each in summary.connected))
    path = f"  {'output':<{INDENT - 2}}{shown(directory)}"
    if _lines_of(path) > LONGEST_PATH:
        path = f"  {'output':<{INDENT - 2}}{end_of(shown(directory), PAGE_WIDTH - INDENT)}"
    end = [*_about_time(view), path, *_see_more(directory, number)]
    if summary.unfinished is not None:
        left = shlex.quote(shown(summary.unfinished))
        end.append(_command("to finish", f"mimocorb finish {left}"))
    room = MOST_LINES - sum(map(_lines_of, (head, *about, *end)))
    rows = _buffer_rows(view)
    wanted = room - ROOM_FOR_TROUBLES if failures or warnings else room
    table = _table(rows, max(LEAST_OF_BUFFERS, wanted)) if rows else []
    room -= len(table)
    troubles = _troubles(failures, "failure", room - bool(warnings))
    warned = [f"warning: {text}" for text in warnings]
    troubles += _troubles(warned, "warning", room - len(troubles))
    return "\n".join([head, *troubles, *about, *table, *end]) + "\n"


def _lines_of(text: str) -> int:
    """Return how many lines of a terminal of 80 columns a line takes."""
    return max(1, math.ceil(len(text) / PAGE_WIDTH))


def _command(name: str, command: str) -> str:
    """Return a command in one piece, so that it can be copied: the terminal folds it."""
    line = f"  {name:<{INDENT - 2}}{command}"
    if _lines_of(line) <= LONGEST_TEXT:
        return line
    return f"  {name:<{INDENT - 2}}{command.partition('/')[0]}…, with the directory above"


def _see_more(directory: Path, number: int) -> list[str]:
    """Return the command that shows all of the run."""
    is_usual = directory.parent == RUNS_DIRECTORY.absolute()
    place = "" if is_usual else f"{shlex.quote(shown(directory.parent))} "
    return [_command("more", f"mimocorb runs {place}{number}")]


def _about(view: RunView, quality: Quality, started: str, *, has_failed: bool) -> Iterator[str]:
    """Yield why it ended, how long it was, what its data are worth, and what came out."""
    yield from _pair("ended because", view.reason, 1 if has_failed else LONGEST_TEXT)
    yield from _pair(
        "data taking", f"{data_taking(view.elapsed_s, view.active_s)}, from {started}", 1
    )
    yield from _pair("quality", ", ".join(quality), 1)
    results = [f"{worker}: {results_line(found)}" for worker, found in view.results.items()]
    for text in results[:2] if len(results) <= 2 else results[:1]:
        yield from _pair("result", text, 1)
    if len(results) > 2:
        yield from _pair("", f"… and {how_many(len(results) - 1, 'more result')}", 1)


def _pair(name: str, text: str, most: int = LONGEST_TEXT) -> list[str]:
    """Return a value behind its name, in a line or two; none without a value."""
    return _folded(text, f"  {name:<{INDENT - 2}}", " " * INDENT, most) if text else []


def _folded(text: str, first: str, further: str, most: int) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        PAGE_WIDTH,
        initial_indent=first,
        subsequent_indent=further,
        max_lines=most,
        placeholder=" …",
        break_on_hyphens=False,
    )


def _troubles(texts: Sequence[str], what: str, room: int) -> list[str]:
    """Return as many of them as there is room for, and how many more there are."""
    lines: list[str] = []
    for number, text in enumerate(texts):
        more = len(texts) - number - 1
        space = room - len(lines) - bool(more)
        if space < 1 and (number or what != "failure"):
            others = f"more {what}" if number else what
            return [*lines, f"  … and {how_many(more + 1, others)}"]
        longest = LONGEST_TEXT if number else LONGEST_CAUSE
        lines += _folded(text, "  ", "    ", max(1, min(space, longest)))
    return lines


def _about_time(view: RunView) -> list[str]:
    """Return the dead time, or what kind of rates these are."""
    account = view.accounts
    sources = [source for source in account.sources if source.total_ns] if account else []
    if account is None or not sources:
        return []
    kinds = {source.arrivals for source in sources}
    if kinds == {Arrivals.RANDOM}:
        dead = next((b for b in view.buffers if b.dead_fraction is not None), None)
        if dead is None:
            return []
        doubt = " (doubtful)" if dead.live_time_doubtful else ""
        causes = dead_causes(dead)
        parts = f": {causes}" if causes else ""
        return _pair("dead time", f"{percent(dead.dead_fraction)}{doubt}{parts}")
    if kinds == {Arrivals.RECORDED} or account.is_rest:
        return _pair("rates", "of recorded events: they say nothing of the experiment today")
    if kinds == {Arrivals.UNKNOWN}:
        return _pair("rates", "throughput: not known whether the events come at random")
    return _pair("rates", "throughput: the events do not come at random")


_Row = tuple[str, str, str, str, str]


def _buffer_rows(view: RunView) -> list[_Row]:
    first = _only_source_buffer(view)
    return [_row(buffer, first) for buffer in view.buffers]


def _table(rows: Sequence[_Row], room: int) -> list[str]:
    """Return a title and a line for each buffer, as many as there is room for."""
    rest = len(rows) - room + 2 if len(rows) > room - 1 else 0
    lines_of = [("buffer", "events", "kept", "per second", ""), *rows[: len(rows) - rest]]
    columns = [column for column in zip(*lines_of, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    widths[0] = max(widths[0], INDENT - 3)
    lines = [
        f"  {name:<{widths[0]}} "
        + "  ".join(f"{part:>{width}}" for part, width in zip(parts, widths[1:], strict=True))
        for name, *parts in zip(*columns, strict=True)
    ]
    lines = [line.rstrip() for line in lines]
    if rest:
        lines.append(f"  … and {how_many(rest, 'more buffer')}")
    return lines


def _only_source_buffer(view: RunView) -> BufferView | None:
    """Return the buffer that all events come into; None if there are several."""
    if view.accounts is None:
        return None
    sources = {source.name for source in view.accounts.sources}
    entries = view.accounts.entries
    found = [b for b in view.buffers if sources & set(entries.get(b.name, ()))]
    return found[0] if len(found) == 1 else None


def _row(buffer: BufferView, first: BufferView | None) -> _Row:
    is_behind = first is not None and first.name != buffer.name and first.published
    kept = percent(buffer.published / first.published) if first and is_behind else ""
    missing = sum(
        group.lost + group.due + group.saved + group.quarantined for group in buffer.groups
    )
    lost = f"{count(missing)} not processed" if missing else ""
    return end_of(buffer.name, LONGEST_BUFFER), count(buffer.published), kept, _speed(buffer), lost


def _speed(buffer: BufferView) -> str:
    """Return the rate of the experiment if there is one, or else what went through the buffer."""
    if buffer.rate is not None:
        return f"{buffer.rate} of live time"
    if buffer.recorded_rate_hz is not None:
        return f"{rate(buffer.recorded_rate_hz)} when recorded"
    return rate(buffer.throughput_hz)
