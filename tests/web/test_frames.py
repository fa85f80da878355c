"""Events on their way to a screen: nothing narrow is lost, nothing is wrong at the edges."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mimocorb.web.axes import axes_of
from mimocorb.web.found_pulses import pulse_buffers, pulses_in
from mimocorb.web.frames import SeenEvent, encoded
from mimocorb.web.history import MOST_POINTS, History


def seen(data: np.ndarray) -> SeenEvent:
    return SeenEvent("raw", 1, (7, 1.5, float("nan")), None, 0, None, data)


def decoded(frame: bytes) -> tuple[dict, list[np.ndarray]]:
    size = int.from_bytes(frame[:4], "little")
    assert (4 + size) % 4 == 0
    head = json.loads(frame[4 : 4 + size])
    values = np.frombuffer(frame[4 + size :], np.float32)
    assert sum(head["lengths"]) == len(values)
    return head, np.split(values, np.cumsum(head["lengths"])[:-1])


@pytest.mark.parametrize("count", [1, 2, 3, 99, 100, 101, 1000, 4250])
@pytest.mark.parametrize("columns", [0, 1, 50, 500])
def test_each_column_keeps_its_least_and_its_greatest(count, columns):
    values = np.random.default_rng(count).normal(size=count)
    head, (found,) = decoded(encoded(seen(values), columns))
    if not head["width"]:
        assert found == pytest.approx(values.astype(np.float32))
        return
    width = head["width"]
    expected = [
        part
        for n in range(0, count, width)
        for part in (values[n : n + width].min(), values[n : n + width].max())
    ]
    assert found == pytest.approx(np.array(expected, np.float32))


def test_a_pulse_of_one_sample_is_seen_wherever_it_is():
    for place in range(4250):
        values = np.zeros(4250, np.int16)
        values[place] = -300
        _, (found,) = decoded(encoded(seen(values), 400))
        assert found.min() == -300


@pytest.mark.parametrize("kind", ["bool", "uint8", "int16", "int64", "float32", "float64", ">f8"])
def test_channels_of_any_numbers_are_shown(kind):
    data = np.zeros(300, [("a", kind), ("b", "float64")])
    data["a"][150:] = 1
    head, (first, second) = decoded(encoded(seen(data), 20))
    assert head["channels"] == ["a", "b"]
    assert (first.max(), first.min(), second.max()) == (1, 0, 0)


def test_channels_in_one_piece_and_fields_that_are_no_numbers():
    data = np.zeros(1, [("a", "int16", (300,)), ("name", "U5"), ("b", "float64", (300,))])
    data["a"][0, 7] = 5
    head, (first, _) = decoded(encoded(seen(data), 20))
    assert head["channels"] == ["a", "b"]
    assert first.max() == 5


def test_few_numbers_are_told_as_they_are():
    data = np.zeros(1, [("count", "int64"), ("mean", "float64"), ("label", "U5")])
    data["count"], data["mean"], data["label"] = 2**60 + 1, np.nan, "<b>"
    head, _ = decoded(encoded(seen(data), 500))
    assert head["values"] == {"count": 2**60 + 1, "mean": "nan", "label": "<b>"}
    assert head["deadtime"] is None


def test_axes_come_from_the_nearest_function_that_knows():
    setup = {
        "Buffers": {
            "raw": {"data_length": 100},
            "kept": {"data_length": 100},
            "n": {"data_length": 1},
        },
        "Workers": {
            "source": {"sinks": ["raw"], "config": {"sample_time_ns": 4, "trigger_level": 0.02}},
            "filter": {"sources": ["raw"], "sinks": ["kept", "n"], "config": {"sample_time_ns": 8}},
            "scope": {"observes": ["kept"], "config": {"pre_trigger_samples": 10}},
            "table": {"sources": ["n"], "config": {"sample_time_ns": 1, "units": {"x": "ns"}}},
        },
    }
    axes = axes_of(setup, "kept")
    assert (axes["sample_time_ns"], axes["pre_trigger_samples"], axes["trigger_level"]) == (
        8,
        10,
        20,
    )
    assert axes_of(setup, "n")["units"] == {"x": "ns"}


def test_pulses_are_understood_as_filters_write_them():
    fields = [
        ("decay_time", "i4"),
        ("1st_chA_h", "f8"),
        ("1st_chA_p", "i4"),
        ("2nd_chB_h", "f8"),
        ("2nd_chB_p", "i4"),
    ]
    data = np.array([(5, 80.0, 100, 0.0, 0)], fields)
    assert pulses_in(data, ["chA", "chB"]) == [
        {"channel": "chA", "sample": 100, "height": 80.0, "name": "1st_chA"}
    ]
    data = np.array([(3, 7.5)], [("position", "i4"), ("height", "f8")])
    assert pulses_in(data, ["value"])[0]["height"] == 7.5
    assert pulses_in(data, ["chA", "chB"]) == [], "of which channel is not known"
    setup = {"Workers": {"f": {"sources": ["a"], "sinks": ["b", "n"]}, "g": {"sources": ["n"]}}}
    assert pulse_buffers(setup, "a") == ["b", "n"]
    assert pulse_buffers(setup, "b") == ["n"]


def test_a_history_stays_small_and_keeps_the_mean():
    history = History(interval_s=1.0)
    for second in range(10 * MOST_POINTS):
        buffer = {
            "name": "raw",
            "throughput_hz": 5.0,
            "dead_fraction": None,
            "filled": 1,
            "slots": 4,
        }
        history.add({"seen_s": float(second), "buffers": [buffer]})
    assert len(history.times_s) < MOST_POINTS
    found = history.since(0.0)
    assert found["times_s"][-1] > 9.9 * MOST_POINTS
    rates = [value for value in found["buffers"]["raw"]["throughput_hz"] if value is not None]
    assert rates
    assert set(rates) == {5.0}
    assert set(found["buffers"]["raw"]["fill"]) == {0.25}
    assert len(history.since(found["times_s"][-2])["times_s"]) == 1


def test_only_what_is_known_of_a_unit_is_said():
    voltages = {"data_length": 100, "data_dtype": {"chA": "f8"}}
    found = {"data_length": 1, "data_dtype": {"1st_chA_h": "f8", "decay_time_ns": "f8", "n": "i4"}}
    hits = {"data_length": 9, "variable": True, "data_dtype": {"x": "u2", "charge": "f4"}}
    setup = {"Buffers": {"raw": voltages, "found": found, "hits": hits}, "Workers": {}}
    assert axes_of(setup, "raw") == {"units": {}, "unit": "mV"}, "as in the manual"
    assert axes_of(setup, "found") == {"units": {"decay_time_ns": "ns"}, "unit": ""}
    assert axes_of(setup, "hits") == {"units": {}, "unit": ""}
