"""Oscilloscopes of three makers at the wire: each speaks its own words."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from mimocorb.testing.devices import DeviceContract
from mimocorb.testing.fakes.scpi import ScpiScope
from mimocorb.testing.fakes.waveforms import pulses

SAMPLES = 300


class _OfAnyMaker(DeviceContract):
    component = "devices.scpi_oscilloscope"
    dialect: ClassVar[str]
    common: ClassVar = {
        "range_mv": {"chA": 4000.0, "chB": 1600.0},
        "offset_mv": {"chA": 1000.0},
        "sample_time_ns": 50.0,
        "pre_trigger_samples": 60,
        "trigger_level_mv": 100.0,
    }

    def simulated(self, _directory: Path) -> ScpiScope:
        return ScpiScope(self.dialect, pulses(2, SAMPLES, 60))


class TestRigol(_OfAnyMaker):
    dialect = "rigol"
    config: ClassVar = {**_OfAnyMaker.common, "dialect": "rigol", "coupling": {"chB": "AC"}}
    buffer: ClassVar = {
        "data_length": SAMPLES,
        "channels": {
            "chA": {"dtype": "uint8", "unit": "mV", "scale": 20.0, "offset": -1540.0},
            "chB": {"dtype": "int16", "unit": "V", "scale": 0.008, "offset": -1.016},
            "overflow": "uint8",
        },
    }
    applied: ClassVar = {
        ":CHAN1:SCAL": "0.5",
        ":CHAN1:OFFS": "-1",
        ":CHAN1:COUP": "DC",
        ":CHAN2:COUP": "AC",
        ":TIM:MAIN:SCAL": "5e-06",
        ":TIM:MAIN:OFFS": "2.7e-05",
        ":WAV:STOP": "300",
        ":TRIG:EDGE:SOUR": "CHAN1",
        ":TRIG:EDGE:SLOP": "POS",
        ":TRIG:EDGE:LEV": "0.1",
        ":TRIG:SWE": "NORM",
    }
    refused: ClassVar = [
        ({"range_mv": 3000.0}, "the nearest is 4000 mV"),
        ({"sample_time_ns": 60.0}, "the nearest is 50 ns"),
        ({"trigger_level_mv": 5000.0}, "the nearest is 3000 mV"),
        ({"pre_trigger_samples": 300}, "the nearest is 299 samples"),
        ({"trigger_channel": "chX"}, "Possible: chA, chB"),
        ({"inputs": {"chA": 5}}, "the nearest is 4"),
        ({"inputs": {"chA": 2}}, "each field has an input of its own"),
        ({"offset_mv": {"chC": 1.0}}, "Possible: chA, chB"),
        ({"address": "192.168.1.5"}, "write for example TCPIP::192.168.1.5::5555::SOCKET"),
        ({"timeout_s": 0.01}, "the nearest is 0.1 s"),
    ]


class TestSiglent(_OfAnyMaker):
    dialect = "siglent"
    config: ClassVar = {**_OfAnyMaker.common, "trigger_slope": "falling"}
    buffer: ClassVar = {
        "data_length": SAMPLES,
        "channels": {
            "chA": {"dtype": "int8", "unit": "mV", "scale": 20.0, "offset": 1000.0},
            "chB": {"dtype": "int8", "unit": "mV", "scale": 8.0},
        },
    }
    applied: ClassVar = {
        "C1:VDIV": "0.5V",
        "C1:OFST": "-1V",
        "C2:CPL": "D1M",
        "C1:TRSL": "NEG",
        "C1:TRLV": "0.1V",
        "TRSE": "EDGE,SR,C1",
    }
    refused: ClassVar = [({"dialect": "siglent", "range_mv": {"chB": 1.5}}, "the nearest is 8 mV")]


class TestKeysight(_OfAnyMaker):
    dialect = "keysight"
    config: ClassVar = {**_OfAnyMaker.common}
    buffer: ClassVar = {
        "data_length": SAMPLES,
        "channels": {
            "chA": {"dtype": "uint16", "unit": "mV", "scale": 0.061035, "offset": -1000.0},
            "chB": {"dtype": "int32", "unit": "mV", "scale": 0.024414, "offset": -800.0},
        },
    }
    applied: ClassVar = {
        ":CHAN1:RANG": "4",
        ":CHAN1:OFFS": "1",
        ":TIM:RANG": "1.5e-05",
        ":TRIG:EDGE:LEV": "0.1",
    }
    refused: ClassVar = [({"dialect": "keysight", "range_mv": 5.0}, "the nearest is 8 mV")]
