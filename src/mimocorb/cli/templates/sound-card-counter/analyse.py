"""The rate of the pulses, from the gaps between them."""

import sys
from pathlib import Path

import numpy as np

import mimocorb

PIECE_S = 0.1
LONGEST_RINGING_S = 0.005


def times_of(counters, time_ns):
    """Return the times of the pulses in s: pieces follow each other without a gap."""
    return np.sort(counters * PIECE_S + time_ns * 1e-9)


def rate(times_s, shortest_s=LONGEST_RINGING_S):
    """Return the rate of the pulses in Hz, its uncertainty, and the gaps that it comes from.

    Random pulses have no memory: from any moment on, the next one takes 1 / rate on average. So
    what is shorter than the longest ringing is left out, and the rest is counted from there on. No
    pulse that is lost in another one, or found twice, changes that.
    """
    gaps_s = np.diff(times_s)
    gaps_s = gaps_s[gaps_s > shortest_s]
    value_hz = 1.0 / (gaps_s - shortest_s).mean()
    return value_hz, value_hz / np.sqrt(len(gaps_s)), gaps_s


def draw(gaps_s, value_hz, path):
    """Draw the gaps, with what is expected of this rate."""
    from matplotlib.figure import Figure

    figure = Figure((7, 4), layout="constrained")
    axes = figure.subplots()
    counts, edges, _ = axes.hist(gaps_s, bins=40, histtype="step")
    width = edges[1] - edges[0]
    centres = (edges[1:] + edges[:-1]) / 2
    expected = len(gaps_s) * width * value_hz * np.exp(-value_hz * (centres - LONGEST_RINGING_S))
    axes.plot(centres, expected, label=f"{value_hz:.2f} Hz")
    axes.errorbar(centres, counts, np.sqrt(counts), fmt="none", color="C0")
    axes.set(xlabel="gap to the next pulse (s)", ylabel="gaps", yscale="log", ylim=(0.5, None))
    axes.legend()
    figure.savefig(path)


def main():
    """Print and draw what came out of the newest run."""
    runs = sorted(Path("target").glob("*_run[0-9]*"), key=lambda path: path.name[-4:])
    if not runs:
        sys.exit("there is no run yet: mimocorb run setup.yaml")
    pulses = mimocorb.open(runs[-1])["pulses"][:]
    if "time_s" in pulses.data.dtype.names:  # a real card has a clock
        times_s = pulses.data["time_s"].ravel()
    else:
        times_s = times_of(pulses.metadata.counter, pulses.data["time_ns"].ravel())
    value_hz, error_hz, gaps_s = rate(times_s)
    print(f"{len(times_s)} pulses, {value_hz:.2f} ± {error_hz:.2f} Hz")
    draw(gaps_s, value_hz, "gaps.png")


if __name__ == "__main__":
    main()
