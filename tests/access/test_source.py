"""SourceToBuffer and rbPut: what sources may look like, metadata, and how they fail."""

from __future__ import annotations

import sys
import time
from functools import partial

import numpy as np
import pytest

from mimocorb import reading_out
from mimocorb.buffer_control import SourceToBuffer, rbImport, rbPut
from mimocorb.errors import SetupError, UserFunctionError
from mimocorb.mimo_buffer import Reader

AB = [("chA", "f8"), ("chB", "f8")]
EVENTS = [np.full((2, 3), n, float) for n in range(4)]


def returning(events):
    """Return a function as the release expects it: one event per call, None at the end."""
    pending = list(events)
    return lambda _: pending.pop(0) if pending else None


def without_argument(events):
    pending = list(events)
    return lambda: pending.pop(0) if pending else None


def leaving(events):
    pending = list(events)

    def source(nchan=2):
        if not pending:
            sys.exit()
        return pending.pop(0)

    return source


class Device:
    def __init__(self, events):
        self.events = events

    def __call__(self):
        yield from self.events
        yield (None, None)


def generator_function(events):
    def source():
        for event in events:
            yield event, None

    return source


def generator_of_channels(events):
    def source(number_of_channels):
        assert number_of_channels == 2
        yield from events

    return source


@pytest.mark.parametrize(
    "source",
    [
        returning(EVENTS),
        without_argument(EVENTS),
        leaving(EVENTS),
        generator_function(EVENTS),
        generator_of_channels(EVENTS),
        partial(generator_of_channels(EVENTS), 2),
        Device(EVENTS),
        iter(EVENTS),
        (event for event in EVENTS),
        EVENTS,
        np.array(EVENTS),
    ],
    ids=[
        "function of number_of_channels",
        "function without argument",
        "function that calls sys.exit",
        "generator function with metadata",
        "generator function of number_of_channels",
        "partial of a generator function",
        "object that returns a generator",
        "iterator",
        "generator",
        "list",
        "array of events",
    ],
)
def test_takes_every_documented_kind_of_source(bench, source):
    buffer = bench.buffer(values=3, dtype=AB)
    group = buffer.new_reader_group()
    capture = SourceToBuffer(sink_list=[buffer.new_writer()], data_source=source, RB_1="write")
    capture.start_data_capture()
    assert [event["chB"].tolist() for event, _ in bench.drained(group)] == [
        [n] * 3 for n in range(4)
    ]
    assert capture.event_count == 4


def test_the_later_name_and_the_later_keyword_are_the_same(bench):
    assert rbImport is SourceToBuffer
    buffer = bench.buffer()
    group = buffer.new_reader_group()
    rbImport(sink_list=[buffer.new_writer()], config_dict={}, ufunc=lambda: iter([1.0, 2.0]))()
    assert [event[0] for event, _ in bench.drained(group)] == [1.0, 2.0]


def test_numbers_events_from_0_and_stamps_them_with_utc_seconds(bench):
    buffer = bench.buffer()
    group = buffer.new_reader_group()
    before = time.time()
    SourceToBuffer(sink_list=[buffer.new_writer()], data_source=[5.0, 6.0, 7.0])()
    metadata = [metadata for _, metadata in bench.drained(group)]
    assert [counter for counter, _, _ in metadata] == [0, 1, 2]
    assert all(before <= timestamp <= time.time() for _, timestamp, _ in metadata)
    assert all(0 <= deadtime <= 1 for _, _, deadtime in metadata)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((17, 1.5e9, 0.5), (17, 1.5e9, 0.5)),
        ([17, 1.5e9, 0.5], (17, 1.5e9, 0.5)),
        (np.array([17, 1.5e9, 0.5]), (17, 1.5e9, 0.5)),
        ({"counter": 17, "timestamp": 1.5e9, "deadtime": 0.5}, (17, 1.5e9, 0.5)),
        ({"timestamp": 1.5e9, "deadtime": 0.5}, (0, 1.5e9, 0.5)),
    ],
)
def test_metadata_of_the_source_are_kept(bench, given, expected):
    buffer = bench.buffer()
    group = buffer.new_reader_group()
    SourceToBuffer(sink_list=[buffer.new_writer()], data_source=[(3.0, given)])()
    assert bench.drained(group)[0][1] == expected


