"""One rule at every door: by name, exact or refused with the value and the range."""

import numpy as np
import pytest

from mimocorb.buffer_control import SourceToBuffer, rbPut
from mimocorb.buffers.exact import DoesNotFitError, exact_number, store
from mimocorb.errors import SetupError, UserFunctionError
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer

INT64 = np.iinfo(np.int64)


def stored(value, into):
    """What `value`, an array, becomes in a place of this type."""
    source = np.atleast_1d(np.asarray(value))
    target = np.empty(source.shape, into)
    store(target, source, "channel a")
    return target


@pytest.mark.parametrize(
    ("value", "into"),
    [
        (np.array(2**53, "i8"), "f8"),
        (np.array(2**62, "i8"), "f8"),  # more than 2**53, with zeros at the end
        (np.array(INT64.min, "i8"), "f8"),
        (np.array(-(2**62) - 2**12, "i8"), "f8"),
        (np.array(2**63, "u8"), "f8"),
        (np.array(2**24 + 2, "i4"), "f4"),
        (np.array(65504, "u2"), "f2"),
        (np.array(5.0), "i4"),
        (np.array(-128.0), "i1"),
        (np.array(2.0**62), "i8"),
        (np.array(300, "u8"), "i2"),
        (np.array([0, 1], "i8"), "?"),
        (np.array([True, False]), "u1"),
        (np.array(3, "i8"), "c16"),
        (np.array(2.5), "c8"),
        (np.array("2026-11-30", "M8[D]"), "M8[ns]"),
        (np.array("NaT", "M8[D]"), "M8[s]"),
        (np.array("3600", "m8[s]"), "m8[h]"),
        (np.array("ab", "U5"), "U2"),
        (np.array(1.5, ">f8"), "<f8"),
        (np.array([np.nan, np.inf, -np.inf]), "f4"),
    ],
)
def test_what_fits_is_stored_as_it_is(value, into):
    found = stored(value, into)
    assert found.dtype == np.dtype(into)
    same = np.asarray(found == value)
    assert (same | (found != found)).all()  # noqa: PLR0124 - NaN and NaT
    if found.dtype.kind in "iufc" and value.dtype.kind in "iu":
        assert [int(x.real) for x in found] == [int(x) for x in np.atleast_1d(value)]


@pytest.mark.parametrize(
    ("value", "into", "named"),
    [
        (np.array(2**53 + 1, "i8"), "f8", "9007199254740993"),
        (np.array(INT64.max, "i8"), "f8", "9223372036854775807"),
        (np.array(2**64 - 1, "u8"), "f8", "18446744073709551615"),
        (np.array(-(2**53) - 1, "i8"), "f8", "-9007199254740993"),
        (np.array(2**53 + 1, "i8"), "c16", "9007199254740993"),
        (np.array(2**24 + 1, "i4"), "f4", "16777217"),
        (np.array(2049, "i2"), "f2", "2049"),
        (np.array(65536, "i4"), "f2", "65536"),
        (np.array(1.7), "i4", "1.7"),
        (np.array(np.nan), "i4", "nan"),
        (np.array(np.inf), "i8", "inf"),
        (np.array(2.0**63), "i8", "9.223372036854776e[+]18"),
        (np.array(np.float32(2**31)), "i4", "2147483648.0"),
        (np.array(np.float16(300)), "u1", "300.0"),
        (np.array(-1, "i8"), "u8", "-1"),
        (np.array(2**63, "u8"), "i8", "9223372036854775808"),
        (np.array(300, "i2"), "u1", "300"),
        (np.array(2**70, object), "i8", str(2**70)),
        (np.array(-(2**70), object), "f8", str(-(2**70))),
        (np.array(2**40, "i8"), "i4", "1099511627776"),
        (np.array(2, "u1"), "?", "2"),
        (np.array(0.5), "?", "0.5"),
        (np.array(1e39), "f4", "1e[+]39"),
        (np.array(7e4), "f2", "70000.0"),
        (np.array(1e300 + 0j), "c8", "1e[+]300"),
        (np.array("4000-01-01", "M8[D]"), "M8[ns]", "4000-01-01"),
        (np.array("3601", "m8[s]"), "m8[h]", "3601"),
        (np.array("abc", "U5"), "U2", "abc"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_value(value, into, named):
    with pytest.raises(DoesNotFitError, match=rf"channel a holds .*; the value .*{named}"):
        stored(value, into)


@pytest.mark.parametrize(
    ("value", "into"),
    [
        (np.array(1 + 2j), "f8"),
        (np.array(1 + 0j), "i8"),
        (np.array(5), "U5"),
        (np.array(5.0), "S9"),
        (np.array(5), "m8[ns]"),
        (np.array("2026-11-30", "M8[ns]"), "i8"),
        (np.array("5"), "i8"),
        (np.array(None), "f8"),
        (np.array([2**70, None], object)[1:], "f8"),
        (np.array(b"abc", "V3"), "V5"),
    ],
)
def test_another_kind_of_thing_is_refused(value, into):
    with pytest.raises(DoesNotFitError, match="cannot be converted"):
        stored(value, into)


def test_a_refusal_names_the_range_and_the_row():
    with pytest.raises(DoesNotFitError, match=r"300 of row 1 .*whole numbers from 0 to 255\."):
        store(np.empty(3, "u1"), np.array([1, 300, 400]), "channel a", of_rows=True)


def test_nested_fields_go_by_their_names():
    target = np.empty(1, [("in", [("x", "f8"), ("y", "i2")])])
    store(target, np.array([((7, 1.5),)], [("in", [("y", "i8"), ("x", "f4")])]), "channel a")
    assert target["in"][0].item() == (1.5, 7)
    with pytest.raises(DoesNotFitError, match=r"channel a\.in: expected the fields x, y; found .*"):
        store(target, np.array([((1.5,),)], [("in", [("x", "f8")])]), "channel a")


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), True, np.uint8(7), 5.0, np.array(5)])
def test_counters_are_kept_to_the_last_digit(number):
    assert exact_number(number, np.int64, "counter") == int(number)


