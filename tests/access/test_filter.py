"""BufferToBuffer: what a filter may return, and what happens to the event when it fails."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from mimocorb.buffer_control import BufferToBuffer, rbProcess, rbTransfer
from mimocorb.errors import SetupError, UserFunctionError
from mimocorb.mimo_buffer import Reader

WAVES = [("chA", "f8"), ("chB", "f8")]
PULSE = [("t", "i4"), ("h", "f8")]


@pytest.fixture
def run(bench):
    """Filter events 0, 1, 2 … of three samples into waveforms and pulses; return what arrived."""

    def run(function, events=1, **keyword):
        data = [np.full(3, n, WAVES) for n in range(events)]
        _, source = bench.filled([(x, (10 + n, 1.5, 0.1)) for n, x in enumerate(data)],
                                 values=3, dtype=WAVES)  # fmt: skip
        waves = bench.buffer(values=3, dtype=WAVES, name="RB_2")
        pulses = bench.buffer(dtype=PULSE, name="RB_3")
        groups = [waves.new_reader_group(), pulses.new_reader_group()]
        run.transfer = BufferToBuffer(
            [source],
            [waves.new_writer(), pulses.new_writer()],
            filter=function,
            RB_1="read",
            RB_2="write",
            RB_3="write",
            **keyword,
        )
        run.transfer.process_data()
        return [[(e.tolist(), m) for e, m in bench.drained(group)] for group in groups]

    return run


RAW = ([(0.0, 0.0)] * 3, (10, 1.5, 0.1))


@pytest.mark.parametrize("result", [None, False, np.False_])
def test_rejects(run, result):
    assert run(lambda _: result) == [[], []]
    assert run.transfer.event_count == 1
    assert run.transfer.accepted_count == 0


@pytest.mark.parametrize("result", [1, 0, -3, True, np.True_, np.int64(7), []])
def test_a_number_copies_the_event_to_the_first_sink(run, result):
    assert run(lambda _: result) == [[RAW], []]
    assert run.transfer.accepted_count == 1


@pytest.mark.parametrize(
    "record",
    [
        {"t": 5, "h": 0.5},
        (5, 0.5),
        [5, 0.5],
        np.array([5, 0.5]),
        np.array([(5, 0.5)], PULSE),
        np.array([(5, 0.5)], PULSE)[0],
        np.array([(0.5, 5)], [("h", "f4"), ("t", "u1")]),
        [{"t": 5, "h": 0.5}],
        [None, (5, 0.5)],
    ],
)
def test_a_shorter_list_copies_the_event_first_and_its_items_after(run, record):
    assert run(lambda _: [record]) == [[RAW], [([(5, 0.5)], (10, 1.5, 0.1))]]


@pytest.mark.parametrize("container", [list, tuple])
def test_none_inside_the_list_skips_that_sink(run, container):
    pulse = ([(5, 0.5)], (10, 1.5, 0.1))
    assert run(lambda _: container([None, (5, 0.5)])) == [[], [pulse]]
    assert run(lambda data: container([data, None])) == [[RAW], []]
    assert run(lambda _: container([None, None])) == [[], []]
    assert run.transfer.accepted_count == 0


def test_true_inside_the_list_copies_the_event_to_that_sink(run):
    assert run(lambda _: [True, None]) == [[RAW], []]


def test_several_records_for_a_sink_become_several_events(run):
    waves, pulses = run(lambda _: [None, [(1, 0.1), {"t": 2, "h": 0.2}, None]])
    assert waves == []
    assert [(event, metadata[0]) for event, metadata in pulses] == [
        ([(1, 0.1)], 10),
        ([(2, 0.2)], 10),
    ]


def test_an_empty_list_of_records_writes_none(run):
    assert run(lambda _: [None, []]) == [[], []]


def test_the_last_of_three_sinks_may_get_nothing(bench):
    _, source = bench.filled([np.array([1.0])])
    sinks = [bench.buffer(name=f"RB_{n}") for n in (2, 3, 4)]
    groups = [sink.new_reader_group() for sink in sinks]
    BufferToBuffer([source], [sink.new_writer() for sink in sinks], filter=lambda _: [[9.0]])()
    assert [[e[0] for e, _ in bench.drained(group)] for group in groups] == [[1.0], [9.0], []]


def test_metadata_travel_with_every_event(run):
    waves, pulses = run(lambda data: [(int(data["chA"][0]), 0.0)], events=3)
    expected = [(10, 1.5, 0.1), (11, 1.5, 0.1), (12, 1.5, 0.1)]
    assert [metadata for _, metadata in waves] == expected
    assert [metadata for _, metadata in pulses] == expected
    assert [event[0][0] for event, _ in pulses] == [0, 1, 2]


@pytest.mark.parametrize("later", [BufferToBuffer, rbTransfer, rbProcess])
def test_the_later_keyword_is_the_same(bench, later):
    _, source = bench.filled([np.array([1.0])])
    sink = bench.buffer(name="RB_2")
    group = sink.new_reader_group()
    later(source_list=[source], sink_list=[sink.new_writer()], config_dict={}, ufunc=len)()
    assert len(bench.drained(group)) == 1


def given_back(bench, function, sinks=1):
    """Run a filter that fails; return the message, the event's delivery, what came out."""
    _, source = bench.filled([np.array([1.0])])
    outs = [bench.buffer(name=f"RB_{n + 2}") for n in range(sinks)]
    groups = [out.new_reader_group() for out in outs]
    transfer = BufferToBuffer([source], [out.new_writer() for out in outs], filter=function)
    with pytest.raises(UserFunctionError) as failed:
        transfer()
    with Reader(source) as reader:
        reader.get(timeout_s=30)
        delivery = reader.delivery
    return failed, delivery, [len(bench.drained(group)) for group in groups]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (np.array([5.0, 6.0]), "item for sink RB_2: expected an array of 1 value of float64"),
        ({"t": 5}, r"item for sink RB_2: expected the fields value; found t"),
        (0.5, "returned float 0.5; allowed"),
        ("yes", "returned str 'yes'; allowed"),
        ([1.0, 2.0], "returned a list of 2 items for 1 sink"),
        ([[1.0, "x"]], "item for sink RB_2: .*cannot be converted"),
        (
            [np.zeros(2)],
            r"item for sink RB_2: expected an array of 1 value of float64; found.*\(2,\)",
        ),
    ],
)
def test_anything_undocumented_is_refused_by_name_type_and_value(bench, result, words):
    def find_pulses(data):
        return result

    error, delivery, written = given_back(bench, find_pulses)
    error.match(f"find_pulses, event 0: {words}")
    assert delivery == 2
    assert written == [0]


