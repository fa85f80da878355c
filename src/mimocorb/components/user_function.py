"""What is done around a user's function: it is named in errors, and left at the end."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from mimocorb.components.open_files import close_when_there_is_room
from mimocorb.errors import EndOfStream, UserFunctionError

__all__ = ["closed_at_end", "failure", "function_name"]


def function_name(function: Any) -> str:
    """Return the name under which users know a function, or the class of a callable object."""
    name = getattr(function, "__name__", None)
    return str(name) if name else type(function).__name__


def failure(name: str, event: int | str, error: BaseException) -> UserFunctionError:
    """Return the error to raise ``from error``; its traceback shows the line in the function.

    Not for a MimocorbError: that says by itself what was found and what to do.

    Parameters
    ----------
    name
        Of the function.
    event
        Counter of the event, or words for several.
    error
        What the function raised.
    """
    if isinstance(error, EndOfStream):
        what = (
            f"raised EndOfStream: {error}".rstrip(": ")
            + "; only a source ends a stream, by returning, and a filter rejects by returning None"
        )
    elif isinstance(error, SystemExit):
        what = f"called sys.exit({error.code!r}); only a source ends a run"
    else:
        what = f"raised {type(error).__name__}: {error}".rstrip(": ")
    where = f"event {event}" if isinstance(event, int) else event
    return UserFunctionError(f"{name} failed on {where}: it {what}")


@contextmanager
def closed_at_end(target: Any) -> Iterator[None]:
    """Leave a generator or an object as its ``with`` or ``close()`` does, however the work ends."""
    if hasattr(target, "__exit__"):
        with target:
            yield
        return
    try:
        yield
    finally:
        close = getattr(target, "close", None)
        if close is not None and isinstance(target, Generator):
            close()
        elif close is not None:
            close_when_there_is_room(close, function_name(target))
