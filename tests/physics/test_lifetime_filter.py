"""The filter of the example accepts double pulses with a signature, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from lifetime_filter import (
    FURTHER_PULSE,
    NO_PULSE_AT_TRIGGER,
    NO_SECOND_PULSE,
    OTHER_SIGNATURE,
    DoublePulseSearch,
    matches,
)

CHANNELS = ("chA", "chB", "chC", "chD")
UP, DOWN = "AB", "C"


@pytest.fixture
def search(example_config):
    config = example_config("simulation_config.yaml", "calculate_decay_time")
    return DoublePulseSearch(config, CHANNELS)


def event_with(*pulses, offset_mv=-480.0):
    """An event with pulses given as (channels, position, height in mV)."""
    event = np.full(4250, offset_mv, [(channel, np.float64) for channel in CHANNELS]).copy()
    for channel in CHANNELS:
        event[channel] = offset_mv
    t = np.arange(100)
    shape = np.exp(-t / 15) - np.exp(-t / 2)
    shape /= shape.max()
    for channels, position, height in pulses:
        begin = position - int(shape.argmax())
        for letter in channels:
            event[f"ch{letter}"][begin : begin + 100] += height * shape[: 4250 - begin]
    return event


def test_a_double_pulse_gives_its_decay_time_and_the_parameters_of_all_pulses(search):
    (record,) = search.double_pulse(event_with(("AB", 500, 200), ("B", 1500, 80)))
    assert record["decay_time"] == 4000  # 1000 samples of 4 ns
    assert (record["1st_chA_p"], record["1st_chB_p"], record["2nd_chB_p"]) == (500, 500, 1500)
    assert record["1st_chA_h"] == pytest.approx(200)
    assert record["2nd_chB_h"] == pytest.approx(80)
    assert record["1st_chA_int"] > record["2nd_chB_int"] > 0
    nothing = [record[f"2nd_chC_{what}"] for what in ("h", "p", "int")]
    assert nothing == [0.0, -1, 0.0]


def test_the_record_has_the_25_fields_of_the_manual(search, record_fields):
    (record,) = search.double_pulse(event_with(("AB", 500, 200), ("B", 1500, 80)))
    fields = record_fields("simultest_setup.yaml", "RB_3")
    assert set(record) == set(fields.names)
    assert len(record) == 25
    assert fields["decay_time"] == np.int32


@pytest.mark.parametrize("stop", ["B", "AB", "C", "CD"])
def test_electrons_to_either_side_are_accepted(search, stop):
    event = event_with(("AB", 500, 200), (stop, 900, 100))
    assert search.double_pulse(event)[0]["decay_time"] == 1600


@pytest.mark.parametrize(
    ("pulses", "reason"),
    [
        pytest.param([], NO_PULSE_AT_TRIGGER, id="no pulse at all"),
        pytest.param([("AB", 500, 200)], NO_SECOND_PULSE, id="no second pulse"),
        pytest.param([("B", 1500, 100)], NO_PULSE_AT_TRIGGER, id="no pulse at the trigger"),
        pytest.param([("ABC", 500, 200), ("B", 1500, 100)], OTHER_SIGNATURE, id="did not stop"),
        pytest.param([("A", 500, 200), ("B", 1500, 100)], OTHER_SIGNATURE, id="muon missed chB"),
        pytest.param([("AB", 500, 200), ("A", 1500, 100)], OTHER_SIGNATURE, id="chA only"),
        pytest.param([("AB", 500, 200), ("D", 1500, 100)], OTHER_SIGNATURE, id="chD only"),
        pytest.param([("AB", 500, 200), ("BC", 1500, 100)], OTHER_SIGNATURE, id="to both sides"),
        pytest.param([("AB", 500, 60), ("B", 1500, 100)], OTHER_SIGNATURE, id="first too small"),
        pytest.param([("AB", 500, 200), ("B", 1500, 30)], NO_SECOND_PULSE, id="second too small"),
        pytest.param(
            [("AB", 500, 200), ("B", 1500, 100), ("C", 2500, 100)], FURTHER_PULSE, id="third pulse"
        ),
        pytest.param(
            [("D", 300, 100), ("AB", 500, 200), ("B", 1500, 100)], FURTHER_PULSE, id="pulse before"
        ),
    ],
)
def test_events_that_are_no_decay_are_rejected_with_the_reason(search, pulses, reason):
    assert search.double_pulse(event_with(*pulses)) is reason


def test_pulses_of_one_particle_may_differ_by_the_tolerance(search):
    within = event_with(("A", 515, 200), ("B", 490, 200), ("A", 1510, 100), ("B", 1500, 100))
    (record,) = search.double_pulse(within)
    assert record["decay_time"] == pytest.approx(4 * (1505 - 502.5), abs=2)
    assert (
        search.double_pulse(event_with(("A", 540, 200), ("B", 500, 200), ("B", 1500, 100)))
        is FURTHER_PULSE
    )


def test_scaling_factors_make_channels_comparable(example_config):
    config = example_config("simulation_config.yaml", "calculate_decay_time")
    event = event_with(("AB", 500, 60), ("B", 1500, 100))
    scaled = DoublePulseSearch({**config, "chA_scaling": 2.0, "chB_scaling": 2.0}, CHANNELS)
    (record,) = scaled.double_pulse(event)
    assert record["1st_chA_h"] == pytest.approx(120)


@pytest.mark.parametrize(
    ("pattern", "signature", "expected"),
    [
        ("+-+-", "+-+-", True),
        ("+-+-", "+0+0", True),
        ("+-+-", "+++-", False),
        ("?-+-", "+-+-", False),
        ("?-+-", "0-+-", True),
    ],
)
def test_signatures_compare_channel_by_channel(pattern, signature, expected):
    assert matches(pattern, signature) == expected
