"""The type of a record, as set-up files write it.

Accepted are a NumPy type name (``float64``, ``">i2"``), the manual's mapping of numbers to
``[field name, type]``, a mapping of field names to types, and NumPy's list of
``[field name, type]`` or ``[field name, type, shape]``. Order in the file is order of the fields.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from mimocorb.errors import RecordTypeError
from mimocorb.schema import record_dtype
from mimocorb.setup.form import Form, describe
from mimocorb.setup.nearest import nearest
from mimocorb.setup.problems import Where
from mimocorb.setup.text.setup_file import ListNode, MappingNode, Node, ScalarNode

__all__ = ["RecordType", "read_record_type"]

_TYPE_NAMES = (
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128", "bool"),
)
_FIELD_EXAMPLE = "1: ['chA', \"float32\"]"
_MAXIMUM_FIELDS = 1000


class RecordType:
    """The type of a record as the value of a key."""

    def read(self, form: Form, node: Node, what: str) -> np.dtype[Any] | None:
        """Return the type."""
        return read_record_type(form, node, what)

    def schema(self) -> dict[str, Any]:
        """Return the description as JSON schema; which type names NumPy knows is not in it."""
        size = {"type": "integer", "minimum": 1}
        shape = {"anyOf": [size, {"type": "array", "items": size}]}
        field = {
            "type": "array",
            "items": [{"type": "string"}, {"type": ["string", "array", "object"]}, shape],
            "minItems": 2,
            "maxItems": 3,
        }
        return {
            "anyOf": [
                {"type": "string", "minLength": 1, "examples": list(_TYPE_NAMES)},
                {"type": "array", "items": field, "minItems": 1},
                {
                    "type": "object",
                    "patternProperties": {"^[0-9]+$": field},
                    "additionalProperties": {"anyOf": [field, {"type": "string"}]},
                    "minProperties": 1,
                },
            ]
        }


def read_record_type(form: Form, node: Node, what: str) -> np.dtype[Any] | None:
    """Read a type; ``None`` if there are problems, which are in the form then.

    Parameters
    ----------
    form
        Takes the problems.
    node
        The value in the set-up.
    what
        The thing described, such as ``data_type of RB_1``.
    """
    if isinstance(node, ScalarNode):
        kind = _scalar_type(form, node, what)
    else:
        fields = _fields(form, node, what)
        if fields is None:
            return None
        try:
            kind = np.dtype(fields)
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            form.error(node.where, f"{what} is a NumPy type", f"NumPy says: {error}", "correct it")
            return None
    if kind is None:
        return None
    try:
        return record_dtype(kind)
    except RecordTypeError as error:
        form.error(
            node.where,
            f"{what} is a type that a ring can hold",
            f"found: {error}",
            "",
        )
        return None


def _scalar_type(form: Form, node: ScalarNode, what: str) -> np.dtype[Any] | None:
    value = node.value
    usable = isinstance(value, str | type | np.dtype) and bool(value)
    try:
        # NumPy warns of old spellings before it drops them; a set-up should not use them.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if usable:
                made: np.dtype[Any] = np.dtype(value)
                return made
    except Exception:
        pass  # NumPy's parser of type texts raises a dozen kinds of error
    text = value.removeprefix("np.").removeprefix("numpy.") if isinstance(value, str) else ""
    guess = nearest(text, _TYPE_NAMES)
    form.error(
        node.where,
        f"{what} is the name of a NumPy type such as float32 or int32",
        describe(node),
        f"did you mean {guess!r}?" if guess else "correct the name, or give a list of fields",
    )
    return None


def _fields(form: Form, node: ListNode | MappingNode, what: str) -> list[tuple[Any, ...]] | None:
    names: dict[str, Where] = {}
    fields: list[tuple[Any, ...]] = []
    before = len(form.problems)
    pairs = _pairs(form, node, what)
    for name_node, rest in pairs:
        name = form.text(name_node, f"a field name in {what}", "chA")
        if name is not None and name in names:
            form.error(
                name_node.where,
                f"a field name in {what} is used once",
                f"found {name!r} in line {names[name].line} already",
                "choose another name",
            )
        kind = read_record_type(form, rest[0], f"the type of {name!r} in {what}")
        shape = _shape(form, rest[1], f"the shape of {name!r} in {what}") if rest[1:] else ()
        if name is not None:
            names[name] = name_node.where
            fields.append((name, kind, shape))
    if len(form.problems) == before and not 1 <= len(fields) <= _MAXIMUM_FIELDS:
        form.error(
            node.where,
            f"{what} has 1 to {_MAXIMUM_FIELDS} fields",
            f"found {len(fields)}",
            f"write for example: {_FIELD_EXAMPLE}",
        )
    return fields if len(form.problems) == before and len(pairs) == len(fields) else None


def _pairs(
    form: Form, node: ListNode | MappingNode, what: str
) -> list[tuple[Node, tuple[Node, ...]]]:
    """Name and (type, perhaps shape) of every field, whichever of the spellings was used."""
    pairs: list[tuple[Node, tuple[Node, ...]]] = []
    if isinstance(node, ListNode):
        items: list[tuple[ScalarNode | None, Node]] = [(None, item) for item in node.items]
    else:
        items = [(entry.key, entry.value) for entry in node.entries.values()]
    for key, item in items:
        if isinstance(item, ListNode) and len(item.items) in {2, 3}:
            pairs.append((item.items[0], item.items[1:]))
        elif key is not None and isinstance(key.value, str) and isinstance(item, ScalarNode):
            pairs.append((key, (item,)))
        else:
            form.error(
                item.where,
                f"a field in {what} is a name and a type",
                describe(item),
                f"write for example: {_FIELD_EXAMPLE}",
            )
            pairs.clear()
            break
    return pairs


def _shape(form: Form, node: Node, what: str) -> tuple[int, ...]:
    items = node.items if isinstance(node, ListNode) else (node,)
    sizes = (form.whole_number(item, what, 1, 1 << 24) for item in items)
    return tuple(size for size in sizes if size is not None)
