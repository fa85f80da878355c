"""The experiments of `mimocorb new` against the truth of their simulation, for many seeds.

``python tests/physics/experiment_campaign.py --seeds 10`` prints the pulls of each result and fails
if they are no standard normal numbers; ``test_experiments.py`` is the short form.
"""

from __future__ import annotations

import argparse
import math
import runpy
import sys
from collections.abc import Callable, Iterable
from statistics import NormalDist

import numpy as np

from mimocorb.analysis.lifetime import fit_lifetime
from mimocorb.analysis.pulse_search import FindPulses
from mimocorb.cli.new import TEMPLATES
from mimocorb.components.decisions import Reject
from mimocorb.devices import simulated

Pulls = dict[str, float]
Experiment = Callable[[int], Pulls]


def script(template: str, name: str) -> dict[str, Callable]:
    return runpy.run_path(str(TEMPLATES / template / name))


def pull(found: tuple[float, float], truth: float) -> float:
    return (found[0] - truth) / found[1]


def of_the_shortest(excess: float) -> float:
    """Return what a normal number would be with the probability of this one.

    The shortest of many gaps is exponential above the dead time: a mean of 0 and an rms of 1 once
    the mean is subtracted, but no bell.
    """
    return NormalDist().inv_cdf(min(1 - 1e-9, max(1e-9, -math.expm1(-(excess + 1)))))


def geiger(seed: int) -> Pulls:
    analysis, random = script("geiger-counter", "poisson.py"), np.random.default_rng(seed)
    times_s = simulated.geiger_times(random, rate_hz=40.0, dead_time_us=150.0, duration_s=120.0)
    rate_hz, dead_s = analysis["rate_and_dead_time"](times_s)
    ratio, probability = analysis["dispersion"](analysis["counts_in_gates"](times_s))
    assert probability > 0.001
    return {
        "rate": pull(rate_hz, 40.0),
        "dead time": of_the_shortest(pull(dead_s, 150e-6)),
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
        buffer={},
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


def muon(seed: int) -> Pulls:
    detector, decays = script("muon-lifetime", "detector.py"), script("muon-lifetime", "decays.py")
    random, time_ns = np.random.default_rng(seed), np.arange(2000) * 10.0
    times_ns = []
    for _ in range(3000):
        signal_mv = detector["muon"](random, time_ns, 0.7) + random.normal(0.0, 1.0, len(time_ns))
        found = decays["double_pulse"](
            {"scintillator": signal_mv}, threshold_mV=10.0, sample_time_ns=10.0, shortest_ns=200.0
        )
        if found:
            times_ns.append(found["decay_time_ns"])
    fit = fit_lifetime(times_ns, window=(400.0, 19000.0), unit="ns")
    return {"lifetime": fit.pull(2197.0)}


EXPERIMENTS: tuple[Experiment, ...] = (geiger, gamma, coincidence, sound, muon)


def pulls_of(experiment: Experiment, seeds: Iterable[int]) -> dict[str, list[float]]:
    """Return the pulls of each result, one for each seed."""
    pulls: dict[str, list[float]] = {}
    for seed in seeds:
        for name, value in experiment(seed).items():
            pulls.setdefault(name, []).append(value)
    return pulls


def faults(pulls: dict[str, list[float]]) -> list[str]:
    """Say which pulls are no standard normal numbers: mean 0 ± 1/√n, rms 1 ± 1/√(2n)."""
    found = []
    for name, values in pulls.items():
        mean, rms = np.mean(values), np.sqrt(np.mean(np.square(values)))
        root = math.sqrt(len(values))
        if max(map(abs, values)) > 4 or abs(mean) > 4 / root or rms > 1 + 4 / root / math.sqrt(2):
            found.append(f"{name}: mean {mean:.2f}, rms {rms:.2f}, {np.round(values, 2).tolist()}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    wrong = []
    for experiment in EXPERIMENTS:
        pulls = pulls_of(experiment, range(1, seeds + 1))
        for name, values in pulls.items():
            rms = np.sqrt(np.mean(np.square(values)))
            print(f"{experiment.__name__:12} {name:14} mean {np.mean(values):5.2f} rms {rms:.2f}")
        wrong += faults(pulls)
    print("\n".join(wrong) or f"all agree with the truth for {seeds} seeds")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
