"""Worker functions as the manual documents them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mimocorb.errors import SetupError
from mimocorb.setup.user_code.user_functions import MANUAL_ARGUMENTS, MISSING_DECORATOR

if TYPE_CHECKING:
    from mimocorb._functions.call import Work, WorkerCall

__all__ = ["bind"]


def bind(function: Callable[..., Any], call: WorkerCall) -> Work:
    """Return the call with the documented arguments; nothing is done before.

    A class is constructed with them, and its object is called if it can be: so a set-up may name an
    access class, such as ``BufferToTxtfile``, without a function around it.

    Raises
    ------
    SetupError
        It cannot be called so; its decorator may be missing.
    """
    _check(function, call)

    def work() -> None:
        result = function(
            call.source_list,
            call.sink_list,
            call.observe_list,
            call.config_dict,
            **dict(call.spec.roles),
        )
        if isinstance(function, type) and callable(result):
            result()

    return work


def _check(function: Callable[..., Any], call: WorkerCall) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of C: nobody knows how it is called
        return
    try:
        signature.bind(None, None, None, {}, **dict(call.spec.roles))
    except TypeError as error:
        name = getattr(function, "__name__", type(function).__name__)
        raise SetupError(
            f"{name}{signature} cannot be called as {name}{MANUAL_ARGUMENTS}: {error}."
            f" {MISSING_DECORATOR[:1].upper()}{MISSING_DECORATOR[1:]}"
        ) from None
