"""Worker functions as the manual documents them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mimocorb._functions.call import Work, WorkerCall

__all__ = ["bind"]


def bind(function: Callable[..., Any], call: WorkerCall) -> Work:
    """Return the call with the documented arguments; nothing is done before.

    A class is constructed with them, and its object is called if it can be: so a set-up may name an
    access class, such as ``BufferToTxtfile``, without a function around it.
    """

    def work() -> None:
        result = function(
            call.source_list,
            call.sink_list,
            call.observe_list,
            call.config_dict,
            **dict(call.spec.rb_assign),
        )
        if isinstance(function, type) and callable(result):
            result()

    return work
