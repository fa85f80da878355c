"""Worker functions as the manual documents them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mimocorb.compat.manual.field_pairs import documented_setup
from mimocorb.errors import SetupError
from mimocorb.model import FunctionReference
from mimocorb.model.problem import Problem

if TYPE_CHECKING:
    from mimocorb.components.worker import Work, Worker

__all__ = ["bind", "misuse"]

_ARGUMENTS = "(source_list, sink_list, observe_list, config_dict, **rb_info)"
_MISSING_DECORATOR = (
    "put @filter, @sink or @observer above it (from mimocorb import filter); a function of"
    " mimoCoRB2 has one parameter, buffer_io"
)


def bind(function: Callable[..., Any], worker: Worker) -> Work:
    """Return the call with the documented arguments; nothing is done before.

    A class is constructed with them, and its object is called if it can be: so a set-up may name an
    access class, such as ``BufferToTxtfile``, without a function around it.

    Raises
    ------
    SetupError
        It cannot be called so; its decorator may be missing.
    """
    problem = misuse(function, worker.spec.function)
    if problem is not None:
        raise SetupError(problem)

    buffers = (worker.reads, worker.writes, worker.observes)

    def work() -> None:
        result = function(
            *([documented_setup(each) for each in setups] or None for setups in buffers),
            {**worker.spec.config, "directory_prefix": f"{worker.directory}/"},
            **dict(worker.spec.roles),
        )
        if isinstance(function, type) and callable(result):
            result()

    return work


def misuse(function: Callable[..., Any], reference: FunctionReference) -> Problem | None:
    """Return why a function cannot be called with the documented arguments; None if it can."""
    found, number = _fault(function), 0
    if not found:
        return None
    with suppress(OSError, TypeError):
        number = inspect.getsourcelines(function)[1]
    of_class = " in the class" if isinstance(function, type) else ""
    place = f"{of_class} in line {number}" if number else of_class
    return Problem(
        reference.name_where,
        f"{reference.name!r} is called as {reference.name}{_ARGUMENTS}",
        f"found {found}{place} of {reference.asked}",
        _remedy(function),
    )


def _fault(function: Callable[..., Any]) -> str:
    if inspect.iscoroutinefunction(function):
        return "an asynchronous function"
    if inspect.isgeneratorfunction(function):
        return "a generator, which does nothing when called,"
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # of C, which does not say how it is called
        return ""
    try:
        signature.bind(None, None, None, {}, RB_1="read")
    except TypeError:
        return f"__init__{signature}" if isinstance(function, type) else str(signature)
    return ""


def _remedy(function: Callable[..., Any]) -> str:
    """Say what to do with a function that has a fault; most often its decorator is missing."""
    if isinstance(function, type):
        return (
            "put @filter, @sink or @observer above it (from mimocorb import filter), or write"
            " __init__ with these arguments"
        )
    parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    front = [each for each in parameters if each.kind is not each.KEYWORD_ONLY]
    if inspect.iscoroutinefunction(function) or len(front) > 2:
        return "change the function, or name another one"
    return _MISSING_DECORATOR if front else "put @source above it (from mimocorb import source)"
