"""The page of ``mimocorb check``. Nothing here reads or decides anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mimocorb._functions.preflight import Preflight
from mimocorb._memory import size_in_words
from mimocorb._setup.graph import Graph
from mimocorb._setup.model import Problem, Setup, WorkerSpec
from mimocorb._setup.paths import shown

__all__ = ["check_page", "verdict"]

_ROOMY = 110


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
        parts += [Text(f"{setup.title}  ({name}, form of {setup.dialect})", style="bold"), ""]
        parts += [_buffers(setup), "", _workers(found, setup, width), ""]
        parts += [_facts(found, setup), ""]
    parts += [*_outputs(found), *_changes(found), *_problems(found), verdict(name, found)]
    return Group(*parts)


def verdict(name: str, found: Preflight) -> Text:
    """Return the last line: green or red."""
    warnings = _count(found.warnings, "warning")
    if found.errors:
        text = f"{name}: {_count(found.errors, 'error')}"
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
        table.add_row(
            spec.name,
            str(spec.number_of_slots),
            size_in_words(spec.slot_size_bytes),
            size_in_words(spec.size_bytes),
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
        more = (found.forms.get(spec.name, "–"), _restart(spec)) if extra else ()
        table.add_row(
            spec.name,
            f"{spec.function.name} in {spec.function.asked}",
            str(spec.number_of_processes),
            *(_listed(names) for names in (spec.sources, spec.sinks, spec.observes)),
            *more,
        )
    return table


def _restart(spec: WorkerSpec) -> str:
    restart = spec.restart
    if restart is None:
        return "the run ends" if spec.sources or spec.sinks else "the others go on"
    if restart.policy == "on_failure":
        return f"restarted, up to {restart.limit} times"
    return "the run ends" if restart.policy == "required" else "the others go on"


def _facts(found: Preflight, setup: Setup) -> Table:
    """Return when the run ends and what it needs."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("ends at", _end(setup))
    free = size_in_words(found.memory_free_bytes)
    table.add_row("memory", f"{size_in_words(setup.size_bytes)} for the buffers, {free} free")
    for file in found.files:
        most = f"up to {size_in_words(file.event_bytes)} for each event of {file.buffer}"
        if file.size_bytes is None:
            whole = f"in all unknown, as nobody knows how many events {file.buffer} will get"
        else:
            whole = f"in all up to {size_in_words(file.size_bytes)} for {file.events} events"
        table.add_row(f"file of {file.worker}", f"{most}; {whole}")
    table.add_row("disk", _disk(found, setup))
    return table


def _end(setup: Setup) -> str:
    graph = Graph(setup)
    limits = setup.runevents_of if graph.cycles() else graph.event_limits
    ends = [f"{number} events in {name}" for name, number in limits.items()]
    ends += [f"{setup.runtime_s:g} s"] if setup.runtime_s else []
    ends += [str(condition) for condition in setup.stop_when]
    return ", or ".join([*ends, "the end of the sources"])


def _disk(found: Preflight, setup: Setup) -> str:
    if found.disk_free_bytes is None:
        return f"unknown at {shown(found.target)}"
    text = f"{size_in_words(found.disk_free_bytes)} free at {shown(found.target)}"
    largest = max((file.event_bytes for file in found.files), default=0)
    if not largest:
        return text
    room = found.disk_free_bytes // sum(file.event_bytes for file in found.files)
    text += f", room for {room} events in every file"
    if setup.runtime_s:
        text += f": a mean rate of {room / setup.runtime_s:.1f} Hz over the run time"
    return text


def _outputs(found: Preflight) -> Iterator[RenderableType]:
    for trial in found.trials:
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


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
