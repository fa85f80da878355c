"""Pulses at pins."""

from __future__ import annotations

import itertools
from typing import ClassVar

import numpy as np
import pytest

from mimocorb.devices.gpio import gpio
from mimocorb.testing.devices import DeviceContract
from mimocorb.testing.fakes.gpio import PulsesAtPins


class TestPulsesAtPins(DeviceContract):
    component = "devices.gpio"
    config: ClassVar = {"pins": [17, 27]}
    buffer: ClassVar = {
        "data_length": 1,
        "data_dtype": {"pin": "int8", "number": "int64", "time_s": "float64"},
    }
    refused: ClassVar = [
        ({"pins": [28]}, "the nearest is 27"),
        ({"bounce_s": 2.0}, "the nearest is 1 s"),
    ]
    never_lost = "pins are a part of the computer"

    def simulated(self, directory):
        return PulsesAtPins(directory)

    def test_no_pulse_is_missing(self, taken):
        arrived = taken.kept["data"][:, 0]
        for pin in (17, 27):
            numbers = arrived["number"][arrived["pin"] == pin]
            sent = [pulse["number"] for pulse in taken.sent if pulse["pin"] == pin]
            np.testing.assert_array_equal(numbers, sent[: len(numbers)])
            assert len(numbers) > 2


@pytest.fixture
def pins(monkeypatch, tmp_path):
    """Return the simulated pins, which this process uses."""
    import gpiozero

    with PulsesAtPins(tmp_path, rate_hz=400.0) as device:
        for name, value in device.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
        yield device
        if gpiozero.Device.pin_factory is not None:
            gpiozero.Device.pin_factory.reset()


def buffer_of(*fields):
    dtype = np.dtype([(name, "i8") for name in fields])
    return {"name": "events", "dtype": dtype, "values_per_slot": 1}


def test_gates_hold_all_pulses_and_none_twice(pins):
    gates = gpio(pins=[17, 22], gate_s=0.05, buffer=buffer_of("left", "right"))
    taken = list(itertools.islice(gates, 6))
    gates.close()
    counted = {name: sum(counts[name] for counts, _ in taken) for name in ("left", "right")}
    sent = [pulse["pin"] for pulse in pins.sent()]
    assert 0 < counted["left"] <= sent.count(17)
    assert 0 < counted["right"] <= sent.count(22)
    assert [metadata["time_ns"] for _, metadata in taken] == [n * 50_000_000 for n in range(6)]


@pytest.mark.parametrize("pull", ["up", "down", "none"])
@pytest.mark.parametrize("edge", ["rising", "falling"])
def test_each_pulse_counts_once_whatever_edge_and_resistor(pins, pull, edge):
    pulses = gpio(pins=[17], pull=pull, edge=edge, buffer=buffer_of("number"))
    numbers = [event["number"] for event, _ in itertools.islice(pulses, 5)]
    pulses.close()
    assert numbers == [0, 1, 2, 3, 4]
    assert len(pins.sent()) >= 5, "a pulse has two edges, of which one counts"
