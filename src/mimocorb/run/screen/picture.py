"""One picture of a run, for a terminal of any size; knows nothing of terminals or processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from rich.console import Group, RenderableType
from rich.text import Text

from mimocorb._words import count, how_many
from mimocorb.run.accounts.bottleneck import TimeUse
from mimocorb.run.run_log import LogLine
from mimocorb.run.run_state import RunState, WorkerState
from mimocorb.run.run_view import BufferView, RunView, WorkerView
from mimocorb.run.screen.fitted_table import Column, fitted_table
from mimocorb.run.wording import (
    UNKNOWN,
    dead_causes,
    drain_progress,
    duration,
    goal_progress,
    percent,
    rate,
)

__all__ = ["KEYS", "Panel", "render"]


class Panel(Protocol):
    """What stands between the tables and the log.

    Attributes
    ----------
    least_lines
        How many lines it needs; tables are made shorter for it.
    """

    @property
    def least_lines(self) -> int:
        """As above."""

    def draw(self, width: int, height: int) -> Sequence[Text]:
        """Return lines for so many columns, and at most so many."""


KEYS = (
    "space pause/resume   s stop and drain   e end at once   Ctrl-C as s, twice as e",
    "space pause/resume   s stop   e end at once",
    "space pause  s stop  e end",
)
"""What the last line says, the longest that fits."""

STATE_STYLES = {
    RunState.RUNNING: "bold green",
    RunState.PAUSED: "bold yellow",
    RunState.DRAINING: "bold cyan",
    RunState.ENDING: "bold red",
}
WORKER_STYLES = {
    WorkerState.FAILED: "bold red",
    WorkerState.STOPPED: "yellow",
    WorkerState.RESTARTING: "yellow",
    WorkerState.STARTING: "yellow",
    WorkerState.ENDED: "dim",
}
LEVEL_STYLES = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}
NARROW = 100
LEAST_BAR = 5
LINES_AROUND = 8  # header, progress, titles of two tables, blank lines, keys


def render(
    view: RunView,
    lines: Sequence[LogLine],
    width: int,
    height: int | None,
    *,
    unicode: bool = True,
    keys: Sequence[str] = KEYS,
    panel: Panel | None = None,
) -> RenderableType:
    """Draw a run into `width` × `height` characters.

    Parameters
    ----------
    view
        The run.
    lines
        The log, oldest first; the newest that fit are shown.
    height
        None: as many as there are, without the log.
    unicode
        Whether the terminal can show bars and dashes.
    keys
        What the last line says, the longest first.
    panel
        What stands above the log.
    """
    parts: list[RenderableType] = [_header(view, width), _progress(view, width, unicode)]
    parts.append(_alarms(view, width))
    buffers = [cells for buffer in view.buffers for cells in _buffer_rows(buffer, width, unicode)]
    used = view.accounts.recent if view.accounts else {}
    workers = [_worker_row(worker, used.get(worker.name)) for worker in view.workers]
    if height is None:
        parts += [fitted_table(_BUFFER_COLUMNS, buffers, width), Text("")]
        return Group(*parts, fitted_table(_WORKER_COLUMNS, workers, width))
    room = height - LINES_AROUND - (1 if panel is None else min(panel.least_lines, height // 2))
    most_workers = max(1, min(len(workers), room - min(len(buffers), room * 2 // 3)))
    most_buffers = max(1, min(len(buffers), room - most_workers))
    parts += [*_most(_BUFFER_COLUMNS, buffers, most_buffers, width), Text("")]
    parts += [*_most(_WORKER_COLUMNS, workers, most_workers, width), Text("")]
    left = height - LINES_AROUND - most_buffers - most_workers
    parts += _lower_part(lines, panel, width, left)
    return Group(*parts, _last_line(keys, width))


def _lower_part(
    lines: Sequence[LogLine], panel: Panel | None, width: int, height: int
) -> list[RenderableType]:
    """Return what stands below the tables, with so many lines: the panel, and the newest log."""
    drawn = list(panel.draw(width, height))[: max(0, height)] if panel and height > 0 else []
    left = height - len(drawn)
    newest = list(lines)[-left:] if left > 0 else []
    log = [_log_line(line) for line in newest]
    return [*drawn, *log, *[Text("")] * (left - len(log))]


def _header(view: RunView, width: int) -> Text:
    state = Text(view.state.value, style=STATE_STYLES.get(view.state, "bold"))
    right = Text.assemble(state, f"  {duration(view.elapsed_s)} ")
    title = Text(f" {view.title}", style="bold")
    title.truncate(max(1, width - right.cell_len - 1), overflow="ellipsis")
    return Text.assemble(title, " " * (width - title.cell_len - right.cell_len), right)


def _progress(view: RunView, width: int, unicode: bool) -> Text:
    """Say how far the run is on its way to the end, what is left to drain, or why it pauses."""
    if view.state in (RunState.DRAINING, RunState.ENDING):
        return Text(_fitting(drain_progress(view), width), style="cyan")
    goals = [goal_progress(goal) for goal in view.goals]
    events = how_many(view.events, "event")
    if view.state is RunState.PAUSED and view.cause:
        return Text(_fitting([view.cause, *(goals or [events])], width), style="yellow")
    if not goals:
        return Text(_fitting([events, "no end condition"], width), style="dim")
    if view.progress is None:
        return Text(_fitting([events, *goals], width))
    share = f" {100 * view.progress:3.0f} % "
    room = width - len(share) - LEAST_BAR - 2
    label = _fitting(goals, room) if Text(goals[0]).cell_len < room else ""
    bar_width = width - len(share) - len(label) - 2
    return Text.assemble(" ", _bar(view.progress, bar_width, unicode, "green"), share, label)


def _alarms(view: RunView, width: int) -> Text:
    """Say what alarms go on, in the line that is empty as long as there are none.

    Those that nobody knows of yet come first.
    """
    going_on = [alarm for alarm in view.alarms if alarm.goes_on]
    new = [f"ALARM {alarm.kind}: {alarm.text}" for alarm in going_on if not alarm.acknowledged_by]
    known = [f"known: {alarm.kind}: {alarm.text}" for alarm in going_on if alarm.acknowledged_by]
    if not going_on:
        return Text("")
    return Text(_fitting([*new, *known], width), style="bold red" if new else "yellow")


def _fitting(parts: Sequence[str], width: int) -> str:
    """Return as many of the parts as fit in whole; only a first one that does not is cut."""
    text = Text(f" {parts[0]}")
    for number, part in enumerate(parts[1:], 1):
        rest = len(parts) - number
        more = f", {part}"
        room = width - text.cell_len - (len(f", … {rest - 1} more") if rest > 1 else 0)
        if Text(more).cell_len > room:
            text.append(f", … {rest} more")
            break
        text.append(more)
    text.truncate(width, overflow="ellipsis")
    return text.plain


def _bar(fraction: float, width: int, unicode: bool, style: str) -> Text:
    full = round(fraction * width)
    return Text.assemble(
        (("━" if unicode else "#") * full, style),
        (("─" if unicode else ".") * (width - full), "bright_black"),
    )


def _most(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], most: int, width: int
) -> Iterable[RenderableType]:
    """Return a table of at most so many lines; what does not fit is counted."""
    if len(rows) <= most:
        return [fitted_table(columns, rows, width)]
    rest = Text(f" … {len(rows) - most + 1} more", style="dim")
    return [fitted_table(columns, rows[: most - 1], width), rest]


_BUFFER_COLUMNS = (
    Column(" buffer", least_width=12),
    Column("filled", rank=6),
    Column("", rank=3, is_number=True),
    Column("events", is_number=True),
    Column("events/s", rank=2, is_number=True),
    Column("dead", rank=4, is_number=True),
    Column("because", rank=7),
    Column("due", rank=1, is_number=True),
    Column("for", rank=5, least_width=12),
)


def _buffer_rows(buffer: BufferView, width: int, unicode: bool) -> Iterable[list[Text]]:
    """One row a reader group; the first has the numbers of the buffer."""
    stats = buffer.stats
    style = "red" if stats.occupancy > 0.9 else "yellow" if stats.occupancy > 0.6 else "green"
    name = Text(f" {stats.name}", style="bold")
    if stats.paused:
        name.append(" paused", style="yellow")
    elif stats.ended:
        name.append(" ended", style="dim")
    first = [
        name,
        _bar(stats.occupancy, 10 if width < NARROW else 20, unicode, style),
        Text(f"{100 * stats.occupancy:.0f} %"),
        Text(count(stats.published)),
        Text(rate(buffer.throughput_hz)),
        Text(percent(buffer.dead_fraction)),
        Text(dead_causes(buffer)),
    ]
    for group in stats.groups or (None,):
        if group is None:
            yield [*first, Text(UNKNOWN), Text("nobody", style="dim")]
            continue
        reader = buffer.readers.get(group.group, f"group {group.group}")
        yield [*first, Text(count(group.due)), Text(reader)]
        first = [Text("") for _ in first]


_WORKER_COLUMNS = (
    Column(" worker", least_width=12),
    Column("function", rank=2, least_width=12),
    Column("alive", rank=1, is_number=True),
    Column("state"),
    Column("busy", rank=3, is_number=True),
    Column("no input", rank=5, is_number=True),
    Column("no room", rank=4, is_number=True),
    Column("held up", rank=6, is_number=True),
    Column("restart", rank=6, is_number=True),
)


def _worker_row(worker: WorkerView, use: TimeUse | None) -> list[Text]:
    """One row; where its time goes is that of the last seconds."""
    states = Counter(worker.states)
    words = [
        state.value if number == len(worker.states) else f"{number} {state.value}"
        for state, number in states.items()
    ]
    if worker.restarts:
        words.append(how_many(worker.restarts, "restart"))
    if worker.warnings:
        words.append(how_many(worker.warnings, "warning"))
    style = next((WORKER_STYLES[state] for state in WORKER_STYLES if state in states), "")
    return [
        Text(f" {worker.name}"),
        Text(worker.function),
        Text(f"{worker.alive}/{len(worker.states)}"),
        Text(", ".join(words), style=style),
        Text(percent(use.busy if use else None)),
        Text(percent(use.waiting_for_input if use else None)),
        Text(percent(use.waiting_for_room if use else None)),
        Text(percent(use.held_up) if use and use.held_up else ""),  # like the next, seldom seen
        Text(percent(use.restarting) if use and use.restarting else ""),
    ]


def _log_line(line: LogLine) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f" {line.clock[:8]} ", style="dim")
    text.append(f"{line.origin}: ", style="blue")
    text.append(line.text.replace("\n", " "), style=LEVEL_STYLES.get(line.level, ""))
    return text


def _last_line(texts: Sequence[str], width: int) -> Text:
    fitting = next((text for text in texts if len(text) <= width), texts[-1])
    return Text(fitting, style="dim", no_wrap=True, overflow="ellipsis")
