"""What a function or class takes that a worker runs: the one answer, from the loaded function.

The worker configures its function by it before data taking begins, and ``mimocorb check`` does the
same in a process of its own; ``mimocorb describe`` shows it.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from mimocorb.components.docstrings import described_keys, read_docstring, unit_of
from mimocorb.components.form import Kind, is_batch, kind_of
from mimocorb.components.form_faults import (
    COLLECTING,
    POSITIONAL,
    Fault,
    form_fault,
    parameter_fault,
)

__all__ = ["GIVEN", "Component", "Parameter", "literal", "short_text"]

GIVEN = {
    "buffer": "buffer that it works with (a mapping: name, dtype, values_per_slot, channels)",
    "directory": "directory of the run (a Path), where files are written",
    "dtype": "NumPy type of the events",
    "number_of_channels": "fields of the events, 1 without fields",
    "number_of_samples": "samples of each channel",
}
"""Parameters that mimocorb gives by name, no matter what is configured."""

_ADDED = "directory_prefix"
"""The key that mimocorb adds to a ``config_dict``."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a component: a key of its configuration.

    Parameters
    ----------
    name
        Name, and key of the configuration.
    type_text
        Its type as it is written; empty without.
    type
        What that means; ``Any`` if it is not known.
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

    @property
    def words(self) -> tuple[Any, ...]:
        """The values that it may have, if these are a few words; None may be left out."""
        kinds = get_args(self.type) if get_origin(self.type) in (Union, UnionType) else (self.type,)
        some = [kind for kind in kinds if kind is not NoneType]
        is_words = len(some) == 1 and get_origin(some[0]) is Literal
        return get_args(some[0]) if is_words else ()

    def __str__(self) -> str:
        unit = f" in {self.unit}" if self.unit else ""
        if self.words:
            *most, last = map(repr, self.words)
            return f"{', '.join(most)} or {last}{unit}" if most else f"{last}{unit}"
        return f"{self.type_text or 'a value'}{unit}"


@dataclass(frozen=True)
class Component:
    """What a function takes.

    Parameters
    ----------
    name
        Its name.
    kind
        What its decorator says it is; None for a function of an older form, which says what it
        takes in its docstring only.
    summary
        What its docstring says first.
    parameters
        What can be configured, as far as it is known.
    complete
        Whether there are no other parameters.
    given
        Names of the parameters that mimocorb gives.
    takes_metadata
        Whether it is called with metadata as well.
    fault
        Why it cannot be called; None if it can.
    line
        Where it begins in its file; 0 if that is not known.
    """

    name: str
    kind: Kind | None
    summary: str = ""
    parameters: tuple[Parameter, ...] = ()
    complete: bool = True
    given: tuple[str, ...] = ()
    takes_metadata: bool = False
    fault: Fault | None = None
    line: int = 0

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Component:
        """Return what a function takes, of whatever form it is."""
        kind = kind_of(function)
        name = getattr(function, "__name__", type(function).__name__)
        doc = inspect.getdoc(function)
        summary, line = read_docstring(doc).summary, _line(function)
        if kind is None:
            parameters, complete = _keys(function)
            return cls(name, None, summary, parameters, complete, line=line)
        first = _first_parameter(function, kind)
        fault = form_fault(function, kind, first, line)
        if fault is not None:
            return cls(name, kind, summary, fault=fault, line=line)
        docs, constructed = [doc], None
        called = inspect.signature(function)
        if isinstance(function, type):
            docs.append(getattr(vars(function).get("__init__"), "__doc__", None))
            constructed, called = called, _without_self(function.__call__)
        meanings = {
            key: meaning
            for text in reversed(docs)
            for key, meaning in read_docstring(text).meanings.items()
        }
        front = [each for each in called.parameters.values() if each.kind in POSITIONAL]
        configured = [
            each
            for each in (constructed or called).parameters.values()
            if each.kind not in COLLECTING and (constructed or each not in front)
        ]
        names = _globals(function)
        try:
            parameters = tuple(
                _parameter(each, meanings.get(each.name, ""), names)
                for each in configured
                if each.name not in GIVEN
            )
        except _UndefinedType as undefined:
            return cls(name, kind, summary, fault=undefined.fault, line=line)
        return cls(
            name,
            kind,
            summary,
            parameters,
            given=tuple(each.name for each in configured if each.name in GIVEN),
            takes_metadata=len(front) == 2,
            fault=parameter_fault(name, kind, first, called, constructed=constructed, line=line),
            line=line,
        )