@pytest.mark.parametrize(
    "form",
    [
        {"values": 3, "dtype": AB},
        {"values": 1, "dtype": [("chA", "f8", (3,)), ("chB", "f8", (3,))]},
    ],
    ids=["interleaved", "contiguous"],
)
def test_two_channels_of_three_samples_are_not_mistaken_for_data_and_metadata(bench, form):
    buffer = bench.buffer(**form)
    group = buffer.new_reader_group()
    SourceToBuffer(
        sink_list=[buffer.new_writer()], data_source=[(np.zeros(3), np.array([1.0, 2.0, 3.0]))]
    )()
    assert bench.drained(group)[0][0]["chB"].reshape(-1).tolist() == [1, 2, 3]


def test_waiting_for_a_free_slot_is_dead_time(bench, in_background):
    buffer = bench.buffer(slots=1)
    group = buffer.new_reader_group()
    capture = SourceToBuffer(sink_list=[buffer.new_writer()], data_source=[1.0, 2.0])
    source = in_background(capture)
    with Reader(group) as reader:
        reader.get()
        time.sleep(0.3)
        deadtimes = [reader.get_metadata()[2]]
        reader.get()
        deadtimes.append(reader.get_metadata()[2])
        reader.acknowledge()
        source.finish()
    assert deadtimes[0] < 0.5
    assert 0.5 < deadtimes[1] <= 1.0


def test_a_pause_is_dead_time(bench, in_background):
    buffer = bench.buffer(slots=1)
    group = buffer.new_reader_group()
    capture = SourceToBuffer(sink_list=[buffer.new_writer()], data_source=[1.0, 2.0])
    source = in_background(capture)
    with Reader(group) as reader:
        reader.get()
        buffer.pause()
        reader.acknowledge()
        time.sleep(0.4)
        buffer.resume()
        reader.get()
        _, _, deadtime = reader.get_metadata()
    source.finish()
    assert deadtime > 0.7


def test_reading_out_is_dead_time_and_waiting_for_an_event_is_not(bench):
    def device():
        with reading_out():
            time.sleep(0.5)
        yield 1.0
        time.sleep(0.5)
        yield 2.0

    buffer = bench.buffer()
    group = buffer.new_reader_group()
    SourceToBuffer(sink_list=[buffer.new_writer()], data_source=device)()
    read_slowly, waited_for = (metadata[2] for _, metadata in bench.drained(group))
    assert read_slowly > 0.5
    assert waited_for < 0.5


def test_an_event_is_published_while_the_source_waits_for_the_next(bench, in_background):
    buffer = bench.buffer()
    group = buffer.new_reader_group()
    seen = []

    def source():
        yield 1.0
        with Reader(group) as reader:
            seen.append(float(reader.get(timeout_s=30)[0]))
            reader.acknowledge()

    SourceToBuffer(sink_list=[buffer.new_writer()], data_source=source)()
    assert seen == [1.0]


def test_ends_when_the_buffer_takes_no_more(bench, in_background):
    buffer = bench.buffer()
    capture = SourceToBuffer(sink_list=[buffer.new_writer()], data_source=lambda: 1.0)
    source = in_background(capture)
    while capture.event_count < 10:
        time.sleep(0.001)
    buffer.shutdown()
    source.finish()


def test_a_failing_source_is_named_with_the_event_and_its_traceback(bench):
    def oscilloscope(number_of_channels):
        if capture.event_count == 2:
            raise ConnectionError("cable pulled")
        return 1.0

    buffer = bench.buffer()
    group = buffer.new_reader_group()
    capture = SourceToBuffer(sink_list=[buffer.new_writer()], data_source=oscilloscope)
    with pytest.raises(
        UserFunctionError, match=r"oscilloscope failed on event 2: .*ConnectionError: cable pulled"
    ) as failed:
        capture()
    assert isinstance(failed.value.__cause__, ConnectionError)
    assert len(bench.drained(group)) == 2


def test_an_error_of_mimocorb_in_a_source_keeps_its_own_words(bench):
    def source():
        raise SetupError("no recorded data here")
        yield

    with pytest.raises(SetupError, match=r"^no recorded data here$"):
        SourceToBuffer(sink_list=[bench.buffer().new_writer()], data_source=source)()


def test_a_wrong_shape_is_named_with_function_event_expectation_and_finding(bench):
    def oscilloscope(number_of_channels):
        return np.zeros((2, 3)) if capture.event_count < 1 else np.zeros((3, 3))

    buffer = bench.buffer(values=3, dtype=AB)
    group = buffer.new_reader_group()
    capture = SourceToBuffer(sink_list=[buffer.new_writer()], data_source=oscilloscope)
    with pytest.raises(
        UserFunctionError, match=r"oscilloscope, event 1: expected 2 channels.*found.*\(3, 3\)"
    ):
        capture()
    assert len(bench.drained(group)) == 1
    assert buffer.stats().aborted == 1


