"""Find coincidences, subtract accidental ones, and measure the efficiency of both detectors."""

import json
import math
import sys
from pathlib import Path

import numpy as np

import mimocorb
from mimocorb.analysis.coincidences import find_coincidences

WINDOW_NS = 60


def times_of(hits):
    """Return the times of each detector in ns, sorted."""
    if "pin" in hits.dtype.names:  # pins of a Raspberry Pi, with times in s
        times_ns = np.round(hits["time_s"] * 1e9).astype(np.int64)
        return [np.sort(times_ns[hits["pin"] == pin]) for pin in np.unique(hits["pin"])[:2]]
    return [hits["time_ns"][hits["detector"] == number] for number in (1, 2)]


def measured(hits, noise_hits, duration_s):
    """Return the coincidences, and the efficiency of both detectors with uncertainties.

    The other detector says how many particles there were; its noise, which it has without
    particles as well, is subtracted. Both runs last equally long.
    """
    first, second = times_of(hits)
    found = find_coincidences(first, second, window_ns=WINDOW_NS, live_time_s=duration_s)
    noise = [len(times) for times in times_of(noise_hits)]
    efficiencies = []
    for seen, dark in ((len(second), noise[1]), (len(first), noise[0])):
        particles = seen - dark
        value = found.true / particles
        binomial = math.sqrt(max(value * (1 - value), 1 / particles) / particles)
        accidental = found.accidental_error / particles
        subtracted = value * math.sqrt(2 * dark) / particles
        efficiencies.append((value, math.hypot(binomial, accidental, subtracted)))
    return found, efficiencies


def newest_runs(target):
    """Return the hits of the newest run with particles, of that with noise alone, and the time."""
    found, duration_s = {}, 0.0
    for run in sorted(target.glob("*_run[0-9]*"), key=lambda path: path.name[-4:]):
        record = json.loads((run / "run.json").read_text())
        config = record["setup"]["Workers"]["detectors"]["config"]
        if record["result"]:
            # of real detectors, a run without particles has the word noise in its comment
            has_particles = config.get("rate_hz", "noise" not in record["comment"]) != 0
            found[has_particles] = mimocorb.open(run)["hits"][:].data.ravel()
            duration_s = config.get("duration_s", record["result"]["active_s"])
    return found.get(True), found.get(False), duration_s


def draw(found, path):
    """Draw the differences of the times within the window."""
    from matplotlib.figure import Figure

    figure = Figure((7, 4), layout="constrained")
    axes = figure.subplots()
    axes.hist(found.difference_ns, bins=60, range=(-WINDOW_NS, WINDOW_NS), histtype="step")
    axes.axhline(found.accidental / 60, color="C1", label="accidental (delayed windows)")
    axes.set(xlabel="time of detector 2 less that of detector 1 (ns)", ylabel="pairs per 2 ns")
    axes.legend()
    figure.savefig(path)


def main():
    """Print and draw what came out."""
    hits, noise_hits, duration_s = newest_runs(Path("target"))
    if hits is None or noise_hits is None:
        sys.exit(
            "a run with particles and one with noise alone are needed: mimocorb scan setup.yaml"
            " --set detectors.rate_hz=60,0"
        )
    found, efficiencies = measured(hits, noise_hits, duration_s)
    print(found)
    for number, (value, error) in enumerate(efficiencies, 1):
        print(f"efficiency of detector {number}: {100 * value:.2f} ± {100 * error:.2f} %")
    draw(found, "coincidences.png")


if __name__ == "__main__":
    main()
