"""The 68 % intervals of the lifetime fit contain the true lifetime in 68 of 100 experiments.

A campaign of many simulated experiments, for each number of decays and of accidentals::

    python tests/physics/lifetime_campaign.py --experiments 2000

The suite runs a short form of it. For each case it prints in which part of the experiments the
interval contains the truth, how often it lies above or below, mean and rms of the pulls (with the
error of the side on which the truth is), and how many experiments gave a sentence instead of a
result.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mimocorb.analysis.lifetime import FREE_MUON_US, Capture, fit_lifetime

WINDOW_US = (0.4, 14.5)
RECORDED_US = 15.0
CASES = tuple((decays, part) for decays in (25, 60, 150, 1000) for part in (0.0, 0.1, 0.5))
"""Decays, and the accidentals as a part of all events."""


@dataclass(frozen=True)
class Coverage:
    """What many experiments of one kind have given."""

    decays: int
    accidental: float
    experiments: int
    sentences: int
    above: int
    below: int
    pulls: NDArray[np.float64]

    @property
    def results(self) -> int:
        """How many experiments have a result."""
        return len(self.pulls)

    @property
    def covered(self) -> float:
        """In which part of them the interval contains the truth."""
        return 1 - (self.above + self.below) / self.results

    @property
    def uncertainty(self) -> float:
        """Of that part, one standard deviation."""
        return float(np.sqrt(0.683 * 0.317 / self.results))

    def __str__(self) -> str:
        return (
            f"{self.decays:5d} decays, {100 * self.accidental:3.0f} % accidental:"
            f" covered {100 * self.covered:.1f} ± {100 * self.uncertainty:.1f} %"
            f" (interval above {100 * self.above / self.results:.1f},"
            f" below {100 * self.below / self.results:.1f} %),"
            f" pulls {self.pulls.mean():+.2f}, rms {self.pulls.std():.2f},"
            f" {self.sentences} of {self.experiments} without a result"
        )


def drawn_decay_times(
    random: np.random.Generator, decays: int, accidentals: int, lifetime_us: float = FREE_MUON_US
) -> NDArray[np.float64]:
    """Draw the times of decays, and of accidentals that come at any time."""
    return np.concatenate(
        [random.exponential(lifetime_us, decays), random.uniform(0, RECORDED_US, accidentals)]
    )


def drawn_in_matter(
    random: np.random.Generator, stopped: int, capture: Capture
) -> NDArray[np.float64]:
    """Draw the times of the electrons of stopped muons of both signs."""
    is_negative = random.random(stopped) < capture.negative_fraction
    times_us = random.exponential(np.where(is_negative, capture.lifetime, FREE_MUON_US))
    decays_freely = random.random(stopped) < capture.lifetime / FREE_MUON_US
    return times_us[~is_negative | decays_freely]


def coverage(decays: int, accidental: float, experiments: int, seed: int = 1) -> Coverage:
    """Make experiments, and count."""
    random = np.random.default_rng((seed, decays, round(100 * accidental)))
    accidentals = round(decays * accidental / (1 - accidental))
    sentences = above = below = 0
    pulls = []
    for _ in range(experiments):
        fit = fit_lifetime(drawn_decay_times(random, decays, accidentals), window=WINDOW_US)
        if fit.sentence:
            sentences += 1
            continue
        low, high = fit.interval
        above += low > FREE_MUON_US
        below += high < FREE_MUON_US
        pulls.append(fit.pull(FREE_MUON_US))
    return Coverage(decays, accidental, experiments, sentences, above, below, np.array(pulls))


def main() -> None:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description="Coverage of the lifetime fit.")
    parser.add_argument("--experiments", type=int, default=2000, help="of each case")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for decays, accidental in CASES:
        print(coverage(decays, accidental, arguments.experiments, arguments.seed), flush=True)


if __name__ == "__main__":
    main()
