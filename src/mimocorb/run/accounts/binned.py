"""How well numbers of events in bins agree with what is expected of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["chi2_sigma"]

FEWEST_EXPECTED = 5.0
FORGIVEN = 0.02

Floats = NDArray[np.float64]


def chi2_sigma(observed: NDArray[Any], expected: Floats, fitted: int) -> float:
    """Return by how many standard deviations bins are off, as for a normal variable.

    Of each bin 2 % are forgiven; neighbours are joined until 5 events are expected. The cube root
    of χ²/k is nearly normal with mean 1 - 2/(9k) and variance 2/(9k) (E. B. Wilson, M. M. Hilferty,
    Proc. Natl. Acad. Sci. 17 (1931) 684). Infinite if there are too few bins.

    Parameters
    ----------
    observed, expected
        Numbers of events.
    fitted
        How many numbers in the expectation are taken from the data.
    """
    observed, expected = _joined(observed, expected)
    degrees = len(expected) - fitted
    if degrees < 1:
        return math.inf
    chi2 = float(((observed - expected) ** 2 / (expected + (FORGIVEN * expected) ** 2)).sum())
    spread = 2 / (9 * degrees)
    return float(((chi2 / degrees) ** (1 / 3) - (1 - spread)) / math.sqrt(spread))


def _joined(observed: NDArray[Any], expected: Floats) -> tuple[Floats, Floats]:
    """Join neighbouring bins until in each enough events are expected."""
    group = np.floor(np.cumsum(expected[::-1])[::-1] / FEWEST_EXPECTED)
    starts = np.flatnonzero(np.diff(group, prepend=np.inf))
    found, wanted = np.add.reduceat(observed, starts), np.add.reduceat(expected, starts)
    if len(wanted) > 1 and wanted[-1] < FEWEST_EXPECTED:
        found[-2] += found[-1]
        wanted[-2] += wanted[-1]
        found, wanted = found[:-1], wanted[:-1]
    return found, wanted
