"""@source(batch=True): the forms of a block, its metadata, and blocks larger than the buffer."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from mimocorb import source
from mimocorb.components.meter import Meter
from mimocorb.components.meter_page import Capability, read_page
from mimocorb.errors import UserFunctionError

PULSE = [("t", "i4"), ("h", "f8")]
WAVES = [("chA", "f8"), ("chB", "f8")]
STRETCHES = [("chA", "f8", (3,)), ("chB", "f8", (3,))]


@pytest.fixture
def run(bench):
    """Publish blocks; return what arrived."""

    def run(*blocks, dtype="f8", values=1, **config):
        buffer = bench.buffer("raw", dtype, values)
        group = buffer.new_reader_group()

        def blocks_of_test():
            yield from blocks

        work = bench.bind(source(batch=True)(blocks_of_test), {buffer: "write"}, **config)
        run.buffer, run.group = buffer, group
        work()
        return bench.drained(group)

    return run


@pytest.mark.parametrize(
    "block",
    [
        {"t": [0, 1, 2], "h": np.array([0.0, 0.5, 1.0])},
        {"h": np.array([[0.0], [0.5], [1.0]]), "t": np.arange(3, dtype="u1")},
        np.array([(0, 0.0), (1, 0.5), (2, 1.0)], PULSE),
        np.array([(0, 0.0), (1, 0.5), (2, 1.0)], PULSE)[:, None],
        np.array([(0.0, 0), (0.5, 1), (1.0, 2)], [("h", "f4"), ("t", "i8")]),
        np.array([[0, 0.0], [1, 0.5], [2, 1.0]]),
    ],
)
def test_a_block_of_numbers_is_an_event_for_each_row(run, block):
    found = run(block, dtype=PULSE)
    assert [event for event, _ in found] == [[(0, 0.0)], [(1, 0.5)], [(2, 1.0)]]


def test_every_second_row_of_a_larger_array_is_a_block(run):
    whole = np.array([(n, n / 2) for n in range(6)], PULSE)
    assert [event[0][0] for event, _ in run(whole[::2], dtype=PULSE)] == [0, 2, 4]


@pytest.mark.parametrize(("dtype", "values"), [(WAVES, 3), (STRETCHES, 1)])
@pytest.mark.parametrize("form", ["channels first", "samples first", "dictionary"])
def test_a_block_of_waveforms(run, dtype, values, form):
    block = np.arange(12.0).reshape(2, 2, 3)
    given = {
        "channels first": block,
        "samples first": block.swapaxes(1, 2),
        "dictionary": {"chB": block[:, 1], "chA": block[:, 0]},
    }[form]
    if form == "dictionary" and values == 1:
        given = {name: channel[:, None] for name, channel in given.items()}
    (one, _), (two, _) = run(given, dtype=dtype, values=values)
    found = np.array([one, two], dtype)
    assert found["chA"].reshape(2, 3).tolist() == [[0, 1, 2], [6, 7, 8]]
    assert found["chB"].reshape(2, 3).tolist() == [[3, 4, 5], [9, 10, 11]]


def test_events_are_numbered_on_over_blocks_and_empty_ones_give_none(run):
    found = run(np.zeros(3), np.zeros(0), np.ones(2))
    assert [metadata[0] for _, metadata in found] == [0, 1, 2, 3, 4]
    assert [event[0] for event, _ in found] == [0, 0, 0, 1, 1]


def test_the_events_of_a_block_have_its_time_of_arrival_and_one_dead_time(run):
    before = time.time()
    first, second, third = (metadata for _, metadata in run(np.zeros(2), np.zeros(1)))
    assert before <= first[1] == second[1] <= third[1] <= time.time()
    assert 0.0 <= first[2] == second[2] <= 1.0


@pytest.mark.parametrize(
    "metadata",
    [
        ([5, 7], [1.5, 2.5], [0.1, 0.2]),
        {"counter": np.array([5, 7]), "timestamp": [1.5, 2.5], "deadtime": (0.1, 0.2)},
    ],
)
def test_metadata_arrays_go_with_their_events(run, metadata):
    found = run((np.zeros(2), metadata))
    assert [m for _, m in found] == [(5, 1.5, 0.1), (7, 2.5, 0.2)]


def test_metadata_may_be_given_in_part_and_for_all(run):
    found = run((np.zeros(2), {"timestamp": 3.0}), (np.ones(1), None))
    assert [(m[0], m[1] == 3.0) for _, m in found] == [(0, True), (1, True), (2, False)]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"t": [0, 1], "h": [0.0]}, "found 2 of t, 1 of h"),
        ({"t": [0, 1.5], "h": [0.0, 1.0]}, r"channel t holds int32; the value .*1\.5.* of row 1"),
        ({"t": [0, 1]}, r"expected the fields t, h; found t \(h missing\)"),
        (np.zeros((2, 3)), "expected a block of k events, each 2 channels"),
        (5.0, "expected a block of k events"),
        (({"t": [0], "h": [0.0]}, {"counts": [1]}), "metadata: expected the keys counter, times"),
        (({"t": [0], "h": [0.0]}, {"counter": [1.5]}), r"metadata: counter: .*1\.5.*not fit"),
        (({"t": [0], "h": [0.0]}, {"counter": [1, 2]}), "1 number as counter, one for each event"),
        (({"t": [0], "h": [0.0]}, ([1], [2.0])), "an array of each; found 2 items"),
    ],
)
def test_a_block_that_does_not_fit_is_refused_whole(run, block, message):
    good = {"t": [0, 1], "h": [0.0, 1.0]}
    where = "blocks_of_test, the block that begins with event 2: "
    with pytest.raises(UserFunctionError, match=where + f".*{message}"):
        run(good, block, dtype=PULSE)
    assert run.buffer.stats().published == 2


def test_a_generator_that_fails_is_named_with_the_next_event(bench):
    buffer = bench.buffer("raw")

    @source(batch=True)
    def blocks():
        yield np.zeros(3)
        raise ValueError("no more")

    with pytest.raises(UserFunctionError, match="blocks failed on event 3: it raised ValueError"):
        bench.bind(blocks, {buffer: "write"})()
    assert buffer.stats().published == 3


def test_a_block_larger_than_the_buffer_is_published_in_pieces(bench):
    buffer = bench.buffer("raw", slots=8)
    group = buffer.new_reader_group()

    @source(batch=True)
    def blocks():
        yield np.arange(100.0)

    thread = threading.Thread(target=bench.bind(blocks, {buffer: "write"}))
    thread.start()
    found = bench.drained(group)
    thread.join()
    assert [(event[0], metadata[0]) for event, metadata in found] == [(n, n) for n in range(100)]


def test_a_buffer_that_takes_no_more_ends_the_source_within_a_block(bench, caplog):
    buffer = bench.buffer("raw")
    group = buffer.new_reader_group()
    closed = []

    @source(batch=True)
    def blocks():
        try:
            while True:
                yield np.zeros(10)
        finally:
            closed.append(True)

    work = bench.bind(blocks, {buffer: "write"})
    buffer.end_after(25)
    with caplog.at_level("INFO"):
        work()
    assert "25 events taken, no more are wanted" in caplog.text
    assert [metadata[0] for _, metadata in bench.drained(group)] == list(range(25))
    assert closed == [True]


def test_the_account_counts_every_event_of_a_block(bench, monkeypatch):
    meter = Meter()
    monkeypatch.setattr("mimocorb.components.meter._installed", meter)
    meter.begin()
    buffer = bench.buffer("raw")
    buffer.new_reader_group()

    @source(batch=True)
    def blocks():
        for _ in range(3):
            time.sleep(0.01)
            yield np.zeros(10)

    bench.bind(blocks, {buffer: "write"})()
    page = read_page(bytes(meter.page), time.monotonic_ns())
    assert page.events == 30
    assert page.intervals[0] == 27, "nine of ten came together with the one before"
    assert Capability.ARRIVALS in page.knows


def test_times_given_by_the_source_are_told_as_recorded(bench, monkeypatch):
    meter = Meter()
    monkeypatch.setattr("mimocorb.components.meter._installed", meter)
    buffer = bench.buffer("raw")

    @source(batch=True)
    def blocks():
        yield np.zeros(3), {"timestamp": [7.0, 5.0, 6.0]}

    bench.bind(blocks, {buffer: "write"})()
    assert read_page(bytes(meter.page), 0).recorded_s == (5.0, 7.0)
