"""What a run shows while it runs: a live view on a terminal, plain lines elsewhere.

:func:`render` draws one picture of a run and knows nothing of terminals or processes. A number that
has not been measured is shown as "–", never as 0.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mimocorb._run.keyboard import in_foreground
from mimocorb._run.run_log import LogLine, RunLog
from mimocorb._run.run_state import BufferView, Goal, RunState, RunView, WorkerState, WorkerView

__all__ = ["LiveView", "PlainLines", "duration", "render", "say", "status_line"]

UNKNOWN = "–"
REFRESH_S = 0.25
LINE_INTERVAL_S = 5.0
KEYS = "space pause/resume   s stop and drain   e end at once   Ctrl-C as s, twice as e"

STATE_STYLES = {
    RunState.RUNNING: "bold green",
    RunState.PAUSED: "bold yellow",
    RunState.DRAINING: "bold cyan",
    RunState.ENDING: "bold red",
}
WORKER_STYLES = {
    WorkerState.FAILED: "bold red",
    WorkerState.STOPPED: "yellow",
    WorkerState.STARTING: "yellow",
    WorkerState.ENDED: "dim",
}
LEVEL_STYLES = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}


def say(text: str, stream: TextIO) -> bool:
    """Print a text at once, with "?" for what the stream cannot show; whether that worked.

    It does not if whoever read the stream has gone, or its disk is full. That ends no run.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
    except (OSError, ValueError):
        return False
    return True


def duration(seconds: float | None) -> str:
    """Return a time as hours, minutes and seconds."""
    if seconds is None:
        return UNKNOWN
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def rate(value_hz: float | None) -> str:
    """Return a rate in a form that fits any size."""
    if value_hz is None:
        return UNKNOWN
    return f"{value_hz:,.1f}" if value_hz < 1000 else f"{value_hz:,.0f}"


def percent(fraction: float | None) -> str:
    """Return a fraction in percent."""
    return UNKNOWN if fraction is None else f"{100 * fraction:.1f} %"


def status_line(view: RunView) -> str:
    """Return a run in one line: for files and pipes."""
    parts = [f"{view.state.value} {duration(view.elapsed_s)}"]
    for buffer in view.buffers:
        stats = buffer.stats
        text = f"{stats.name}: {stats.published} events, {rate(buffer.rate_hz)}/s"
        text += f", {100 * stats.occupancy:.0f} % full"
        if buffer.dead_fraction is not None:
            text += f", dead time {percent(buffer.dead_fraction)}"
        parts.append(text)
    if view.progress is not None and view.state is RunState.RUNNING:
        parts.append(f"{100 * view.progress:.0f} % done")
    if view.state in (RunState.DRAINING, RunState.ENDING):
        parts.append(_still_due(view))
    return " | ".join(parts)


def _still_due(view: RunView) -> str:
    """Say how much is left to process, and where."""
    due = [
        f"{sum(group.due for group in buffer.stats.groups)} events still due in {buffer.stats.name}"
        for buffer in view.buffers
        if any(group.due for group in buffer.stats.groups)
    ]
    if due:
        return ", ".join(due)
    busy = [worker.function for worker in view.workers if worker.alive]
    return f"all events processed, waiting for {', '.join(busy)}" if busy else "all processed"


