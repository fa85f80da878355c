"""Check the buffers that an access class was given against those it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mimocorb._words import how_many
from mimocorb.compat.manual.field_pairs import plain_setup
from mimocorb.errors import SetupError

__all__ = [
    "ANY_NUMBER",
    "ONE_OR_MORE",
    "TWO_OR_MORE",
    "Assignment",
    "Setups",
    "check_assignment",
]

Setups = Sequence[Mapping[str, Any]] | None
"""What a worker function is handed: set-up dictionaries of one role, None if there are none."""

ONE_OR_MORE = -1
TWO_OR_MORE = -2
ANY_NUMBER = -3

_ROLES = ("read", "write", "observe")
_LEAST = {ONE_OR_MORE: 1, TWO_OR_MORE: 2, ANY_NUMBER: 0}
_WORDS = {
    0: "no",
    1: "one",
    ONE_OR_MORE: "one or more",
    TWO_OR_MORE: "two or more",
    ANY_NUMBER: "any number of",
}


class Assignment(NamedTuple):
    """The set-up dictionaries of one worker, by role."""

    sources: list[Mapping[str, Any]]
    sinks: list[Mapping[str, Any]]
    observed: list[Mapping[str, Any]]


def check_assignment(
    owner: object,
    lists: Sequence[Setups],
    rb_info: Mapping[str, Any],
    *,
    sources: int = 0,
    sinks: int = 0,
    observers: int = 0,
) -> Assignment:
    """Return the assigned buffers, or raise a SetupError that says what is needed and was found.

    Parameters
    ----------
    owner
        The access object, named in messages.
    lists
        ``(source_list, sink_list, observe_list)``.
    rb_info
        The keyword arguments that were left over: buffer name → read, write or observe.
    sources, sinks, observers
        How many of each are needed: 0, 1, ONE_OR_MORE, TWO_OR_MORE or ANY_NUMBER.
    """
    name = type(owner).__name__
    for key, role in rb_info.items():
        if role not in _ROLES:
            raise SetupError(
                f"{name}: unknown argument {key}={role!r}. Besides the documented arguments only"
                ' buffer assignments are accepted, such as RB_1="read", "write" or "observe".'
            )
    found = Assignment(*(list(map(plain_setup, entries or ())) for entries in lists))
    needed = (sources, sinks, observers)
    if all(_fits(len(have), need) for have, need in zip(found, needed, strict=True)):
        return found
    words = [
        f"{_WORDS[need]} {role}{'' if need == 1 else 's'}"
        for need, role in zip(needed, ("source", "sink", "observed buffer"), strict=True)
    ]
    given = [
        _described(entries, role)
        for entries, role in zip(found, ("source", "sink", "observed buffer"), strict=True)
    ]
    raise SetupError(
        f"{name} needs {_listed(words)}, but was given {_listed(given)}. In a set-up file,"
        " RB_assign gives a buffer its role: read (source), write (sink) or observe."
    )


def _fits(have: int, need: int) -> bool:
    return have >= _LEAST[need] if need in _LEAST else have == need


def _described(entries: Sequence[Mapping[str, Any]], role: str) -> str:
    if not entries:
        return f"no {role}s"
    names = ", ".join(str(entry.get("name", "unnamed")) for entry in entries)
    return f"{how_many(len(entries), role)} ({names})"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
