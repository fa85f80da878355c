"""How lines become events, and what becomes of those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from mimocorb.devices.allowed import check_choice, check_range, check_step, nearest_choice
from mimocorb.devices.line_reader import FieldLines, LineReader
from mimocorb.errors import SetupError


def buffer_of(**fields):
    return {"name": "raw", "dtype": np.dtype([*fields.items()]), "values_per_slot": 1}


def reader_of(buffer, **how):
    usual = {"columns": None, "pattern": None, "separator": None, "comment": "#"}
    return LineReader(FieldLines(buffer, **{**usual, **how}), "counter")


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ({}, "12 3.5"),
        ({}, "  12,\t3.5\r"),
        ({}, "12;3.5"),
        ({"separator": "|"}, "12 | 3.5"),
        ({"columns": ["height_mV", "-", "count"]}, "3.5 xyz 12"),
        ({"pattern": r"N=(?P<count>\d+).*U=(?P<height_mV>[\d.]+) mV"}, "at 7: N=12, U=3.5 mV"),
        ({"comment": ""}, "12 3.5"),
    ],
)
def test_columns_and_patterns_name_the_fields(how, line):
    reader = reader_of(buffer_of(count="u2", height_mV="f4"), **how)
    assert reader.events(line.encode() + b"\n") == [{"count": 12, "height_mV": 3.5}]
    assert reader.not_understood == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("12", "it has 1 instead of 2 columns"),
        ("12 3 4", "it has 3 instead of 2 columns"),
        ("twelve 3", "count: 'twelve' is no whole number"),
        ("1.5 3", "count: '1.5' is no whole number"),
        ("70000 3", "count: 70000 does not fit into uint16"),
        ("-1 3", "count: -1 does not fit into uint16"),
        ("1 high", "height_mV: 'high' is no number"),
    ],
)
def test_a_line_that_is_not_understood_is_told_with_the_reason(caplog, line, reason):
    reader = reader_of(buffer_of(count="u2", height_mV="f4"))
    assert reader.events(f"{line}\n12 3.5\n".encode()) == [{"count": 12, "height_mV": 3.5}]
    assert reader.not_understood == 1
    assert reason in caplog.text


def test_lines_that_are_not_understood_are_counted_to_the_end_without_a_flood(caplog):
    reader = reader_of(buffer_of(count="u2"))
    reader.events(b"noise\n" * 2500)
    assert len(caplog.records) == 4, "the 1st, 10th, 100th and 1000th"
    reader.end()
    assert "2 500 lines were not understood" in caplog.text


def test_lines_arrive_in_pieces_and_comments_and_empty_lines_are_no_events():
    reader = reader_of(buffer_of(count="u2"))
    content = b"# greeting\n\n1\n22\n333\n"
    events = [event for at in range(len(content)) for event in reader.events(content[at : at + 1])]
    assert [event["count"] for event in events] == [1, 22, 333]
    assert reader.not_understood == 0


def test_a_line_that_is_cut_off_with_the_cable_is_told_and_joined_to_nothing(caplog):
    reader = reader_of(buffer_of(count="u2"))
    assert reader.events(b"1\n23") == [{"count": 1}]
    reader.begin(skip_lines=0)
    assert reader.events(b"45\n") == [{"count": 45}]
    assert reader.not_understood == 1
    assert "'23': it was cut off" in caplog.text


def test_a_line_without_an_end_is_dropped_with_its_rest(caplog):
    reader = reader_of(buffer_of(count="u2"))
    assert reader.events(b"1" * 70000) == []
    assert reader.events(b"234\n5\n") == [{"count": 5}]
    assert "longer than 65 536 characters" in caplog.text


def test_texts_are_kept_or_refused_but_never_cut(caplog):
    reader = reader_of(buffer_of(name="S4", count="u2"))
    assert reader.events(b"left 1\nright 2\n") == [{"name": b"left", "count": 1}]
    assert "'right' is longer than 4 bytes" in caplog.text


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"columns": ["count", "heigth_mV"]}, "columns names heigth_mV, which the buffer raw does"),
        ({"columns": ["count"]}, "columns does not say where height_mV"),
        ({"columns": ["count", "height_mV", "count"]}, "columns names count twice"),
        ({"pattern": "(?P<count>"}, "is no regular expression"),
        ({"pattern": "count"}, r"write \(\?P<field>…\) around each field"),
        ({"columns": ["count"], "pattern": "x"}, "give one of them"),
    ],
)
def test_columns_that_do_not_fit_the_buffer_are_refused(how, said):
    with pytest.raises(SetupError, match=said):
        reader_of(buffer_of(count="u2", height_mV="f4"), **how)


def test_a_buffer_of_waveforms_is_refused_with_the_remedy():
    buffer = {**buffer_of(count="u2"), "values_per_slot": 100}
    with pytest.raises(SetupError, match="give it data_length: 1"):
        reader_of(buffer)


@pytest.mark.parametrize(("asked", "nearest"), [(7, 5), (8, 10), (9999, 1000), (0.001, 5)])
def test_ranges_are_near_by_their_ratio(asked, nearest):
    assert nearest_choice(asked, [5, 10, 100, 1000]) == nearest
    assert nearest_choice(10, [5, 20]) == 20, "nothing is cut off by a range that is too large"


def test_settings_that_are_possible_pass():
    check_choice("range_mV", 100.0, [50, 100, 200], "mV")
    check_choice("slope", "rising", ["rising", "falling"])
    check_range("threshold", -5, -5, 5)
    check_step("period_ns", 0.3, 0.1)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (
            lambda: check_choice("range_mV", 120, [50, 100, 200], "mV"),
            "nearest is 100 mV. Possible",
        ),
        (lambda: check_choice("slope", "risng", ["rising", "falling"]), "did you mean 'rising'"),
        (lambda: check_range("offset_mV", 7, -5, 5, "mV"), "nearest is 5 mV. Possible: -5 to 5 mV"),
        (lambda: check_range("gate_s", 0, 0.1, np.inf, "s"), "Possible: 0.1 s and more"),
        (lambda: check_step("period_ns", 11, 4, "ns"), "nearest is 12 ns. Possible: multiples"),
    ],
)
def test_others_are_refused_with_the_nearest(check, said):
    with pytest.raises(SetupError, match=said):
        check()
