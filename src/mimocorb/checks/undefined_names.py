"""Names that a function of the user looks up and that nobody has given: misspelt ones, mostly.

Python finds them when it comes to the line, which may be after hours of a run. Here the byte code
is asked, of the function, of what it defines, and of what it calls in its own module.
"""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any

from mimocorb.model import FunctionReference
from mimocorb.model.problem import Problem, Where
from mimocorb.setup.nearest import slip_of
from mimocorb.setup.paths import shown

__all__ = ["undefined_names"]

# Whoever uses these may give names that cannot be seen from outside, or lives with missing ones.
_GIVES_NAMES = {"globals", "exec", "eval", "setattr", "NameError", "import_module"}


def undefined_names(
    function: Callable[..., Any], reference: FunctionReference
) -> Iterator[Problem]:
    """Yield the names that a function in a file of the user looks up in vain, with their lines."""
    path = reference.path
    if path is None:
        return
    reported = set()
    for part, known in _functions(function, str(path)):
        for name, line in _looked_up(part.__code__):
            if name in known or hasattr(builtins, name) or name in reported:
                continue
            reported.add(name)
            guess = slip_of(name, [*known, *part.__code__.co_varnames, *dir(builtins)])
            yield Problem(
                Where(shown(path), line),
                f"{part.__qualname__} uses {name!r}, which {reference.asked} defines or imports",
                "found no such name",
                f"did you mean {guess!r}?" if guess else "define or import it",
            )


def _functions(
    function: Callable[..., Any], file: str
) -> Iterator[tuple[FunctionType, Mapping[str, Any]]]:
    """Yield a function and all that it calls in its file, with the names that these know."""
    seen: set[int] = set()
    waiting: list[Any] = [function]
    while waiting:
        part = waiting.pop()
        while isinstance(part, functools.partial):
            part = part.func
        part = getattr(part, "__func__", part)  # of a method
        if inspect.isclass(part):
            waiting += [getattr(each, "fget", each) for each in vars(part).values()]
            continue
        part = inspect.unwrap(part) if callable(part) else None
        if not isinstance(part, FunctionType) or id(part) in seen:
            continue
        seen.add(id(part))
        if part.__code__.co_filename != file:
            continue
        known = part.__globals__
        names = set(_all_names(part.__code__))
        if names & _GIVES_NAMES or _has_global_statement(known, file):
            continue
        waiting += [known[name] for name in names if name in known]
        yield part, known


def _looked_up(code: CodeType) -> Iterator[tuple[str, int]]:
    """Yield the global names that code looks up, and the code in it, with their lines."""
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_GLOBAL":
            place = step.positions and step.positions.lineno
            yield step.argval, place or code.co_firstlineno
    for inner in _inside(code):
        yield from _looked_up(inner)


def _inside(code: CodeType) -> Iterator[CodeType]:
    """Yield the functions and comprehensions in a function; a class has names of its own."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and "__module__" not in constant.co_names:
            yield constant


def _all_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in _inside(code):
        yield from _all_names(inner)


def _has_global_statement(known: Mapping[str, Any], file: str) -> bool:
    """Whether a function of the file gives names to the module when it is called."""
    codes = [
        each.__code__
        for each in map(inspect.unwrap, filter(inspect.isfunction, known.values()))
        if each.__code__.co_filename == file
    ]
    return any(
        step.opname == "STORE_GLOBAL" and step.argval not in known
        for code in codes
        for step in dis.get_instructions(code)
    )
