"""Devices and programs that send lines."""

from __future__ import annotations

from typing import ClassVar

from mimocorb.testing.devices import DeviceContract
from mimocorb.testing.fakes.lines import LinesAtPort, LinesAtSerialPort, counting

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
