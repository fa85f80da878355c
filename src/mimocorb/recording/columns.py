"""Events as columns of Apache Arrow, and back, bit by bit.

A field of a record becomes a column. With several values for each event (samples, or an array as a
field) it is a list of fixed length; in a buffer of variable length a list, as long as the event.
Numbers become Arrow's, in the byte order of this machine;
what Arrow has no type for (complex numbers, dates, texts, structures in structures) becomes bytes.
In either case the dtype of the buffer is kept beside, and read back exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mimocorb._kernels import part_fields
from mimocorb.buffers.jagged import Jagged
from mimocorb.errors import DamagedFile, SetupError
from mimocorb.recording.block import PARTS, UNKNOWN, Block, metadata_from_parts, notes_of, parts_of
from mimocorb.recording.channel_notes import notes_at
from mimocorb.recording.plain_dtype import can_be_told

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

__all__ = ["OFFSETS", "Columns", "Memory"]

_NUMBERS = "iuf"
NOTES = "notes"
OFFSETS = "offsets"
"""What containers that have no lists call the column that says where each event begins."""


class Memory:
    """For the numbers of one batch; used again when nobody needs the batch any more.

    As batches have the same length most often, what Arrow has to know of it is kept as well.
    """

    def __init__(self) -> None:
        self._rooms: dict[str, NDArray[np.uint8]] = {}
        self.events = -1
        self.targets: list[tuple[int, int, NDArray[np.uint8]]] = []
        self.columns: list[pa.Array] = []
        self._nothing: dict[str, pa.Array] = {}

    def nothing_known(self, name: str, count: int) -> pa.Array:
        """Return a part of the metadata that is not known of any event: null, and no mark."""
        import pyarrow as pa

        found = self._nothing.get(name)
        if found is None or len(found) != count:
            kind = np.dtype(PARTS[name])
            is_mark = kind.kind == "b"
            found = (
                pa.array(np.zeros(count, kind)) if is_mark else pa.nulls(count, _arrow_type(kind))
            )
            self._nothing[name] = found
        return found

    def room(self, name: str, nbytes: int) -> NDArray[np.uint8]:
        """Return so many bytes for a column."""
        room = self._rooms.get(name)
        if room is None or room.nbytes < nbytes:
            room = self._rooms[name] = np.empty(nbytes, np.uint8)
        return room[:nbytes]


class _Column(NamedTuple):
    """One field of the records."""

    field: str | None  # None: the records have no fields
    name: str
    dtype: np.dtype[Any]  # of one number, as it is in the file
    numbers: int  # of them for an event; of variable length: for each of its values


class Columns:
    """How the events of a buffer are laid out in columns.

    Parameters
    ----------
    dtype, values_per_slot
        Of the buffer.
    about
        What is known of the data; ``units``, ``scale`` and ``offset`` are noted at the columns.
    notes
        Whether there is a column for the notes of the events.
    variable
        Whether events have lengths of their own.

    Raises
    ------
    SetupError
        The dtype cannot be told exactly in a file.
    """

    def __init__(
        self,
        dtype: np.dtype[Any],
        values_per_slot: int,
        about: Mapping[str, Any] | None = None,
        *,
        notes: bool = False,
        variable: bool = False,
    ) -> None:
        self.dtype = dtype
        self.values_per_slot = values_per_slot
        self.variable = variable
        if not can_be_told(dtype):
            raise SetupError(
                f"the type {dtype} cannot be described exactly in a file: give it fields that do"
                " not overlap, and no titles"
            )
        self._columns = _columns(dtype, values_per_slot, variable)
        self._has_notes = notes
        self.schema = self._make_schema(about or {})
        self._types = [_list_of(_arrow_type(each.dtype), each.numbers) for each in self._columns]
        self._whole = np.dtype((np.void, dtype.itemsize))
        self._parts_at_once = bool(dtype.names) and all(
            _lies_as_it_is_stored(dtype[name].base) for name in dtype.names or ()
        )

    def _make_schema(self, about: Mapping[str, Any]) -> pa.Schema:
        import pyarrow as pa

        fields = [
            pa.field(name, _arrow_type(np.dtype(kind)), nullable=name in _MAY_BE_UNKNOWN)
            for name, kind in PARTS.items()
        ]
        for column in self._columns:
            noted = notes_at(about, column.field or "value")
            fields.append(
                pa.field(
                    column.name,
                    self._type_of(column),
                    nullable=False,
                    metadata=noted or None,
                )
            )
        if self._has_notes:
            fields.append(pa.field(NOTES, pa.string(), nullable=False))
        return pa.schema(fields)

    def _type_of(self, column: _Column) -> pa.DataType:
        import pyarrow as pa

        kind = _list_of(_arrow_type(column.dtype), column.numbers)
        return pa.list_(pa.field("item", kind, nullable=False)) if self.variable else kind

    def batch(self, block: Block, memory: Memory | None = None) -> pa.RecordBatch:
        """Return events as a batch of Arrow's.

        Parameters
        ----------
        block
            The events.
        memory
            Where its numbers may lie; the batch is valid until it is used for another. New memory
            for each costs more than to fill it.
        """
        import pyarrow as pa

        data, metadata = block
        count = len(data)
        memory = Memory() if memory is None else memory
        arrays = [
            memory.nothing_known(name, count) if values is None else _part(name, values, count)
            for name, values in parts_of(metadata).items()
        ]
        arrays += self._lists_of(data, memory) if self.variable else self._columns_of(data, memory)
        if self._has_notes:
            arrays.append(pa.array(notes_of(metadata).tolist(), pa.string()))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _lists_of(self, events: Jagged, memory: Memory) -> list[pa.Array]:
        """Return a list for each event, in each column."""
        import pyarrow as pa

        events = events.whole()
        count, most = len(events), np.iinfo(np.int32).max
        if len(events.values) > most:
            raise SetupError(f"a block has at most {most} values; found {len(events.values)}")
        values = events.values.reshape(len(events.values), 1, *self.dtype.shape)
        offsets = pa.py_buffer(np.ascontiguousarray(events.offsets, np.int32))
        return [
            pa.Array.from_buffers(self._type_of(column), count, [None, offsets], children=[numbers])
            for column, numbers in zip(self._columns, self._columns_of(values, memory), strict=True)
        ]

    def _columns_of(self, data: NDArray[Any], memory: Memory) -> list[pa.Array]:
        """Return the numbers of each column, one behind the other."""
        count = len(data)
        if not (self._parts_at_once and data.ndim == 2 and data.strides[1] == data.itemsize):
            return [
                _listed(_in_one_piece(_values(data, column), column, memory), column, kind, count)
                for column, kind in zip(self._columns, self._types, strict=True)
            ]
        if memory.events != count:
            memory.events = count
            rooms = [
                memory.room(each.name, count * each.numbers * each.dtype.itemsize)
                for each in self._columns
            ]
            fields: Mapping[str, Any] = data.dtype.fields or {}
            memory.targets = [
                (fields[each.field][1], fields[each.field][0].itemsize, room)
                for each, room in zip(self._columns, rooms, strict=True)
                if each.field is not None
            ]
            memory.columns = [
                _listed(room.view(each.dtype), each, kind, count)
                for room, each, kind in zip(rooms, self._columns, self._types, strict=True)
            ]
        part_fields(data.view(self._whole), memory.targets)
        return memory.columns

    def block_of(self, message: bytes) -> Block:
        """Return the events of a message of an Arrow stream that is as it was written."""
        import pyarrow as pa

        found = pa.ipc.read_record_batch(pa.py_buffer(message), self.schema)
        found.validate()
        return self.block(found)

    def block(self, batch: pa.RecordBatch) -> Block:
        """Return the events of a batch."""
        count = batch.num_rows
        parts = {
            name: _known(batch.column(index), kind)
            for index, (name, kind) in enumerate(PARTS.items())
        }
        columns = [batch.column(len(PARTS) + index) for index in range(len(self._columns))]
        shape: tuple[int, ...] = (count, self.values_per_slot)
        offsets = None
        if self.variable:
            offsets, columns = _opened_lists(columns)
            shape = (int(offsets[-1]),)
        base, shape = self.dtype.base, (*shape, *self.dtype.shape)
        stored = [
            _flat(values, column.dtype)
            for values, column in zip(columns, self._columns, strict=True)
        ]
        if base.names is None:
            data = _from_stored(stored[0], base).reshape(shape)
        else:
            data = np.zeros(shape, base)  # what lies between the fields is zero
            for column, values in zip(self._columns, stored, strict=True):
                target = data[column.field]
                target[...] = _from_stored(values, target.dtype).reshape(target.shape)
        metadata = metadata_from_parts(parts)
        if self._has_notes:
            metadata.notes = np.array(batch.column(batch.num_columns - 1).to_pylist(), np.object_)
        return Block(data if offsets is None else Jagged(data, offsets), metadata)


_MAY_BE_UNKNOWN = ("time_ns", "sequence")


def _columns(dtype: np.dtype[Any], values_per_slot: int, variable: bool) -> list[_Column]:
    base = dtype.base
    around = (1 if variable else values_per_slot) * math.prod(dtype.shape)
    if base.names is None:
        return [_Column(None, _free_name("value"), _stored(base), around)]
    return [
        _Column(
            name,
            _free_name(name, *([OFFSETS] if variable else [])),
            _stored(base[name].base),
            around * math.prod(base[name].shape),
        )
        for name in base.names
    ]


def _free_name(name: str, *others: str) -> str:
    """Return the name of a column, which is not that of a part of the metadata."""
    return f"data.{name}" if name in (*PARTS, NOTES, *others) or name.startswith("data.") else name


def _stored(number: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that stands in the file for one of the records."""
    if number.kind == "b" or (number.kind in _NUMBERS and number.itemsize <= 8):
        return number.newbyteorder("=")
    return np.dtype((np.void, number.itemsize))