@pytest.mark.parametrize(
    "number", [2**63, np.uint64(2**63), 3.7, np.nan, "5", None, [5], np.array([5]), 1 + 0j]
)
def test_what_is_no_counter_is_refused(number):
    with pytest.raises(DoesNotFitError, match="counter"):
        exact_number(number, np.int64, "counter")


@pytest.mark.parametrize("time_s", [1.7e12, 1.7e18, np.inf, -np.inf, 2**60, np.float32(0.1)])
def test_a_timestamp_is_taken_as_what_it_is(time_s):
    assert exact_number(time_s, np.float64, "timestamp") == time_s


def test_whole_nanoseconds_are_no_timestamp_but_a_time_ns():
    with pytest.raises(DoesNotFitError, match=r"1796023714220344501 .*go into time_ns"):
        exact_number(1796023714220344501, np.float64, "timestamp")
    with pytest.raises(DoesNotFitError, match="datetime64"):
        exact_number(np.datetime64("2026-11-30"), np.float64, "timestamp")


# --- the doors


@pytest.fixture
def one_event():
    """Makes a buffer; returns a writer of it, and a function that returns the next event."""
    kept = []

    def make(dtype, samples=1):
        buffer = NewBuffer(8, samples, dtype)
        reader = Reader(buffer.new_reader_group())
        kept.append(buffer)
        return Writer(buffer.new_writer()), lambda: reader.get(timeout_s=0)

    return make


PAIR = [("a", "f8"), ("b", "i4")]


def test_write_puts_fields_where_they_are_named(one_event):
    writer, read = one_event(PAIR)
    writer.write(np.array([(2, 1.0)], [("b", "i4"), ("a", "f8")]))
    assert read()[0].item() == (1.0, 2)
    writer.write(np.array([(2, 1.0)], [("b", "i8"), ("a", "f4")])[0])
    assert read()[0].item() == (1.0, 2)
    writer.write([(1.5, 2)])
    assert read()[0].item() == (1.5, 2)
    writer.write((1.5, 3))
    assert read()[0].item() == (1.5, 3)


