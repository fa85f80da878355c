"""Channels of a buffer: what a set-up may say, and what counts become."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

import mimocorb
from mimocorb.errors import SetupError
from mimocorb.mimo_buffer import NewBuffer, Observer, Reader
from mimocorb.setup.dialects import read_setup, read_setup_or_problems
from mimocorb.setup.recommended_form import recommended_form

CHANNELS = {"chA": {"unit": "mV", "scale": 0.061, "offset": -12.5}, "chB": {"unit": "V"}}
RECORD = np.dtype([("chA", "i2"), ("chB", "f4"), ("overflow", "u1")])


def test_counts_become_values_without_overflow_at_the_ends_of_their_type():
    for kind in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"):
        ends = np.array([np.iinfo(kind).min, np.iinfo(kind).max, 7], kind)
        for dtype in (np.float32, np.float64):
            values = mimocorb.in_units(ends, CHANNELS, "chA", dtype=dtype)
            expected = [float(int(count)) * 0.061 - 12.5 for count in ends]
            assert values.dtype == dtype
            np.testing.assert_allclose(
                values, expected, rtol=1e-6 if dtype == np.float32 else 1e-12
            )


def test_a_count_beyond_the_exact_numbers_of_float32_is_not_rounded_before_it_is_scaled():
    count = np.array([2**24 + 1], np.int32)
    calibration = {"x": {"scale": 1.0, "offset": -(2.0**24)}}
    assert mimocorb.in_units(count, calibration, "x", dtype=np.float32).tolist() == [1.0]


def test_events_keep_their_fields_and_what_has_no_scale_stays_as_it_is():
    events = np.zeros((2, 3), RECORD)
    events["chA"], events["chB"], events["overflow"] = 100, 2.5, 255
    values = mimocorb.in_units(events, CHANNELS)
    assert values.dtype == np.dtype([("chA", "f8"), ("chB", "f4"), ("overflow", "u1")])
    assert values["chA"] == pytest.approx(-6.4)
    assert (values["chB"] == 2.5).all()
    assert (values["overflow"] == 255).all()
    assert events["chA"].dtype == np.int16
    np.testing.assert_array_equal(mimocorb.in_units(events, CHANNELS, "chA"), values["chA"])


def test_it_has_to_be_clear_which_channel_numbers_are_of():
    with pytest.raises(SetupError, match="say which channel"):
        mimocorb.in_units(np.zeros(3, np.int16), CHANNELS)
    with pytest.raises(SetupError, match="no channel 'chC' in chA, chB, overflow"):
        mimocorb.in_units(np.zeros(3, RECORD), CHANNELS, "chC")
    with pytest.raises(TypeError, match="found int"):
        mimocorb.in_units(np.zeros(3, np.int16), 5)


def test_the_meaning_travels_with_the_dictionaries_of_a_buffer():
    with NewBuffer(4, 2, RECORD, channels=CHANNELS, name="raw") as buffer:
        setup = buffer.new_reader_group()
        assert setup["channels"] == {
            "chA": {"unit": "mV", "scale": 0.061, "offset": -12.5},
            "chB": {"unit": "V", "scale": 1.0, "offset": 0.0},
        }
        with Reader(setup) as reader, Observer(buffer.new_observer()) as observer:
            counts = np.full(2, 1000, np.int16)
            for known in (setup, reader, observer, buffer):
                assert mimocorb.in_units(counts, known, "chA").tolist() == [48.5, 48.5]


def test_a_buffer_refuses_the_meaning_of_a_channel_that_it_does_not_have():
    with pytest.raises(SetupError, match="raw has no channel chX"):
        NewBuffer(4, 2, RECORD, channels={"chX": {"unit": "mV"}}, name="raw")


SETUP = """\
Buffers:
  raw:
    slot_count: 4
    data_length: 8
    channels:
      chA: {dtype: int16, unit: mV, scale: 0.061, offset: -12.5}
      overflow: uint8
Workers:
  play: {function: replay, sinks: [raw], config: {data: events.csv}}
  keep: {function: drain, sources: [raw]}
"""


def test_a_set_up_says_it_and_is_written_again_as_it_was(tmp_path: Path):
    file = tmp_path / "setup.yaml"
    file.write_text(SETUP)
    setup = read_setup(file)
    (raw,) = setup.buffers
    assert raw.data_dtype == np.dtype([("chA", "i2"), ("overflow", "u1")])
    assert [each.about() for each in raw.channels] == [
        {"unit": "mV", "scale": 0.061, "offset": -12.5},
        {"unit": "", "scale": 1.0, "offset": 0.0},
    ]
    content = yaml.safe_load(recommended_form(setup, tmp_path).text)["Buffers"]["raw"]
    assert content == yaml.safe_load(SETUP)["Buffers"]["raw"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("channels: {chA: {unit: mV}}", "'chA' in channels of raw needs a dtype"),
        (
            "channels: {chA: {dtype: int61}}",
            "dtype of 'chA' in channels of raw is the name of a NumPy",
        ),
        ("channels: {chA: {dtype: int16, scal: 2}}", "found 'scal'|did you mean 'scale'"),
        (
            "channels: {chA: {dtype: int16, scale: 0}}",
            "scale of 'chA' in channels of raw must be an",
        ),
        ("channels: {chA: {dtype: int16, scale: .nan}}", "must be a finite number"),
        (
            "channels: {chA: {dtype: int16, offset: two}}",
            "offset of 'chA' in channels of raw must be",
        ),
        (
            "channels: {chA: {dtype: int16, unit: 5}}",
            "unit of 'chA' in channels of raw must be a text",
        ),
        ("channels: {chA: {dtype: S4, scale: 2}}", "is for whole and real numbers"),
        ("channels: {}", "is a mapping of names of channels"),
        ("channels: [chA]", "is a mapping of names of channels"),
        ("channels: {chA: int16}\n    data_dtype: int16", "has one of 'data_dtype' and 'channels'"),
        ("silent_after_s: 5", "needs the key 'data_dtype'"),
    ],
)
def test_what_it_cannot_mean_is_told_with_its_place(tmp_path: Path, line: str, message: str):
    file = tmp_path / "setup.yaml"
    start, end = SETUP.index("channels:"), SETUP.index("Workers:")
    file.write_text(f"{SETUP[:start]}{line}\n{SETUP[end:]}")
    with pytest.raises(SetupError, match=message) as refused:
        read_setup(file)
    assert "setup.yaml:" in str(refused.value)


def test_a_filter_between_counts_of_different_meaning_is_pointed_out(tmp_path: Path):
    file = tmp_path / "setup.yaml"
    (tmp_path / "own.py").write_text(
        "import mimocorb as mc\n\n\n@mc.filter\ndef same(event):\n    return True\n"
    )
    buffers = SETUP.replace(
        "Workers:",
        "  good: {slot_count: 4, data_length: 8, data_dtype: {chA: int16, overflow: uint8}}\n"
        "Workers:\n  pass: {file: own.py, function: same, sources: [raw], sinks: [good]}\n"
        "  end: {function: drain, sources: [good]}",
    )
    file.write_text(buffers)
    setup, problems = read_setup_or_problems(file)
    assert setup is not None
    assert "good has the channels of raw" in " ".join(map(str, problems))
