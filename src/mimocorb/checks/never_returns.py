"""Filters that never return anything: they reject every event, in a run that is clean."""

from __future__ import annotations

import dis
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from mimocorb.components.component import Component
from mimocorb.model import WorkerSpec
from mimocorb.model.problem import Problem

__all__ = ["never_returns"]

_NO_BODY = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}


def never_returns(
    function: Callable[..., Any], component: Component, spec: WorkerSpec
) -> Iterator[Problem]:
    """Yield a warning if a filter with sinks has no ``return`` with a value."""
    if component.kind != "filter" or not spec.writes:
        return
    called = function.__call__ if inspect.isclass(function) else function
    code = getattr(inspect.unwrap(called), "__code__", None)
    if code is None or not _returns_nothing(list(dis.get_instructions(code))):
        return
    yield Problem(
        spec.where,
        f"{spec.function.name} in {spec.function.asked} returns what is kept of an event",
        f"found no return with a value behind line {code.co_firstlineno}, so it rejects all events",
        "return True for an event that is to be kept, or its results",
        "warning",
    )


def _returns_nothing(steps: list[dis.Instruction]) -> bool:
    if {step.opname for step in steps} <= _NO_BODY:  # only begun: everybody sees that
        return False
    returned = [
        step if step.opname == "RETURN_CONST" else before
        for before, step in itertools.pairwise(steps)
        if step.opname in ("RETURN_VALUE", "RETURN_CONST")
    ]
    constant = ("LOAD_CONST", "RETURN_CONST")
    return bool(returned) and all(
        step.opname in constant and step.argval is None for step in returned
    )
