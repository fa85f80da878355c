"""What functions of mimoCoRB2 say of their buffer and configuration before a run starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = ["judged_by"]

Function = TypeVar("Function", bound=Callable[..., Any])


def judged_by(
    judge: Callable[[Mapping[str, Any], Mapping[str, Any]], None],
) -> Callable[[Function], Function]:
    """Let ``mimocorb check``, and every run before it starts, judge a function's configuration.

    Parameters
    ----------
    judge
        Called with ``name``, ``values_per_slot`` and ``dtype`` of the buffer that the function
        reads, and with the configuration; raises a SetupError.
    """

    def mark(function: Function) -> Function:
        vars(function)["preview"] = judge
        return function

    return mark
