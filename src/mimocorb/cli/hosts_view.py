"""Runs of several hosts as a table. Nothing here reads or decides anything."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from mimocorb._words import count
from mimocorb.run.host_view import HostView
from mimocorb.run.screen.fitted_table import Column, fitted_table
from mimocorb.run.wording import UNKNOWN, duration, percent, rate

__all__ = ["hosts_page"]

_COLUMNS = (
    Column(" host"),
    Column("set-up", rank=5, least_width=8),
    Column("run", rank=4, is_number=True),
    Column("machine", rank=6, least_width=8),
    Column("state"),
    Column("time", rank=3, is_number=True),
    Column("buffer", rank=1),
    Column("events", is_number=True),
    Column("events/s", is_number=True),
    Column("dead", rank=2, is_number=True),
    Column("clock", rank=7, is_number=True),
)
LATE_S = 4.0


def hosts_page(views: Sequence[HostView], width: int) -> RenderableType:
    """Return a table of hosts and their buffers, and below it their alarms."""
    rows = [cells for view in views for cells in _rows(view)]
    parts: list[RenderableType] = [fitted_table(_COLUMNS, rows, width)]
    for view in views:
        parts += [Text(f"  {view.host}: {view.note}", style="dim")] if view.note else []
        parts += [Text(f"  ALARM on {view.host}, {text}", style="bold red") for text in view.alarms]
    return Group(*parts)


def _rows(view: HostView) -> list[list[Text]]:
    is_late = view.seen_ago_s > LATE_S and not view.has_ended
    state = f"silent for {view.seen_ago_s:.0f} s" if is_late else view.state
    first = [
        Text(f" {view.host}", style="bold"),
        Text(view.title),
        Text("" if view.number is None else str(view.number)),
        Text(view.machine),
        Text(state, style="yellow" if is_late else ""),
        Text(duration(view.elapsed_s)),
    ]
    clock = Text("" if view.offset_s is None else _offset(view.offset_s, view.uncertainty_s or 0.0))
    rows = []
    for buffer in view.buffers:
        counts = [
            Text(buffer.name),
            Text(count(buffer.published)),
            Text(rate(buffer.throughput_hz)),
            Text(percent(buffer.dead_fraction)),
        ]
        rows.append([*first, *counts, clock])
        first, clock = [Text("") for _ in first], Text("")
    return rows or [[*first, *(Text(UNKNOWN) for _ in range(4)), clock]]


def _offset(offset_s: float, uncertainty_s: float) -> str:
    return f"{1000 * offset_s:+.1f} ± {1000 * uncertainty_s:.1f} ms"
