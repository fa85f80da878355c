"""The page of ``mimocorb check``. Nothing here reads or decides anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mimocorb._memory import size_in_words
from mimocorb._words import count, how_many
from mimocorb.checks.expectations import FileNeed, Flow
from mimocorb.checks.preflight import Preflight
from mimocorb.model import Setup, WorkerSpec
from mimocorb.model.problem import Problem
from mimocorb.setup.graph import Graph
from mimocorb.setup.paths import shown

__all__ = ["check_page", "verdict"]

_ROOMY = 110
_FORMS = {
    "mimoCoRB2": "recommended form",
    "manual": "form of the manual",
    "release 1.0.2": "form of release 1.0.2",
}
_THROUGH = "*"
_EXAMPLE_HZ = 1000.0  # where nobody knows the rate at which the disk fills


def check_page(name: str, found: Preflight, width: int) -> RenderableType:
    """Return the page.

    Parameters
    ----------
    name
        The set-up file as the user named it.
    found
        What was found.
    width
        Columns of the terminal.
    """
    parts: list[RenderableType] = []
    setup = found.setup
    if setup is not None:
        parts += [Text(f"{setup.title}  ({name}, {_FORMS[setup.dialect]})", style="bold"), ""]
        parts += [_buffers(setup), "", _workers(found, setup, width), ""]
        parts += [_facts(found, setup), "", *_expected(found, setup)]
    parts += [*_outputs(found), *_changes(found), *_problems(found), verdict(name, found)]
    return Group(*parts)


def verdict(name: str, found: Preflight) -> Text:
    """Return the last line: green or red."""
    warnings = how_many(found.warnings, "warning") if found.warnings else "no warnings"
    if found.errors:
        text = f"{name}: {how_many(found.errors, 'error')}"
        return Text(f"✗ {text}, {warnings}" if found.warnings else f"✗ {text}", style="bold red")
    return Text(f"✓ {name}: no errors, {warnings}", style="bold green")


def _buffers(setup: Setup) -> Table:
    graph = Graph(setup)
    table = _table(
        "buffer", "slots", "an event", "in memory", "written by", "read by", "observed by"
    )
    for column in (1, 2, 3):
        table.columns[column].justify = "right"
    for spec in setup.buffers:
        each = size_in_words(spec.slot_size_bytes) if spec.slot_size_bytes else "?"
        table.add_row(
            spec.name,
            count(spec.slot_count) if spec.slot_count else "?",
            f"up to {each}" if spec.variable else each,
            size_in_words(spec.size_bytes) if spec.size_bytes else "?",
            *(
                _listed(names)
                for names in (
                    graph.writers(spec.name),
                    graph.readers(spec.name),
                    graph.observers(spec.name),
                )
            ),
        )
    return table


def _workers(found: Preflight, setup: Setup, width: int) -> Table:
    extra = ("form", "if it fails") if width >= _ROOMY else ()
    table = _table("worker", "function", "×", "reads", "writes", "observes", *extra)
    table.columns[2].justify = "right"
    for spec in setup.workers:
        more = (found.examination.forms.get(spec.name, "–"), _on_failure(spec)) if extra else ()
        table.add_row(
            spec.name,
            f"{spec.function.name or '?'} in {spec.function.asked or '?'}",
            str(spec.number_of_processes or "?"),
            *(_listed(names) for names in (spec.reads, spec.writes, spec.observes)),
            *more,
        )
    return table


def _on_failure(spec: WorkerSpec) -> str:
    chosen = spec.on_failure
    if chosen is None:
        return "the run ends" if spec.reads or spec.writes else "the others go on"
    if chosen.action == "restart":
        return f"restarted, up to {how_many(chosen.limit, 'time')}"
    return "the run ends" if chosen.action == "end_run" else "the others go on"


def _facts(found: Preflight, setup: Setup) -> Table:
    """Return when the run ends and what it needs."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("ends at", _end(setup))
    table.add_row("memory", _memory(found, setup))
    table.add_row("disk", _disk(found))
    return table


def _memory(found: Preflight, setup: Setup) -> str:
    least = "" if all(spec.size_bytes for spec in setup.buffers) else "more than "
    free = size_in_words(found.memory_free_bytes)
    return f"{least}{size_in_words(setup.size_bytes)} for the buffers, {free} free"


