"""Records taken apart into columns by the native kernel."""

from __future__ import annotations

import numpy as np
import pytest

from mimocorb._kernels import part_fields


def parted(records: np.ndarray) -> dict[str, np.ndarray]:
    dtype = records.dtype
    columns = {name: np.empty(records.size, dtype[name]) for name in dtype.names}
    targets = [(dtype.fields[n][1], dtype[n].itemsize, columns[n]) for n in dtype.names]
    part_fields(records.view((np.void, dtype.itemsize)), targets)
    return columns


@pytest.mark.parametrize("values", [1, 3, 4250])
@pytest.mark.parametrize(
    "fields",
    [
        *("i2", "i2 i2", "f4 f4", "f8 f8", "u1 u1"),
        *("i2 i2 i2 i2", "f4 f4 f4 f4", "f8 f8 f8 f8", "f8 f8 f8"),
        *("c16 u1", "u1 i4 f8 i2", "S5 f4"),
    ],
)
@pytest.mark.parametrize("rows", ["all", "every second"])
def test_every_value_is_in_the_column_of_its_field(fields, values, rows):
    dtype = np.dtype([(f"f{n}", kind) for n, kind in enumerate(fields.split())])
    raw = np.random.default_rng(1).integers(0, 256, 8 * values * dtype.itemsize, np.uint8)
    records = raw.view(dtype).reshape(8, values)[:: 1 if rows == "all" else 2]
    for name, column in parted(records).items():
        assert column.tobytes() == records[name].tobytes()


def test_memory_that_does_not_fit_is_refused():
    records = np.zeros((4, 10), np.dtype([("a", "f8"), ("b", "f8")])).view("V16")
    for offset, size, column in ((0, 8, np.empty(39)), (9, 8, np.empty(40)), (0, 8, np.empty(41))):
        with pytest.raises(ValueError, match="a column has to be as large"):
            part_fields(records, [(offset, size, column)])
    with pytest.raises(ValueError, match="two dimensions"):
        part_fields(records.T, [(0, 8, np.empty(40))])
    frozen = np.empty(40)
    frozen.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        part_fields(records, [(0, 8, frozen)])


def test_no_events_are_no_error():
    assert all(column.size == 0 for column in parted(np.zeros((0, 5), "f4, i2")).values())
