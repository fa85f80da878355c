"""The desktop muon detector CosmicWatch."""

from __future__ import annotations

import itertools
from typing import ClassVar

import numpy as np
import pytest

from mimocorb.devices.cosmic_watch import cosmic_watch
from mimocorb.testing.devices import DeviceContract
from mimocorb.testing.fakes.cosmic_watch import DEAD_S, CosmicWatch
from mimocorb.testing.fakes.lines import LinesAtSerialPort

FIELDS = {
    "event": "int64",
    "time_s": "float64",
    "adc": "int16",
    "sipm_mV": "float32",
    "deadtime_s": "float64",
}


class TestVersion3X(DeviceContract):
    component = "devices.cosmic_watch"
    buffer: ClassVar = {"data_length": 1, "data_dtype": {**FIELDS, "coincident": "int8"}}
    refused: ClassVar = [
        ({"version": "3"}, "'3X'"),
        ({"timeout_s": 0.01}, "the nearest is 0.1 s"),
    ]

    def simulated(self, directory):
        return CosmicWatch(directory / "port", "3X")

    def test_the_dead_time_is_that_which_the_detector_has_counted(self, taken):
        data, deadtime = taken.kept["data"][:, 0], taken.kept["deadtime"]
        follows = np.flatnonzero(np.diff(data["event"]) == 1) + 1
        assert len(follows) > 10
        expected = DEAD_S["3X"] / (data["time_s"][follows] - data["time_s"][follows - 1])
        np.testing.assert_allclose(deadtime[follows], np.minimum(expected, 1.0), rtol=0.01)

    def test_the_live_time_of_the_run_is_without_it(self, taken):
        dead_s = DEAD_S["3X"] * (len(taken.kept["data"]) - 3)  # the first one of each connection
        assert taken.account["reading_out_ns"] >= 1e9 * dead_s


def buffer_of(**fields):
    return {"name": "events", "dtype": np.dtype([*fields.items()]), "values_per_slot": 1}


def test_version_2_arrives_with_its_dead_time(tmp_path):
    buffer = {"name": "muons", "dtype": np.dtype([*FIELDS.items()]), "values_per_slot": 1}
    with CosmicWatch(tmp_path / "port", "2") as device:
        events = cosmic_watch(**device.config, buffer=buffer)
        taken = list(itertools.islice(events, 5))
        events.close()
        sent = {}
        while taken[-1][0]["event"] not in sent:  # noted just behind the writing of its line
            sent = {each["event"]: each for each in device.sent()}
    for event, _ in taken:
        assert event == {name: pytest.approx(sent[event["event"]][name]) for name in FIELDS}
    assert [event["event"] for event, _ in taken] == [*range(taken[0][0]["event"], 99)][:5]
    assert all(0 < metadata["deadtime"] <= 1 for _, metadata in taken[1:])


@pytest.mark.parametrize(
    ("version", "line", "expected"),
    [
        ("2", "12 5021 532 28.40 11 23.18", (12, 5.021, -1, 28.4, 23.18, np.nan)),
        ("2", "12 5021 532 28.40 11 23.18 AxLab", (12, 5.021, -1, 28.4, 23.18, np.nan)),
        (
            "3X",
            "28\t9.598471\t1\t527\t37.2\t0.010511\t24.8\t101383\t0.1:0.0:1.0\t63.7:57.4:4.8\tAxLab",
            (28, 9.598471, 1, 37.2, 24.8, 101383.0),
        ),
        (
            "3X",
            "28\t9.598471\t1\t527\t37.2\t0.010511\tAxLab",
            (28, 9.598471, 1, 37.2, *[np.nan] * 2),
        ),
        (
            "3X",
            "28 9.598471 1 527 37.2 0.010511 0.1:0.0:1.0 1:2:3",
            (28, 9.598471, 1, 37.2, *[np.nan] * 2),
        ),
    ],
)
def test_lines_with_and_without_sensors_are_read(tmp_path, version, line, expected):
    names = ("event", "time_s", "coincident", "sipm_mV", "temperature_C", "pressure_Pa")
    fields = {"event": "i8", "coincident": "i1"}
    buffer = buffer_of(**{name: fields.get(name, "f8") for name in names})
    lines = itertools.repeat({"line": line})
    with LinesAtSerialPort(tmp_path / "port", lines, lambda event: event["line"]) as device:
        events = cosmic_watch(**device.config, version=version, buffer=buffer)
        event, _ = next(events)
        events.close()
    assert tuple(event) == names
    np.testing.assert_equal(tuple(event.values()), expected)


@pytest.mark.parametrize("line", ["12 5021 532", "one 5021 532 28.4 11 23", "28 9.5 1 527 37.2 x"])
def test_a_line_that_is_damaged_is_told_and_the_next_one_is_taken(tmp_path, caplog, line):
    good = "13 6.0 0 532 28.4 0.1"
    lines = ({"line": each} for each in itertools.cycle([line, good]))
    with LinesAtSerialPort(tmp_path / "port", lines, lambda event: event["line"]) as device:
        events = cosmic_watch(**device.config, version="3X", buffer=buffer_of(event="i8"))
        taken = [event for event, _ in itertools.islice(events, 2)]
        events.close()
    assert taken == [{"event": 13}] * 2
    assert f"not understood: {line!r}" in caplog.text
