"""The type of a record, as set-up files write it.

Accepted are a NumPy type name (``float64``, ``">i2"``), the manual's mapping of numbers to
``[field name, type]``, a mapping of field names to types, and NumPy's list of
``[field name, type]`` or ``[field name, type, shape]``. Order in the file is order of the fields.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from mimocorb.errors import RecordTypeError
from mimocorb.model.faults import Fault, Faults
from mimocorb.model.kinds import Parsed
from mimocorb.schema import record_dtype

__all__ = ["parse_record_type", "record_type", "write_record_type"]

_TYPE_NAMES = (
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128", "bool"),
)
_FIELD_EXAMPLE = "1: ['chA', \"float32\"]"
_MAXIMUM_FIELDS = 1000
_MAXIMUM_SIZE = 1 << 24


def record_type() -> Parsed:
    """Return the kind of a type; which type names NumPy knows is not in its JSON schema."""
    size = {"type": "integer", "minimum": 1}
    shape = {"anyOf": [size, {"type": "array", "items": size}]}
    field = {
        "type": "array",
        "items": [{"type": "string"}, {"type": ["string", "array", "object"]}, shape],
        "minItems": 2,
        "maxItems": 3,
    }
    described = {
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
    return Parsed(parse_record_type, described, write_record_type)


def write_record_type(dtype: np.dtype[Any]) -> Any:
    """Return a type as set-ups write it: a text, a mapping, or a list where fields have shapes."""
    if dtype.names is None:
        return dtype.name if dtype.isnative and dtype.kind in "biufc" else dtype.str
    fields = [(name, dtype[name]) for name in dtype.names]
    if all(not field.shape and field.names is None for _, field in fields):
        return {name: write_record_type(field) for name, field in fields}
    return [
        [name, write_record_type(field.base), *([list(field.shape)] if field.shape else [])]
        for name, field in fields
    ]


def parse_record_type(value: Any) -> np.dtype[Any]:
    """Return the type; raises :class:`~mimocorb.model.faults.Faults`."""
    try:
        kind = _of_fields(value) if isinstance(value, (list, Mapping)) else _scalar_type(value)
        return record_dtype(kind)
    except RecordTypeError as error:
        raise Faults(Fault("is a type that a ring can hold", found=f"found: {error}")) from None


def _scalar_type(value: Any) -> np.dtype[Any]:
    try:
        # NumPy warns of old spellings before it drops them; a set-up should not use them.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if value and isinstance(value, str | type | np.dtype):
                made: np.dtype[Any] = np.dtype(value)
                return made
    except Exception:
        pass  # NumPy's parser of type texts raises a dozen kinds of error
    raise Faults(
        Fault(
            "is the name of a NumPy type such as float32 or int32",
            "correct the name, or give a list of fields",
            words=_TYPE_NAMES,
        )
    )


Path = tuple[Any, ...]


def _of_fields(value: list[Any] | Mapping[Any, Any]) -> np.dtype[Any]:
    faults: list[Fault] = []
    paths: dict[str, Path] = {}
    fields = []
    for name, path, at_key, rest, rest_path in _fields(value):
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            faults.append(
                Fault(
                    "must be a text", "write for example: chA", path, at_key, "a field name in {}"
                )
            )
            continue
        if name in paths:
            faults.append(
                Fault(
                    "is used once",
                    "choose another name",
                    *(path, at_key, "a field name in {}"),
                    found=f"found {name!r} in line {{line}} already",
                    other=paths[name],
                )
            )
        paths.setdefault(name, path)
        part = _quoted(name)
        kind: np.dtype[Any] = np.dtype("u1")
        shape: tuple[int, ...] = ()
        try:
            kind = parse_record_type(rest[0])
        except Faults as refused:
            faults += _below(refused, rest_path(0), f"the type of {part} in {{}}")
        try:
            shape = _shape(rest[1]) if rest[1:] else ()
        except Faults as refused:
            faults += _below(refused, rest_path(1), f"the shape of {part} in {{}}")
        fields.append((name, kind, shape))
    if not faults and not 1 <= len(fields) <= _MAXIMUM_FIELDS:
        example = f"write for example: {_FIELD_EXAMPLE}"
        faults.append(
            Fault(f"has 1 to {_MAXIMUM_FIELDS} fields", example, found=f"found {len(fields)}")
        )
    if faults:
        raise Faults(*faults)
    try:
        return np.dtype(fields)
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        fault = Fault("is a NumPy type", "correct it", found=f"found: NumPy says: {error}")
        raise Faults(fault) from None


def _fields(value: list[Any] | Mapping[Any, Any]) -> list[Any]:
    """Name, its path, whether it is a key, type and perhaps shape, their paths, of each field."""
    keyed = value.items() if isinstance(value, Mapping) else enumerate(value)
    found: list[Any] = []
    for key, item in keyed:
        if isinstance(item, list) and len(item) in {2, 3}:
            found.append((item[0], (key, 0), False, item[1:], lambda i, key=key: (key, i + 1)))
        elif isinstance(value, Mapping) and isinstance(key, str) and not _is_nested(item):
            found.append((key, (key,), True, [item], lambda _, key=key: (key,)))
        else:
            example = f"write for example: {_FIELD_EXAMPLE}"
            raise Faults(Fault("is a name and a type", example, (key,), part="a field in {}"))
    return found


def _is_nested(value: Any) -> bool:
    return isinstance(value, (list, Mapping))


def _shape(value: Any) -> tuple[int, ...]:
    sizes = value if isinstance(value, list) else [value]
    for index, size in enumerate(sizes):
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= _MAXIMUM_SIZE:
            path = (index,) if isinstance(value, list) else ()
            raise Faults(Fault(f"must be a whole number from 1 to {_MAXIMUM_SIZE}", path=path))
    return tuple(sizes)


def _below(refused: Faults, path: Path, part: str) -> list[Fault]:
    """Return what is wrong with a part, as seen from the whole."""
    return [
        fault._replace(
            path=(*path, *fault.path),
            part=fault.part.replace("{}", part),
            other=fault.other and (*path, *fault.other),
        )
        for fault in refused.faults
    ]


def _quoted(name: str) -> str:
    return repr(name).replace("{", "(").replace("}", ")")
