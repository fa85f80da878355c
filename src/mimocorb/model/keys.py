"""The keys of set-up files: the fields of the model that are annotated with a kind."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from functools import cache
from typing import Any, NamedTuple, get_type_hints

from mimocorb.model.kinds import Kind, Section

__all__ = ["Key", "keys_of", "part_config", "written"]


class Key(NamedTuple):
    """A key of set-up files: the field that takes its value, and its kind."""

    field: Field[Any]
    kind: Kind

    @property
    def required(self) -> bool:
        """Whether it must be there."""
        return self.field.default is MISSING and self.field.default_factory is MISSING


def part_config(**keys: str) -> dict[str, Any]:
    """Return what pydantic is told about a class; `keys` are keys that differ from their fields."""
    return {
        "extra": "forbid",
        "use_attribute_docstrings": True,
        "alias_generator": lambda name: keys.get(name, name),
    }


@cache
def keys_of(part: Any) -> dict[str, Key]:
    """Return the keys of a class of the model, in their order."""
    hints = get_type_hints(part, include_extras=True)
    key_of = part.__pydantic_config__["alias_generator"]
    found = {}
    for each in fields(part):
        for kind in getattr(hints[each.name], "__metadata__", ()):
            if isinstance(kind, Kind):
                found[key_of(each.name)] = Key(each, kind)
    return found


def written(part: Any, *, complete: bool = False) -> dict[str, Any]:
    """Return a part as a set-up has it: the keys that differ from their defaults, or all.

    Parts of it that are named are left out; they are written one by one.
    """
    content: dict[str, Any] = {}
    for key, made in keys_of(part.__class__).items():
        value = getattr(part, made.field.name)
        default = made.field.default
        # NumPy takes None for float64
        is_usual = (value is None) == (default is None) and value == default and not complete
        if not is_usual and not isinstance(made.kind, Section):
            content[key] = None if value is None else made.kind.write(value)
    return content