def render(
    view: RunView, lines: Sequence[LogLine], width: int, height: int, *, unicode: bool = True
) -> RenderableType:
    """Draw a run into `width` × `height` characters.

    Parameters
    ----------
    view
        The run.
    lines
        The log, oldest first; the newest that fit are shown.
    unicode
        Whether the terminal can show bars and dashes.
    """
    parts: list[RenderableType] = [_header(view, width), _progress(view, width, unicode), Text("")]
    groups = sum(max(1, len(buffer.stats.groups)) for buffer in view.buffers)
    room = height - 9  # header, progress, keys, titles, blank lines
    most_workers = max(1, min(len(view.workers), room - min(groups, room * 2 // 3)))
    most_groups = max(1, room - most_workers)
    parts += [_buffer_table(view.buffers, most_groups, width, unicode), Text("")]
    parts += [_worker_table(view.workers, most_workers), Text("")]
    left = height - 8 - min(groups, most_groups) - most_workers
    newest = list(lines)[-left:] if left > 0 else []
    parts += [_log_line(line) for line in newest]
    parts += [Text("")] * (left - len(newest))
    parts.append(Text(KEYS, style="dim", no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


def _header(view: RunView, width: int) -> Text:
    state = Text(view.state.value, style=STATE_STYLES.get(view.state, "bold"))
    right = Text.assemble(state, f"  {duration(view.elapsed_s)} ")
    title = Text(f" {view.title}", style="bold")
    title.truncate(max(1, width - right.cell_len - 1), overflow="ellipsis")
    return Text.assemble(title, " " * (width - title.cell_len - right.cell_len), right)


def _progress(view: RunView, width: int, unicode: bool) -> Text:
    """Say how far the run is on its way to the end condition, or what is left to drain."""
    if view.state in (RunState.DRAINING, RunState.ENDING):
        text = Text(f" {_still_due(view)}", style="cyan")
        text.truncate(width, overflow="ellipsis")
        return text
    if not view.goals:
        return Text(f" {view.events:,} events, no end condition", style="dim")
    ends = ", ".join(_goal(goal) for goal in view.goals)
    if view.progress is None:
        return Text(f" {view.events:,} events, {ends}", no_wrap=True, overflow="ellipsis")
    label = f" {100 * view.progress:3.0f} %  {ends} "
    return Text.assemble(
        " ", _bar(view.progress, max(5, width - len(label) - 2), unicode, "green"), label
    )


def _goal(goal: Goal) -> str:
    """Say how far it is to an end of the run."""
    if goal.kind == "time":
        return f"{duration(goal.value)} of {duration(goal.limit)}"
    if goal.kind == "events":
        return f"{goal.value:,.0f} of {goal.limit:,.0f} events in {goal.name}"
    return f"{goal.name}, now {UNKNOWN if goal.value is None else f'{goal.value:g}'}"


def _bar(fraction: float, width: int, unicode: bool, style: str) -> Text:
    full = round(fraction * width)
    return Text.assemble(
        (("━" if unicode else "#") * full, style),
        (("─" if unicode else ".") * (width - full), "bright_black"),
    )


def _table(*columns: tuple[str, bool]) -> Table:
    """Return an empty table without lines; a column is (title, whether it holds numbers)."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", expand=False)
    for title, is_number in columns:
        table.add_column(
            title, justify="right" if is_number else "left", no_wrap=True, overflow="ellipsis"
        )
    return table


def _buffer_table(
    buffers: Iterable[BufferView], most_rows: int, width: int, unicode: bool
) -> Table:
    table = _table(
        (" buffer", False),
        ("filled", False),
        ("", True),
        ("events", True),
        ("rate/s", True),
        ("dead", True),
        ("due", True),
        ("for", False),
    )
    bar_width = 10 if width < 100 else 20
    rows = [cells for buffer in buffers for cells in _buffer_rows(buffer, bar_width, unicode)]
    for cells in rows if len(rows) <= most_rows else rows[: most_rows - 1]:
        table.add_row(*cells)
    if len(rows) > most_rows:
        table.add_row(Text(f" … {len(rows) - most_rows + 1} more", style="dim"))
    return table


def _buffer_rows(buffer: BufferView, bar_width: int, unicode: bool) -> Iterable[list[Text]]:
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
        _bar(stats.occupancy, bar_width, unicode, style),
        Text(f"{100 * stats.occupancy:.0f} %"),
        Text(f"{stats.published:,}"),
        Text(rate(buffer.rate_hz)),
        Text(percent(buffer.dead_fraction)),
    ]
    for group in stats.groups or (None,):
        if group is None:
            yield [*first, Text(UNKNOWN), Text("nobody", style="dim")]
            continue
        reader = buffer.readers.get(group.group, f"group {group.group}")
        yield [*first, Text(f"{group.due:,}"), Text(reader)]
        first = [Text("") for _ in first]


def _worker_table(workers: Sequence[WorkerView], most_rows: int) -> Table:
    table = _table((" worker", False), ("function", False), ("alive", True), ("state", False))
    shown = workers if len(workers) <= most_rows else workers[: most_rows - 1]
    for worker in shown:
        states: dict[WorkerState, int] = {}
        for state in worker.states:
            states[state] = states.get(state, 0) + 1
        words = [
            (state.value if count == len(worker.states) else f"{count} {state.value}")
            for state, count in states.items()
        ]
        style = next((WORKER_STYLES[s] for s in WORKER_STYLES if s in states), "")
        table.add_row(
            f" {worker.name}",
            worker.function,
            f"{worker.alive}/{len(worker.states)}",
            Text(", ".join(words), style=style),
        )
    if len(workers) > len(shown):
        table.add_row(Text(f" … {len(workers) - len(shown)} more", style="dim"))
    return table


def _log_line(line: LogLine) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f" {line.clock[:8]} ", style="dim")
    text.append(f"{line.origin}: ", style="blue")
    text.append(line.text.replace("\n", " "), style=LEVEL_STYLES.get(line.level, ""))
    return text


class LiveView:
    """Draws a run on a terminal, on its second screen, so that nothing of it stays behind.

    There is no thread: call :meth:`update` from the run's loop, it draws when it is time.
    """

    def __init__(
        self, stream: TextIO, look: Callable[[], RunView], lines: Sequence[LogLine]
    ) -> None:
        self._stream = stream
        self._console = Console(file=stream)
        self._wanted = False
        self._look = look
        self._lines = lines
        self._next_s = 0.0
        self._live: Live | None = None

    def start(self) -> None:
        """Begin to draw; takes the terminal over as soon as the run is in its foreground."""
        self._wanted = True
        self._next_s = 0.0

    def _take_over(self) -> None:
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            screen=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def update(self) -> None:
        """Draw the run as it is now, at most every quarter of a second."""
        now = time.monotonic()
        if not self._wanted or now < self._next_s:
            return
        self._next_s = now + REFRESH_S
        try:
            self._draw()
        except OSError:  # the terminal has been closed; the run goes on without
            self._wanted, self._live = False, None

    def _draw(self) -> None:
        if not in_foreground(self._stream.fileno()):
            self._live = None  # the shell has the terminal now
            return
        if self._live is None:
            self._take_over()
        size = self._console.size
        unicode = self._console.encoding.lower().startswith("utf")
        picture = render(self._look(), tuple(self._lines), size.width, size.height, unicode=unicode)
        if self._live is not None:
            self._live.update(picture, refresh=True)

    def stop(self) -> None:
        """Give the terminal back as it was. Idempotent."""
        self._wanted = False
        live, self._live = self._live, None
        if live is not None:
            with suppress(OSError):
                live.stop()


class PlainLines:
    """Prints the log as it comes and a line about the run every few seconds."""

    def __init__(self, stream: TextIO, look: Callable[[], RunView], log: RunLog) -> None:
        self._stream = stream
        self._look = look
        self._log = log
        self._next_s = 0.0

    def start(self) -> None:
        """Print what the log has so far, and from now on each new entry."""
        for line in self._log.lines:
            self._print(str(line))
        self._log.listeners.append(lambda line: self._print(str(line)))
        self._next_s = time.monotonic() + LINE_INTERVAL_S

    def update(self) -> None:
        """Print the state of the run if it is time."""
        now = time.monotonic()
        if now < self._next_s:
            return
        self._next_s = now + LINE_INTERVAL_S
        self._print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z {status_line(self._look())}")

    def stop(self) -> None:
        """Print nothing any more."""
        self._next_s = float("inf")

    def _print(self, text: str) -> None:
        if not say(text, self._stream):
            self._next_s = float("inf")
