"""Types of parameters, understood from the text of a module without running it.

Only names whose home is known are looked up: those of Python itself and of the modules in
:data:`TRUSTED`, which do nothing when imported. A type of the user's own stays unknown until the
module is loaded.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, Literal, Union

__all__ = ["UNKNOWN", "read_type", "short_text"]

UNKNOWN: Any = object()
"""Stands for a type that is known only when the module is loaded."""

TRUSTED = {
    "builtins": ("int", "float", "bool", "str", "bytes", "list", "dict", "tuple", "set", "complex"),
    "typing": ("Annotated", "Any", "Literal", "Optional", "Union", "List", "Dict", "Tuple"),
    "pathlib": ("Path",),
    "collections.abc": ("Iterable", "Mapping", "Sequence"),
    "annotated_types": ("Ge", "Gt", "Interval", "Le", "Len", "Lt", "MaxLen", "MinLen"),
    "pydantic": ("Field", "NonNegativeFloat", "NonNegativeInt", "PositiveFloat", "PositiveInt"),
}


class _NotKnown(Exception):
    """Part of an annotation means something that only the running module knows."""


def read_type(annotation: ast.expr, home: Callable[[str], str | None]) -> Any:
    """Return the type that an annotation means; UNKNOWN if that cannot be told from the text.

    Parameters
    ----------
    annotation
        The annotation.
    home
        Returns the full name of what a name in the module means, such as ``typing.Literal``; None
        for what the module defines itself.
    """
    try:
        return _evaluate(annotation, home)
    except (_NotKnown, SyntaxError, TypeError, ValueError, AttributeError, ImportError):
        return UNKNOWN


def short_text(annotation: str) -> str:
    """Return an annotation for messages: ``pathlib.Path | None`` is ``Path | None``."""
    try:
        tree = ast.parse(annotation, mode="eval")
    except SyntaxError:
        return annotation
    if isinstance(tree.body, ast.Constant) and isinstance(tree.body.value, str):
        return short_text(tree.body.value)
    return ast.unparse(_WithoutModules().visit(tree))


class _WithoutModules(ast.NodeTransformer):
    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return ast.Name(node.attr, ast.Load())


def _evaluate(node: ast.expr, home: Callable[[str], str | None]) -> Any:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return _evaluate(ast.parse(node.value, mode="eval").body, home)
        if node.value in (None, ...):
            return node.value
    elif isinstance(node, ast.Name | ast.Attribute):
        return _look_up(home(ast.unparse(node)))
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Union[_evaluate(node.left, home), _evaluate(node.right, home)]  # noqa: UP007
    elif isinstance(node, ast.Subscript):
        return _subscribed(node, home)
    elif isinstance(node, ast.Call):
        values = [ast.literal_eval(argument) for argument in node.args]
        named = {str(word.arg): ast.literal_eval(word.value) for word in node.keywords}
        return _evaluate(node.func, home)(*values, **named)
    raise _NotKnown


def _subscribed(node: ast.Subscript, home: Callable[[str], str | None]) -> Any:
    outer = _evaluate(node.value, home)
    items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if outer is Literal:
        return Literal[tuple(ast.literal_eval(item) for item in items)]
    inner = tuple(_evaluate(item, home) for item in items)
    if outer is Annotated:
        return Annotated[inner]
    return outer[inner if len(inner) > 1 else inner[0]]


def _look_up(full_name: str | None) -> Any:
    module, _, name = (full_name or "").rpartition(".")
    if name not in TRUSTED.get(module, ()):
        raise _NotKnown
    return getattr(import_module(module), name)