def test_a_failing_filter_is_named_and_the_event_is_given_back(bench):
    def find_pulses(data):
        return data["no such channel"]

    error, delivery, written = given_back(bench, find_pulses)
    error.match("find_pulses failed on event 0: it raised")
    assert error.value.__cause__ is not None
    assert error.value.__cause__.__traceback__ is not None
    assert (delivery, written) == (2, [0])


def test_a_filter_cannot_change_the_event(bench):
    def calibrate(data):
        data *= 2

    error, _, _ = given_back(bench, calibrate)
    error.match("calibrate failed on event 0: .*read-only")


def test_a_filter_that_calls_sys_exit_has_failed(bench):
    error, delivery, _ = given_back(bench, lambda _: sys.exit(0))
    error.match("only a source ends a run")
    assert delivery == 2


def test_nothing_is_written_if_one_of_the_records_does_not_fit(bench):
    error, delivery, written = given_back(bench, lambda _: [[1.0], "x"], sinks=2)
    error.match("item for sink RB_3")
    assert (delivery, written) == (2, [0, 0])


def test_a_copy_into_a_buffer_of_another_form_is_refused_by_name(bench):
    _, source = bench.filled([np.zeros(3, WAVES)], values=3, dtype=WAVES)
    pulses = bench.buffer(dtype=PULSE, name="RB_3")
    transfer = BufferToBuffer([source], [pulses.new_writer()], filter=lambda _: 1)
    with pytest.raises(UserFunctionError, match="events of RB_1 do not fit into RB_3"):
        transfer()


def test_ends_and_gives_the_event_back_when_a_sink_takes_no_more(bench):
    _, source = bench.filled([np.array([1.0])])
    sink = bench.buffer(name="RB_2")
    writer = sink.new_writer()
    sink.end_writers()
    BufferToBuffer([source], [writer], filter=lambda _: 1)()
    with Reader(source) as reader:
        assert reader.get(timeout_s=30)[0] == 1.0
        assert reader.delivery == 2


def test_refuses_other_assignments_and_says_what_is_needed(bench):
    buffer = bench.buffer()
    with pytest.raises(SetupError, match="one source, one or more sinks and no observed buffers"):
        BufferToBuffer(source_list=[buffer.new_reader_group()], filter=len)
    with pytest.raises(SetupError, match="no sources, 1 sink"):
        BufferToBuffer(sink_list=[buffer.new_writer()], filter=len)
    with pytest.raises(SetupError, match="1 observed buffer"):
        BufferToBuffer(
            [buffer.new_reader_group()], [buffer.new_writer()], [buffer.new_observer()], filter=len
        )
    with pytest.raises(SetupError, match="filter must be a function, found list"):
        BufferToBuffer([buffer.new_reader_group()], [buffer.new_writer()], filter=[])
