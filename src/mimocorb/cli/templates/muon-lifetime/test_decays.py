"""The search for decays, with muons whose fate is known; no run is needed for that."""

import numpy as np
from decays import NO_DECAY, UNCLEAR, double_pulse
from detector import muon, pulse

from mimocorb.analysis.lifetime import fit_lifetime

TIME_NS = np.arange(2000) * 10.0
SETTINGS = {"threshold_mV": 10.0, "sample_time_ns": 10.0, "shortest_ns": 200.0}


def event_with_pulses_at(*times_ns):
    return {"scintillator": sum(pulse(TIME_NS - start, height_mV=50.0) for start in times_ns)}


def test_a_muon_that_passes_is_rejected():
    assert double_pulse(event_with_pulses_at(500.0), **SETTINGS) is NO_DECAY


def test_the_decay_time_of_a_muon_that_stops_is_found():
    decay = double_pulse(event_with_pulses_at(500.0, 2700.0), **SETTINGS)
    assert decay["decay_time_ns"] == 2200.0
    assert abs(decay["electron_height_mV"] - 50.0) < 0.1


def test_two_pulses_that_cannot_be_told_apart_are_rejected():
    assert double_pulse(event_with_pulses_at(500.0, 600.0), **SETTINGS) is UNCLEAR


def test_the_lifetime_comes_out_as_it_was_put_in():
    random = np.random.default_rng(seed=1)
    signals = (muon(random, TIME_NS, stopped_fraction=1.0) for _ in range(2000))
    found = (double_pulse({"scintillator": signal_mV}, **SETTINGS) for signal_mV in signals)
    times_ns = [decay["decay_time_ns"] for decay in found if decay]
    fit = fit_lifetime(times_ns, window=(400.0, 19000.0), unit="ns")
    assert abs(fit.pull(2197.0)) < 3
