"""What is wrong with the value of a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Fault", "Faults"]


class Fault(NamedTuple):
    """What is wrong with a value or a part of it.

    Parameters
    ----------
    asked
        What belongs there, to follow the name of the key: ``"must be a number"``.
    remedy
        What to do; nothing if it follows from the value.
    path
        Keys and indices on the way from the value of the key to the part.
    at_key
        Whether it is the key at the end of the path, and not its value.
    part
        What the part is called: ``"the shape of 'x' in {}"``; ``{}`` is the key.
    words
        What could be meant instead.
    found
        What was found, if that is not what stands there. ``{line}`` is that of `other`.
    other
        The path to what it contradicts.
    """

    asked: str
    remedy: str = ""
    path: tuple[Any, ...] = ()
    at_key: bool = False
    part: str = "{}"
    words: Sequence[str] = ()
    found: str = ""
    other: tuple[Any, ...] | None = None


class Faults(ValueError):
    """A value cannot be read, for at least one reason."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.asked for fault in faults))
        self.faults = faults