@pytest.mark.parametrize(
    "event",
    [
        np.array([(1.0, 2)], [("x", "f8"), ("y", "i4")]),
        np.array([(1.0,)], [("a", "f8")]),
        np.array([1.0]),
        5,
        [1.0, 2],
        [(1.0, 2, 3)],
        [(1.0, 2.5)],
        {"a": 1.0, "b": 2},
    ],
)
def test_write_refuses_what_has_other_fields_or_does_not_fit(one_event, event):
    writer, _ = one_event(PAIR)
    with pytest.raises(DoesNotFitError):
        writer.write(event)
    writer.write([(0.5, 1)])  # nothing is left in hand


@pytest.mark.parametrize("event", [5, [5], np.zeros(3), np.zeros((1, 4)), np.zeros((4, 1))])
def test_write_refuses_another_shape(one_event, event):
    writer, _ = one_event("f8", 4)
    with pytest.raises(DoesNotFitError, match=r"expected an array of shape \(4,\)"):
        writer.write(event)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("u1", 300), ("i4", 2**40), ("i4", 1.7), ("f8", 2**53 + 1), ("f4", 2049**3)],
)
def test_every_door_refuses_a_number_that_would_be_changed(dtype, value):
    """write, a source's array, number, list, dictionary and block, and rbPut."""
    buffer = NewBuffer(8, 1, [("a", dtype)])
    group = buffer.new_reader_group()
    sink = buffer.new_writer()
    with Writer(buffer.new_writer()) as writer, pytest.raises(DoesNotFitError, match=str(value)):
        writer.write([(value,)])
    for event in (value, [value], {"a": value}, {"a": np.array([value])}, np.array([value])):
        with pytest.raises(UserFunctionError, match=str(value)):
            SourceToBuffer(sink_list=[sink], data_source=iter([event]))()
        put = rbPut(sink_list=[buffer.new_writer()])
        with pytest.raises(UserFunctionError, match=str(value)):
            put(event)
    assert buffer.stats().published == 0
    assert Reader(group)


def test_whole_numbers_in_a_list_with_floats_are_not_rounded(one_event):
    writer, _ = one_event("f8", 2)
    with pytest.raises(DoesNotFitError, match="9007199254740993 would become 9007199254740992"):
        writer.write([2**53 + 1, 0.5])
    writer, _ = one_event("i8", 2)
    with pytest.raises(DoesNotFitError, match="9007199254740993"):
        writer.write([2**53 + 1, 0.0])


def test_masked_values_are_refused_and_others_of_such_an_array_are_taken(one_event):
    writer, read = one_event("f8", 2)
    with pytest.raises(DoesNotFitError, match="masked"):
        writer.write(np.ma.masked_array([1.0, 2.0], [False, True]))
    writer.write(np.ma.masked_array([1.0, 2.0]))
    assert read().tolist() == [1.0, 2.0]
    masked = np.ma.masked_array([1.0, 2.0], [False, True])
    buffer = NewBuffer(8, 2, "f8")
    source = SourceToBuffer(sink_list=[buffer.new_writer()], data_source=iter([masked]))
    with pytest.raises(UserFunctionError, match="masked"):
        source()


def test_metadata_of_a_batch_are_exact_or_refused(
    one_event,
):
    buffer = NewBuffer(8, 1, "f8")
    reader, writer = Reader(buffer.new_reader_group()), Writer(buffer.new_writer())
    writer.get_new_buffers(2)[:] = 0
    for wrong in ([1.5, 2], [1, 2, 3], ["a", "b"]):
        with pytest.raises(DoesNotFitError, match="counter"):
            writer.set_metadata_batch(wrong, 1.7e9, 0.0)
    with pytest.raises(DoesNotFitError, match="datetime64"):
        writer.set_metadata_batch(0, np.array(["2026-11-30"] * 2, "M8[us]"), 0.0)
    writer.set_metadata_batch([2**62, 1], 1.7e18, -1, time_ns=[2**62 + 1, 2**62 + 2])
    writer.process_buffer()
    reader.get_batch(2)
    metadata = reader.get_metadata_batch()
    assert [part.tolist() for part in metadata] == [[2**62, 1], [1.7e18] * 2, [-1.0] * 2]
    assert metadata.time_ns.tolist() == [2**62 + 1, 2**62 + 2]


def test_a_time_without_the_other_metadata_is_refused(one_event):
    writer, _ = one_event("f8")
    with pytest.raises(SetupError, match="time_ns goes with them"):
        writer.write([1.0], time_ns=5)
