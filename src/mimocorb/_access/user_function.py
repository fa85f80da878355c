"""Name the user's function, and the event it failed on, in errors."""

from __future__ import annotations

from typing import Any

from mimocorb.errors import SetupError, UserFunctionError

__all__ = ["failure", "function_name", "one_function"]


def function_name(function: Any) -> str:
    """Return the name under which users know a function, or the class of a callable object."""
    name = getattr(function, "__name__", None)
    return str(name) if name else type(function).__name__


def failure(function: Any, event: int, error: BaseException) -> UserFunctionError:
    """Return the error to raise ``from error``; its traceback shows the line in the function.

    Not for a MimocorbError: that says by itself what was found and what to do.
    """
    if isinstance(error, SystemExit):
        what = f"called sys.exit({error.code!r}); only a source ends a run"
    else:
        what = f"raised {type(error).__name__}: {error}"
    return UserFunctionError(f"{function_name(function)} failed on event {event}: it {what}")


def one_function(owner: object, keyword: str, documented: Any, ufunc: Any) -> Any:
    """Return the user function given under its documented keyword or as ``ufunc``."""
    if documented is not None and ufunc is not None:
        raise SetupError(
            f"{type(owner).__name__}: give either {keyword}= or ufunc=, not both; they mean the"
            " same."
        )
    function = ufunc if documented is None else documented
    if function is None:
        raise SetupError(
            f"{type(owner).__name__} needs a function: pass it as {keyword}= (or ufunc=)."
        )
    return function
