"""Columns of Arrow as arrays of NumPy, for containers that take these, and their checksum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._kernels import crc32c
from mimocorb.buffers.batch_metadata import NO_TIME
from mimocorb.recording.block import PARTS

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

__all__ = ["Arrays", "arrays_of", "batch_of", "checksum"]

Arrays = Mapping[str, NDArray[Any]]
"""By the names of the columns, with a row for each event."""


def arrays_of(batch: pa.RecordBatch) -> dict[str, NDArray[Any]]:
    """Return the columns of a batch as arrays of numbers, one row for each event.

    What is not known of an event is NO_TIME; what Arrow holds as bytes is a matrix of bytes.
    """
    return {
        field.name: _array(column, batch.num_rows)
        for field, column in zip(batch.schema, batch.columns, strict=True)
    }


def _array(column: pa.Array, count: int) -> NDArray[Any]:
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
        flat = np.ascontiguousarray(arrays[field.name]).reshape(-1)
        kind, numbers = field.type, 1
        if pa.types.is_fixed_size_list(kind):
            numbers, kind = kind.list_size, kind.value_type
        if pa.types.is_fixed_size_binary(kind):
            values = pa.Array.from_buffers(
                kind, flat.size // kind.byte_width, [None, pa.py_buffer(flat.view(np.uint8))]
            )
        elif field.nullable and field.name in PARTS:
            values = pa.array(flat, kind, mask=flat == NO_TIME)
        else:
            values = pa.array(flat, kind)
        if numbers != 1:
            values = pa.FixedSizeListArray.from_arrays(values, type=field.type)
        columns.append(values)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def checksum(arrays: Arrays) -> int:
    """Return the CRC-32C of columns, as they are in memory, one behind the other."""
    crc = 0
    for name, values in arrays.items():
        crc = crc32c(name.encode(), crc)
        little = values.dtype.newbyteorder("<")
        crc = crc32c(np.ascontiguousarray(values, little).view(np.uint8).reshape(-1), crc)
    return crc
