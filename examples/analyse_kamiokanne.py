"""Compare the decay times of recorded events with those of the software that recorded them.

Call it with the directory of a run of ``kamiokanne_setup.yaml``, or without for the newest one.
The place of the recorded data is found as in the run: ``--data``, or else the environment variable
``MIMOCORB_DATA``. The picture ``lifetime.png`` is saved in the directory of the run.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analyse_lifetime import newest_run, plot_fit
from mimocorb.analysis.lifetime import FREE_MUON_US, fit_lifetime, muon_capture
from mimocorb.devices import kamiokanne

CLOSE_NS = 50.0  # two decay times agree if they are this close
WINDOW_US = (1.5, 15.0)  # electron pulses long after the muon only: about half are accidental


@dataclass(frozen=True)
class Agreement:
    """Every event of the reference table is in exactly one of these numbers."""

    events: int
    agree: int
    differ: int
    rejected: int
    missing: int
    median_difference_ns: float

    def __str__(self) -> str:
        return (
            f"{self.events} events: {self.agree} decay times agree within {CLOSE_NS:.0f} ns "
            f"({100 * self.agree / self.events:.1f} %, median difference "
            f"{self.median_difference_ns:.1f} ns), {self.differ} differ, "
            f"{self.rejected} rejected, {self.missing} missing"
        )


def compare_with_reference(results: NDArray[np.void], reference: NDArray[np.void]) -> Agreement:
    """Compare event by event; the number of an event is its row in the reference."""
    accepted = results[results["status"] == 0]
    difference = accepted["decay_time"] - reference["decay_time_ns"][accepted["counter"]]
    agree = int(np.sum(abs(difference) <= CLOSE_NS))
    return Agreement(
        events=len(reference),
        agree=agree,
        differ=len(accepted) - agree,
        rejected=len(results) - len(accepted),
        missing=len(reference) - len(np.unique(results["counter"])),
        median_difference_ns=float(np.median(difference)),
    )


def read_results(run_directory: Path, name: str = "decay_times.txt") -> NDArray[np.void]:
    """Return event number, status and decay time of all events of a run."""
    path = run_directory / name
    with path.open(encoding="utf-8") as text:
        columns = text.readline().rstrip("\n").split("\t")
        fields = ("counter", "status", "decay_time")
        wanted = [columns.index(field) for field in fields]
        dtype = [(field, np.int64) for field in fields]
        return np.loadtxt(text, delimiter="\t", usecols=wanted, dtype=dtype, ndmin=1)


def main() -> None:
    """Analyse one run."""
    parser = argparse.ArgumentParser(description="Compare recorded decay times.")
    parser.add_argument("run_directory", type=Path, nargs="?", help="default: the newest run")
    parser.add_argument("--data", type=Path, help="folder with the recorded data")
    arguments = parser.parse_args()
    run_directory = arguments.run_directory or newest_run(setup="kamiokanne_setup")
    results = read_results(run_directory)
    reference = kamiokanne.read_reference(kamiokanne.find_file("reference", arguments.data))
    print(compare_with_reference(results, reference))
    decay_times_us = results["decay_time"][results["status"] == 0] * 1e-3
    fit = fit_lifetime(decay_times_us, window=WINDOW_US)
    print(fit)
    # In water, oxygen captures negative muons. What both signs give together is below 2.197 µs.
    in_water = fit_lifetime(decay_times_us, window=WINDOW_US, capture=muon_capture("oxygen"))
    print(in_water)
    if in_water.has_result:
        print(f"free muons {FREE_MUON_US:.3f} µs, pull {in_water.pull(FREE_MUON_US):+.2f}")
    if fit.has_result:
        plot_fit(decay_times_us, fit, run_directory / "lifetime.png")
        print(f"picture    {run_directory / 'lifetime.png'}")


if __name__ == "__main__":
    main()
