"""Measure the muon lifetime from the decay times of a run.

Call it with the directory of a run, or without for the newest one::

    python analyse_lifetime.py target/simultest_setup_2026-11-22_140312

It reads the text file with the decay times, fits the lifetime, prints it with its uncertainty and,
for simulated data, compares with what really happened. The picture ``lifetime.png`` is saved in
the directory of the run.

The fit is that of :mod:`mimocorb.analysis.lifetime`: without bins, in a window, with a flat
background of accidental second pulses. The window keeps away from where pulses are lost: shortly
after the muon, where the second pulse overlaps the first, and at the end of the recorded waveform.
With too few decays a sentence says so.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mimocorb.analysis.lifetime import FREE_MUON_US, LifetimeFit, fit_lifetime

WINDOW_US = (0.4, 14.5)  # for the window of 15 us in the example
CLOSE_NS = 50.0  # a decay time this close to the true one is a right one


def described(fit: LifetimeFit, known_us: float = FREE_MUON_US) -> str:
    """Return what came out, and how far it is from the known lifetime."""
    if not fit.has_result:
        return str(fit)
    return f"{fit}\nknown      {known_us:.3f} µs, pull {fit.pull(known_us):+.2f}"


def read_decay_times(run_directory: Path, name: str = "decay_times.txt"):
    """Return event numbers and decay times in ns from the text file of a run."""
    path = run_directory / name
    with path.open(encoding="utf-8") as text:
        columns = text.readline().rstrip("\n").split("\t")
        wanted = [columns.index("counter"), columns.index("decay_time")]
        rows = [line.rstrip("\n").split("\t") for line in text]
    table = np.array([[float(row[column]) for column in wanted] for row in rows]).reshape(-1, 2)
    return table[:, 0].astype(int), table[:, 1]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


@dataclass(frozen=True)
class Comparison:
    """What the truth says about the decays that were found inside the window of the fit."""

    decays: int  # with an electron that hit a layer
    found: int
    right: int  # found, and with the right decay time

    def __str__(self) -> str:
        return (
            f"efficiency {_percent(self.right, self.decays)} of {self.decays} visible decays\n"
            f"purity     {_percent(self.right, self.found)} of {self.found} double pulses"
        )


def compare_with_truth(
    event_numbers: NDArray[np.int64],
    decay_times_ns: NDArray[np.float64],
    truth: NDArray[np.void],
    window_us: tuple[float, float] = WINDOW_US,
) -> Comparison:
    """Compare with the truth file of the simulation; row i of the truth is event i."""
    low_ns, high_ns = 1e3 * np.array(window_us)
    is_visible = truth["electron_heights"].any(axis=1)
    true_ns = truth["decay_time_ns"]
    of_found = truth[event_numbers]
    is_right = of_found["electron_heights"].any(axis=1)
    is_right &= abs(of_found["decay_time_ns"] - decay_times_ns) < CLOSE_NS
    in_window = (decay_times_ns >= low_ns) & (decay_times_ns < high_ns)
    return Comparison(
        decays=int(np.sum(is_visible & (true_ns >= low_ns) & (true_ns < high_ns))),
        found=int(np.sum(in_window)),
        right=int(np.sum(in_window & is_right)),
    )


def plot_fit(t_us: NDArray[np.float64], fit: LifetimeFit, path: Path) -> None:
    """Draw the decay times and the fitted curve, and how far apart they are."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    edges = np.linspace(*fit.window, 58)
    counts, _ = np.histogram(t_us, edges)
    centres = (edges[1:] + edges[:-1]) / 2
    scale = fit.events * (edges[1] - edges[0])
    curve = scale * fit.density(centres)
    has_events = counts > 0
    upper.errorbar(
        centres[has_events],
        counts[has_events],
        np.sqrt(counts[has_events]),
        fmt="k.",
        label=f"{fit.events} double pulses",
    )
    label = f"τ = ({fit.lifetime:.3f} ± {fit.error:.3f}) µs"
    upper.plot(centres, curve, "C0", label=label)
    upper.axhline(
        scale * fit.background / (fit.window[1] - fit.window[0]),
        color="C1",
        linestyle="--",
        label=f"accidental: {100 * fit.background:.1f} %",
    )
    upper.set_yscale("log")
    upper.set_ylabel(f"events per {1e3 * (edges[1] - edges[0]):.0f} ns")
    upper.legend()
    lower.plot(centres, (counts - curve) / np.sqrt(curve), "k.")
    lower.axhline(0, color="C0")
    lower.set_ylabel("(data - fit) / σ")
    lower.set_xlabel("decay time / µs")
    lower.set_ylim(-4, 4)
    figure.savefig(path, dpi=120)


def newest_run(parent: Path = Path("target"), setup: str = "simultest_setup") -> Path:
    """Return the directory of the newest run of a set-up."""
    runs = sorted(parent.glob(f"{setup}_*"))
    if not runs:
        raise SystemExit(f"no run {setup}_* in {parent.resolve()}: name the directory of a run")
    return runs[-1]


def main() -> None:
    """Analyse one run."""
    parser = argparse.ArgumentParser(description="Measure the muon lifetime from a run.")
    parser.add_argument("run_directory", type=Path, nargs="?", help="default: the newest run")
    parser.add_argument(
        "--window", type=float, nargs=2, default=WINDOW_US, metavar=("FROM", "TO"), help="in µs"
    )
    parser.add_argument(
        "--background", type=float, help="part of the events that is accidental, if it is known"
    )
    options = parser.parse_args()
    run_directory = options.run_directory or newest_run()
    event_numbers, decay_times_ns = read_decay_times(run_directory)
    decay_times_us = decay_times_ns * 1e-3
    window_us = tuple(options.window)
    fit = fit_lifetime(decay_times_us, window=window_us, background=options.background)
    print(described(fit))
    truth_file = run_directory / "truth.npy"
    if truth_file.exists():
        truth = np.load(truth_file, allow_pickle=False)
        print(compare_with_truth(event_numbers, decay_times_ns, truth, window_us))
    if fit.has_result:
        plot_fit(decay_times_us, fit, run_directory / "lifetime.png")
        print(f"picture    {run_directory / 'lifetime.png'}")


if __name__ == "__main__":
    main()