def _lies_as_it_is_stored(number: np.dtype[Any]) -> bool:
    """Whether the bytes of a number of the records are those in the file."""
    return number.kind != "b" and (_stored(number).kind == "V" or number.isnative)


def _values(data: NDArray[Any], column: _Column) -> NDArray[Any]:
    values: NDArray[Any] = data if column.field is None else data[column.field]
    return values


def _in_one_piece(values: NDArray[Any], column: _Column, memory: Memory) -> NDArray[Any]:
    """Return the numbers one behind the other; Arrow takes neither strides nor foreign byte order.

    In `memory`, if they have to be copied.
    """
    stored = column.dtype
    kind = values.dtype if stored.kind == "V" else stored
    if values.flags.c_contiguous and values.dtype == kind:
        flat = values.reshape(-1)
    else:
        flat = memory.room(column.name, values.size * kind.itemsize).view(kind)
        flat.reshape(values.shape)[...] = values
    return flat.view(stored)


def _from_stored(flat: NDArray[Any], wanted: np.dtype[Any]) -> NDArray[Any]:
    return flat.view(wanted) if flat.dtype.kind == "V" else flat.astype(wanted, copy=False)


def _arrow_type(stored: np.dtype[Any]) -> pa.DataType:
    import pyarrow as pa

    return pa.binary(stored.itemsize) if stored.kind == "V" else pa.from_numpy_dtype(stored)