def test_a_source_that_leaves_with_a_code_fails_the_process(bench):
    def source():
        sys.exit("no device")

    with pytest.raises(SystemExit, match="no device"):
        SourceToBuffer(sink_list=[bench.buffer().new_writer()], data_source=source)()


def test_refuses_other_assignments_and_says_what_is_needed(bench):
    buffer = bench.buffer()
    with pytest.raises(SetupError, match="one sink and no observed buffers, but was given no"):
        SourceToBuffer(data_source=EVENTS)
    with pytest.raises(SetupError, match=r"2 sinks \(RB_1, RB_1\)"):
        SourceToBuffer(sink_list=[buffer.new_writer(), buffer.new_writer()], data_source=EVENTS)
    with pytest.raises(SetupError, match=r"1 source \(RB_1\)"):
        SourceToBuffer([buffer.new_reader_group()], [buffer.new_writer()], data_source=EVENTS)
    with pytest.raises(SetupError, match="unknown argument data_sorce="):
        SourceToBuffer(sink_list=[buffer.new_writer()], data_sorce=EVENTS)


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({}, "needs a function"),
        ({"data_source": EVENTS, "ufunc": EVENTS}, "not both"),
        ({"data_source": 5}, "must be a function or something to iterate over, found int"),
    ],
)
def test_refuses_what_is_no_source(bench, sources, words):
    with pytest.raises(SetupError, match=words):
        SourceToBuffer(sink_list=[bench.buffer().new_writer()], **sources)


def test_put_publishes_at_once_and_numbers_from_0(bench):
    buffer = bench.buffer()
    group = buffer.new_reader_group()
    with (
        rbPut(sink_list=[buffer.new_writer()], ufunc=None, RB_1="write") as put,
        Reader(group) as reader,
    ):
        for value in (3.0, 4.0):
            assert put(value) is True
            assert reader.get(timeout_s=30)[0] == value
        assert reader.get_metadata()[0] == 1
        assert put([5.0], (77, 1.0, 0.0)) is True
        reader.get()
        assert reader.get_metadata() == (77, 1.0, 0.0)


def test_several_threads_may_put_events(bench, in_background):
    buffer = bench.buffer(slots=16)
    group = buffer.new_reader_group()
    numbers = range(2000)
    with rbPut(sink_list=[buffer.new_writer()]) as put:
        threads = [
            in_background(lambda first=first: [put([float(first + n)]) for n in numbers])
            for first in (0, 10_000, 20_000, 30_000)
        ]
        with Reader(group) as reader:
            events = [(reader.get()[0], reader.get_metadata()[0]) for _ in range(4 * len(numbers))]
        for thread in threads:
            thread.finish()
        assert put.event_count == 8000
    assert [counter for _, counter in events] == list(range(8000))
    values = [int(value) for value, _ in events]
    for first in (0, 10_000, 20_000, 30_000):  # each thread in its own order
        assert [v - first for v in values if first <= v < first + 10_000] == list(numbers)


def test_put_none_ends_the_stream(bench):
    buffer = bench.buffer()
    group = buffer.new_reader_group()
    put = rbPut(sink_list=[buffer.new_writer()])
    put(1.0)
    assert put(None, None) is False
    assert put(2.0) is False
    assert [event[0] for event, _ in bench.drained(group)] == [1.0]


def test_put_returns_false_when_the_buffer_takes_no_more(bench):
    buffer = bench.buffer()
    put = rbPut(sink_list=[buffer.new_writer()])
    assert put(1.0)
    buffer.end_writers()
    assert put(2.0) is False


def test_put_refuses_what_does_not_fit_and_goes_on(bench):
    buffer = bench.buffer(values=2)
    group = buffer.new_reader_group()
    with rbPut(sink_list=[buffer.new_writer()]) as put:
        with pytest.raises(UserFunctionError, match="data put as event 0: expected an array of 2"):
            put([1.0, 2.0, 3.0])
        with pytest.raises(UserFunctionError, match="metadata: expected the keys counter"):
            put([1.0, 2.0], {"time": 3})
        assert put([1.0, 2.0])
    assert len(bench.drained(group)) == 1
