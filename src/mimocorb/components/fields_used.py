"""Which fields a function that is called with events reads and writes, from its text.

Nothing need be declared for it: ``event["chA"]`` reads the field chA, also if the name is the
value of a parameter (``event[channel]``), and ``return {"height_mV": …}`` or ``yield {"chA": …}``
writes a record. What is written in any other way is not looked at, and a function that asks for
the ``dtype`` of its events, or binds another value to their name, is left alone. Nor is the value
of a parameter known whose name is bound to another one.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mimocorb.components.component import Component, literal
from mimocorb.components.form import Kind
from mimocorb.model import WorkerSpec
from mimocorb.setup.user_code.user_functions import parsed

__all__ = [
    "EventFunction",
    "FieldsRead",
    "Written",
    "as_written",
    "called",
    "event_function",
    "fields_read",
    "is_copy",
    "is_rejection",
    "results_written",
]

# What stands in one of these may not be reached, whatever the events are, or may fail: ``with
# suppress(ValueError)`` asks for a field that need not be there.
_BRANCHES = (
    *(ast.If, ast.IfExp, ast.For, ast.While, ast.Try, ast.TryStar, ast.With, ast.Match),
    *(ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef, ast.Assert, ast.BoolOp),
    *(ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


class EventFunction(NamedTuple):
    """A function that is called with events, or to make them.

    Parameters
    ----------
    name, kind
        Its name, and what it does with them.
    statement
        The function in the text of its module, or the class of callable objects.
    values
        Its parameters with their values, as far as they are known.
    """

    name: str
    kind: Kind
    statement: ast.AST
    values: Mapping[str, Any]


class FieldsRead(NamedTuple):
    """Names in the brackets behind an event, from the outermost on.

    Parameters
    ----------
    names
        One name; of a filter that merges, the buffer and the field.
    line
        In the module.
    certain
        Whether every event comes there, unless an exception is raised before.
    """

    names: tuple[str, ...]
    line: int
    certain: bool


class Written(NamedTuple):
    """A dictionary in a result: its keys with what stands behind them, and the line."""

    items: Mapping[str, ast.expr]
    line: int


def event_function(
    function: Callable[..., Any], component: Component, spec: WorkerSpec
) -> EventFunction | None:
    """Return a decorated function with its text; None if that says not for certain what happens.

    Parameters
    ----------
    function, component
        The function in the user's file, and what it takes.
    spec
        Its worker.
    """
    if component.kind is None or component.fault is not None or spec.function.path is None:
        return None
    try:
        if Path(inspect.getsourcefile(function) or "").resolve() != spec.function.path.resolve():
            return None  # it is imported from elsewhere
    except TypeError:  # it has no text
        return None
    tree = parsed(spec.function.path)
    for statement in ast.walk(tree) if tree else ():
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            decorators = [each.lineno for each in statement.decorator_list]
            # Another decorator may change what the function gets and returns.
            if decorators == [component.line] and statement.name == component.name:
                values = {each.name: literal(each.default) for each in component.parameters}
                known = {**values, **spec.config}
                return EventFunction(component.name, component.kind, statement, known)
    return None


def fields_read(asked: EventFunction) -> list[FieldsRead]:
    """Return what a function reads of its events, each name once."""
    function = called(asked.statement)
    front = [*function.args.posonlyargs, *function.args.args] if function else []
    front = front[isinstance(asked.statement, ast.ClassDef) :]
    if function is None or not front:
        return []
    event = front[0].arg
    nodes = [node for statement in function.body for node in ast.walk(statement)]
    bound = {name for node in nodes for name in _bound_names(node)}
    if event in bound or any(_looks_at_type(node, event) for node in nodes):
        return []
    parameters = {argument.arg for argument in function.args.kwonlyargs} - bound
    known = {name: value for name, value in asked.values.items() if name in parameters}
    found: list[FieldsRead] = []
    exits = [node for node in nodes if isinstance(node, ast.Return | ast.Raise)]
    first_exit = min((node.end_lineno or node.lineno for node in exits), default=sys.maxsize)
    for node, is_branch in _in_order(function.body):
        if isinstance(node, ast.Subscript):
            found += [
                FieldsRead(names, node.lineno, not is_branch and node.lineno <= first_exit)
                for names in _names(node, event, known)
            ]
    found.sort(key=lambda read: not read.certain)
    return list({read.names: read for read in reversed(found)}.values())[::-1]


def results_written(asked: EventFunction) -> Iterator[ast.expr]:
    """Yield what a function returns or yields; of ``a if b else c`` both."""
    function = called(asked.statement)
    for node in _own_nodes(function) if function else ():
        if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
            yield from _choices(node.value)


def is_rejection(value: ast.expr) -> bool:
    """Whether a result of a filter, or a part of it, writes nothing."""
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).rpartition(".")[2] == "Reject"
    return isinstance(value, ast.Constant) and value.value in (None, False)


def is_copy(value: ast.expr) -> bool:
    """Whether a result of a filter, or a part of it, is a decision: its event is copied, or not."""
    if isinstance(value, ast.UnaryOp):
        return isinstance(value.op, ast.Not)
    if isinstance(value, ast.BoolOp):
        return all(map(is_copy, value.values))
    return isinstance(value, ast.Compare) or (
        isinstance(value, ast.Constant) and value.value is True
    )


def as_written(value: ast.expr) -> Written | None:
    """Return a dictionary all of whose keys are texts; None for anything else."""
    if not isinstance(value, ast.Dict):
        return None
    keys = [key.value if isinstance(key, ast.Constant) else None for key in value.keys]
    names = [key for key in keys if isinstance(key, str)]
    if len(names) < len(keys):
        return None
    return Written(dict(zip(names, value.values, strict=True)), value.lineno)


def called(statement: ast.AST) -> ast.FunctionDef | None:
    """Return what is called with the events."""
    if isinstance(statement, ast.ClassDef):
        methods = [node for node in statement.body if isinstance(node, ast.FunctionDef)]
        return next((node for node in methods if node.name == "__call__"), None)
    return statement if isinstance(statement, ast.FunctionDef) else None


def _bound_names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds to a value, here or in a function inside."""
    if isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name):
        yield from () if isinstance(node.ctx, ast.Load) else (node.id,)
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        yield from (node.name,) if node.name else ()
    elif isinstance(node, ast.Global | ast.Nonlocal):
        yield from node.names


