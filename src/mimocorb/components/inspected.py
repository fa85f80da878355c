"""How a loaded function of the plain form is written, in the terms of its static signature."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

from mimocorb.components.form import kind_of
from mimocorb.setup.user_code.annotations import UNKNOWN
from mimocorb.setup.user_code.docstrings import read_docstring
from mimocorb.setup.user_code.signatures import (
    Annotation,
    Fault,
    Kind,
    PlainSignature,
    async_fault,
    call_fault,
    class_fault,
    make_signature,
    yield_fault,
)

__all__ = ["plain_signature"]


def plain_signature(function: Callable[..., Any]) -> PlainSignature | None:
    """Return the signature of a function of the plain form; None for any other callable."""
    kind = kind_of(function)
    if kind is None:
        return None
    name, line = function.__name__, _line(function)
    docs = [inspect.getdoc(function)]
    fault = _fault(function, kind, line)
    if fault is not None:
        return PlainSignature(name, kind, fault=fault, line=line)
    try:
        if isinstance(function, type):
            docs.append(getattr(vars(function).get("__init__"), "__doc__", None))
            called = _call_method(function)
            return make_signature(
                name, kind, called, _of(inspect.signature(function), function), docs=docs, line=line
            )
        return make_signature(
            name, kind, _of(inspect.signature(function), function), docs=docs, line=line
        )
    except _Undefined as undefined:
        summary = read_docstring(docs[0]).summary
        return PlainSignature(name, kind, summary, fault=undefined.fault, line=line)


def _line(function: Callable[..., Any]) -> int:
    """Return where it begins in its file; 0 if there is none, as in a notebook."""
    try:
        return inspect.getsourcelines(function)[1]
    except (OSError, TypeError):
        return 0


def _fault(function: Callable[..., Any], kind: Kind, line: int) -> Fault | None:
    """Say why it cannot be what it is marked as, whatever its parameters are."""
    if isinstance(function, type) and kind == "source":
        return class_fault(function.__name__)
    # Every class can be called, which is not meant here: type.__call__ has no code of its own.
    if isinstance(function, type) and not inspect.isfunction(function.__call__):
        return call_fault(function.__name__, kind, line)
    inner = inspect.unwrap(function)
    if inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner):
        return async_fault(kind, line)
    if kind != "source" and inspect.isgeneratorfunction(inner):
        return yield_fault(kind, line)
    return None


class _Undefined(Exception):
    """The type of a parameter cannot be evaluated."""

    def __init__(self, parameter: inspect.Parameter, error: Exception) -> None:
        self.fault = Fault(
            f"the type of {parameter.name} is defined when the module has been loaded",
            f"found {parameter.annotation}: {error}",
            "import it outside of TYPE_CHECKING, or correct it",
        )
        super().__init__(self.fault)


def _call_method(owner: type) -> inspect.Signature:
    """Return the parameters of the method that is called with events, without `self`."""
    method: Any = owner.__call__
    found = inspect.signature(method)
    return _of(found.replace(parameters=list(found.parameters.values())[1:]), method)


def _of(signature: inspect.Signature, owner: Callable[..., Any]) -> inspect.Signature:
    """Return the signature with annotations and defaults as make_signature() wants them."""
    names = _globals(owner)
    return signature.replace(
        parameters=[_described(parameter, names) for parameter in signature.parameters.values()],
        return_annotation=inspect.Signature.empty,
    )


def _described(parameter: inspect.Parameter, names: Mapping[str, Any]) -> inspect.Parameter:
    annotation: Any = parameter.annotation
    if annotation is not parameter.empty:
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        annotation = Annotation(text, _evaluated(parameter, names))
    default = parameter.default
    if default is not parameter.empty:
        default = repr(default)
    return parameter.replace(annotation=annotation, default=default)


def _evaluated(parameter: inspect.Parameter, names: Mapping[str, Any]) -> Any:
    """Return the type that is meant; that of an event is nobody's business and may be missing."""
    if not isinstance(parameter.annotation, str):
        return parameter.annotation
    try:
        return eval(parameter.annotation, dict(names))
    except Exception as error:  # whatever comes up while the user's text is evaluated
        if parameter.kind is parameter.KEYWORD_ONLY:
            raise _Undefined(parameter, error) from None
        return UNKNOWN


def _globals(owner: Callable[..., Any]) -> Mapping[str, Any]:
    unwrapped = inspect.unwrap(owner)
    found = getattr(unwrapped, "__globals__", None)
    return found if found is not None else vars(sys.modules[unwrapped.__module__])
