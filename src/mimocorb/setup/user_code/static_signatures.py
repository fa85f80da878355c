"""Reading how functions of the plain form are written, from the text of their module.

Nothing is run. What another decorator or a base class may change is left open; it is looked at
again when a worker has loaded the function.
"""

from __future__ import annotations

import ast
import inspect
from typing import Any

from mimocorb.setup.user_code.annotations import read_type
from mimocorb.setup.user_code.docstrings import read_docstring
from mimocorb.setup.user_code.signatures import (
    KINDS,
    Annotation,
    Fault,
    Kind,
    PlainSignature,
    async_fault,
    call_fault,
    class_fault,
    make_signature,
    yield_fault,
)
from mimocorb.setup.user_code.user_functions import own_nodes

__all__ = ["read_signature"]


def read_signature(names: dict[str, ast.AST], name: str) -> PlainSignature | None:
    """Return the signature of a function of the plain form; None for other functions.

    Parameters
    ----------
    names
        What is bound at the level of the module, to the statement that binds it.
    name
        Name of the function.
    """
    statement = names.get(name)
    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return None
    decorators = [_decorator(names, node) for node in statement.decorator_list]
    kind = next((kind for kind in KINDS if f"mimocorb.{kind}" in decorators), None)
    if kind is None:
        return _without_import(names, statement)
    line = _first_line(statement)
    summary = read_docstring(ast.get_docstring(statement)).summary
    if len(decorators) > 1:  # the other ones may change anything
        return PlainSignature(name, kind, summary, line=line)
    if isinstance(statement, ast.ClassDef):
        return _read_class(names, statement, kind)
    fault = _body_fault(statement, kind)
    if fault:
        return PlainSignature(name, kind, summary, fault=fault, line=line)
    called = _arguments(names, statement.args)
    return make_signature(name, kind, called, docs=[ast.get_docstring(statement)], line=line)


def full_name(names: dict[str, ast.AST], dotted: str) -> str | None:
    """Return what a name in a module means, such as ``typing.Literal``; None if it is its own."""
    first, dot, rest = dotted.partition(".")
    statement = names.get(first)
    if statement is None:
        return f"builtins.{dotted}"
    if isinstance(statement, ast.ImportFrom) and statement.level == 0:
        for alias in statement.names:
            if (alias.asname or alias.name) == first:
                return f"{statement.module}.{alias.name}{dot}{rest}"
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if alias.asname == first:
                return f"{alias.name}{dot}{rest}"
            if alias.asname is None and alias.name.partition(".")[0] == first:
                return dotted
    return None


def _first_line(statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """Return the line where Python says that it begins: that of its first decorator."""
    return min(node.lineno for node in (statement, *statement.decorator_list))


def _decorator(names: dict[str, ast.AST], node: ast.expr) -> str | None:
    if isinstance(node, ast.Call):  # with options, such as @filter(batch=True)
        node = node.func
    return full_name(names, ast.unparse(node)) if isinstance(node, ast.Name | ast.Attribute) else ""


def _without_import(
    names: dict[str, ast.AST], statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
) -> PlainSignature | None:
    """Notice a decorator that was not imported; `filter` is a function of Python as well."""
    if "*" in names:
        return None
    for decorator in statement.decorator_list:
        node = decorator.func if isinstance(decorator, ast.Call) else decorator
        for kind in KINDS:
            if isinstance(node, ast.Name) and node.id == kind and kind not in names:
                fault = Fault(
                    f"the decorator @{kind} comes from mimocorb",
                    f"found it in line {node.lineno} without an import",
                    f"add the line: from mimocorb import {kind}",
                )
                return PlainSignature(
                    statement.name, kind, fault=fault, line=_first_line(statement)
                )
    return None


def _read_class(names: dict[str, ast.AST], statement: ast.ClassDef, kind: Kind) -> PlainSignature:
    docs = [ast.get_docstring(statement)]
    methods = {node.name: node for node in statement.body if isinstance(node, ast.FunctionDef)}
    if kind == "source":
        return PlainSignature(
            statement.name, kind, fault=class_fault(statement.name), line=_first_line(statement)
        )
    if statement.bases or statement.keywords:  # what it inherits is known when it is loaded
        return PlainSignature(
            statement.name, kind, read_docstring(docs[0]).summary, line=_first_line(statement)
        )
    init, call = methods.get("__init__"), methods.get("__call__")
    if call is None:
        fault = call_fault(statement.name, kind, _first_line(statement))
        return PlainSignature(statement.name, kind, fault=fault, line=_first_line(statement))
    if init is not None:
        docs.append(ast.get_docstring(init))
    return make_signature(
        statement.name,
        kind,
        _arguments(names, call.args, is_method=True),
        _arguments(names, init.args, is_method=True) if init else inspect.Signature(),
        docs=docs,
        line=_first_line(statement),
    )


def _body_fault(statement: ast.FunctionDef | ast.AsyncFunctionDef, kind: Kind) -> Fault | None:
    if isinstance(statement, ast.AsyncFunctionDef):
        return async_fault(kind, _first_line(statement))
    if kind != "source" and any(
        isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(statement)
    ):
        return yield_fault(kind, _first_line(statement))
    return None


def _arguments(
    names: dict[str, ast.AST], arguments: ast.arguments, *, is_method: bool = False
) -> inspect.Signature:
    """Return the parameters of a definition, without `self` for a method."""
    in_front = [*arguments.posonlyargs, *arguments.args]
    required = len(in_front) - len(arguments.defaults)
    defaults = [*[None] * required, *arguments.defaults]
    found = [
        _python_parameter(names, argument, inspect.Parameter.POSITIONAL_OR_KEYWORD, default)
        for argument, default in zip(in_front, defaults, strict=True)
    ][is_method:]
    if arguments.vararg:
        found.append(_python_parameter(names, arguments.vararg, inspect.Parameter.VAR_POSITIONAL))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(_python_parameter(names, argument, inspect.Parameter.KEYWORD_ONLY, default))
    if arguments.kwarg:
        found.append(_python_parameter(names, arguments.kwarg, inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(found)


def _python_parameter(
    names: dict[str, ast.AST], argument: ast.arg, kind: Any, default: ast.expr | None = None
) -> inspect.Parameter:
    annotation: Any = inspect.Parameter.empty
    if argument.annotation is not None:
        text = ast.unparse(argument.annotation)
        annotation = Annotation(
            text, read_type(argument.annotation, lambda name: full_name(names, name))
        )
    written = inspect.Parameter.empty if default is None else ast.unparse(default)
    return inspect.Parameter(argument.arg, kind, default=written, annotation=annotation)
