"""What was set is read back; and an oscilloscope that takes events without a trigger."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from mimocorb.devices.red_pitaya import red_pitaya
from mimocorb.devices.scpi_oscilloscope import scpi_oscilloscope
from mimocorb.errors import SetupError
from mimocorb.testing.fakes.red_pitaya import RedPitayaScpi
from mimocorb.testing.fakes.scpi import ScpiScope
from mimocorb.testing.fakes.waveforms import pulses

BUFFER: dict[str, Any] = {
    "name": "raw",
    "dtype": np.dtype([("chA", "f4"), ("chB", "f4")]),
    "values_per_slot": 200,
    "data_dtype": [("chA", "f4"), ("chB", "f4")],
}
CONFIG: dict[str, Any] = {"sample_time_ns": 50.0, "range_mv": 4000.0, "pre_trigger_samples": 40}
KNOBS = {
    "rigol": [
        (":CHAN2:COUP", "GND", "coupling: chB: DC was asked for, and the device has GND"),
        (":TRIG:EDGE:SOUR", "CHAN4", "1 was asked for, and the device has 4"),
        (":TRIG:EDGE:SLOP", "NEG", "trigger_slope: rising was asked for, and the device has fall"),
        (":TRIG:EDGE:LEV", "1.20e+00", "the nearest is 1200 mV"),
        (":TIM:MAIN:OFFS", "1.0e-05", "the nearest is 400 samples"),
    ],
    "siglent": [
        ("C2:CPL", "A1M", "coupling: chB: DC was asked for, and the device has AC"),
        ("TRSE", "EDGE,SR,C3,HT,OFF", "1 was asked for, and the device has 3"),
        ("TRSE", "EDGE,SR,EX,HT,OFF", "1 was asked for, and the device has none"),
        ("C1:TRSL", "WINDOW", "rising was asked for, and the device has WINDOW"),
        ("C1:TRLV", "-300mV", "the nearest is -300 mV"),
        ("TRDL", "4.0us", "the nearest is 20 samples"),
    ],
    "keysight": [
        (":CHAN1:COUP", "AC", "coupling: chA: DC was asked for, and the device has AC"),
        (":TRIG:EDGE:SOUR", "LINE", "1 was asked for, and the device has none"),
        (":TRIG:EDGE:SLOP", "EITH", "rising was asked for, and the device has EITH"),
        (":TRIG:EDGE:LEV", "+5.0E-01", "the nearest is 500 mV"),
        (":TIM:POS", "+5.00E-06", "the nearest is 0 samples"),
    ],
}


@pytest.mark.parametrize(
    ("dialect", "knob", "answer", "said"),
    [(dialect, *each) for dialect, turned in KNOBS.items() for each in turned],
)
def test_an_oscilloscope_that_has_something_else_is_refused(dialect, knob, answer, said):
    with ScpiScope(dialect, pulses(2, 200, 40), knobs={knob: answer}) as scope:
        events = scpi_oscilloscope(buffer=BUFFER, **scope.config, **CONFIG)
        with pytest.raises(SetupError, match=said):
            next(events)


@pytest.mark.parametrize(
    ("knob", "answer", "said"),
    [
        ("ACQ:SOUR2:GAIN", "HV", "jumper: chB: LV was asked for, and the device has HV"),
        ("ACQ:TRIG:LEV", "0.5 V", "the nearest is 500 mV"),
        ("ACQ:TRIG:DLY", "0", "the nearest is -7992 samples"),
        ("ACQ:DEC", "16", "the nearest is 128 ns"),
    ],
)
def test_a_board_that_has_something_else_is_refused(knob, answer, said):
    with RedPitayaScpi(pulses(2, 200, 40), knobs={knob: answer}) as board:
        events = red_pitaya(
            buffer=BUFFER, sample_time_ns=64.0, pre_trigger_samples=40, **board.config
        )
        with pytest.raises(SetupError, match=said):
            next(events)


@pytest.mark.parametrize("kind", ["rigol", "siglent", "keysight", "red_pitaya"])
def test_in_the_mode_auto_events_come_without_a_trigger(kind):
    shapes = pulses(2, 200, 40)
    config = {"trigger_mode": "auto", "pre_trigger_samples": 40}
    if kind == "red_pitaya":
        scope = RedPitayaScpi(shapes)
        made = lambda: red_pitaya(buffer=BUFFER, **scope.config, **config)  # noqa: E731
    else:
        scope = ScpiScope(kind, shapes)
        made = lambda: scpi_oscilloscope(buffer=BUFFER, **scope.config, **CONFIG | config)  # noqa: E731
    with scope:
        scope.fall_silent()  # no trigger comes
        assert len(list(itertools.islice(made(), 3))) == 3
