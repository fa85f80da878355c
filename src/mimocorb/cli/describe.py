"""``mimocorb describe FUNCTION``: what a worker function does and what can be configured."""

from __future__ import annotations

import argparse
import ast
import io
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mimocorb.cli.common import BAD_USAGE, OK, Commands, print_text, read_setup

if TYPE_CHECKING:
    from mimocorb._functions.describing import Description
    from mimocorb.model import FunctionReference, WorkerSpec
    from mimocorb.model.problem import Problem
    from mimocorb.setup.user_code.signatures import Parameter

__all__ = ["add"]

ROLES = {"sources": "that it reads", "sinks": "that it writes", "observes": "that it looks at"}


class Found(NamedTuple):
    """A function that was asked for, and the worker that runs it, if a set-up was named."""

    reference: FunctionReference
    worker: WorkerSpec | None = None


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "describe", help="say what a worker function does and what can be configured"
    )
    parser.set_defaults(action=describe)
    parser.add_argument(
        "function",
        metavar="FUNCTION",
        help="FILE.py:NAME, plot.NAME for one of mimocorb, or a module or set-up file for a list",
    )
    parser.add_argument(
        "worker", metavar="WORKER", nargs="?", help="after a set-up file: a worker in it"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def describe(chosen: argparse.Namespace) -> int:
    """Find the functions and describe them; problems go to standard error."""
    from mimocorb._functions.describing import describe_function
    from mimocorb.model.problem import Problem

    is_setup = Path(chosen.function).suffix in {".yaml", ".yml"}
    found = (
        _in_setup(chosen.function, chosen.worker)
        if is_setup or chosen.worker
        else _in_module(chosen.function)
    )
    if found is None:
        return BAD_USAGE  # the problems of the set-up have been printed
    if isinstance(found, Problem):
        return _refuse(found)
    described = []
    for one in found:
        description = describe_function(one.reference)
        if isinstance(description, Problem):
            return _refuse(description)
        described.append((description, one.worker))
    if chosen.json:
        print_text(json.dumps([_plain(*pair) for pair in described], indent=2, ensure_ascii=False))
    elif len(described) == 1:
        print_text(_text(*described[0]))
    else:
        print_text(_list(described))
    return OK


def _refuse(problem: Problem) -> int:
    print(f"mimocorb: {problem}", file=sys.stderr)
    return BAD_USAGE


def _in_module(target: str) -> list[Found] | Problem:
    from mimocorb._functions.describing import worker_functions
    from mimocorb.model.problem import Problem, Where
    from mimocorb.setup.user_code.user_functions import locate

    module, name = _place(target)
    where = Where(module)
    if name:
        return [Found(locate(module, name, Path.cwd(), where, where))]
    names = worker_functions(locate(module, "", Path.cwd(), where, where))
    if isinstance(names, Problem):
        return names
    return [Found(locate(module, each, Path.cwd(), where, where)) for each in names]


def _place(target: str) -> tuple[str, str]:
    """Return module and function, which is empty for a whole module.

    Without a colon it may be written as set-ups of the recommended form write functions of
    mimocorb, ``plot.plot_graph``; a file of the user goes first.
    """
    from mimocorb.setup.user_code.own_functions import OWN_MODULES, own_module, place_in_mimocorb

    module, colon, name = target.rpartition(":")
    if not colon:
        module, name = target, ""
    places = [(own_module(module), name)]
    if not colon:
        places += [place] if (place := place_in_mimocorb(target)) else []
    is_file = Path(module).with_suffix(".py").is_file()
    own = [place for place in places if place[0] in OWN_MODULES and not is_file]
    return own[0] if own else (module, name)


def _in_setup(path: str, worker: str | None) -> list[Found] | Problem | None:
    from mimocorb.model.problem import Problem, Where
    from mimocorb.setup.nearest import nearest

    setup = read_setup(argparse.Namespace(setup=path, settings=(), data=None))
    if setup is None:
        return None
    workers = {spec.name: spec for spec in setup.workers}
    if worker is None:
        return [Found(spec.function, spec) for spec in workers.values()]
    if worker in workers:
        return [Found(workers[worker].function, workers[worker])]
    guess = nearest(worker, workers)
    return Problem(
        Where(path),
        f"the set-up has a worker {worker!r}",
        f"found {', '.join(workers)}",
        f"did you mean {guess!r}?" if guess else "name one of them",
    )


# --- as text


def _list(described: Iterable[tuple[Description, WorkerSpec | None]]) -> str:
    """One line for each function, with the name of its worker in front."""
    rows = [
        (*((spec.name,) if spec else ()), one.reference.name, one.kind, one.summary)
        for one, spec in described
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _text(description: Description, spec: WorkerSpec | None) -> str:
    place = description.reference.asked + (f", line {description.line}" if description.line else "")
    kind = description.kind
    if not description.is_plain and description.for_setups:
        kind = f"worker function, form {kind}"
    parts = [f"{description.reference.name}: {kind}, in {place}"]
    merging = list(_merging(description, spec))
    if spec is not None:
        parts[0] = f"{spec.name} runs {parts[0]}"
    if description.summary:
        parts.append(description.summary)
    if description.parameters:
        parts.append(_table(description, description.parameters, spec.config if spec else None))
    elif description.is_plain and not (spec and merging):
        parts.append("It has nothing to configure.")
    elif not description.is_plain:
        parts.append("Neither its text nor its docstring names a key of the configuration.")
    parts += merging
    if description.given:
        given = "; ".join(f"{name}: {meaning}" for name, meaning in description.given.items())
        parts.append(f"Given by mimocorb: {given}.")
    if spec is not None:
        parts.append("In the set-up, written in the recommended form:\n\n" + _written(spec))
    elif description.for_setups:
        parts.append("For a set-up:\n\n" + _snippet(description))
    else:
        parts.append(
            "It works with a function of yours, so a set-up cannot name it: a worker function calls"
            " it. Or mark your function as source, filter, sink or observer, and name that."
        )
    return "\n\n".join(parts)


def _merging(description: Description, spec: WorkerSpec | None) -> Iterator[str]:
    """Say what a filter with several sources takes besides the parameters of its function."""
    if description.merge and spec is None:
        names = ", ".join(parameter.name for parameter in description.merge)
        yield f"With several sources, merge in its configuration takes {names}."
    elif description.merge and spec is not None and len(spec.reads) > 1:
        yield "Below merge in its configuration, for which events belong together:"
        yield _table(description, description.merge, spec.config.get("merge") or {})


def _table(
    description: Description,
    parameters: Sequence[Parameter],
    config: Mapping[str, Any] | None,
) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    title = "key" if description.for_setups and not description.is_plain else "parameter"
    columns = [title, "type", "unit", "default", "meaning"]
    if not description.is_plain:  # what its docstring says
        has_types = any(parameter.type_text for parameter in parameters)
        has_defaults = any(parameter.default != "" for parameter in parameters)
        columns = [title, *(["type"] if has_types else ()), "unit"]
        columns += ["default", "meaning"] if has_types or has_defaults else ["meaning"]
    if config is not None:
        columns.insert(-1, "here")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in {"parameter", "key", "unit"})
    for parameter in parameters:
        known = {
            "parameter": parameter.name,
            "key": parameter.name,
            "type": parameter.type_text,
            "unit": parameter.unit,
            "default": "required" if parameter.default is None else parameter.default,
            "here": str((config or {}).get(parameter.name, "")),
            "meaning": parameter.meaning,
        }
        # the cells are texts of the user, not markup
        table.add_row(*(_escaped(known[column]) for column in columns))
    stream = io.StringIO()
    width = max(60, shutil.get_terminal_size((100, 24)).columns)
    Console(file=stream, width=width, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def _written(spec: WorkerSpec) -> str:
    from mimocorb.setup.recommended_form import worker_form

    return worker_form(spec, spec.config_origin.directory).rstrip()


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _snippet(description: Description) -> str:
    """Return the worker as it stands in a set-up of the recommended form."""
    from mimocorb.setup.user_code.own_functions import text_of_mimocorb

    reference = description.reference
    lines = [f"  {reference.name}:"]
    if reference.path is None:
        lines.append(f"    function: {text_of_mimocorb(reference)}")
    else:
        lines += [f"    file: {reference.asked}", f"    function: {reference.name}"]
    lines += [f"    {role}: […]  # buffers {ROLES[role]}" for role in description.roles]
    if description.parameters:
        lines += ["    config:", *(f"      {line}" for line in _config_lines(description))]
    return "\n".join(["Workers:", *lines])


def _config_lines(description: Description) -> Iterator[str]:
    for parameter in description.parameters:
        unit = f" in {parameter.unit}" if parameter.unit else ""
        if not description.is_plain and not parameter.type_text and parameter.default == "":
            yield f"# {parameter.name}: {parameter.meaning}"
        elif parameter.default is None:
            yield f"{parameter.name}: …  # {parameter.type_text or 'a value'}{unit}, required"
        else:
            value = _as_yaml(parameter)
            start = f"{parameter.name}: {value}" if value else f"# {parameter.name}: …"
            yield f"{start}  # {parameter.type_text or 'a value'}{unit}"


def _as_yaml(parameter: Parameter) -> str:
    """Return a default as it is written in a set-up; empty if only Python knows its value."""
    try:
        return json.dumps(ast.literal_eval(parameter.default or ""), ensure_ascii=False)
    except (ValueError, SyntaxError, TypeError):
        return ""


# --- as JSON


def _plain(description: Description, spec: WorkerSpec | None) -> dict[str, Any]:
    reference = description.reference
    config = spec.config if spec else {}
    snippet = _snippet(description) if description.for_setups else None
    return {
        "name": reference.name,
        **({"worker": spec.name} if spec else {}),
        "module": reference.asked,
        "line": description.line or None,
        "kind": description.kind,
        "summary": description.summary,
        "parameters": _plain_parameters(description.parameters, config),
        "merge": _plain_parameters(description.merge, config.get("merge") or {}),
        "given": dict(description.given),
        "snippet": _written(spec) if spec else snippet,
    }


def _plain_parameters(
    parameters: Iterable[Parameter], config: Mapping[str, Any]
) -> list[dict[str, Any]]:
    found = []
    for parameter in parameters:
        fields = {key: value for key, value in asdict(parameter).items() if key != "type_text"}
        fields["type"] = parameter.type_text
        if parameter.name in config:
            fields["configured"] = config[parameter.name]
        found.append(fields)
    return found
