"""What filters and observers of release 1.0.2 return and are given."""

from __future__ import annotations

import numpy as np
import pytest

from mimocorb.buffer_control import rbObserver, rbProcess, rbPut, rbTransfer, rbWSObserver
from mimocorb.errors import UserFunctionError

PULSE = [("chA", "f8"), ("chB", "i4")]
HEIGHT = [("height", "f8"), ("place", "i4")]


@pytest.fixture
def through(filled, new_buffer, drained):
    """Return what a filter makes of one event with chA 5 and 6, chB 1 and 2."""

    def run(kind, function, *dtypes, values=2):
        event = np.array([(5.0, 1), (6.0, 2)], PULSE)
        source = filled([event], dtype=PULSE, values=2)
        sinks = [
            new_buffer(8, values if dtype is not PULSE else 2, dtype, name=f"RB_{i}")
            for i, dtype in enumerate(dtypes, start=2)
        ]
        groups = [sink.new_reader_group() for sink in sinks]
        kind([source], [sink.new_writer() for sink in sinks], {}, function)()
        return [[record.tolist() for record in drained(group)] for group in groups]

    return run


EVENT = [(5.0, 1), (6.0, 2)]
RECORD = np.array([(6.0, 1)], HEIGHT)


@pytest.mark.parametrize(
    "result",
    [1, 0, True, False, np.False_, 3.7, "yes", np.array(1)],
    ids=repr,
)
@pytest.mark.parametrize("sinks", [(PULSE,), (PULSE, HEIGHT)])
def test_rb_transfer_copies_the_event_for_anything_but_none_and_lists(through, result, sinks):
    first, *others = through(rbTransfer, lambda _: result, *sinks, values=1)
    assert first == [EVENT]
    assert others in ([], [[]])


@pytest.mark.parametrize("sinks", [(PULSE,), (PULSE, HEIGHT)])
def test_rb_transfer_copies_an_event_that_is_returned(through, sinks):
    first, *others = through(rbTransfer, lambda event: event, *sinks, values=1)
    assert first == [EVENT]
    assert others in ([], [[]])


@pytest.mark.parametrize(
    ("result", "copied", "heights"),
    [
        (None, [], []),
        ([RECORD], [EVENT], [[(6.0, 1)]]),
        ((RECORD,), [EVENT], [[(6.0, 1)]]),
        ([None], [EVENT], []),
        ([None, RECORD], [], [[(6.0, 1)]]),
        ([None, None], [], []),
        ([np.array([(7.0,)], [("height", "f8")])], [EVENT], [[(7.0, 0)]]),
    ],
    ids=repr,
)
def test_rb_transfer_with_two_sinks(through, result, copied, heights):
    assert through(rbTransfer, lambda _: result, PULSE, HEIGHT, values=1) == [copied, heights]


def test_rb_transfer_spreads_one_record_over_a_slot(through):
    assert through(rbTransfer, lambda _: [RECORD], HEIGHT, values=2) == [[[(6.0, 1), (6.0, 1)]]]


def test_rb_transfer_takes_a_record_where_the_event_does_not_fit(through):
    assert through(rbTransfer, lambda _: RECORD, HEIGHT, values=1) == [[[(6.0, 1)]]]
    assert through(rbTransfer, lambda _: {"height": 2.0, "place": 3}, HEIGHT, values=1) == [
        [[(2.0, 3)]]
    ]


@pytest.mark.parametrize(
    ("result", "copied", "heights"),
    [
        (None, [], []),
        ([None, None], [], []),
        ([True, None], [EVENT], []),
        ([True, RECORD], [EVENT], [[(6.0, 1)]]),
        ([None, [RECORD, RECORD]], [], [[(6.0, 1)], [(6.0, 1)]]),
        ([None, [np.array([(7.0,)], [("height", "f8")]), None]], [], [[(7.0, 0)]]),
        ((None, RECORD), [], [[(6.0, 1)]]),
    ],
    ids=repr,
)
def test_rb_process_with_two_sinks(through, result, copied, heights):
    assert through(rbProcess, lambda _: result, PULSE, HEIGHT, values=1) == [copied, heights]


def test_rb_process_takes_an_array_with_a_record_for_each_sink(through):
    both = np.array([(6.0, 1), (7.0, 2)], HEIGHT)
    assert through(rbProcess, lambda _: both, HEIGHT, HEIGHT, values=1) == [
        [[(6.0, 1)]],
        [[(7.0, 2)]],
    ]


@pytest.mark.parametrize("kind", [rbTransfer, rbProcess])
@pytest.mark.parametrize(
    ("result", "words"),
    [
        ([RECORD, RECORD, RECORD], "list of 3 items for 2 sinks"),
        ([np.array([(1.0,)], [("other", "f8")])], "item for sink RB_3"),
        ([np.array([(5.5,)], [("place", "f8")])], "place"),
    ],
    ids=repr,
)
def test_what_does_not_fit_is_told(through, kind, result, words):
    with pytest.raises(UserFunctionError, match=words):
        through(kind, lambda _: result, PULSE, HEIGHT, values=1)


def test_rb_process_tells_how_many_sinks_it_has(filled, new_buffer):
    sinks = [new_buffer(4, 1, PULSE, name=f"RB_{i}").new_writer() for i in (2, 3)]
    source = filled([(1.0, 1)], dtype=PULSE)
    process = rbProcess([source], sinks, {}, lambda _: None)
    assert process.number_of_output_buffers == 2
    process()
    assert (process.event_count, process.accepted_count) == (1, 0)


def test_the_function_gets_metadata_if_it_is_to(filled, new_buffer):
    seen = []
    sink = new_buffer(4, 1, PULSE, name="RB_2").new_writer()
    source = filled([(1.0, 1)], dtype=PULSE)
    rbTransfer(
        source_list=[source],
        sink_list=[sink],
        ufunc=lambda _, metadata: seen.append(metadata),
        with_metadata=True,
    )()
    assert seen == [(0, 1.5, 0.25)]


@pytest.mark.parametrize("kind", [rbObserver, rbWSObserver])
def test_metadata_of_an_observer_is_a_tuple_and_a_record(new_buffer, kind):
    buffer = new_buffer(4, 1)
    watch = kind([buffer.new_observer()], {"min_sleeptime": 0})
    assert watch.source._active.is_set()
    with rbPut([buffer.new_writer()], {}) as put:
        put((5.0, 1), (7, 1.5, 0.25))
        data, metadata = next(watch())
    assert data["chA"].tolist() == [5.0]
    assert metadata == (7, 1.5, 0.25)
    counter, timestamp, deadtime = metadata
    assert (counter, timestamp, deadtime) == (7, 1.5, 0.25)
    assert (metadata[0][0], metadata[0][1], metadata[0]["deadtime"]) == (7, 1.5, 0.25)
    assert metadata["counter"][0] == 7
    assert f"{metadata[0]}" == "7"
    assert next(watch()) is None
    assert not watch.source._active.is_set()
    if kind is rbWSObserver:
        watch.close()
        watch.close()
