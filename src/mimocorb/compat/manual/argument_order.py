"""Positional arguments in two orders: that of the manual, and that of the releases after it.

The manual gives every access class ``(source_list, sink_list, observe_list, config_dict, …)``.
From release 1.0.0 on, each class takes only what it works with: ``rbExport(source_list,
config_dict)``. What stands in a place tells which order is meant, as a set-up dictionary says
whether it is for a reader, a writer or an observer, and a configuration is no list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mimocorb.errors import SetupError

__all__ = ["in_documented_order"]

_KINDS = {"source_list": "reader", "sink_list": "writer", "observe_list": "observer"}
_NAMES = (*_KINDS, "config_dict", "ufunc")


def in_documented_order(
    owner: object, release: Sequence[str], *given: Any
) -> tuple[tuple[Any, Any, Any, Any], Any]:
    """Return (source_list, sink_list, observe_list, config_dict) and the function.

    Parameters
    ----------
    owner
        The access object, named in messages.
    release
        The names of its arguments in the order of the releases.
    *given
        The arguments, as they were bound in the order of the manual.

    Raises
    ------
    SetupError
        They are no set-up lists and no configuration in either order.
    """
    documented = dict(zip(_NAMES, given, strict=False))
    if all(_fits(name, value) for name, value in documented.items()):
        return _arranged(documented)
    released = dict(zip(release, given, strict=False))
    by_keyword = {name: documented[name] for name in _NAMES[len(release) : len(given)]}
    clash = any(released.get(name) is not None for name, value in by_keyword.items() if value)
    released |= {name: value for name, value in by_keyword.items() if value is not None}
    if not clash and all(_fits(name, value) for name, value in released.items()):
        return _arranged(released)
    for name, value in documented.items():
        if not _is_of_type(name, value):
            expected = "a mapping" if name == "config_dict" else "a list of set-up dictionaries"
            raise SetupError(
                f"{type(owner).__name__} takes ({', '.join(_NAMES[: len(given)])}), or, as in"
                f" release 1.0.2, ({', '.join(release)}); in the place of {name}, {expected} or"
                f" None, found {type(value).__name__} {value!r:.60}. Name the arguments: {name}=…"
            )
    return _arranged(documented)


def _arranged(values: Mapping[str, Any]) -> tuple[tuple[Any, Any, Any, Any], Any]:
    source, sink, observe, config, function = (values.get(name) for name in _NAMES)
    return (source, sink, observe, config), function


def _is_of_type(name: str, value: Any) -> bool:
    if value is None or name == "ufunc":
        return True
    if name == "config_dict":
        return isinstance(value, Mapping)
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return is_list and all(isinstance(each, Mapping) for each in value)


def _fits(name: str, value: Any) -> bool:
    if not _is_of_type(name, value):
        return False
    if value is None or name not in _KINDS:
        return value is None or name != "ufunc" or not _is_setups(value)
    return all(each.get("kind", _KINDS[name]) == _KINDS[name] for each in value)


def _is_setups(value: Any) -> bool:
    """Whether this is a list of set-up dictionaries, and so no function or source of data."""
    return isinstance(value, list) and any(
        isinstance(each, Mapping) and each.get("kind") in _KINDS.values() for each in value
    )
