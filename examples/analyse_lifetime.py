"""Measure the muon lifetime from the decay times of a run.

Call it with the directory of a run, or without for the newest one::

    python analyse_lifetime.py target/simultest_setup_2026-11-22_140312

It reads the text file with the decay times, fits the lifetime, prints it with its uncertainty and,
for simulated data, compares with what really happened. The picture ``lifetime.png`` is saved in
the directory of the run.

The fit. Decay times t between t1 and t2 are distributed as

    f(t) = (1 - b) exp(-t / tau) / (tau (exp(-t1 / tau) - exp(-t2 / tau))) + b / (t2 - t1)

with the lifetime tau and the fraction b of accidental second pulses, which come at any time with
the same probability. The best values minimise -ln L = -sum ln f(t_i), with no histogram involved
(unbinned maximum likelihood); their covariance is the inverse of the matrix of second derivatives
of -ln L at the minimum (see "Statistics" in the Review of Particle Physics, https://pdg.lbl.gov).
t1 and t2 keep away from where pulses are lost: shortly after the muon, where the second pulse
overlaps the first, and at the end of the recorded waveform.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

LIFETIME_US = 2.197  # of the free muon, Review of Particle Physics
WINDOW_US = (0.4, 14.5)  # for the window of 15 us in the example
LOWEST_BACKGROUND = -0.1  # what no fluctuation explains
CLOSE_NS = 50.0  # a decay time this close to the true one is a right one


@dataclass(frozen=True)
class LifetimeFit:
    """The result of :func:`fit_lifetime`."""

    lifetime_us: float
    uncertainty_us: float
    background: float  # fraction of the events in the window
    background_uncertainty: float
    number_of_events: int  # in the window
    window_us: tuple[float, float]

    @property
    def pull(self) -> float:
        """Distance from the known lifetime in units of the uncertainty."""
        return (self.lifetime_us - LIFETIME_US) / self.uncertainty_us

    def __str__(self) -> str:
        return (
            f"lifetime   {self.lifetime_us:.3f} +- {self.uncertainty_us:.3f} us"
            f"   (known: {LIFETIME_US} us, pull {self.pull:+.2f})\n"
            f"background {100 * self.background:.1f} +- {100 * self.background_uncertainty:.1f} %"
            f" of {self.number_of_events} events"
            f" between {self.window_us[0]} and {self.window_us[1]} us"
        )


def density(
    t_us: NDArray[np.float64], lifetime_us: float, background: float, window_us: tuple[float, float]
) -> NDArray[np.float64]:
    """Return f(t), the formula at the top of this file."""
    t1, t2 = window_us
    norm = lifetime_us * (np.exp(-t1 / lifetime_us) - np.exp(-t2 / lifetime_us))
    return (1 - background) * np.exp(-t_us / lifetime_us) / norm + background / (t2 - t1)


def fit_lifetime(
    t_us: NDArray[np.float64],
    window_us: tuple[float, float] = WINDOW_US,
    background: float | None = None,
) -> LifetimeFit:
    """Fit lifetime and background to decay times in us; a given background is not fitted.

    The background may come out slightly negative: a limit at zero would pull the lifetime to one
    side whenever there is little of it.
    """
    inside = t_us[(t_us >= window_us[0]) & (t_us < window_us[1])]
    if len(inside) < 20:
        raise ValueError(f"{len(inside)} decay times in {window_us} us are too few for a fit")

    def minus_log_likelihood(parameters: NDArray[np.float64]) -> float:
        lifetime_us, fraction = parameters if background is None else (parameters[0], background)
        if not (0.1 < lifetime_us < 100 and fraction < 1):
            return np.inf
        f = density(inside, lifetime_us, fraction, window_us)
        return -float(np.sum(np.log(f))) if f.min() > 0 else np.inf

    start = np.array([2.0] if background is not None else [2.0, 0.1])
    best = minimize(
        minus_log_likelihood, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-5}
    ).x
    if len(best) > 1 and best[1] < LOWEST_BACKGROUND:
        raise ValueError(
            f"the fit runs away to a background of {100 * best[1]:.0f} %: with few events and "
            "hardly any background, give the background, for instance 0, instead of fitting it"
        )
    uncertainty = np.sqrt(np.diag(np.linalg.inv(second_derivatives(minus_log_likelihood, best))))
    return LifetimeFit(
        lifetime_us=float(best[0]),
        uncertainty_us=float(uncertainty[0]),
        background=float(best[1]) if background is None else background,
        background_uncertainty=float(uncertainty[1]) if background is None else 0.0,
        number_of_events=len(inside),
        window_us=window_us,
    )


def second_derivatives(function, at, step=1e-3):
    """Return the matrix of second derivatives, by central differences."""
    size = len(at)
    result = np.empty((size, size))
    for i, j in np.ndindex(size, size):
        u, v = step * np.eye(size)[[i, j]]
        corners = function(at + u + v) - function(at + u - v)
        corners += function(at - u - v) - function(at - u + v)
        result[i, j] = corners / (4 * step**2)
    return result


def read_decay_times(run_directory: Path, name: str = "decay_times.txt"):
    """Return event numbers and decay times in ns from the text file of a run."""
    path = run_directory / name
    with path.open(encoding="utf-8") as text:
        columns = text.readline().rstrip("\n").split("\t")
        wanted = [columns.index("counter"), columns.index("decay_time")]
        table = np.loadtxt(text, delimiter="\t", usecols=wanted, ndmin=2)
    return table[:, 0].astype(int), table[:, 1]


@dataclass(frozen=True)
class Comparison:
    """What the truth says about the decays that were found inside the window of the fit."""

    decays: int  # with an electron that hit a layer
    found: int
    right: int  # found, and with the right decay time

    def __str__(self) -> str:
        return (
            f"efficiency {100 * self.right / self.decays:.1f} % of {self.decays} visible decays\n"
            f"purity     {100 * self.right / self.found:.1f} % of {self.found} double pulses"
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
    edges = np.linspace(*fit.window_us, 58)
    counts, _ = np.histogram(t_us, edges)
    centres = (edges[1:] + edges[:-1]) / 2
    scale = fit.number_of_events * (edges[1] - edges[0])
    curve = scale * density(centres, fit.lifetime_us, fit.background, fit.window_us)
    has_events = counts > 0
    upper.errorbar(
        centres[has_events],
        counts[has_events],
        np.sqrt(counts[has_events]),
        fmt="k.",
        label=f"{fit.number_of_events} double pulses",
    )
    label = f"τ = ({fit.lifetime_us:.3f} ± {fit.uncertainty_us:.3f}) µs"
    upper.plot(centres, curve, "C0", label=label)
    upper.axhline(
        scale * fit.background / (fit.window_us[1] - fit.window_us[0]),
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
    run_directory = parser.parse_args().run_directory or newest_run()
    event_numbers, decay_times_ns = read_decay_times(run_directory)
    fit = fit_lifetime(decay_times_ns * 1e-3)
    print(fit)
    truth_file = run_directory / "truth.npy"
    if truth_file.exists():
        truth = np.load(truth_file, allow_pickle=False)
        print(compare_with_truth(event_numbers, decay_times_ns, truth))
    plot_fit(decay_times_ns * 1e-3, fit, run_directory / "lifetime.png")
    print(f"picture    {run_directory / 'lifetime.png'}")


if __name__ == "__main__":
    main()
