"""The filter ``find_pulses``: a record for each pulse, in units, above a robust baseline."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from running import run

import mimocorb
from mimocorb.analysis.pulse_search import ALONE, FOUND_DTYPE, FindPulses
from mimocorb.analysis.pulses import find_pulses
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
    configuration = {"sample_period_ns": 4.0} | configuration
    found = FindPulses(quantities=ALL, buffer={}, **configuration)(event)
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


def test_pulses_that_channels_have_together_are_counted_and_asked_for():
    event = np.concatenate([trace((100, 50.0), (200, 50.0)), trace((103, 30.0))])
    found = search(event, least_height=10.0, together_ns=20.0)
    assert found[["channel", "channels"]].tolist() == [(0, 2), (0, 1), (1, 2)]
    both = search(event, least_height=10.0, together_ns=20.0, least_channels=2)
    assert both["channel"].tolist() == [0, 1]
    assert search(event, least_height=10.0, together_ns=20.0, least_channels=3) is ALONE
    assert search(event, least_height=10.0, together_ns=8.0, least_channels=2) is ALONE


def test_fraction_times_tails_and_charges_are_those_of_the_functions():
    x = np.zeros((1, 400))
    x[0, 100:160] = -100.0 * np.exp(-np.arange(60) / 15.0)
    x[0, 99] = -50.0
    (pulse,) = search(x, least_height=10.0, polarity="negative", tail_from_ns=80.0, level="zero")
    window = -x[0, 90:141]
    assert pulse["fraction_time_ns"] == pytest.approx(99.0 * 4.0)
    assert pulse["tail_fraction"] == pytest.approx(window[30:].sum() / window.sum())
    assert pulse["charge_pC"] == pytest.approx(window.sum() * 4.0 / 50.0)
    (late,) = search(
        x, least_height=10.0, polarity="negative", fraction=0.75, level="zero", integral_to_ns=8.0
    )
    assert late["fraction_time_ns"] == pytest.approx(99.5 * 4.0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_samples_that_are_not_equally_far_apart_have_their_times(sign):
    """The same pulse, sampled by cells of different width as in a DRS4."""
    random = np.random.default_rng(4)
    for _ in range(20):
        times_ns = np.cumsum(random.uniform(0.4, 1.6, 600))
        start_ns = random.uniform(150.0, 350.0)
        after_ns = times_ns - start_ns
        height = np.interp(after_ns, [0.0, 20.0, 60.0], [0.0, 100.0, 0.0])
        event = np.zeros(600, [("ch1", float), ("time_ns", float)])
        event["ch1"], event["time_ns"] = 7.0 + sign * height, times_ns
        (pulse,) = search(
            event,
            least_height=50.0,
            least_width_ns=20.0,
            sample_period_ns=None,
            times="time_ns",
            polarity="positive" if sign > 0 else "negative",
            integral_from_ns=100.0,
            integral_to_ns=100.0,
        )
        assert pulse["time_ns"] == pytest.approx(start_ns + 10.0, abs=0.5)
        assert pulse["fraction_time_ns"] == pytest.approx(start_ns + 10.0, abs=0.5)
        assert pulse["width_ns"] == pytest.approx(30.0, abs=1.0)
        assert pulse["integral"] == pytest.approx(100.0 * 60.0 / 2, rel=0.01)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"sample_period_ns": 1.0, "times": "t"}, "found both"),
        ({}, "found none of them"),
        ({"times": "t"}, "found 't' in ch1"),
        ({"sample_period_ns": 1.0, "fraction": 1.5}, "fraction is between 0 and 1"),
        ({"sample_period_ns": 1.0, "least_channels": 0}, "least_channels at least 1"),
    ],
)
def test_times_and_fractions_that_cannot_be_are_refused(config, message):
    with pytest.raises(SetupError, match=message):
        FindPulses.check({"dtype": np.dtype([("ch1", float)])}, least_height=1.0, **config)


def test_recorded_pulses_of_a_drs4_are_found_at_the_times_of_its_cells(recorded_sets):
    """Small negative pulses on pick-up, sampled by cells of 0.1 to 1 ns."""
    with mimocorb.open(recorded_sets / "drs4-evalboard" / "drs4_v2_1ch_1000ev.dat") as events:
        block = events[:100].data[:, 0]
        widths_ns = np.array(events.about["cell_width_ns"]["ch1"])
        waveforms = 1e3 * block["ch1"] * events.about["scale"]["ch1"]
    found = 0
    for waveform, cell in zip(waveforms, block["trigger_cell"], strict=True):
        times_ns = np.concatenate([[0.0], np.cumsum(np.roll(widths_ns, -int(cell)))[:-1]])
        options = {"scale": -1, "baseline": np.median(waveform), "prominence": 12.0}
        pulses = find_pulses(waveform, sample_times=times_ns, width=2.0, **options)
        equal = find_pulses(waveform, **options)
        equal = equal[np.isin(equal["position"], pulses["position"])]
        begin = np.interp(equal["time"], np.arange(1024), times_ns)
        end = np.interp(equal["time"] + equal["width"], np.arange(1024), times_ns)
        np.testing.assert_allclose(pulses["time"], begin)
        np.testing.assert_allclose(pulses["width"], end - begin)
        found += len(pulses) > 0
    assert found > 50
