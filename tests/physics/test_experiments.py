"""The experiments of `mimocorb new` find the truth of their simulation, for ten seeds each."""

from __future__ import annotations

import math
import runpy
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from mimocorb.analysis.pulse_search import FindPulses
from mimocorb.cli.new import EXPERIMENTS, TEMPLATES
from mimocorb.components.decisions import Reject
from mimocorb.devices import simulated

SEEDS = range(1, 11)
Pulls = dict[str, float]


def script(template: str, name: str) -> dict[str, Callable]:
    return runpy.run_path(str(TEMPLATES / template / name))


def pull(found: tuple[float, float], truth: float) -> float:
    return (found[0] - truth) / found[1]


def geiger(seed: int) -> Pulls:
    analysis, random = script("geiger-counter", "poisson.py"), np.random.default_rng(seed)
    times_s = simulated.geiger_times(random, rate_hz=40.0, dead_time_us=150.0, duration_s=120.0)
    rate_hz, dead_s = analysis["rate_and_dead_time"](times_s)
    ratio, probability = analysis["dispersion"](analysis["counts_in_gates"](times_s))
    assert probability > 0.001
    return {
        "rate": pull(rate_hz, 40.0),
        "dead time": pull(dead_s, 150e-6),
        "dispersion": pull((ratio, math.sqrt(2 / 480)), 1.0),
    }


def gamma(seed: int) -> Pulls:
    analysis, random = script("gamma-spectroscopy", "analyse.py"), np.random.default_rng(seed)
    known = {
        "keV_per_channel": 1.6,
        "offset_keV": -12.0,
        "resolution": 0.07,
        "peak_fraction": 0.3,
    }
    channels = [simulated.gamma_heights(random, n, 60_000, **known) for n in ("Na-22", "Cs-137")]
    _, _, energy_kev, _ = analysis["measured"](*channels)
    return {"energy": pull(energy_kev, 661.66)}


def coincidence(seed: int) -> Pulls:
    analysis, random = script("coincidence", "analyse.py"), np.random.default_rng(seed)
    hits, noise = (
        simulated.detector_hits(
            random,
            rate_hz=rate_hz,
            efficiencies=(0.92, 0.85),
            noise_hz=(40.0, 25.0),
            jitter_ns=8.0,
            flight_ns=3.0,
            duration_s=300.0,
        )
        for rate_hz in (60.0, 0.0)
    )
    found, (first, second) = analysis["measured"](hits, noise, 300.0)
    rates_hz = 60.0 * 0.92 + 40.0, 60.0 * 0.85 + 25.0
    by_chance = 2 * 60e-9 * rates_hz[0] * rates_hz[1] * 300.0
    return {
        "efficiency 1": pull(first, 0.92),
        "efficiency 2": pull(second, 0.85),
        "accidental": pull((found.accidental, found.accidental_error), by_chance),
    }


def sound(seed: int) -> Pulls:
    analysis, random = script("sound-card-counter", "analyse.py"), np.random.default_rng(seed)
    trace = simulated.sound_trace(
        random, 600 * 4800, sample_rate_hz=48e3, rate_hz=20.0, noise=0.01
    ).astype([("left", "f4")])
    search = FindPulses(
        quantities=["time_ns", "height"],
        sample_period_ns=1e9 / 48e3,
        least_height=0.12,
        least_distance_ns=2e6,
    )
    pieces, times_ns = [], []
    for number, piece in enumerate(trace.reshape(600, 4800)):
        found = search(piece)
        if not isinstance(found, Reject):
            pieces += [number] * len(found[0])
            times_ns += [pulse["time_ns"] for pulse in found[0]]
    times_s = analysis["times_of"](np.array(pieces), np.array(times_ns))
    rate_hz, error_hz, _ = analysis["rate"](times_s)
    return {"rate": pull((rate_hz, error_hz), 20.0)}


@pytest.mark.parametrize("experiment", [geiger, gamma, coincidence, sound])
def test_results_agree_with_the_truth_within_their_uncertainties_for_ten_seeds(experiment):
    pulls: dict[str, list[float]] = {}
    for seed in SEEDS:
        for name, value in experiment(seed).items():
            pulls.setdefault(name, []).append(value)
    for name, values in pulls.items():
        assert max(map(abs, values)) < 4, (name, values)
        # 10 standard normal numbers: mean 0 ± 0.32, rms 1 ± 0.22
        assert abs(np.mean(values)) < 4 * 0.32, (name, values)
        assert np.sqrt(np.mean(np.square(values))) < 1 + 4 * 0.22, (name, values)


def test_the_list_names_every_project_and_nothing_else():
    assert set(EXPERIMENTS) == {path.name for path in TEMPLATES.iterdir()}


def of_the_source(name: str, **config) -> Iterator:
    return getattr(simulated, name)(pause_s=0.0, **config)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("simulated_geiger", {"duration_s": 5.0}),
        ("simulated_gammas", {"nuclides": ["Co-60", "background"], "events": 2000}),
        ("simulated_detectors", {"duration_s": 5.0}),
        ("simulated_sound", {"number_of_samples": 480, "duration_s": 0.5}),
    ],
)
def test_the_same_seed_gives_the_same_events_and_another_one_others(name, config):
    def events(seed):
        return np.concatenate([np.ravel(e) for e in of_the_source(name, seed=seed, **config)])

    first = events(1)
    assert len(first) > 100
    assert (first == events(1)).all()
    other = events(2)
    assert len(other) != len(first) or (other != first).any()
