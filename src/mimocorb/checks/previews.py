"""What components of mimocorb say of buffer and configuration before there is anything to read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

from mimocorb.compat.forms import has_preview
from mimocorb.components.component import Component
from mimocorb.components.configuration import configure
from mimocorb.components.form import kind_of
from mimocorb.errors import MimocorbError
from mimocorb.model import Setup, WorkerSpec
from mimocorb.model.problem import Problem, Severity

__all__ = ["Preview", "misfit", "parts_used", "previewed"]


@dataclass(frozen=True)
class Preview:
    """What a worker will write.

    Parameters
    ----------
    event_bytes
        The most bytes that an event takes in its file; None if that is not known.
    filename
        The name of its file in the directory of the run; empty if that is not known.
    certain
        Whether no function of the user stands between, which may change the configuration.
    reports
        Names under which it reports results; None if it does not tell.
    is_shared
        Whether several processes write parts of the file, each one of its own.
    follows
        The workers whose results it works on.
    hands_on
        Names of the fields that it writes; None if it does not tell.
    is_followed
        Whether others may work on its results.
    copies
        Whether it hands on copies of its events.
    """

    event_bytes: int | None = None
    filename: str = ""
    certain: bool = True
    reports: frozenset[str] | None = None
    is_shared: bool = False
    follows: frozenset[str] = frozenset()
    hands_on: frozenset[str] | None = None
    is_followed: bool = False
    copies: bool = False


def previewed(
    function: Callable[..., Any], spec: WorkerSpec, setup: Setup, *, sizes: bool
) -> Preview:
    """Return what a worker will write, as far as its component tells it before it is made.

    A component does so by ``check``, ``output_name``, ``reports``, ``follows``, ``hands_on`` and
    ``copies``, all optional; see :mod:`mimocorb.components.form`.

    Raises
    ------
    MimocorbError
        The class cannot work with its buffer or its configuration.
    """
    layout = _layout(spec, setup)
    if kind_of(function) is not None:
        found = _checked(function, spec, layout, sizes=sizes) if layout else Preview()
        return replace(
            found,
            is_followed=getattr(function, "is_followed", False),
            copies=getattr(function, "copies", False),
        )
    if layout is None:
        return Preview()
    owner = _previewing(function)
    if owner is None:
        return Preview()
    looks = owner.preview if sizes or not hasattr(owner, "check") else owner.check
    event_bytes: int | None = looks(layout, spec.config)
    named = getattr(owner, "output_name", None)
    return Preview(event_bytes, named(spec.config) if named else "", owner is function)


def _checked(function: Any, spec: WorkerSpec, layout: Mapping[str, Any], *, sizes: bool) -> Preview:
    """Ask a component, if its configuration is in order."""
    configuration, problems = configure(Component.of(function), spec)
    if problems or not hasattr(function, "check"):
        return Preview()
    # where sizes are not asked for, what need not load a library for them is enough
    look = function.check if sizes else getattr(function, "accept", function.check)
    event_bytes: int | None = look(layout, **configuration)
    named = getattr(function, "output_name", None)
    follows, writes = getattr(function, "follows", None), getattr(function, "hands_on", None)
    told = getattr(function, "reports", None)
    return Preview(
        event_bytes,
        named(**configuration) if named else "",
        reports=frozenset(told(**configuration)) if told else None,
        is_shared=getattr(function, "output_in_parts", False),
        follows=frozenset(follows(**configuration)) if follows else frozenset(),
        hands_on=frozenset(writes(**configuration)) if writes else None,
    )


def misfit(function: Callable[..., Any], spec: WorkerSpec, error: MimocorbError) -> Problem:
    """Return what a component has found as a problem of the set-up.

    A function of the user that makes the component itself may give it another configuration.
    """
    buffers = (*(spec.writes if spec.is_source else spec.reads), *spec.observes)
    works = f"{spec.name} can work with {', '.join(buffers)}"
    is_certain = kind_of(function) is not None or has_preview(function)
    severity: Severity = "error" if is_certain else "warning"
    return Problem(spec.where, works, str(error), "", severity)


def _layout(spec: WorkerSpec, setup: Setup) -> Mapping[str, Any] | None:
    """Return the layout of the one buffer that a worker reads, or a source writes.

    None if that is not certain.
    """
    names = [*(spec.writes if spec.is_source else spec.reads), *spec.observes]
    known = [each for each in setup.buffers if each.name in names and each.slot_size_bytes]
    if not spec.config_origin.complete or not len(names) == len(known) == 1:
        return None
    (buffer,) = known
    return {
        "name": buffer.name,
        "number_of_slots": buffer.slot_count,
        "values_per_slot": buffer.data_length,
        "dtype": buffer.data_dtype,
        "channels": {each.name: each.about() for each in buffer.channels},
        "variable": buffer.variable,
    }


def _previewing(function: Callable[..., Any]) -> Any:
    """Return the class of mimocorb that a function uses, if only one of these has a preview."""
    if has_preview(function):
        return function
    found = [value for value in parts_used(function) if has_preview(value)]
    return found[0] if len(found) == 1 else None


def parts_used(function: Callable[..., Any]) -> list[Any]:
    """Return the parts of mimocorb that a worker function in the manner of the manual names."""
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    names = set(_names(code)) if code else set()
    found = {
        id(value): value
        for name, value in getattr(function, "__globals__", {}).items()
        if name in names and str(getattr(value, "__module__", "")).startswith("mimocorb.")
    }
    return list(found.values())


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