def _looks_at_type(node: ast.AST, event: str) -> bool:
    is_type = isinstance(node, ast.Attribute) and node.attr == "dtype"
    return is_type and event in ast.unparse(node)


def _in_order(nodes: list[Any], *, is_branch: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Yield everything below the nodes, and whether it may not be reached."""
    for node in nodes:
        yield node, is_branch
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.If | ast.IfExp | ast.While):  # the condition itself is reached
            yield from _in_order([node.test], is_branch=is_branch)
            children.remove(node.test)
        yield from _in_order(children, is_branch=is_branch or isinstance(node, _BRANCHES))


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Every node of a function except those of functions inside it."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(node))


def _names(node: ast.Subscript, event: str, values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    outer = node.value
    first: tuple[str, ...] = ()
    if isinstance(outer, ast.Subscript) and isinstance(outer.value, ast.Name):
        texts = list(_texts(outer.slice, values))
        outer, first = outer.value, tuple(texts[:1])
        if len(texts) != 1:
            return
    if isinstance(outer, ast.Name) and outer.id == event:
        yield from ((*first, name) for name in _texts(node.slice, values))


def _texts(node: ast.expr, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts that an index stands for, if that is known."""
    for each in node.elts if isinstance(node, ast.List) else [node]:
        value = each.value if isinstance(each, ast.Constant) else None
        value = values.get(each.id) if isinstance(each, ast.Name) else value
        if isinstance(value, str):
            yield value


def _choices(value: ast.expr) -> Iterator[ast.expr]:
    if isinstance(value, ast.IfExp):
        yield from _choices(value.body)
        yield from _choices(value.orelse)
    else:
        yield value
