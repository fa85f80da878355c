"""Numbers of slots and events that callers give."""

from __future__ import annotations

from mimocorb.errors import SetupError

__all__ = ["at_most", "whole_number"]


def whole_number(what: str, value: int, least: int = 1) -> int:
    """Return `value` as an int; raise SetupError, with its name, if it is none or too small."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = least - 1
    if number < least or number != value:
        raise SetupError(f"{what} is {value!r}: it must be a whole number, {least} or more")
    return number


def at_most(what: str, count: int, number_of_slots: int) -> int:
    """Return how many of a buffer's slots a caller can get who asks for up to `count`."""
    if type(count) is not int or count < 1:
        count = whole_number(what, count)
    return min(count, number_of_slots)
