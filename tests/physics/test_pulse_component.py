"""The filter ``find_pulses``: a record for each pulse, in units, above a robust baseline."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from running import run

import mimocorb
from mimocorb.analysis.pulse_search import FOUND_DTYPE, FindPulses
from mimocorb.components.decisions import Reject
from mimocorb.errors import SetupError

CODE = """
import mimocorb
import numpy as np

@mimocorb.source
def pulser(*, number_of_samples: int, events: int):
    for number in range(events):
        waveforms = np.full((2, number_of_samples), 100.0)
        for pulse in range(number % 3):
            waveforms[pulse, 40 + 30 * pulse : 50 + 30 * pulse] += 10.0 * (number + 1)
        yield waveforms
"""
ALL = list(FOUND_DTYPE.names)


def search(event, **configuration):
    found = FindPulses(quantities=ALL, sample_period_ns=4.0, buffer={}, **configuration)(event)
    return np.array(found[0]) if isinstance(found, list) else found


def trace(*pulses, samples=400, level=0.0):
    x = np.full(samples, level)
    for begin, height in pulses:
        x[begin : begin + 10] += height
    return x[np.newaxis]


def test_a_pulse_among_the_first_samples_does_not_move_the_heights():
    x = trace((10, 500.0), (200, 780.0), level=20.0)
    assert search(x, least_height=100.0)["height"].tolist() == [500.0, 780.0]
    moved = search(x, least_height=100.0, level="mean", level_samples=50)
    assert moved["height"].tolist() == [400.0, 680.0]
    assert search(x, least_height=100.0, level="zero")["height"].tolist() == [520.0, 800.0]


def test_negative_pulses_have_positive_heights_and_integrals():
    found = search(trace((100, -50.0), level=7.0), least_height=10.0, polarity="negative")
    assert found["height"].tolist() == [50.0]
    assert found["integral"].tolist() == [50.0 * 10 * 4.0]
    assert found["baseline"].tolist() == [7.0]
    assert isinstance(search(trace((100, -50.0)), least_height=10.0), Reject)


def test_times_and_widths_are_in_ns():
    found = search(trace((100, 50.0)), least_height=10.0)
    assert found["time_ns"].tolist() == [99.5 * 4.0]
    assert found["width_ns"].tolist() == [10.0 * 4.0]


def test_clipped_and_piled_up_pulses_are_marked():
    x = trace((50, 90.0), (80, 40.0), (200, 60.0), level=10.0)
    found = search(x, least_height=20.0, clipped_at=100.0, pile_up_ns=150.0)
    assert found["is_clipped"].tolist() == [1, 0, 0]
    assert found["is_piled_up"].tolist() == [1, 1, 0]
    down = search(-x, least_height=20.0, clipped_at=-100.0, polarity="negative")
    assert down["is_clipped"].tolist() == [1, 0, 0]


def test_pulses_of_two_channels_are_not_piled_up():
    x = np.concatenate([trace((50, 90.0)), trace((52, 80.0))])
    found = search(x, least_height=20.0, pile_up_ns=1000.0)
    assert found["channel"].tolist() == [0, 1]
    assert found["is_piled_up"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("configuration", "says"),
    [
        ({"quantities": ["height", "height"]}, "different ones of channel, time_ns"),
        ({"sample_period_ns": 0.0}, "above 0; found 0.0"),
        ({"least_height": None}, "what is a pulse and what is noise"),
        ({"pile_up_ns": -1.0}, "at least 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(configuration, says):
    with pytest.raises(SetupError, match=says):
        FindPulses(**{"sample_period_ns": 4.0, "least_height": 1.0, "buffer": {}} | configuration)


def test_a_run_writes_one_record_for_each_pulse_and_the_events_with_pulses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work.py").write_text(CODE)
    fields = {"channel": "int32", "time_ns": "float64", "height": "float64"}
    waveforms = {"slot_count": 16, "data_length": 200, "data_dtype": dict.fromkeys("AB", "float64")}
    setup = {
        "Buffers": {
            "raw": waveforms,
            "good": waveforms,
            "pulses": {"slot_count": 64, "data_length": 1, "data_dtype": fields},
        },
        "Workers": {
            "pulser": {
                "file": "work.py",
                "function": "pulser",
                "sinks": ["raw"],
                "config": {"events": 30},
            },
            "search": {
                "function": "find_pulses",
                "sources": ["raw"],
                "sinks": ["good", "pulses"],
                "config": {
                    "quantities": list(fields),
                    "least_height": 5.0,
                    "sample_period_ns": 4.0,
                },
            },
            "keep": {"function": "record", "sources": ["good"], "config": {"filename": "good"}},
            "table": {"function": "record", "sources": ["pulses"], "config": {"filename": "found"}},
        },
    }
    (tmp_path / "setup.yaml").write_text(yaml.safe_dump(setup))
    run(tmp_path / "setup.yaml")
    files = mimocorb.open(1)
    counters = files["good"].metadata.counter.tolist()
    assert counters == [number for number in range(30) if number % 3]
    found = files["found"]
    expected = [
        (number, channel, (39.5 + 30 * channel) * 4.0, 10.0 * (number + 1))
        for number in range(30)
        for channel in range(number % 3)
    ]
    data = found[:].data
    assert found.metadata.counter.tolist() == [number for number, *_ in expected]
    for place, name in enumerate(("channel", "time_ns", "height"), start=1):
        assert data[name].ravel().tolist() == [each[place] for each in expected]
