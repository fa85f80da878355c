"""``mimocorb describe``: what functions there are for set-ups, and what can be configured."""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mimocorb._json import to_json
from mimocorb.cli.common import BAD_USAGE, OK, Commands, Page, complain, print_text, read_setup

if TYPE_CHECKING:
    from mimocorb.checks.describing import Description
    from mimocorb.components.component import Parameter
    from mimocorb.model import FunctionReference, WorkerSpec

__all__ = ["add"]

ROLES = {"sources": "that it reads", "sinks": "that it writes", "observes": "that it looks at"}


class Found(NamedTuple):
    """A function that was asked for, and the worker that runs it, if a set-up was named."""

    reference: FunctionReference
    worker: WorkerSpec | None = None


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "describe", help="list the functions for set-ups, or say what can be configured in one"
    )
    parser.set_defaults(action=describe)
    parser.add_argument(
        "function",
        metavar="FUNCTION",
        nargs="?",
        help="a name in the list of what there is, which is shown without it; FILE.py:NAME for one"
        " of yours; or a module or set-up file for a list of what is in it",
    )
    parser.add_argument(
        "worker", metavar="WORKER", nargs="?", help="after a set-up file: a worker in it"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def describe(chosen: argparse.Namespace) -> int:
    """Find the functions and describe them; problems go to standard error."""
    from mimocorb.checks.describing import available, describe_function
    from mimocorb.errors import MimocorbError

    if chosen.function is None:
        entries = [asdict(entry) for entry in available()]
        _print(entries, chosen, _aligned([entry.values() for entry in entries]))
        return OK
    is_setup = Path(chosen.function).suffix in {".yaml", ".yml"}
    try:
        found = (
            _in_setup(chosen.function, chosen.worker)
            if is_setup or chosen.worker
            else _in_module(chosen.function)
        )
        described = [(describe_function(one.reference), one.worker) for one in found]
    except MimocorbError as error:
        complain(f"mimocorb: {getattr(error, 'problem', error)}")
        return BAD_USAGE
    if not described:
        return BAD_USAGE  # the problems of the set-up have been printed
    rows = [
        (
            *((spec.name,) if spec else ()),
            *((", ".join(spec.host),) if spec and any(s.host for _, s in described if s) else ()),
            one.reference.name,
            one.kind,
            one.summary,
        )
        for one, spec in described
    ]
    text = _text(*described[0]) if len(described) == 1 else _aligned(rows)
    _print([_plain(*pair) for pair in described], chosen, text)
    return OK


def _print(entries: Sequence[dict[str, Any]], chosen: argparse.Namespace, text: str) -> None:
    print_text(to_json(entries, indent=2) if chosen.json else text)


def _in_module(target: str) -> list[Found]:
    from mimocorb.checks.describing import functions_in
    from mimocorb.model.problem import Where
    from mimocorb.setup.user_code.own_functions import (
        OWN_MODULES,
        is_offered,
        offered_function,
        own_module,
        place_in_mimocorb,
    )
    from mimocorb.setup.user_code.user_functions import locate

    module, colon, name = target.rpartition(":")
    if not colon:
        module, name = target, ""
    is_there = Path(module).with_suffix(".py").exists()
    places = [(own_module(module), name)]
    if not colon:
        places += [place] if (place := place_in_mimocorb(target)) else []
    own = [place for place in places if place[0] in OWN_MODULES and not is_there]
    is_name = target.replace(".", "").isidentifier() and is_offered(target)
    if not own and not is_there and not colon and is_name:
        return [Found(offered_function(target, Where(target)))]
    module, name = own[0] if own else (module, name)
    where = Where(module)
    names = [name] if name else functions_in(locate(module, "", Path.cwd(), where, where))
    return [Found(locate(module, each, Path.cwd(), where, where)) for each in names]


def _in_setup(path: str, worker: str | None) -> list[Found]:
    from mimocorb.errors import SetupError
    from mimocorb.model.problem import Problem, Where
    from mimocorb.setup.nearest import nearest

    setup = read_setup(argparse.Namespace(setup=path, settings=(), data=None))
    if setup is None:
        return []
    workers = {spec.name: spec for spec in setup.workers}
    if worker is None:
        return [Found(spec.function, spec) for spec in workers.values()]
    if worker not in workers:
        guess = nearest(worker, workers)
        remedy = f"did you mean {guess!r}?" if guess else "name one of them"
        found = f"found {', '.join(workers)}"
        raise SetupError(Problem(Where(path), f"the set-up has a worker {worker!r}", found, remedy))
    return [Found(workers[worker].function, workers[worker])]


# --- as text


def _aligned(rows: Iterable[Iterable[str]]) -> str:
    """Return one line for each row, in columns."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        for row in cells
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
    parts += [description.summary] if description.summary else []
    parts += [description.device] if description.device else []
    if description.parameters:
        parts.append(_table(description, description.parameters, spec.config if spec else None))
    elif description.is_plain and not (spec and merging):
        parts.append("It has nothing to configure.")
    elif not description.is_plain:
        parts.append("Its docstring names no key of the configuration.")
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
    """Return a table of parameters, without the columns in which nothing stands."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    is_key = description.for_setups and not description.is_plain
    columns: dict[str, list[str]] = {
        "key" if is_key else "parameter": [each.name for each in parameters],
        "type": [each.type_text for each in parameters],
        "unit": [each.unit for each in parameters],
        "default": ["required" if each.default is None else each.default for each in parameters],
        "here": [str((config or {}).get(each.name, "")) for each in parameters],
        "meaning": [each.meaning for each in parameters],
    }
    shown = {title: cells for title, cells in columns.items() if any(cells)}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in shown:
        table.add_column(title, overflow="fold", no_wrap=title in {"parameter", "key", "unit"})
    for row in zip(*shown.values(), strict=True):
        table.add_row(*map(Text, row))
    page = Page()
    console = Console(file=page, color_system=None)
    console.width = max(60, console.width)
    console.print(table)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())


def _written(spec: WorkerSpec) -> str:
    from mimocorb.setup.recommended_form import worker_form

    return worker_form(spec, spec.config_origin.directory).rstrip()


def _snippet(description: Description) -> str:
    """Return the worker as it stands in a set-up of the recommended form."""
    from mimocorb.setup.user_code.own_functions import text_of_mimocorb

    reference = description.reference
    lines = [f"  {reference.name.rpartition('.')[2]}:"]
    if reference.path is None:
        lines.append(f"    function: {text_of_mimocorb(reference)}")
    else:
        lines += [f"    file: {reference.asked}", f"    function: {reference.name}"]
    lines += [f"    {role}: […]  # buffers {ROLES[role]}" for role in description.roles]
    if description.parameters:
        lines += ["    config:", *(f"      {_config_line(one)}" for one in description.parameters)]
    return "\n".join(["Workers:", *lines])


def _config_line(parameter: Parameter) -> str:
    if not parameter.type_text and parameter.default == "":
        return f"# {parameter.name}: {parameter.meaning}"
    if parameter.default is None:
        return f"{parameter.name}: …  # {parameter}, required"
    try:
        value = json.dumps(ast.literal_eval(parameter.default), ensure_ascii=False)
    except (ValueError, SyntaxError, TypeError):  # only Python knows the value
        return f"# {parameter.name}: …  # {parameter}"
    return f"{parameter.name}: {value}  # {parameter}"


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
        **({"device": description.device} if description.device else {}),
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
