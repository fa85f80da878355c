"""Generators at the wire: on at the beginning of a run, off at its end, read back in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mimocorb.devices.scpi_generator import scpi_generator
from mimocorb.errors import SetupError
from mimocorb.testing.devices import DeviceContract
from mimocorb.testing.fakes.scpi_generator import ScpiGenerator

DTYPE = {"frequency_hz": "float64", "amplitude_mv": "float64", "is_on": "uint8"}
BUFFER: dict[str, Any] = {
    "name": "generator",
    "dtype": np.dtype(list(DTYPE.items())),
    "values_per_slot": 1,
}


class _OfAnyMaker(DeviceContract):
    component = "devices.scpi_generator"
    dialect: ClassVar[Any]
    buffer: ClassVar = {"data_length": 1, "data_dtype": DTYPE}
    config: ClassVar = {
        "shape": "pulse",
        "frequency_hz": 2000.0,
        "amplitude_mv": 500.0,
        "offset_mv": 250.0,
        "width_ns": 400.0,
        "period_s": 0.1,
    }
    timeout: ClassVar = {}
    never_silent = "it is asked, and a question without an answer is a loss already"

    def simulated(self, _directory: Path) -> ScpiGenerator:
        type(self).generator = ScpiGenerator(self.dialect)
        return self.generator

    def test_the_output_is_off_behind_the_end(self, taken):
        assert (taken.kept["data"]["is_on"] == 1).all()
        assert not self.generator.is_on


class TestRigol(_OfAnyMaker):
    dialect = "rigol"
    applied: ClassVar = {
        "SOUR1:FUNC": "PULS",
        "SOUR1:FREQ": "2000",
        "SOUR1:VOLT": "0.5",
        "SOUR1:VOLT:OFFS": "0.25",
        "SOUR1:FUNC:PULS:WIDT": "4e-07",
        "OUTP1:LOAD": "INF",
    }
    refused: ClassVar = [
        ({"amplitude_mv": 30000.0}, "the nearest is 20000 mV"),
        ({"offset_mv": 9900.0}, "the nearest is 9750 mV"),
        ({"frequency_hz": 0.0}, "the nearest is 1e-06 Hz"),
        ({"width_ns": 1e6}, "the nearest is 500000 ns"),
        ({"shape": "sine"}, "only a pulse has a width"),
        ({"output": 0}, "the nearest is 1"),
        ({"period_s": 0.01}, "the nearest is 0.1 s"),
        ({"shape": "sinus"}, "sine"),
        ({"address": "192.168.1.5"}, "write for example TCPIP::192.168.1.5::5555::SOCKET"),
    ]


class TestSiglent(_OfAnyMaker):
    dialect = "siglent"
    config: ClassVar = {**_OfAnyMaker.config, "load": "50"}
    applied: ClassVar = {
        "WVTP": "PULSE",
        "FRQ": "2000",
        "AMP": "0.5",
        "OFST": "0.25",
        "WIDTH": "4e-07",
        "C1:OUTP": "LOAD,50",
    }


@pytest.mark.parametrize("dialect", ["rigol", "keysight", "siglent"])
def test_what_only_the_generator_knows_is_refused_with_what_it_took(dialect):
    with ScpiGenerator(dialect, most_hz=25e6) as generator:
        readings = scpi_generator(buffer=BUFFER, frequency_hz=60e6, **generator.config)
        with pytest.raises(SetupError, match=r"frequency_hz: 6e\+07 Hz .* nearest is 2.5e\+07 Hz"):
            next(readings)
        assert not generator.is_on


@pytest.mark.parametrize("dialect", ["rigol", "keysight", "siglent"])
def test_a_reading_says_what_is_put_out(dialect):
    with ScpiGenerator(dialect) as generator:
        readings = scpi_generator(
            buffer=BUFFER, frequency_hz=50.0, amplitude_mv=20.0, **generator.config
        )
        reading = next(readings)
        assert generator.is_on
        readings.close()
    assert reading == {
        "frequency_hz": 50.0,
        "amplitude_mv": pytest.approx(20.0, abs=0.01),
        "is_on": 1.0,
    }
    assert not generator.is_on