def _list_of(kind: pa.DataType, numbers: int) -> pa.DataType:
    import pyarrow as pa

    return kind if numbers == 1 else pa.list_(pa.field("item", kind, nullable=False), numbers)


def _listed(flat: NDArray[Any], column: _Column, kind: pa.DataType, count: int) -> pa.Array:
    import pyarrow as pa

    number = kind if column.numbers == 1 else kind.value_type
    if flat.dtype.kind == "b":  # bits in Arrow
        values = pa.array(flat)
    else:
        values = pa.Array.from_buffers(number, flat.size, [None, pa.py_buffer(flat)])
    if column.numbers == 1:
        return values
    return pa.Array.from_buffers(kind, count, [None], children=[values])


def _part(name: str, values: NDArray[Any], count: int) -> pa.Array:
    """Return a part of the metadata; what is not known is null."""
    import pyarrow as pa

    kind = PARTS[name]
    values = np.ascontiguousarray(values, kind)
    if kind is np.bool_:  # bits in Arrow
        return pa.array(values)
    if name in _MAY_BE_UNKNOWN and values.min(initial=0) == UNKNOWN[kind]:  # the least of all
        return pa.array(values, mask=values == UNKNOWN[kind])
    number = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(number, count, [None, pa.py_buffer(values)])


def _opened_lists(columns: list[pa.Array]) -> tuple[NDArray[np.int64], list[pa.Array]]:
    """Return where each event begins, and the numbers of all of them in each column."""
    offsets: NDArray[np.int64] = columns[0].offsets.to_numpy().astype(np.int64)
    opened = []
    for column in columns:
        found = column.offsets.to_numpy().astype(np.int64)
        begin, end = int(found[0]), int(found[-1])
        if (
            (found[1:] < found[:-1]).any()
            or not 0 <= begin <= end <= len(column.values)
            or not np.array_equal(found - begin, offsets - offsets[0])
        ):
            raise DamagedFile("the lengths of its events contradict each other")
        opened.append(column.values.slice(begin, end - begin))
    return offsets - offsets[0], opened


def _known(column: pa.Array, kind: type[np.generic]) -> NDArray[Any] | None:
    """Return a part of the metadata; None if it is not known of any of the events."""
    if kind is np.bool_:
        marks: NDArray[Any] = column.to_numpy(zero_copy_only=False)
        return marks if marks.any() else None
    if column.null_count == 0:
        values: NDArray[Any] = _flat(column, np.dtype(kind))
        return values
    if column.null_count == len(column):
        return None
    known: NDArray[Any] = column.fill_null(int(UNKNOWN[kind])).to_numpy(zero_copy_only=False)
    return known


def _flat(column: pa.Array, stored: np.dtype[Any]) -> NDArray[Any]:
    """Return the numbers of a column, one behind the other."""
    import pyarrow as pa

    values = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
    if stored.kind == "b":
        bits: NDArray[Any] = values.to_numpy(zero_copy_only=False)
        return bits
    buffer = values.buffers()[1]
    if not len(values):
        return np.empty(0, stored)
    return np.frombuffer(buffer, stored, len(values), values.offset * stored.itemsize)
