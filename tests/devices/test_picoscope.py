"""PicoScopes: the package of the maker runs, with a library that simulates the device."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from mimocorb.testing.components import keeping, mimocorb, write_setup
from mimocorb.testing.devices import DeviceContract
from mimocorb.testing.fakes.picoscope import PicoScopeLibrary
from mimocorb.testing.fakes.waveforms import pulses

SAMPLES = 250


class _OfAnySeries(DeviceContract):
    component = "devices.picoscope"
    common: ClassVar = {
        "range_mv": {"chA": 1000.0, "chB": 2000.0},
        "offset_mv": {"chA": 400.0},
        "coupling": {"chB": "AC"},
        "sample_time_ns": 16.0,
        "pre_trigger_samples": 50,
        "trigger_level_mv": 150.0,
        "captures": 5,
        "gather_s": 0.05,
    }

    def simulated(self, directory: Path) -> PicoScopeLibrary:
        shape_mv = next(pulses(2, SAMPLES, 50, height_mv=1300.0, seed=4))
        return PicoScopeLibrary(directory, self.config["series"], shape_mv)


class TestSeries3000(_OfAnySeries):
    config: ClassVar = {**_OfAnySeries.common, "series": "ps3000a"}
    buffer: ClassVar = {
        "data_length": SAMPLES,
        "channels": {
            "chA": {"dtype": "int16", "unit": "mV", "scale": 500 / 32512, "offset": 400.0},
            "chB": {"dtype": "int32", "unit": "V", "scale": 1 / 32512},
            "overflow": "uint8",
        },
    }
    applied: ClassVar = dict.fromkeys(
        (
            "channel 0 coupling 1 range 5 offset -0.4",
            "channel 1 coupling 0 range 6 offset 0",
            "trigger 0 level -16256 direction 2 delay 0 auto 0",
            "captures 5",
            "block before 50 after 200 timebase 4",
        ),
        True,
    )
    refused: ClassVar = [
        ({"range_mv": 1500.0}, "the nearest is 2000 mV"),
        ({"resolution_bits": 12}, "the nearest is 8 bit"),
        ({"captures": 0}, "the nearest is 1."),
        ({"gather_s": 0.0}, "the nearest is 0.001 s"),
        ({"inputs": {"chA": "E"}}, "Possible: A, B, C, D"),
        ({"trigger_level_mv": 950.0}, "the nearest is 900 mV"),
    ]

    def test_events_beyond_the_range_are_marked(self, taken):
        data = taken.kept["data"]
        beyond = (np.abs(data["chA"]) >= 32512).any(axis=-1)
        assert beyond.any()
        assert not beyond.all()
        np.testing.assert_array_equal(data["overflow"][:, 0] & 1, beyond)


class TestSeries5000(_OfAnySeries):
    config: ClassVar = {
        **_OfAnySeries.common,
        "series": "ps5000a",
        "resolution_bits": 14,
        "trigger_slope": "falling",
        "pre_trigger_samples": -100,
    }
    buffer: ClassVar = {
        "data_length": SAMPLES,
        "channels": {
            "chA": {"dtype": "int16", "unit": "mV", "scale": 500 / 32767, "offset": 400.0},
            "chB": {"dtype": "int16", "unit": "mV", "scale": 1000 / 32767},
        },
    }
    applied: ClassVar = dict.fromkeys(
        (
            "resolution 2",
            "trigger 0 level -16384 direction 3 delay 100 auto 0",
            "block before 0 after 250 timebase 4",
        ),
        True,
    )
    refused: ClassVar = [({"resolution_bits": 13}, "the nearest is 14 bit")]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sample_time_ns": 15.0}, "the nearest is 16 ns"),
        ({"captures": 10000}, "the nearest is 8000"),
        ({"range_mv": 2000.0}, "scale: 0.0307579"),
        ({"offset_mv": {"chA": -700.0}, "trigger_level_mv": -700.0}, "the nearest is -500 mV"),
        ({}, "a trigger was asked for, and the device has none"),
    ],
)
def test_what_only_the_device_knows_is_refused_when_it_is_opened(tmp_path, wrong, said):
    config = {**_OfAnySeries.common, "series": "ps3000a"} | wrong
    tested = TestSeries3000()
    with tested.simulated(tmp_path) as device:
        if not wrong:
            (tmp_path / "picoscope" / "no trigger").touch()
        setup = write_setup(
            tmp_path, tested.buffer, {"tested": tested._worker(config), **keeping()}
        )
        done = mimocorb(tmp_path, "run", "--lines", str(setup), environment=device.environment)
    assert done.returncode != 0
    assert said in " ".join((done.stdout + done.stderr).split())
