"""Filters that never return anything: they reject every event, in a run that is clean."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mimocorb.components.fields_used import EventFunction, called, results_written
from mimocorb.model import WorkerSpec
from mimocorb.model.problem import Problem

__all__ = ["never_returns"]


def never_returns(function: EventFunction, spec: WorkerSpec) -> Iterator[Problem]:
    """Yield a warning if a filter with sinks has no ``return`` with a value."""
    text = called(function.statement)
    if function.kind != "filter" or not spec.writes or text is None:
        return
    is_begun = all(map(_does_nothing, text.body))  # everybody sees that
    if is_begun or isinstance(text.body[-1], ast.Raise):
        return
    if all(_is_none(result) for result in results_written(function)):
        yield Problem(
            spec.where,
            f"{spec.function.name} in {spec.function.asked} returns what is kept of an event",
            f"found no return with a value behind line {text.lineno}, so it rejects all events",
            "return True for an event that is to be kept, or its results",
            "warning",
        )


def _does_nothing(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr | ast.Return) else None
    return isinstance(statement, ast.Pass | ast.Expr | ast.Return) and (
        value is None or isinstance(value, ast.Constant)
    )


def _is_none(result: ast.expr) -> bool:
    return isinstance(result, ast.Constant) and result.value is None
