"""Why a decorated function cannot be what it is marked as: its form, and its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from mimocorb.components.form import Kind

__all__ = [
    "COLLECTING",
    "POSITIONAL",
    "Fault",
    "form_fault",
    "parameter_fault",
    "with_article",
]

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Fault(NamedTuple):
    """Why a function cannot be what it is marked as."""

    asked: str
    found: str
    remedy: str


def with_article(kind: Kind) -> str:
    """Return the kind for a message."""
    return f"an {kind}" if kind == "observer" else f"a {kind}"


def form_fault(function: Callable[..., Any], kind: Kind, first: str, line: int) -> Fault | None:
    """Say why it cannot be what it is marked as, whatever its parameters are."""
    name = function.__name__
    if isinstance(function, type) and kind == "source":
        return Fault(
            f"a source is a generator function: {name}(*, …) with yield",
            f"found the class {name}",
            "write a function; what it needs from one event to the next are its variables",
        )
    # Every class can be called, which is not meant here: type.__call__ has no code of its own.
    if isinstance(function, type) and not inspect.isfunction(function.__call__):
        return Fault(
            _written(name, kind, first, is_class=True),
            f"found no __call__ in the class {name}{_in_line(line)}",
            "write it: it is called with what the worker reads",
        )
    inner = inspect.unwrap(function)
    if inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner):
        return Fault(
            f"{with_article(kind)} is an ordinary function",
            f"found an asynchronous one{_in_line(line)}",
            "remove async",
        )
    if kind != "source" and inspect.isgeneratorfunction(inner):
        return Fault(
            f"{with_article(kind)} returns; only a source yields",
            f"found yield in the function{_in_line(line)}",
            "use return, or mark the function as a source",
        )
    return None


def parameter_fault(
    name: str,
    kind: Kind,
    first: str,
    called: inspect.Signature,
    *,
    constructed: inspect.Signature | None,
    line: int,
) -> Fault | None:
    """Say what is wrong with the order or the kind of the parameters."""
    method = name if constructed is None else f"{name}.__call__"
    start = "self, " if constructed is not None else ""
    asked = _written(name, kind, first, is_class=constructed is not None)
    shown = ", ".join(_in_brief(called))
    found = f"found {method}({start}{shown})".replace("(self, )", "(self)") + _in_line(line)
    front = [p.name for p in called.parameters.values() if p.kind in POSITIONAL]
    every = [*called.parameters.values(), *(constructed.parameters.values() if constructed else ())]
    if any(parameter.kind in COLLECTING for parameter in every):
        return Fault(asked, found, "give each parameter a name: only then it can be checked")
    if first and not front:
        return Fault(asked, found, f"add {first!r} as the first parameter")
    behind = front[1:] if first else front
    if behind and behind != ["metadata"]:
        wrong = behind[behind[0] == "metadata" :]
        remedy = f"put * before {wrong[0]}: what stands behind it is the configuration"
        if constructed is not None:
            remedy = f"make {wrong[0]} a parameter of __init__"
        return Fault(asked, found, remedy)
    if constructed is not None and len(called.parameters) > len(front):
        return Fault(asked, found, "make the others parameters of __init__")
    return None


def _written(name: str, kind: Kind, first: str, *, is_class: bool) -> str:
    """Say how a function, or a class, of this kind is written."""
    start, more = (f"{name}.__call__(self, ", "") if is_class else (f"{name}(", ", *, …")
    forms = (
        f"{start}{first}{more}) or {start}{first}, metadata{more})" if first else f"{name}(*, …)"
    )
    return f"{with_article(kind)} is written {forms}"


def _in_brief(called: inspect.Signature) -> Iterator[str]:
    """Parameters in brief, with the stars that stand before them."""
    star = False
    for parameter in called.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            yield f"*{parameter.name}"
            star = True
        elif parameter.kind is parameter.VAR_KEYWORD:
            yield f"**{parameter.name}"
        else:
            if parameter.kind is parameter.KEYWORD_ONLY and not star:
                yield "*"
                star = True
            yield parameter.name


def _in_line(line: int) -> str:
    """Return the place in a module for a message; empty if it is not known."""
    return f" in line {line}" if line else ""
