"""Pulses at a sound card."""

from __future__ import annotations

import itertools
import types
from ctypes.util import find_library
from typing import ClassVar

import numpy as np
import pytest

from mimocorb.devices.sound import PulseFinder, sound
from mimocorb.errors import DeviceLost
from mimocorb.testing.devices import DeviceContract
from mimocorb.testing.fakes.sound import PULSE, SoundCard

needs_portaudio = pytest.mark.skipif(
    find_library("portaudio") is None, reason="needs PortAudio: apt-get install libportaudio2"
)


@needs_portaudio
class TestHeights(DeviceContract):
    component = "devices.sound"
    config: ClassVar = {"threshold": 1000}
    buffer: ClassVar = {"data_length": 1, "data_dtype": {"height": "int16", "time_s": "float64"}}
    refused: ClassVar = [
        ({"threshold": 40000}, "the nearest is 32767 counts"),
        ({"channels": 33}, "the nearest is 32"),
        ({"pulse_samples": 10, "before_samples": 10}, "the nearest is 9 samples"),
        ({"device": "no such card"}, "found: simulated"),
    ]
    never_lost = "a sound card that ALSA simulates cannot be unplugged"

    def simulated(self, directory):
        return SoundCard(directory)


def stream_of_pulses(seed):
    chance = np.random.default_rng(seed)
    samples = chance.integers(-20, 20, (20000, 2), dtype=np.int16)
    for at in chance.integers(0, 19900, 60):
        samples[at : at + len(PULSE), 1] += np.round(PULSE * 2000).astype(np.int16)
    return samples


def plainly_found(samples, threshold, before, length):
    """Return what a search sample by sample finds."""
    found, earliest = [], before + 1
    for at in range(before + 1, len(samples) - length + before + 1):
        above = samples[at, 1] >= threshold > samples[at - 1, 1]
        if above and at >= earliest:
            found.append(at)
            earliest = at - before + length
    return found


@pytest.mark.parametrize("seed", range(4))
def test_pulses_are_the_same_however_the_stream_is_cut(seed):
    samples = stream_of_pulses(seed)
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(samples), 150))
    finder = PulseFinder(500, 1, 7, 60)
    found = list(itertools.chain.from_iterable(map(finder.feed, np.split(samples, cuts))))
    expected = plainly_found(samples, 500, 7, 60)
    assert [at for at, _ in found] == expected
    assert len(expected) > 30
    for at, pulse in found:
        np.testing.assert_array_equal(pulse, samples[at - 7 : at + 53])


def test_pulses_that_go_down_are_found():
    samples = np.zeros((100, 1), np.int16)
    samples[40:44] = -900
    ((at, pulse),) = PulseFinder(-500, 0, 5, 20).feed(samples)
    assert at == 40
    assert pulse.min() == -900


def buffer_of(values=1, **fields):
    return {"name": "events", "dtype": np.dtype([*fields.items()]), "values_per_slot": values}


@pytest.fixture
def stopping(monkeypatch):
    """Let there be a driver whose card delivers a pulse and stops, as one that is pulled out."""
    opened = []

    class InputStream:
        active = False

        def __init__(self, *, callback, **_settings):
            if len(opened) == 2:
                raise OSError("no such card any more")
            opened.append(callback)
            self._callback = callback

        def start(self):
            samples = np.zeros((400, 1), np.int16)
            samples[100] = 5000 + len(opened)
            self._callback(samples, 400, None, types.SimpleNamespace(input_overflow=False))

        def close(self):
            return

    driver = types.SimpleNamespace(InputStream=InputStream, PortAudioError=ValueError)
    monkeypatch.setattr("mimocorb.devices.sound.import_driver", lambda *_names: driver)
    return opened


def test_a_card_that_is_pulled_out_is_opened_again_until_it_is_given_up(stopping):
    pulses = sound(threshold=1000, give_up_s=0.1, buffer=buffer_of(height="i2"))
    assert [event["height"] for event, _ in itertools.islice(pulses, 2)] == [5001, 5002]
    with pytest.raises(DeviceLost, match=r"within 0\.1 s: no such card any more"):
        next(pulses)


def test_waveforms_have_the_samples_before_and_the_part_of_the_time_that_they_take(stopping):
    pulses = sound(threshold=1000, before_samples=4, give_up_s=0.1, buffer=buffer_of(32, left="i2"))
    (first, at), (second, later) = itertools.islice(pulses, 2)
    pulses.close()
    expected = np.zeros(32, np.int16)
    expected[4] = 5001
    np.testing.assert_array_equal(first["left"], expected)
    assert second["left"][4] == 5002
    assert at == {"time_ns": 100 * 10**9 // 48000}
    assert later["deadtime"] == 32 / 400, "400 samples came with each pulse"


def test_gates_count_the_pulses_in_them(monkeypatch, stopping):
    gates = sound(
        threshold=1000,
        gate_s=100 / 48000,
        pulse_samples=20,
        give_up_s=0.1,
        buffer=buffer_of(count="i4", time_s="f8"),
    )
    taken = list(itertools.islice(gates, 4))
    gates.close()
    assert [gate["count"] for gate, _ in taken] == [0, 1, 0, 0]
    assert [metadata["time_ns"] for _, metadata in taken] == [n * 10**11 // 48000 for n in range(4)]
