"""Events with lengths of their own: what functions may hand over, and several of them as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from mimocorb import Jagged
from mimocorb.buffers.exact import DoesNotFitError
from mimocorb.components.records import RecordForm
from mimocorb.components.variable_records import SizedPacker, VariableForm

PIXELS = np.dtype([("x", "u2"), ("charge", "f4")])
FORM = VariableForm(PIXELS, 4)
PLAIN = VariableForm(np.dtype("f4"), 4)


def pixels(*xs: int) -> np.ndarray:
    event = np.zeros(len(xs), PIXELS)
    event["x"], event["charge"] = xs, np.array(xs) / 2
    return event


THREE = pixels(7, 8, 9)


@pytest.mark.parametrize(
    "event",
    [
        THREE,
        {"charge": [3.5, 4.0, 4.5], "x": np.array([7, 8, 9])},
        [np.array([7, 8, 9]), np.array([3.5, 4.0, 4.5])],
        ([7, 8, 9], [3.5, 4.0, 4.5]),
        [(7, 3.5), (8, 4.0), (9, 4.5)],
        np.array([[7, 8, 9], [3.5, 4.0, 4.5]]),
        np.array([[7, 3.5], [8, 4.0], [9, 4.5]]),
    ],
    ids=["structured", "dictionary", "arrays", "lists", "records", "channels", "samples"],
)
def test_an_event_of_any_form_has_the_length_that_it_has(event):
    np.testing.assert_array_equal(FORM.record(event), THREE)
    slot = np.zeros(4, PIXELS)
    assert FORM.fill(slot, event) == 3
    np.testing.assert_array_equal(slot[:3], THREE)


@pytest.mark.parametrize(
    ("event", "values"),
    [
        ([1.0, 2.0], [1.0, 2.0]),
        ([np.array([1.0, 2.0])], [1.0, 2.0]),
        (np.array([1, 2], "i2"), [1.0, 2.0]),
        (np.array([[1.0, 2.0]]), [1.0, 2.0]),
        (3.0, [3.0]),
        ([], []),
        (np.empty(0), []),
    ],
    ids=repr,
)
def test_an_event_of_one_channel(event, values):
    assert PLAIN.record(event).tolist() == values


@pytest.mark.parametrize(
    "event", [np.zeros(0, PIXELS), {"x": [], "charge": []}, [[], []], []], ids=repr
)
def test_an_event_may_be_empty(event):
    assert FORM.record(event).shape == (0,)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (pixels(1, 2, 3, 4, 5), "has 5 samples; the buffer takes at most 4"),
        ({"x": [1, 2], "charge": [1.0]}, "channel charge: expected 2 samples"),
        ({"x": [1, 2]}, "charge missing"),
        ({"x": [1.5], "charge": [1.0]}, "the value 1.5"),
        ({"x": [70000], "charge": [1.0]}, "70000"),
        ("text", "found"),
        (np.zeros((3, 3)), "expected 2 channels"),
    ],
    ids=repr,
)
def test_what_does_not_fit_is_refused_with_what_was_found(event, words):
    with pytest.raises(DoesNotFitError, match=words):
        FORM.record(event)


@pytest.mark.parametrize(
    "block",
    [
        Jagged.of([pixels(1, 2), pixels(), pixels(3)], PIXELS),
        [pixels(1, 2), {"x": [], "charge": []}, [[3], [1.5]]],
        {
            "x": Jagged(np.array([1, 2, 3]), np.array([0, 2, 2, 3])),
            "charge": Jagged(np.array([0.5, 1.0, 1.5]), np.array([0, 2, 2, 3])),
        },
        Jagged(pixels(9, 9, 1, 2, 3, 9), np.array([2, 4, 4, 5])),
    ],
    ids=["jagged", "events", "channels", "a part"],
)
def test_a_block_of_events_of_any_length(block):
    rows = FORM.rows(block)
    assert rows.lengths.tolist() == [2, 0, 1]
    assert rows.values["x"].tolist() == [1, 2, 3]


def test_a_block_of_events_of_equal_length():
    rows = FORM.rows(np.stack([pixels(1, 2), pixels(3, 4)]))
    assert rows.lengths.tolist() == [2, 2]
    assert PLAIN.rows(np.zeros((3, 2))).lengths.tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (Jagged.of([pixels(1), pixels(1, 2, 3, 4, 5)], PIXELS), "event 1 of the block has 5"),
        (Jagged(pixels(1, 2), np.array([0, 3])), "offsets of a mimocorb.Jagged"),
        (Jagged(pixels(1, 2), np.array([2, 0])), "offsets of a mimocorb.Jagged"),
        (Jagged(pixels(1, 2), np.array([0.0, 2.0])), "offsets of a mimocorb.Jagged"),
        (Jagged(np.zeros(2), np.array([0, 2])), "expected"),
        ({"x": Jagged.of([[1]], "u2"), "charge": Jagged.of([[1, 2]], "f4")}, "other lengths"),
        ({"x": np.zeros(3), "charge": np.zeros(3)}, "mimocorb.Jagged"),
    ],
    ids=str,
)
def test_a_block_that_does_not_fit_is_refused(block, words):
    with pytest.raises(DoesNotFitError, match=words):
        FORM.rows(block)


def test_a_buffer_of_fixed_length_refuses_jagged_events_and_says_what_to_do():
    with pytest.raises(DoesNotFitError, match="'variable: true'"):
        RecordForm(PIXELS, 2).rows(Jagged.of([pixels(1, 2)], PIXELS))


def test_a_list_is_one_event_of_all_channels_or_several_events():
    assert FORM.is_one_part_per_channel([np.zeros(3), np.zeros(3)])
    assert not FORM.is_one_part_per_channel([pixels(1), pixels(2)])
    assert not FORM.is_one_part_per_channel([np.zeros(3), np.zeros(2)])
    assert not FORM.is_one_part_per_channel([pixels(1)])


def test_the_quick_way_gives_the_same_bytes():
    packer = SizedPacker(FORM)
    memory = bytearray(2 * packer.record_bytes)
    assert packer.pack(THREE, memory, packer.record_bytes)
    other = bytearray(2 * packer.record_bytes)
    packer.pack_record(THREE, other, packer.record_bytes)
    assert memory == other
    assert not packer.pack({"x": 1, "charge": 2.0}, memory, 0)
    with pytest.raises(DoesNotFitError, match="at most 4"):
        packer.as_it_lies(pixels(1, 2, 3, 4, 5))


def test_events_of_any_length_are_a_sequence_and_two_arrays():
    events = Jagged.of([[3, 1], [], [2, 2, 5], [4]], "i4")
    assert [event.tolist() for event in events] == [[3, 1], [], [2, 2, 5], [4]]
    assert events[-1].tolist() == [4]
    assert events.owners.tolist() == [0, 0, 2, 2, 2, 3]
    assert [each.tolist() for each in events[1:3]] == [[], [2, 2, 5]]
    assert events[1:3].offsets.tolist() == [0, 0, 3]
    assert [each.tolist() for each in events[::-2]] == [[4], []]
    assert [each.tolist() for each in events[[2, 0]]] == [[2, 2, 5], [3, 1]]
    assert [each.tolist() for each in events[events.lengths > 1]] == [[3, 1], [2, 2, 5]]
    assert len(events[2:2]) == len(events[np.zeros(4, bool)]) == 0
    assert events.nbytes == 6 * 4
    with pytest.raises(IndexError):
        events[4]
    with pytest.raises(TypeError, match="no columns"):
        events[:, 0]
    with pytest.raises(IndexError, match="a mask"):
        events[np.ones(3, bool)]
    joined = Jagged.joined([events[1:3], events[:1]])
    assert [each.tolist() for each in joined] == [[], [2, 2, 5], [3, 1]]
