"""Events of others that are taken into memory as a whole: tables, arrays, single waveforms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mimocorb.errors import DamagedFile
from mimocorb.recording.block import PARTS, Block, metadata_from_parts
from mimocorb.recording.channel_notes import read_notes

__all__ = ["Table", "TableFile", "table_from_arrays", "table_from_arrow", "unique_names"]

_BLOCK_BYTES = 1 << 20
_MOST_VALUES = 16
_KINDS = "biufcSUmM"
_UNKNOWN = -1.0
_PARTS = ("counter", "timestamp", "deadtime", "time_ns")


class Table(NamedTuple):
    """Events in memory."""

    data: NDArray[Any]
    """Shape ``(events, values_per_slot)``."""
    parts: Mapping[str, NDArray[Any]]
    """What is known of their metadata."""
    about: Mapping[str, Any]
    damage: Sequence[str] = ()
    """What could not be read, one sentence each."""


class TableFile:
    """A file whose events are all in memory.

    Parameters
    ----------
    path
        The file.
    table
        Its events.
    """

    def __init__(self, path: Path, table: Table) -> None:
        self.path = path
        self._table = table
        self.dtype: np.dtype[Any] = table.data.dtype
        self.values_per_slot = table.data.shape[1]
        self.about = table.about
        event_bytes = max(1, self.dtype.itemsize * self.values_per_slot)
        self._in_a_block = max(1, _BLOCK_BYTES // event_bytes)
        count = len(table.data)
        self._parts = {
            "counter": np.arange(count),
            "timestamp": np.full(count, _UNKNOWN),
            "deadtime": np.full(count, _UNKNOWN),
            **{name: values.astype(PARTS[name]) for name, values in table.parts.items()},
        }

    @property
    def counts(self) -> Sequence[int]:
        """How many events each block has."""
        whole, rest = divmod(len(self._table.data), self._in_a_block)
        return [self._in_a_block] * whole + [rest] * bool(rest)

    def read_block(self, number: int) -> Block:
        """Return the events of a block."""
        some = slice(number * self._in_a_block, (number + 1) * self._in_a_block)
        parts = {name: values[some] for name, values in self._parts.items()}
        return Block(self._table.data[some], metadata_from_parts(parts))

    def look_again(self) -> None:
        """Do nothing: what others write is taken as it was when it was opened."""

    def damage(self) -> Iterator[str]:
        """Yield what could not be read. Such files have no checksums."""
        yield from self._table.damage

    def close(self) -> None:
        """Let go of the events. Idempotent."""


def unique_names(names: Sequence[str]) -> list[str]:
    """Return names for fields: none twice, none empty."""
    found: list[str] = []
    for number, given in enumerate(names, 1):
        name = re.sub(r"\s+", " ", given).strip() or f"column_{number}"
        again = 2
        unique = name
        while unique in found:
            unique, again = f"{name}_{again}", again + 1
        found.append(unique)
    return found


def table_from_arrays(path: Path, arrays: Mapping[str, Any], about: Mapping[str, Any]) -> Table:
    """Return the events that arrays of the same length are; single numbers go into `about`.

    Parameters
    ----------
    path
        For messages.
    arrays
        NumPy arrays, or what can be taken as such, such as datasets of HDF5.
    about
        What is known besides.

    Raises
    ------
    DamagedFile
        There is no array in it.
    """
    usable = {
        name: each
        for name, each in arrays.items()
        if each.dtype.kind in _KINDS or (each.dtype.kind == "V" and each.dtype.names)
    }
    lengths: dict[int, int] = {}
    for each in usable.values():
        if each.ndim:
            lengths[len(each)] = lengths.get(len(each), 0) + each.size
    if not lengths:
        raise DamagedFile(
            f"{path} has no array of numbers; it has {', '.join(map(str, arrays)) or 'nothing'}"
        )
    length = max(lengths, key=lambda each: lengths[each])
    known = dict(about)
    fields: dict[str, NDArray[Any]] = {}
    left: list[str] = [name for name in arrays if name not in usable]
    for name, each in usable.items():
        if each.ndim and len(each) == length:
            values = np.asarray(each[...])
            if values.dtype.names is None:
                fields[name] = values
            else:
                fields |= {key: values[key] for key in values.dtype.names}
        elif each.size <= _MOST_VALUES:
            known[name] = np.asarray(each[...]).tolist()
        else:
            left.append(name)
    if left:
        known["not_read"] = sorted(left)
    return table_from_fields(length, fields, known)


def table_from_fields(
    length: int, fields: Mapping[str, NDArray[Any]], about: Mapping[str, Any]
) -> Table:
    """Return events whose fields are arrays with a row for each of them."""
    parts = {
        name: values
        for name, values in fields.items()
        if name in _PARTS and values.ndim == 1 and values.dtype.kind in "iuf"
    }
    data_fields = {name: each for name, each in fields.items() if name not in parts} or dict(fields)
    names = unique_names(list(data_fields))
    shapes = {values.shape[1:] for values in data_fields.values()}
    shape = shapes.pop() if len(shapes) == 1 else ()
    if len(shape) == 1:  # waveforms of the same length: a value for each sample
        dtype = np.dtype(
            [(name, each.dtype) for name, each in zip(names, data_fields.values(), strict=True)]
        )
        data = np.zeros((length, *shape), dtype)
    else:
        dtype = np.dtype(
            [
                (name, each.dtype, each.shape[1:])
                for name, each in zip(names, data_fields.values(), strict=True)
            ]
        )
        data = np.zeros((length, 1), dtype)
    for name, values in zip(names, data_fields.values(), strict=True):
        data[name] = values.reshape(data[name].shape)
    return Table(data, parts, about)


def table_from_arrow(path: Path, table: Any) -> Table:
    """Return the rows of a table of Arrow as events."""
    fields: dict[str, NDArray[Any]] = {}
    left: list[str] = []
    for field, chunked in zip(table.schema, table.columns, strict=True):
        if field.name.startswith("__index_level_"):
            continue
        column = chunked.combine_chunks()
        values = _numbers(column)
        if values is None:
            left.append(field.name)
            continue
        fields[field.name] = values
    if not fields:
        raise DamagedFile(f"{path} has no column of numbers; it has {', '.join(left) or 'none'}")
    notes = {
        name.decode("utf-8", "replace"): text.decode("utf-8", "replace")
        for name, text in (table.schema.metadata or {}).items()
        if name not in (b"pandas", b"ARROW:schema")
    }
    known = read_notes({name: table.schema.field(name).metadata for name in fields})
    about = {**notes, **known, **({"not_read": left} if left else {})}
    return table_from_fields(table.num_rows, fields, about)


def _numbers(column: Any) -> NDArray[Any] | None:
    """Return a column as an array; None if it has no numbers, or lists of different lengths."""
    import pyarrow as pa  # type: ignore[import-untyped]

    kind = column.type
    if pa.types.is_integer(kind) and column.null_count:
        column = column.cast(pa.float64())  # what is missing is nan
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        numbers: NDArray[Any] = column.to_numpy(zero_copy_only=False)
        return numbers if numbers.dtype != object else None
    if pa.types.is_timestamp(kind):
        return np.asarray(column.to_numpy(zero_copy_only=False)).astype("datetime64[ns]")
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not (is_list or pa.types.is_fixed_size_list(kind)) or column.null_count:
        return None
    values = _numbers(column.flatten())
    lengths = set(column.value_lengths().to_pylist()) if is_list else {kind.list_size}
    if values is None or len(lengths) != 1 or not len(column):
        return None
    return values.reshape(len(column), -1, *values.shape[1:])
