"""Columns of Arrow as arrays of NumPy, for containers that take these, and their checksum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._kernels import crc32c
from mimocorb.buffers.batch_metadata import NO_TIME
from mimocorb.buffers.jagged import Jagged
from mimocorb.buffers.lengths import bytes_of
from mimocorb.errors import DamagedFile
from mimocorb.recording.block import PARTS
from mimocorb.recording.columns import OFFSETS

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

__all__ = ["Arrays", "WithoutLists", "arrays_of", "batch_of", "checksum"]

Arrays = Mapping[str, NDArray[Any] | Jagged]
"""By the names of the columns, with a row for each event."""


def arrays_of(batch: pa.RecordBatch) -> dict[str, NDArray[Any] | Jagged]:
    """Return the columns of a batch as arrays of numbers, one row for each event.

    What is not known of an event is NO_TIME; what Arrow holds as bytes is a matrix of bytes. A
    column of lists is a :class:`~mimocorb.Jagged`.
    """
    return {
        field.name: _array(column, batch.num_rows)
        for field, column in zip(batch.schema, batch.columns, strict=True)
    }


def _array(column: pa.Array, count: int) -> NDArray[Any] | Jagged:
    import pyarrow as pa

    if pa.types.is_list(column.type):
        offsets = column.offsets.to_numpy().astype(np.int64)
        begin, end = int(offsets[0]), int(offsets[-1])
        values = _array(column.values.slice(begin, end - begin), end - begin)
        assert not isinstance(values, Jagged)
        return Jagged(values, offsets - begin)
    return _plain_array(column, count)


def _plain_array(column: pa.Array, count: int) -> NDArray[Any]:
    import pyarrow as pa

    numbers = 1
    if pa.types.is_fixed_size_list(column.type):
        numbers, column = column.type.list_size, column.flatten()
    if pa.types.is_fixed_size_binary(column.type):
        width = column.type.byte_width
        raw = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * width :]
        return raw[: count * numbers * width].reshape(count, numbers * width)
    if pa.types.is_boolean(column.type):
        flat = column.to_numpy(zero_copy_only=False)
    else:
        flat = (column.fill_null(NO_TIME) if column.null_count else column).to_numpy()
    values: NDArray[Any] = flat.reshape(count) if numbers == 1 else flat.reshape(count, numbers)
    return values


def batch_of(arrays: Arrays, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch that :func:`arrays_of` has taken apart."""
    import pyarrow as pa

    columns = []
    for field in schema:
        array = arrays[field.name]
        if isinstance(array, Jagged):
            columns.append(_list_array(array, field.type))
            continue
        may_be_unknown = field.nullable and field.name in PARTS
        columns.append(_arrow_array(array, field.type, may_be_unknown=may_be_unknown))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class WithoutLists:
    """Brings columns into containers that have no lists, and back.

    A column of lists becomes one of all their values. One more column, the same for all of them,
    says where each event begins in them, and at last where the last one ends.
    """

    def __init__(self) -> None:
        self._values = -1

    def taken_apart(self, arrays: Arrays) -> dict[str, NDArray[Any]]:
        """Return what is to be appended to each column for the next block."""
        plain: dict[str, NDArray[Any]] = {}
        offsets = None
        for name, array in arrays.items():
            if isinstance(array, Jagged):
                events = array.whole()
                offsets, plain[name] = events.offsets, events.values
            else:
                plain[name] = array
        if offsets is not None:
            is_first = self._values < 0
            plain[OFFSETS] = offsets if is_first else offsets[1:] + self._values
            self._values = int(plain[OFFSETS][-1])
        return plain

    @staticmethod
    def put_together(columns: Mapping[str, Any], first: int, count: int) -> Arrays:
        """Return the columns of a block that begins with this event and has so many."""
        if OFFSETS not in columns:
            return {name: column[first : first + count] for name, column in columns.items()}
        offsets = np.asarray(columns[OFFSETS][first : first + count + 1])
        if len(offsets) != count + 1 or (offsets[1:] < offsets[:-1]).any() or offsets[0] < 0:
            raise DamagedFile(f"events {first} to {first + count - 1} have lengths without sense")
        begin, end = int(offsets[0]), int(offsets[-1])
        found: dict[str, NDArray[Any] | Jagged] = {}
        for name, column in columns.items():
            if name in PARTS:
                found[name] = column[first : first + count]
            elif name != OFFSETS:
                found[name] = Jagged(column[begin:end], offsets - begin)
        return found


def _arrow_array(array: NDArray[Any], kind: pa.DataType, *, may_be_unknown: bool) -> pa.Array:
    import pyarrow as pa

    flat = np.ascontiguousarray(array).reshape(-1)
    whole, numbers = kind, 1
    if pa.types.is_fixed_size_list(kind):
        numbers, kind = kind.list_size, kind.value_type
    if pa.types.is_fixed_size_binary(kind):
        values = pa.Array.from_buffers(
            kind, flat.size // kind.byte_width, [None, pa.py_buffer(flat.view(np.uint8))]
        )
    elif may_be_unknown:
        values = pa.array(flat, kind, mask=flat == NO_TIME)
    else:
        values = pa.array(flat, kind)
    return values if numbers == 1 else pa.FixedSizeListArray.from_arrays(values, type=whole)


def _list_array(array: Jagged, kind: pa.DataType) -> pa.Array:
    """Return lists; a container may have put the numbers of each value one behind the other."""
    import pyarrow as pa

    array = array.whole()
    values = _arrow_array(array.values, kind.value_type, may_be_unknown=False)
    scale = len(array.values) // max(1, len(values))
    offsets = np.ascontiguousarray(array.offsets // max(1, scale), np.int32)
    return pa.Array.from_buffers(kind, len(array), [None, pa.py_buffer(offsets)], children=[values])


def checksum(arrays: Arrays) -> int:
    """Return the CRC-32C of columns, as they are in memory, one behind the other."""
    crc = 0
    for name, column in arrays.items():
        crc = crc32c(name.encode(), crc)
        values = column
        if isinstance(values, Jagged):
            # in bytes, which do not depend on how the numbers of a value are arranged
            lengths = np.ascontiguousarray(values.lengths * values.record_bytes, "<i8")
            crc = crc32c(bytes_of(lengths), crc)
            values = values.whole().values
        little = values.dtype.newbyteorder("<")
        crc = crc32c(np.ascontiguousarray(values, little).view(np.uint8).reshape(-1), crc)
    return crc
