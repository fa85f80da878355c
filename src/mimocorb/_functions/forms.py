"""The forms of worker functions: how each is recognised, and which module calls it.

=========  ==============================================================================
form       function
=========  ==============================================================================
plain      marked by ``@source``, ``@filter``, ``@sink`` or ``@observer``; recommended
buffer_io  ``f(buffer_io)``, as mimoCoRB2 has it, by this name or with the type ``BufferIO``
manual     ``f(source_list, sink_list, observe_list, config_dict, **rb_info)``, or a class
=========  ==============================================================================

A module of a form has ``bind(function, call)``; see :func:`mimocorb._functions.call.bind_function`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from mimocorb.components.form import kind_of
from mimocorb.setup.user_code.user_functions import is_buffer_io

__all__ = ["FORMS", "Form", "form_of", "has_preview"]


class Form(NamedTuple):
    """One form of worker functions.

    Parameters
    ----------
    name
        What it is called.
    module
        The module that calls functions of this form, imported when one is.
    recognises
        Whether a function is of this form.
    """

    name: str
    module: str
    recognises: Callable[[Callable[..., Any]], bool]


def _takes_buffer_io(function: Callable[..., Any]) -> bool:
    """Tell whether a function has one parameter, which it calls as mimoCoRB2 does."""
    if isinstance(function, type):
        return False
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    if len(parameters) != 1 or parameters[0].default is not inspect.Parameter.empty:
        return False
    (only,) = parameters
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    annotation = only.annotation if isinstance(only.annotation, str) else ""
    annotation = annotation or getattr(only.annotation, "__name__", "")
    return only.kind in positional and is_buffer_io(only.name, annotation)


FORMS = (
    Form("plain", "mimocorb._functions.plain", lambda function: kind_of(function) is not None),
    Form("buffer_io", "mimocorb._functions.buffer_io", _takes_buffer_io),
    Form("manual", "mimocorb._functions.manual", lambda _: True),
)
"""The first form that recognises a function is the one."""


def form_of(function: Callable[..., Any]) -> Form:
    """Return the form of a function."""
    return next(form for form in FORMS if form.recognises(function))


def has_preview(value: Any) -> bool:
    """Tell whether a value is an access class of mimocorb, or made of one, that judges its buffer.

    Its ``preview(setup, config)`` does so before there is anything to read.
    """
    bases = getattr(value, "__mro__", ())
    owner = next((base for base in bases if "preview" in vars(base)), None)
    return owner is not None and owner.__module__.startswith("mimocorb.")
