"""Forms of an event that users may hand over, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from mimocorb.components.records import DoesNotFitError, RecordForm

AB = np.dtype([("chA", "f8"), ("chB", "f8")])
WAVES = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
STRUCTURED = np.array([(1, 10), (2, 20), (3, 30)], AB)
OTHER_ORDER = np.array([(10, 1), (20, 2), (30, 3)], [("chB", "f4"), ("chA", "i2")])


@pytest.mark.parametrize(
    "value",
    [
        WAVES,
        WAVES.T,
        WAVES.astype("f4"),
        WAVES.tolist(),
        (WAVES[0], WAVES[1]),
        [[1, 2, 3], np.array([10, 20, 30])],
        STRUCTURED,
        STRUCTURED[::-1][::-1],
        OTHER_ORDER,
        {"chB": WAVES[1], "chA": WAVES[0].tolist()},
    ],
    ids=[
        "channels by samples",
        "samples by channels",
        "another float",
        "nested lists",
        "tuple of arrays",
        "list of list and array",
        "structured",
        "structured, strided",
        "structured, other order and types",
        "dictionary",
    ],
)
def test_understands_every_documented_form_of_a_waveform(value):
    assert RecordForm(AB, 3).record(value).tolist() == STRUCTURED.tolist()


@pytest.mark.parametrize(
    "value",
    [
        (7, 2.5),
        [np.array([7]), 2.5],
        np.array([7, 2.5]),
        {"n": 7.0, "height": 2.5},
        np.array([(7, 2.5)], [("n", "i8"), ("height", "f8")]),
        np.array([(7, 2.5)], [("n", "i4"), ("height", "f8")])[0],
        np.array((7, 2.5), [("n", "i4"), ("height", "f8")]),
    ],
)
def test_understands_every_documented_form_of_a_single_record(value):
    assert RecordForm([("n", "i4"), ("height", "f8")], 1).record(value).tolist() == [(7, 2.5)]


CONTIGUOUS = np.dtype([("chA", "f8", (3,)), ("chB", "f8", (3,))])


@pytest.mark.parametrize(
    "value",
    [
        WAVES,
        WAVES.T,
        np.asfortranarray(WAVES),
        np.ascontiguousarray(WAVES.T),
        WAVES.astype("f4"),
        WAVES.tolist(),
        (WAVES[0], WAVES[1]),
        WAVES.reshape(-1).view(CONTIGUOUS),
        WAVES.reshape(-1).view(CONTIGUOUS)[0],
        {"chB": WAVES[1], "chA": WAVES[0].tolist()},
        np.array([(WAVES[1], WAVES[0])], [("chB", "f4", (3,)), ("chA", "i2", (3,))]),
    ],
)
def test_understands_the_same_forms_for_channel_contiguous_records(value):
    record = RecordForm(CONTIGUOUS, 1).record(value)
    assert (record.shape, record.dtype) == ((1,), CONTIGUOUS)
    np.testing.assert_array_equal(record["chA"][0], WAVES[0])
    np.testing.assert_array_equal(record["chB"][0], WAVES[1])


def test_one_contiguous_channel_takes_the_array_alone():
    record = RecordForm(np.dtype([("chA", "f8", (3,))]), 1).record(WAVES[0])
    assert record["chA"].tolist() == [[1.0, 2.0, 3.0]]


@pytest.mark.parametrize(
    ("dtype", "samples", "value", "is_shared"),
    [
        (AB, 3, np.ascontiguousarray(WAVES.T), True),
        (AB, 3, np.asfortranarray(WAVES), True),
        (AB, 3, WAVES, False),
        (CONTIGUOUS, 1, WAVES, True),
        (CONTIGUOUS, 1, WAVES.T, True),
        (CONTIGUOUS, 1, np.ascontiguousarray(WAVES.T), False),
        (CONTIGUOUS, 1, WAVES.astype(">f8"), False),
    ],
)
def test_samples_that_lie_as_in_the_slot_are_taken_as_bytes(dtype, samples, value, is_shared):
    form = RecordForm(dtype, samples)
    record = form.record(value)
    assert np.shares_memory(record, value) == is_shared
    slot = np.zeros(samples, dtype)
    form.fill(slot, value)
    assert slot.tobytes() == record.tobytes()
    np.testing.assert_array_equal(record["chB"].reshape(-1), WAVES[1])


@pytest.mark.parametrize(
    "dtype",
    [
        {"names": ["chA", "chB"], "formats": ["f8", "f8"], "offsets": [0, 8], "itemsize": 24},
        {"names": ["chA", "chB"], "formats": ["f8", "f8"], "offsets": [4, 12]},
        [("chA", "f8"), ("chB", ">f8")],
    ],
    ids=["gap at the end", "gap in front", "two byte orders"],
)
def test_fields_of_another_layout_are_filled_one_by_one(dtype):
    record = RecordForm(np.dtype(dtype), 3).record(np.ascontiguousarray(WAVES.T))
    assert (record["chA"].tolist(), record["chB"].tolist()) == tuple(WAVES.tolist())


def test_a_square_of_contiguous_channels_is_read_as_channels_by_samples():
    square = np.array([[1.0, 2.0], [3.0, 4.0]])
    form = RecordForm(np.dtype([("chA", "f8", (2,)), ("chB", "f8", (2,))]), 1)
    for value in (square, np.asfortranarray(square)):
        assert form.record(value)["chA"].tolist() == [[1.0, 2.0]]


def test_says_what_channel_contiguous_records_expect():
    with pytest.raises(DoesNotFitError, match=r"2 channels .* of 3 samples: .* shape \(2, 3\)"):
        RecordForm(CONTIGUOUS, 1).record(np.zeros((2, 4)))
    with pytest.raises(DoesNotFitError, match=r"channel chB: expected 3 samples.*found.*\(4,\)"):
        RecordForm(CONTIGUOUS, 1).record({"chA": np.zeros(3), "chB": np.zeros(4)})


@pytest.mark.parametrize(
    ("dtype", "samples", "value", "stored"),
    [
        ("f8", 1, 3.5, [3.5]),
        ("f8", 1, [3.5], [3.5]),
        ("i2", 3, [1, 2, 3], [1, 2, 3]),
        ("i2", 3, [[1, 2, 3]], [1, 2, 3]),
        ("i2", 3, np.array([[1], [2], [3]]), [1, 2, 3]),
        ([("x", "i2", (2,))], 1, {"x": [5, 6]}, [([5, 6],)]),
        ([("x", "i2", (2,))], 2, {"x": [[5, 6], [7, 8]]}, [([5, 6],), ([7, 8],)]),
    ],
)
def test_understands_plain_dtypes_and_fields_that_are_arrays(dtype, samples, value, stored):
    record = RecordForm(np.dtype(dtype), samples).record(value)
    assert [x if not isinstance(x, tuple) else (list(x[0]),) for x in record.tolist()] == stored


def test_a_square_event_is_read_as_channels_by_samples():
    square = np.array([[1.0, 2.0], [3.0, 4.0]])
    for value in (square, np.asfortranarray(square)):
        assert RecordForm(AB, 2).record(value)["chA"].tolist() == [1.0, 2.0]


def test_an_array_of_the_very_dtype_is_not_copied_on_the_way():
    assert np.shares_memory(RecordForm(AB, 3).record(STRUCTURED), STRUCTURED)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros((3, 3)), ["2 channels (chA, chB) of 3 samples", "shape (3, 3)", "float64"]),
        (np.zeros(3), ["shape (3,)"]),
        ([np.zeros(3), np.zeros(4)], ["a list with parts of different lengths"]),
        ({"chA": WAVES[0]}, ["expected the fields chA, chB", "chB missing"]),
        ({"chA": WAVES[0], "chB": WAVES[1], "chC": 0}, ["chC not in the buffer"]),
        ({"chA": WAVES[0], "chB": WAVES[1][:2]}, ["channel chB", "3 samples", "shape (2,)"]),
        (STRUCTURED[:2], ["channel chA", "3 samples", "shape (2,)"]),
        (np.zeros((2, 3), complex), ["channel chA holds float64", "complex128"]),
        ("text", ["expected 2 channels", "str 'text'"]),
        (object(), ["expected 2 channels", "object"]),
    ],
)
def test_says_what_was_expected_and_what_was_found(value, words):
    with pytest.raises(DoesNotFitError) as refused:
        RecordForm(AB, 3).record(value)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("i4", 5.3),
        ("i4", float("nan")),
        ("i4", float("inf")),
        ("i1", 300),
        ("u2", -1),
        ("u8", -1),
        ("f4", 1e300),
        ("S2", b"abc"),
    ],
)
def test_refuses_numbers_that_would_change(dtype, value):
    with pytest.raises(DoesNotFitError, match="does not fit"):
        RecordForm(np.dtype([("x", dtype)]), 1).record({"x": value})


@pytest.mark.parametrize(
    ("dtype", "value", "stored"),
    [
        ("i4", 5.0, 5),
        ("i1", np.int64(-128), -128),
        ("f8", 3, 3.0),
        ("f4", float("inf"), float("inf")),
        ("f8", True, 1.0),
        ("?", 1, True),
    ],
)
def test_converts_numbers_that_stay_the_same(dtype, value, stored):
    assert RecordForm(np.dtype([("x", dtype)]), 1).record({"x": value})["x"][0] == stored


def test_rounds_floats_without_complaint():
    record = RecordForm(np.dtype([("x", "f4")]), 1).record({"x": 0.1})
    assert record["x"][0] == np.float32(0.1)


def test_keeps_nan_in_float_channels():
    assert np.isnan(RecordForm(np.dtype("f4"), 1).record(float("nan"))[0])
