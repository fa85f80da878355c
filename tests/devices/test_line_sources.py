"""Devices and programs that send lines."""

from __future__ import annotations

import sys
from typing import ClassVar

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