def _first_parameter(function: Callable[..., Any], kind: Kind) -> str:
    """Return what stands before the configuration; a second parameter `metadata` may follow."""
    if kind == "source":
        return ""
    return "events" if kind == "sink" or is_batch(function) else "event"


def literal(default: str | None) -> Any:
    """Return the value of a default as it is written; None if only Python knows it."""
    try:
        return ast.literal_eval(default or "None")
    except (ValueError, SyntaxError):
        return None


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


# --- parameters of a decorated function


class _UndefinedType(Exception):
    """The type of a parameter cannot be evaluated."""

    def __init__(self, parameter: inspect.Parameter, error: Exception) -> None:
        self.fault = Fault(
            f"the type of {parameter.name} is defined when the module has been loaded",
            f"found {parameter.annotation}: {error}",
            "import it outside of TYPE_CHECKING, or correct it",
        )
        super().__init__(self.fault)


def _line(function: Callable[..., Any]) -> int:
    """Return the line of the function or its first decorator; 0 in a notebook, for example."""
    try:
        return inspect.getsourcelines(function)[1]
    except (OSError, TypeError):
        return 0


def _without_self(method: Any) -> inspect.Signature:
    found = inspect.signature(method)
    return found.replace(parameters=list(found.parameters.values())[1:])


def _globals(owner: Callable[..., Any]) -> Mapping[str, Any]:
    unwrapped = inspect.unwrap(owner)
    found = getattr(unwrapped, "__globals__", None)
    if found is None:
        found = vars(sys.modules.get(getattr(unwrapped, "__module__", ""), ast))
    return dict(found)


def _parameter(parameter: inspect.Parameter, meaning: str, names: Mapping[str, Any]) -> Parameter:
    text, kind = "", Any
    annotation = parameter.annotation
    if annotation is not parameter.empty:
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        text, kind = short_text(text), annotation
        if isinstance(annotation, str):
            try:
                kind = eval(annotation, dict(names))
            except Exception as error:  # whatever comes up while the user's text is evaluated
                if parameter.kind is parameter.KEYWORD_ONLY:
                    raise _UndefinedType(parameter, error) from None
                kind = Any
    default = None if parameter.default is parameter.empty else repr(parameter.default)
    return Parameter(parameter.name, text, kind, default, meaning, unit_of(parameter.name, meaning))


# --- keys of a function of an older form

_CLASS = re.compile(r":(?:class|func):`[~.\w]*?(\w+)`")


def _keys(function: Callable[..., Any]) -> tuple[tuple[Parameter, ...], bool]:
    """Return the keys of the configuration that a docstring lists, and whether these are all.

    In the place of keys it may name classes and functions whose keys are meant, as in "those of
    :class:`BufferToTxtfile`, and".
    """
    names = _globals(function)
    text = inspect.getdoc(function)
    described, classes = described_keys(text)
    found = {
        name: Parameter(
            name,
            key.type_text,
            _type_in(key.type_text, names),
            key.default,
            key.meaning,
            unit_of(name, key.meaning),
        )
        for name, key in described.items()
        if name != _ADDED
    }
    complete = bool(found or classes)
    for name in (match for each in classes for match in _CLASS.findall(each)):
        owner = names.get(name)
        if is_dataclass(owner) and isinstance(owner, type):
            meanings = read_docstring(inspect.getdoc(owner)).meanings
            fields = inspect.signature(owner).parameters.values()
            more = [
                _parameter(each, meanings.get(each.name, ""), _globals(owner)) for each in fields
            ]
        elif callable(owner):
            parameters, is_complete = _keys(owner)
            more, complete = list(parameters), complete and is_complete
        else:
            more, complete = [], False
        found = {each.name: each for each in more} | found
    return tuple(found.values()), complete


def _type_in(text: str, names: Mapping[str, Any]) -> Any:
    """Return the type that a docstring names; Any for words of another kind."""
    if not text or "(" in text:
        return Any
    try:
        found = eval(text, dict(names))
    except Exception:  # it is prose
        return Any
    is_type = isinstance(found, type) or hasattr(found, "__args__")
    return found if is_type else Any
