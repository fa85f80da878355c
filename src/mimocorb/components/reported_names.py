"""Which results a worker function can report, from the text of its module."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mimocorb.model import FunctionReference
from mimocorb.setup.user_code.user_functions import neighbours, parsed

__all__ = ["reported_names"]


_NAMES = ("report", "*")


def reported_names(reference: FunctionReference) -> set[str] | None:
    """Return the names in the calls of ``report()`` in a module and the files that it imports.

    ``None`` if there may be more: a name that is made at run time, or text that cannot be read.
    What installed packages report is not found.
    """
    if reference.path is None:
        return set()
    found: set[str] = set()
    for path in (reference.path, *neighbours(reference.path)):
        tree = parsed(path)
        names = _of_tree(tree) if tree else None
        if names is None:
            return None
        found |= names
    return found


def _of_tree(tree: ast.Module) -> set[str] | None:
    mentions = set(_mentions(tree))
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.func in mentions
    ]
    keywords = [word.arg for call in calls for word in call.keywords]
    if len(calls) < len(mentions) or None in keywords:
        return None  # it is handed on, or called with **results
    return {str(word) for word in keywords}


def _mentions(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield every place that means ``mimocorb.report``."""
    modules: set[str] = set()
    functions: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {each.asname or each.name for each in node.names if each.name == "mimocorb"}
        elif isinstance(node, ast.ImportFrom) and node.module == "mimocorb":
            functions |= {each.asname or "report" for each in node.names if each.name in _NAMES}
    names = functions | {f"{module}.report" for module in modules}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        if ast.unparse(node) in names:
            yield node
