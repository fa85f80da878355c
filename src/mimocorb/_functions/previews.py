"""What access classes say of buffer and configuration before there is anything to read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import CodeType
from typing import Any

from mimocorb._functions.forms import has_preview
from mimocorb.errors import MimocorbError
from mimocorb.model import Setup, WorkerSpec
from mimocorb.model.problem import Problem
from mimocorb.setup.user_code.user_functions import load_function

__all__ = ["check_named_sinks", "misfit", "previewed"]


def previewed(function: Callable[..., Any], spec: WorkerSpec, setup: Setup) -> int | None:
    """Return the most bytes that an event takes in the file; None if that is not known.

    Raises
    ------
    MimocorbError
        The access class cannot work with its buffer or its configuration.
    """
    owner = _previewing(function)
    layout = _layout(spec, setup)
    if owner is None or layout is None:
        return None
    found: int | None = owner.preview(layout, spec.config)
    return found


def check_named_sinks(setup: Setup) -> list[Problem]:
    """Return what keeps the sinks of mimocorb that a set-up names from working.

    No code of the user is loaded for it, and no library that starts threads: whoever runs the
    set-up may fork afterwards. What only such a library knows, :func:`previewed` finds.
    """
    problems = []
    for spec in setup.workers:
        layout = _layout(spec, setup)
        is_sink = spec.reads and not spec.writes  # a display need not be loaded here
        if spec.function.path is not None or not is_sink or layout is None:
            continue
        sink: Any = load_function(spec.function)
        if hasattr(sink, "check"):
            try:
                sink.check(layout, spec.config)
            except MimocorbError as error:
                problems.append(misfit(spec, error))
    return problems


def misfit(spec: WorkerSpec, error: MimocorbError) -> Problem:
    """Return what an access class has found as a problem of the set-up."""
    works = f"{spec.name} can work with {', '.join((*spec.reads, *spec.observes))}"
    return Problem(spec.where, works, str(error), "")


def _layout(spec: WorkerSpec, setup: Setup) -> Mapping[str, Any] | None:
    """Return the layout of the one buffer that a worker reads; None if that is not certain."""
    names = [*spec.reads, *spec.observes]
    known = [each for each in setup.buffers if each.name in names and each.slot_size_bytes]
    if not spec.config_origin.complete or not len(names) == len(known) == 1:
        return None
    (buffer,) = known
    return {
        "name": buffer.name,
        "number_of_slots": buffer.slot_count,
        "values_per_slot": buffer.data_length,
        "dtype": buffer.data_dtype,
    }


def _previewing(function: Callable[..., Any]) -> Any:
    """Return the access class that a function uses, if it has a ``preview`` and is the only one.

    A worker function in the manner of the manual names it in its text.
    """
    if has_preview(function):
        return function
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    names = set(_names(code)) if code else set()
    found = {
        id(value): value
        for name, value in getattr(function, "__globals__", {}).items()
        if name in names and has_preview(value)
    }
    return next(iter(found.values())) if len(found) == 1 else None


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