def _expected(found: Preflight, setup: Setup) -> Iterator[RenderableType]:
    """Yield what the run will bring into buffers and files, as far as it can be known."""
    known = [flow for flow in found.flows.values() if flow.rate_hz or flow.events is not None]
    rows = [
        _expectation(flow.buffer, flow, setup.buffer(flow.buffer).slot_size_bytes) for flow in known
    ]
    rows += [
        _expectation(
            f"file of {file.worker}, each event of {file.flow.buffer}", file.flow, file.event_bytes
        )
        for file in found.files
    ]
    if not rows:
        return
    table = _table("expected at most", "an event", "rate", "bytes per second", "events", "in all")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    yield table
    if any(_THROUGH in cell for row in rows for cell in row):
        yield (
            f"{_THROUGH} if every event passes each filter; how many do is not known before the run"
        )
    if found.files and found.disk_free_bytes is not None:
        yield _filling(found.files, found.disk_free_bytes, setup.runtime_s)
    yield ""


def _expectation(name: str, flow: Flow, event_bytes: int) -> tuple[str, ...]:
    mark = f" {_THROUGH}" if flow.through_filters else ""
    rate, per_second, events, in_all = ["unknown"] * 4
    if flow.rate_hz:
        rate = f"{flow.rate_hz:g} Hz{mark}"
        per_second = f"{size_in_words(round(event_bytes * flow.rate_hz))}/s{mark}"
    if flow.events is not None:
        events = f"{count(flow.events)}{mark}"
        in_all = f"{size_in_words(event_bytes * flow.events)}{mark}"
    return (name, size_in_words(event_bytes), rate, per_second, events, in_all)


def _end(setup: Setup) -> str:
    graph = Graph(setup)
    named = isinstance(setup.runevents, Mapping)
    limits = graph.event_limits if named or not graph.cycles() else {}
    ends = [f"{how_many(number, 'event')} in {name}" for name, number in limits.items()]
    ends += [f"{setup.runtime_s:g} s"] if setup.runtime_s else []
    ends += [str(condition) for condition in setup.stop_when]
    return ", or ".join([*ends, "the end of the sources"])


def _disk(found: Preflight) -> str:
    free = found.disk_free_bytes
    return (
        f"{'unknown' if free is None else size_in_words(free) + ' free'} at {shown(found.target)}"
    )


def _filling(files: Sequence[FileNeed], free_bytes: int, runtime_s: float | None) -> str:
    """Say when the disk is full: at the rates that are known, or at one that is an example."""
    all_known = all(file.flow.rate_hz for file in files)
    per_second = sum(
        file.event_bytes * (file.flow.rate_hz or 0 if all_known else _EXAMPLE_HZ) for file in files
    )
    full = f"{size_in_words(round(per_second))}/s go into the files,"
    full += f" and the disk is full after {_span(free_bytes / per_second)}"
    if all_known:
        return f"at these rates {full}"
    text = f"at 1 kHz, for example, {full}"
    if runtime_s:
        most_hz = free_bytes / sum(file.event_bytes for file in files) / runtime_s
        text += f"; over the run time it can take {most_hz:.0f} Hz"
    return text


def _span(seconds: float) -> str:
    """Return a time in the unit that fits it."""
    for unit, length_s in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.1f} {unit}"
    return f"{seconds:.0f} s"


def _outputs(found: Preflight) -> Iterator[RenderableType]:
    for trial in found.examination.trials:
        if trial.output:
            yield Text(f"{trial.module} printed when it was imported:", style="bold")
            yield Padding(Text(trial.output), (0, 0, 1, 2))


def _changes(found: Preflight) -> Iterator[RenderableType]:
    if found.changes:
        yield Text("other than in mimoCoRB2:", style="bold")
        yield Padding(Group(*(Text(text) for text in found.changes)), (0, 0, 1, 2))


def _problems(found: Preflight) -> Iterator[RenderableType]:
    for problem in found.problems:
        yield _problem(problem)
    if found.problems:
        yield ""


def _problem(problem: Problem) -> Text:
    is_error = problem.severity == "error"
    text = Text(f"{problem.where}: ", overflow="fold")
    text.append(f"{problem.severity}: ", style="bold red" if is_error else "bold yellow")
    return text.append(problem.message)


def _table(*titles: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "–"
