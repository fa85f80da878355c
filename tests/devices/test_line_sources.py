"""Devices and programs that send lines."""

from __future__ import annotations

import sys
from typing import ClassVar

import numpy as np
import pytest

from mimocorb.devices.command import command
from mimocorb.devices.lines import lines
from mimocorb.devices.streams import check_address
from mimocorb.errors import DeviceLost, SetupError
from mimocorb.testing.devices import DeviceContract
from mimocorb.testing.fakes.lines import LinesAtPort, LinesAtSerialPort, counting
from mimocorb.testing.fakes.simulated import SimulatedDevice

BUFFER = {"data_length": 1, "data_dtype": {"time_s": "float64", "height_mV": "float32"}}


def two_columns(event):
    return f"{event['time_s']} {event['height_mV']}"


class TestLinesAtASerialPort(DeviceContract):
    component = "devices.lines"
    config: ClassVar = {"baud": 115200}
    buffer: ClassVar = BUFFER
    refused: ClassVar = [
        ({"baud": 110000}, "the nearest is 115200 bit/s"),
        ({"timeout_s": 0.0}, "the nearest is 0.1 s"),
        ({"header_lines": -1}, "the nearest is 0 lines"),
    ]

    def simulated(self, directory):
        events = counting("time_s", "height_mV")
        return LinesAtSerialPort(directory / "port", events, two_columns)


class TestLinesFromTheNetwork(DeviceContract):
    component = "devices.lines"
    buffer: ClassVar = BUFFER

    def simulated(self, _directory):
        return LinesAtPort(counting("time_s", "height_mV"), two_columns)


PRINTS = """
import json, pathlib, sys, time
go_on = pathlib.Path(sys.argv[1])
number = int((go_on / "next").read_text()) if (go_on / "next").exists() else 0
print("a program begins", file=sys.stderr, flush=True)
while not (go_on / "away").exists():
    if (go_on / "silent").exists():
        time.sleep(0.01)
        continue
    with (go_on / "sent").open("a") as sent:
        print(number, file=sent)
    (go_on / "next").write_text(str(number + 1))
    print(number, number + 0.125, flush=True)
    number += 1
    time.sleep(0.004)
sys.exit(3)
"""
"""A program that prints events, fails while there is a file `away`, and can be silent."""


class PrintingProgram(SimulatedDevice):
    """The program as a device: it is unplugged by a file."""

    def __init__(self, directory):
        super().__init__()
        self._directory = directory
        (directory / "prints.py").write_text(PRINTS)
        words = [sys.executable, str(directory / "prints.py"), str(directory)]
        self.config = {"words": words}

    def plug_in(self):
        (self._directory / "away").unlink(missing_ok=True)

    def unplug(self):
        (self._directory / "away").touch()

    def fall_silent(self):
        (self._directory / "silent").touch()

    def speak_again(self):
        (self._directory / "silent").unlink()

    def sent(self):
        file = self._directory / "sent"
        numbers = map(int, file.read_text().split()) if file.exists() else ()
        return [{"time_s": number, "height_mV": number + 0.125} for number in numbers]


class TestProgramThatPrints(DeviceContract):
    component = "devices.command"
    buffer: ClassVar = BUFFER
    timeout: ClassVar = {"timeout_s": 2.0}  # a Python has to start within it
    refused: ClassVar = [
        ({"words": ["no-such-program"]}, "there is no program 'no-such-program'"),
        ({"give_up_s": 0}, "the nearest is 0.1 s"),
    ]

    def simulated(self, directory):
        return PrintingProgram(directory)


def prints(text, code=0):
    return [sys.executable, "-c", f"import sys; sys.stdout.write({text!r}); sys.exit({code})"]


def taken_from(words, **config):
    dtype = np.dtype([("count", "i4")])
    buffer = {"name": "raw", "dtype": dtype, "values_per_slot": 1}
    return [event["count"] for event in command(words=words, buffer=buffer, **config)]


def test_a_program_that_ends_has_delivered_all_its_lines_also_one_without_an_end():
    assert taken_from(prints("# header\n1\n2\n3")) == [1, 2, 3]


def test_a_program_that_fails_again_and_again_is_given_up():
    with pytest.raises(DeviceLost, match=r"did not come back within 0\.3 s"):
        taken_from(prints("", 3), give_up_s=0.3)


def test_a_device_that_is_not_there_is_told_with_what_helps(tmp_path):
    buffer = {"name": "raw", "dtype": np.dtype([("count", "i4")]), "values_per_slot": 1}
    with pytest.raises(DeviceLost, match=r"port cannot be opened: No such file .*mimocorb devices"):
        next(lines(address=str(tmp_path / "port"), buffer=buffer))


@pytest.mark.parametrize("address", ["", "http://host:80", "tcp://host"])
def test_an_address_that_is_none_is_refused_with_examples(address):
    with pytest.raises(SetupError, match="/dev/ttyUSB0, or tcp://HOST:PORT"):
        check_address(address, 9600)


def test_a_port_that_another_program_has_open_is_told(tmp_path):
    buffer = {"name": "raw", "dtype": np.dtype([("count", "i4")]), "values_per_slot": 1}
    with LinesAtSerialPort(tmp_path / "port", counting("n"), lambda event: f"{event['n']:.0f}"):
        first = lines(address=str(tmp_path / "port"), buffer=buffer)
        next(first)
        with pytest.raises(DeviceLost, match="another program has it open"):
            next(lines(address=str(tmp_path / "port"), buffer=buffer))
        first.close()
