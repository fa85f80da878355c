"""The search for decays, with muons whose fate is known; no run is needed for that."""

import numpy as np
from decays import MuonLifetime, double_pulse
from detector import cosmic_muons, pulse

SETTINGS = {"threshold_mV": 10.0, "sample_time_ns": 10.0, "shortest_ns": 200.0}


def event_with_pulses_at(*times_ns):
    time_ns = np.arange(2000) * 10.0
    return {"scintillator": sum(pulse(time_ns - start, height_mV=50.0) for start in times_ns)}


def test_a_muon_that_passes_is_rejected():
    assert double_pulse(event_with_pulses_at(500.0), **SETTINGS) is None


def test_the_decay_time_of_a_muon_that_stops_is_found():
    decay = double_pulse(event_with_pulses_at(500.0, 2700.0), **SETTINGS)
    assert decay["decay_time_ns"] == 2200.0
    assert abs(decay["electron_height_mV"] - 50.0) < 0.1


def test_two_pulses_that_cannot_be_told_apart_are_rejected():
    assert double_pulse(event_with_pulses_at(500.0, 600.0), **SETTINGS) is None


def test_the_lifetime_comes_out_as_it_was_put_in():
    muons = cosmic_muons(
        number_of_samples=2000, sample_time_ns=10.0, events=2000, rate_hz=1e9, stopped_fraction=1.0
    )
    found = (double_pulse({"scintillator": waveform}, **SETTINGS) for [waveform] in muons)
    times_ns = [decay["decay_time_ns"] for decay in found if decay is not None]
    lifetime = MuonLifetime(shortest_ns=200.0)
    lifetime(np.array(times_ns, dtype=[("decay_time_ns", "f8")]))
    assert abs(lifetime.lifetime_us - 2.197) < 3 * 2.197 * len(times_ns) ** -0.5
