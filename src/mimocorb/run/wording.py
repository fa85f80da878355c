"""The words for a run: numbers, times and states as people read them.

A number that has not been measured is written as "–", never as 0.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping

from mimocorb._words import count, how_many, with_error
from mimocorb.run.alarm import Alarm, AlarmKind
from mimocorb.run.run_state import RunState
from mimocorb.run.run_view import BufferView, Goal, RunView

__all__ = [
    "PAGE_WIDTH",
    "UNKNOWN",
    "alarm_line",
    "data_taking",
    "dead_causes",
    "drain_progress",
    "duration",
    "end_of",
    "error_of",
    "goal_progress",
    "percent",
    "rate",
    "results_line",
    "stands_still",
    "status_line",
    "time_taken",
    "warned_workers",
    "wrapped",
]

PAGE_WIDTH = 80
"""What tables for people fit into, in a terminal of usual size."""
UNKNOWN = "–"
LEAST_SHOWN = 0.0005
"""A part of the dead time that would be written as 0.0 %."""


def results_line(found: Mapping[str, float]) -> str:
    """Return what a worker has reported, each result with its uncertainty if that was reported.

    ``tau_error_ns`` or ``tau_ns_error`` is the uncertainty of ``tau_ns``.
    """
    errors = {name: error_of(name, found) for name in found}
    shown = [name for name in found if name not in errors.values()]
    return ", ".join(
        f"{name} = {with_error(found[name], found[error])}"
        if (error := errors[name])
        else f"{name} = {found[name]:g}"
        for name in shown
    )


def error_of(name: str, found: Mapping[str, float]) -> str:
    """Return under which name the uncertainty of a result was reported; empty without one."""
    stem, _, unit = name.rpartition("_")
    names = (f"{name}_error", f"{stem}_error_{unit}")
    return next((one for one in names if one in found), "")


def duration(seconds: float | None) -> str:
    """Return a time that goes on, as a clock shows it: full hours, minutes and seconds."""
    if seconds is None:
        return UNKNOWN
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def time_taken(seconds: float | None) -> str:
    """Return a time that is over: with three digits if that is less than a minute."""
    if seconds is None:
        return UNKNOWN
    if seconds >= 59.95:
        return duration(round(seconds))
    decimals = 2 - math.floor(math.log10(seconds)) if seconds > 0 else 0
    return f"{seconds:.{min(max(decimals, 1), 6)}f} s"


def rate(value_hz: float | None) -> str:
    """Return a rate in a form that fits any size."""
    if value_hz is None:
        return UNKNOWN
    return f"{value_hz:.1f}" if value_hz < 1000 else count(value_hz)


def percent(fraction: float | None) -> str:
    """Return a fraction in percent."""
    return UNKNOWN if fraction is None else f"{100 * fraction:.1f} %"


def end_of(text: str, width: int) -> str:
    """Return a name that is not longer than that: of a long one its end, which tells most."""
    return text if len(text) <= width else "…" + text[len(text) - max(width, 2) + 1 :]


def wrapped(text: str, width: int) -> str:
    """Return a text with its long lines folded between words, and further in."""
    lines: list[str] = []
    for line in text.splitlines():
        inner = " " * (len(line) - len(line.lstrip()) + 2)
        lines += textwrap.wrap(
            line,
            width,
            subsequent_indent=inner,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(lines)


def data_taking(elapsed_s: float | None, active_s: float | None) -> str:
    """Say how long data were taken, and how long without pauses if there were any."""
    without = f", {time_taken(active_s)} without pauses" if active_s != elapsed_s else ""
    return f"{time_taken(elapsed_s)}{without}"


def goal_progress(goal: Goal) -> str:
    """Say how far it is to an end of the run."""
    if goal.kind == "time":
        return f"{duration(goal.value)} of {duration(goal.limit)}"
    if goal.kind == "events":
        reached = UNKNOWN if goal.value is None else count(goal.value)
        return f"{reached} of {how_many(int(goal.limit), 'event')} in {goal.name}"
    return f"{goal.name}, now {UNKNOWN if goal.value is None else f'{goal.value:g}'}"


def drain_progress(view: RunView) -> list[str]:
    """Say how much is left to process in each buffer, or which functions the run waits for."""
    due = [_still_due(buffer) for buffer in view.buffers if buffer.due]
    if due:
        return due
    busy = [worker.function for worker in view.workers if worker.alive]
    return [f"all events processed, waiting for {', '.join(busy)}" if busy else "all processed"]


def _still_due(buffer: BufferView) -> str:
    of_all = "" if buffer.to_drain is None else f" of {count(buffer.to_drain)}"
    return f"{count(buffer.due)}{of_all} still due in {buffer.stats.name}"


def alarm_line(alarm: Alarm) -> str:
    """Return an alarm in one line, with its time and how long it lasted."""
    times = f", {how_many(alarm.count, 'time')}" if alarm.count > 1 else ""
    until = "" if alarm.goes_on else f", until {alarm.until_utc}"
    lasted = f", {time_taken(alarm.lasted_s)}" if alarm.lasted_s else ""
    when = f"{alarm.since_utc}{until if lasted else ''}"
    known = f", acknowledged by {alarm.acknowledged_by}" if alarm.acknowledged_by else ""
    return f"{alarm.kind}{times}{lasted}: {alarm.text} ({when}{known})"


def stands_still(view: RunView) -> list[Alarm]:
    """Return the alarms that say that no data came where there should have been some."""
    kinds = (AlarmKind.SILENT, AlarmKind.DEVICE_LOST)
    return [alarm for alarm in view.alarms if alarm.kind in kinds]


def warned_workers(view: RunView, *, of_data: bool = False) -> Iterable[str]:
    """Yield how many warnings each worker has logged, and the last one.

    With `of_data` only of those whose warnings may matter for the data: all but observers.
    """
    for worker in view.workers:
        if worker.warnings and (worker.processes[0].handles_data or not of_data):
            number = how_many(worker.warnings, "warning")
            last = " ".join(worker.last_warning.split())
            yield f"{worker.name} has logged {number}, the last: {last:.200}"


def status_line(view: RunView) -> str:
    """Return a run in one line: for files and pipes."""
    return " | ".join(_parts(view))


def dead_causes(buffer: BufferView) -> str:
    """Return the causes of dead time that matter, each with its part of the time."""
    causes = [
        f"{cause.replace('_', ' ')} {percent(part)}"
        for cause, part in buffer.dead_time.items()
        if part >= LEAST_SHOWN
    ]
    return ", ".join(causes)


def _parts(view: RunView) -> Iterable[str]:
    cause = f" ({view.cause})" if view.state is RunState.PAUSED and view.cause else ""
    yield f"{view.state.value}{cause} {duration(view.elapsed_s)}"
    yield from (f"ALARM {alarm.kind}: {alarm.text}" for alarm in view.alarms if alarm.goes_on)
    for buffer in view.buffers:
        stats = buffer.stats
        text = f"{stats.name}: {how_many(stats.published, 'event')}"
        text += f", {rate(buffer.throughput_hz)} events/s"
        text += f", {100 * stats.occupancy:.0f} % full"
        if buffer.dead_fraction is not None:
            causes = dead_causes(buffer)
            text += f", dead time {percent(buffer.dead_fraction)}" + (causes and f" ({causes})")
        yield text
    if view.progress is not None and view.state is RunState.RUNNING:
        yield f"{100 * view.progress:.0f} % done"
    if view.state in (RunState.DRAINING, RunState.ENDING):
        yield ", ".join(drain_progress(view))
