"""How functions of the plain form are written: what they are, and what can be configured.

:mod:`mimocorb.setup.user_code.static_signatures` reads that from the text of a module, so that a
set-up is checked without running it. What a loaded function is goes through the same
:func:`make_signature`, and all messages are the same.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from mimocorb.setup.user_code.annotations import short_text
from mimocorb.setup.user_code.docstrings import read_docstring, unit_of

__all__ = [
    "GIVEN",
    "KINDS",
    "Annotation",
    "Fault",
    "Kind",
    "Parameter",
    "PlainSignature",
    "async_fault",
    "call_fault",
    "class_fault",
    "in_line",
    "literal",
    "make_signature",
    "with_article",
    "yield_fault",
]

Kind = Literal["source", "filter", "sink", "observer"]
KINDS: tuple[Kind, ...] = get_args(Kind)

GIVEN = {
    "buffer": "buffer that it works with (a mapping: name, dtype, values_per_slot)",
    "directory": "directory of the run (a Path), where files are written",
    "dtype": "NumPy type of the events",
    "number_of_channels": "fields of the events, 1 without fields",
    "number_of_samples": "samples of each channel",
}
"""Parameters that mimocorb gives by name, no matter what is configured."""

# What stands before the configuration; a second parameter `metadata` may follow.
_FIRST: dict[Kind, str] = {"filter": "event", "sink": "events", "observer": "event"}
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Annotation(NamedTuple):
    """The type of a parameter: as it is written, and what it means or UNKNOWN."""

    text: str
    type: Any


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function that a set-up configures.

    Parameters
    ----------
    name
        Name, and key of the configuration.
    type_text
        Its type as it is written; empty without.
    type
        What that means; UNKNOWN if only the loaded function knows.
    default
        As it is written; None: required.
    meaning, unit
        From the docstring; the unit from the name as well.
    """

    name: str
    type_text: str
    type: Any
    default: str | None
    meaning: str
    unit: str


def literal(default: str | None) -> Any:
    """Return the value of a default as it is written; None if only Python knows it."""
    try:
        return ast.literal_eval(default or "None")
    except (ValueError, SyntaxError):
        return None


class Fault(NamedTuple):
    """Why a function cannot be what it is marked as."""

    asked: str
    found: str
    remedy: str


@dataclass(frozen=True)
class PlainSignature:
    """A function of the plain form.

    Parameters
    ----------
    name
        Its name.
    kind
        What its decorator says it is.
    summary
        What its docstring says first.
    parameters
        What can be configured; None if only the loaded function knows.
    given
        Names of the parameters that mimocorb gives.
    takes_metadata
        Whether it is called with metadata as well.
    fault
        Why it cannot be called; None if it can.
    line
        Where it begins in its file.
    """

    name: str
    kind: Kind
    summary: str = ""
    parameters: tuple[Parameter, ...] | None = None
    given: tuple[str, ...] = ()
    takes_metadata: bool = False
    fault: Fault | None = None
    line: int = 0


def make_signature(
    name: str,
    kind: Kind,
    called: inspect.Signature,
    constructed: inspect.Signature | None = None,
    *,
    docs: Sequence[str | None] = (),
    line: int = 0,
) -> PlainSignature:
    """Make a signature from those of Python.

    Parameters
    ----------
    name, kind
        As in the result.
    called
        How it is called with events; for a class, its ``__call__`` without ``self``. Annotations
        are of type :class:`Annotation`, defaults are texts.
    constructed
        For a class, its ``__init__`` without ``self``.
    docs
        Its docstrings, the one with the summary first.
    line
        Where it begins.
    """
    texts = [read_docstring(doc) for doc in docs] or [read_docstring("")]
    meanings = {key: meaning for text in texts[::-1] for key, meaning in text.meanings.items()}
    in_front = [p for p in called.parameters.values() if p.kind in _POSITIONAL]
    configured = [
        parameter
        for parameter in (constructed or called).parameters.values()
        if parameter.kind not in _COLLECTING and (constructed or parameter not in in_front)
    ]
    return PlainSignature(
        name,
        kind,
        texts[0].summary,
        tuple(_parameter(p, meanings.get(p.name, "")) for p in configured if p.name not in GIVEN),
        tuple(parameter.name for parameter in configured if parameter.name in GIVEN),
        len(in_front) == 2,
        _fault(name, kind, called, constructed, line),
        line,
    )


def _parameter(parameter: inspect.Parameter, meaning: str) -> Parameter:
    annotation = parameter.annotation
    if not isinstance(annotation, Annotation):
        annotation = Annotation("", Any)
    default = None if parameter.default is parameter.empty else str(parameter.default)
    return Parameter(
        parameter.name,
        short_text(annotation.text) if annotation.text else "",
        annotation.type,
        default,
        meaning,
        unit_of(parameter.name, meaning),
    )


def _fault(
    name: str,
    kind: Kind,
    called: inspect.Signature,
    constructed: inspect.Signature | None,
    line: int,
) -> Fault | None:
    """Say what is wrong with the order or the kind of the parameters."""
    first = _FIRST.get(kind)
    method = name if constructed is None else f"{name}.__call__"
    start = "self, " if constructed is not None else ""
    asked = _asked(name, kind, is_class=constructed is not None)
    written = ", ".join(_as_written(called))
    found = f"found {method}({start}{written})".replace("(self, )", "(self)") + in_line(line)
    front = [p.name for p in called.parameters.values() if p.kind in _POSITIONAL]
    every = [*called.parameters.values(), *(constructed.parameters.values() if constructed else ())]
    if any(parameter.kind in _COLLECTING for parameter in every):
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


def _asked(name: str, kind: Kind, *, is_class: bool) -> str:
    """Say how a function, or a class, of this kind is written."""
    first = _FIRST.get(kind)
    start, more = (f"{name}.__call__(self, ", "") if is_class else (f"{name}(", ", *, …")
    forms = (
        f"{start}{first}{more}) or {start}{first}, metadata{more})" if first else f"{name}(*, …)"
    )
    return f"{with_article(kind)} is written {forms}"


def _as_written(called: inspect.Signature) -> Iterator[str]:
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


def with_article(kind: Kind) -> str:
    """Return the kind for a message."""
    return f"an {kind}" if kind == "observer" else f"a {kind}"


def in_line(line: int) -> str:
    """Return the place in a module for a message; empty if it is not known."""
    return f" in line {line}" if line else ""


def class_fault(name: str) -> Fault:
    """Return what is wrong with a class that is marked as a source."""
    return Fault(
        f"a source is a generator function: {name}(*, …) with yield",
        f"found the class {name}",
        "write a function; what it needs from one event to the next are its variables",
    )


def call_fault(name: str, kind: Kind, line: int = 0) -> Fault:
    """Return what is wrong with a marked class whose objects cannot be called."""
    return Fault(
        _asked(name, kind, is_class=True),
        f"found no __call__ in the class {name}{in_line(line)}",
        "write it: it is called with what the worker reads",
    )


def async_fault(kind: Kind, line: int = 0) -> Fault:
    """Return what is wrong with an asynchronous function."""
    return Fault(
        f"{with_article(kind)} is an ordinary function",
        f"found an asynchronous one{in_line(line)}",
        "remove async",
    )


def yield_fault(kind: Kind, line: int = 0) -> Fault:
    """Return what is wrong with a generator that is marked as something else than a source."""
    return Fault(
        f"{with_article(kind)} returns; only a source yields",
        f"found yield in the function{in_line(line)}",
        "use return, or mark the function as a source",
    )
