"""Usual forms of an event take a quick way into a slot, and give the same bytes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from mimocorb.components.packing import Packer
from mimocorb.components.records import DoesNotFitError, RecordForm

NUMBERS = [("d", "f8"), ("f", "f4"), ("i", "i4"), ("u", "u2")]
PADDED = np.dtype({"names": ["a", "b"], "formats": ["i2", "f8"], "offsets": [2, 8], "itemsize": 24})

VALUES: list[Any] = [0, -1, 3.0, 2.5, 1e300, float("inf"), 2**40, 2**63, True, None, "x", 1 + 2j]
VALUES += [np.float64(1.5), np.float32(0.1), np.int64(7), np.uint64(2**63), np.bool_(True)]
VALUES += [np.array([2.0]), [4], Decimal("1.5")]


def thorough(form: RecordForm, value: Any) -> bytes | None:
    try:
        return form.record(value).tobytes()
    except DoesNotFitError:
        return None


@pytest.mark.parametrize("field", ["d", "f", "i", "u"])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_dictionary_of_numbers(field, value):
    form = RecordForm(np.dtype(NUMBERS), 1)
    event = {"d": 1.0, "f": 2.0, "i": 3, "u": 4, field: value}
    packer = Packer(form)
    if packer.pack_numbers(event, packer.scratch, 0):
        assert bytes(packer.scratch) == thorough(form, event)


def test_the_usual_numbers_do_take_the_quick_way():
    packer = Packer(RecordForm(np.dtype(NUMBERS), 1))
    assert packer.pack_numbers({"u": 4, "d": 1, "f": np.float64(2), "i": 3}, packer.scratch, 0)
    assert not packer.pack_numbers({"d": 1.0, "f": 2.0, "i": 3}, packer.scratch, 0)
    assert not packer.pack_numbers([1.0, 2.0, 3, 4], packer.scratch, 0)


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("dtype", ["f8", "i4", "?", ">f8", [("a", "i2")], PADDED])
def test_one_number_and_other_types(dtype, value):
    form = RecordForm(np.dtype(dtype), 1)
    event = value if form.dtype.names is None else dict.fromkeys(form.channels, value)
    packer = Packer(form)
    if packer.pack_numbers(event, packer.scratch, 0):
        found = np.frombuffer(packer.scratch, form.dtype)
        assert found.tolist() == form.record(event).tolist()


@pytest.mark.parametrize("contiguous", [False, True])
def test_arrays_of_changing_types_and_shapes_are_each_what_they_are(contiguous):
    dtype = [("a", "f8", (3,)), ("b", "f8", (3,))] if contiguous else [("a", "f8"), ("b", "f8")]
    form = RecordForm(np.dtype(dtype), 1 if contiguous else 3)
    block = np.arange(6.0)
    arrays = [
        block.reshape(2, 3),
        block.reshape(3, 2),
        np.arange(12.0).reshape(2, 6)[:, ::2],
        block.astype("f4").reshape(2, 3),
        form.record(block.reshape(2, 3)),
    ]
    packer = Packer(form)
    for array in [*arrays, *arrays[::-1]]:
        same = packer.as_it_lies(array)
        if same is not None:
            assert same.tobytes() == thorough(form, array)
    assert packer.as_it_lies(arrays[-1]) is arrays[-1]
