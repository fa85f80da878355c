"""The ways to an instrument: a socket of our own, and pyvisa, give the same answers."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mimocorb.devices.scpi_link import check_visa_address, open_scpi, open_visa
from mimocorb.errors import SetupError
from mimocorb.testing.fakes.scpi import ScpiScope
from mimocorb.testing.fakes.waveforms import pulses


@pytest.mark.parametrize("way", [open_scpi, open_visa])
@pytest.mark.parametrize(
    ("dialect", "settings", "question", "state"),
    [
        (
            "rigol",
            ":CHAN1:SCAL 0.2;:CHAN1:OFFS 0;:WAV:SOUR CHAN1;:SING",
            ":WAV:DATA?",
            ":TRIG:STAT?",
        ),
        ("siglent", "WFSU SP,1,NP,64,FP,0;C1:VDIV 0.2V;C1:OFST 0V;ARM", "C1:WF? DAT2", "SAST?"),
    ],
)
def test_answers_and_blocks_are_read(way, dialect, settings, question, state):
    with ScpiScope(dialect, pulses(1, 64, 10), ("chA",)) as scope:
        with way(scope.config["address"]) as link:
            assert link.ask("*IDN?").lower().startswith(dialect)
            for command in settings.split(";"):
                link.write(command)
            while link.ask(state).upper() != "STOP":
                time.sleep(0.001)
            block = link.ask_block(question)
            assert link.ask("*IDN?").lower().startswith(dialect), "the block was read to its end"
        (sent,) = scope.sent()
    np.testing.assert_array_equal(np.frombuffer(block, sent["chA"].dtype), sent["chA"])


@pytest.mark.parametrize("way", [open_scpi, open_visa])
def test_an_instrument_that_goes_away_is_an_os_error(way):
    scope = ScpiScope("rigol", pulses(1, 64, 10), ("chA",))
    with scope, way(scope.config["address"]) as link:
        link.ask("*IDN?")
        scope.unplug()
        with pytest.raises(OSError):  # noqa: PT011 - of any kind
            link.ask("*IDN?")


def test_addresses_of_visa_need_its_package_and_others_are_refused():
    check_visa_address("USB0::0x1AB1::0x04CE::DS1ZA000000000::INSTR")
    check_visa_address("TCPIP::192.168.1.5::INSTR")
    with pytest.raises(SetupError, match="is no address of an instrument"):
        check_visa_address("/dev/ttyUSB0")
