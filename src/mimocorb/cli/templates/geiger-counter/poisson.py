"""Counts in equal times, compared with a Poisson distribution; rate and dead time from the gaps."""

import math
import sys
from pathlib import Path

import numpy as np

import mimocorb
from mimocorb.analysis.counting import p_value

GATE_S = 0.25


def counts_in_gates(times_s):
    """Return how many clicks there are in each gate."""
    gates = int(times_s[-1] / GATE_S)
    return np.bincount((times_s / GATE_S).astype(int), minlength=gates)[:gates]


def dispersion(counts):
    """Return the variance of counts over their mean, 1 for Poisson, and its χ² probability."""
    chi2 = float(((counts - counts.mean()) ** 2).sum() / counts.mean())
    return chi2 / (len(counts) - 1), p_value(chi2, len(counts) - 1)


def rate_and_dead_time(times_s):
    """Return rate without dead time (Hz) and dead time (s), each with its uncertainty.

    Gaps are the dead time and an exponential behind it. The shortest of n gaps is longer than the
    dead time by 1 / (n rate) on average, which is subtracted.
    """
    gaps_s = np.diff(times_s)
    n, shortest_s = len(gaps_s), gaps_s.min()
    value_hz = (n - 1) / n / (gaps_s.mean() - shortest_s)
    step_s = 1 / (n * value_hz)
    return (value_hz, value_hz / math.sqrt(n)), (shortest_s - step_s, step_s)


def draw(counts, path):
    """Draw the distribution of the counts, with that of Poisson."""
    from matplotlib.figure import Figure

    figure = Figure((7, 4), layout="constrained")
    axes = figure.subplots()
    numbers = np.arange(counts.max() + 2)
    found = np.bincount(counts, minlength=len(numbers))
    mean = counts.mean()
    poisson = [math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in numbers.tolist()]
    axes.errorbar(numbers, found, np.sqrt(found), fmt="o", label="measured")
    axes.step(numbers, len(counts) * np.array(poisson), where="mid", label=f"Poisson, {mean:.2f}")
    axes.set(xlabel=f"clicks in {GATE_S:g} s", ylabel="gates")
    axes.legend()
    figure.savefig(path)


def main():
    """Print and draw what came out of the newest run."""
    runs = sorted(Path("target").glob("poisson*_run[0-9]*"), key=lambda path: path.name[-4:])
    if not runs:
        sys.exit("there is no run yet: mimocorb run poisson.yaml")
    times_s = mimocorb.open(runs[-1])["clicks"][:].data["time_s"].ravel()
    counts = counts_in_gates(times_s)
    ratio, probability = dispersion(counts)
    (value_hz, error_hz), (dead_s, dead_error_s) = rate_and_dead_time(times_s)
    print(
        f"variance / mean = {ratio:.3f} (Poisson: 1), probability of a larger χ² {probability:.2f}"
    )
    print(f"rate {value_hz:.2f} ± {error_hz:.2f} Hz")
    print(f"dead time {1e6 * dead_s:.0f} ± {1e6 * dead_error_s:.0f} µs")
    draw(counts, "poisson.png")


if __name__ == "__main__":
    main()
