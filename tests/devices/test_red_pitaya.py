"""Red Pitayas at the wire: the SCPI server, and the server of the pulse-height analyser."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mimocorb.testing.devices import DeviceContract
from mimocorb.testing.fakes.red_pitaya import RedPitayaMcpha, RedPitayaScpi, RedPitayaSpectrum
from mimocorb.testing.fakes.waveforms import pulses

SAMPLES = 400


class TestScpiServer(DeviceContract):
    component = "devices.red_pitaya"
    config: ClassVar = {
        "sample_time_ns": 64.0,
        "pre_trigger_samples": 100,
        "trigger_level_mv": 150.0,
        "trigger_slope": "falling",
    }
    buffer: ClassVar = {
        "data_length": SAMPLES,
        "channels": {
            "chA": {"dtype": "int16", "unit": "mV", "scale": 1000 / 8192},
            "chB": {"dtype": "int16", "unit": "V", "scale": 1 / 8192},
            "overflow": "uint8",
        },
    }
    applied: ClassVar = {
        "ACQ:DEC": "8",
        "ACQ:TRIG:LEV": "0.15",
        "ACQ:TRIG:DLY": "-7892",
        "ACQ:TRIG": "CH1_NE",
        "ACQ:SOUR2:GAIN": "LV",
        "ACQ:DATA:UNITS": "RAW",
    }
    refused: ClassVar = [
        ({"sample_time_ns": 50.0}, "the nearest is 64 ns"),
        ({"trigger_level_mv": 1500.0}, "the nearest is 1000 mV"),
        ({"inputs": {"chA": 3}}, "the nearest is 2"),
        ({"bits": 13}, "the nearest is 14 bit"),
        ({"address": "http://board"}, "write for example rp-f0a1b2.local"),
    ]

    def simulated(self, _directory):
        return RedPitayaScpi(pulses(2, SAMPLES, 100))


class TestPulseHeightAnalyser(DeviceContract):
    component = "devices.red_pitaya_mcpha"
    config: ClassVar = {
        "sample_time_ns": 256.0,
        "pre_trigger_samples": 100,
        "trigger_level_mv": -100.0,
        "trigger_channel": "chB",
        "negated": True,
    }
    buffer: ClassVar = {
        "data_length": SAMPLES,
        "channels": {
            "chA": {"dtype": "int16", "unit": "mV", "scale": 1000 / 4096},
            "chB": {"dtype": "int16", "unit": "mV", "scale": 1000 / 4096},
        },
    }
    applied: ClassVar = {
        "4/0": 32,
        "5/0": 1,
        "5/1": 1,
        "13/1": 0,
        "14/0": 0,
        "15/0": 0,
        "16/0": (1 << 52) - 410,
        "17/0": 100,
        "18/0": 500,
    }
    refused: ClassVar = [
        ({"sample_time_ns": 16.0}, "the nearest is 32 ns"),
        ({"pre_trigger_samples": -1}, "the nearest is 0"),
        ({"jumper": {"chA": "HV"}, "trigger_level_mv": 25000.0}, "the nearest is 1000 mV"),
        ({"trigger_channel": "chC"}, "did you mean"),
    ]

    def simulated(self, _directory):
        return RedPitayaMcpha(pulses(2, SAMPLES, 100))


class TestSpectra(DeviceContract):
    component = "devices.red_pitaya_spectrum"
    config: ClassVar = {
        "decimation": 32,
        "negated": True,
        "pulse_samples": 50,
        "least_channel": 10,
        "most_channel": 4000,
        "period_s": 0.1,
    }
    buffer: ClassVar = {
        "data_length": 4096,
        "data_dtype": {"chA": "uint32", "chB": "int64", "time_s": "float64"},
    }
    applied: ClassVar = {
        "4/0": 32,
        "5/1": 1,
        "6/0": 50,
        "7/1": 10,
        "8/1": 4000,
        "10/0": 1,
    }
    refused: ClassVar = [
        ({"decimation": 5}, "the nearest is 4"),
        ({"least_channel": 4096}, "the nearest is 4095"),
        ({"least_channel": 100, "most_channel": 50}, "the nearest is 100"),
        ({"pulse_samples": 0}, "the nearest is 1 samples"),
        ({"period_s": 0.0}, "the nearest is 0.1 s"),
    ]
    timeout: ClassVar = {}
    never_silent = "it is asked, and a question without an answer is a loss already"

    def simulated(self, _directory):
        return RedPitayaSpectrum()

    def test_events_have_the_counts_of_their_time(self, taken):
        data = taken.kept["data"]
        seconds = np.diff(data["time_s"][:, 0])
        counts = data["chA"].sum(axis=1)[1:]
        connected = seconds > 0  # the board begins anew after a loss
        expected = 5000.0 * seconds[connected].sum()
        assert connected.sum() > 10
        assert abs(counts[connected].sum() - expected) < 5 * expected**0.5
