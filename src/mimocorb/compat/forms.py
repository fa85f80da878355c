"""The forms of worker functions: how each is recognised, and which module calls it.

=========  ==============================================================================
form       function
=========  ==============================================================================
plain      marked by ``@source``, ``@filter``, ``@sink`` or ``@observer``; recommended
buffer_io  ``f(buffer_io)``, as mimoCoRB2 has it, by this name or with the type ``BufferIO``
manual     ``f(source_list, sink_list, observe_list, config_dict, **rb_info)``, or a class
=========  ==============================================================================

A module of a form has ``bind(function, worker)``; see :func:`bind_function`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, cast

from mimocorb.components.form import kind_of
from mimocorb.components.worker import Work, Worker

__all__ = ["FORMS", "Form", "bind_function", "form_of", "has_preview", "is_buffer_io"]


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


def is_buffer_io(name: str, annotation: str) -> bool:
    """Whether a parameter is the object of mimoCoRB2, by its name or its type.

    Its number alone does not tell: a filter that has lost its decorator has one parameter, too.
    """
    return name == "buffer_io" or annotation.strip("\"'").rpartition(".")[2] == "BufferIO"


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
    Form("plain", "mimocorb.components.binding", lambda function: kind_of(function) is not None),
    Form("buffer_io", "mimocorb.compat.mimocorb2.buffer_io", _takes_buffer_io),
    Form("manual", "mimocorb.compat.manual.functions", lambda _: True),
)
"""The first form that recognises a function is the one."""


def form_of(function: Callable[..., Any]) -> Form:
    """Return the form of a function."""
    return next(form for form in FORMS if form.recognises(function))


def has_preview(value: Any) -> bool:
    """Tell whether a value is an access class or function of mimocorb that judges its buffer.

    Its ``preview(setup, config)`` does so before there is anything to read.
    """
    places = (*getattr(value, "__mro__", ()), *([value] if inspect.isfunction(value) else ()))
    owner = next((place for place in places if "preview" in vars(place)), None)
    return owner is not None and owner.__module__.startswith("mimocorb.")


def bind_function(function: Callable[..., Any], worker: Worker) -> Work:
    """Prepare a worker function as far as possible without data; returns the work itself.

    Parameters
    ----------
    function
        Of any form.
    worker
        What it works with.

    Returns
    -------
    callable
        To be called once, without arguments; returns at the end of the data.

    Raises
    ------
    SetupError
        The configuration or the buffers do not fit to the function.
    """
    buffers = [*worker.reads, *worker.observes]
    if has_preview(function) and len(buffers) == 1:
        cast("Any", function).preview(buffers[0], worker.spec.config)  # as `mimocorb check` does
    work: Work = import_module(form_of(function).module).bind(function, worker)
    return work
