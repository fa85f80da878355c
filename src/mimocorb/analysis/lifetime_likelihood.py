"""The likelihood of a lifetime with a flat background, and where it is highest."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Capture", "Floats", "Profile", "crossing", "highest", "log_likelihood", "signal"]

_SHARPEST = 1e-10


Floats = NDArray[np.float64]


class Capture(NamedTuple):
    """The second component: negative muons, which live shorter in matter."""

    lifetime: float
    """Of negative muons in this matter, in the unit of the decay times."""
    negative_fraction: float = 0.44
    """Of the muons that stop. Cosmic muons at sea level: 1.27 positive for each negative one."""


class Profile:
    """ln L as a function of tau, at the best background for each, above that of background only."""

    def __init__(
        self,
        times: Floats,
        window: tuple[float, float],
        background: float | None,
        capture: Capture | None,
    ) -> None:
        self._times, self._window, self._capture = times, window, capture
        self.background = background
        width = window[1] - window[0]
        self.limits = (1e-3 * width, 30 * width)

    def excess(self, tau: float) -> Floats:
        """Return s(t) over the density of the background, less 1."""
        low, high = self._window
        found: Floats = (high - low) * signal(self._times, tau, self._window, self._capture) - 1
        return found

    def __call__(self, tau: float) -> float:
        """Return ln L at the best background."""
        excess = self.excess(tau)
        return log_likelihood(excess, self.best(excess))

    def best(self, excess: Floats) -> float:
        """Return the part of decays, 1 - b, for which ln L is largest: it is concave."""
        if self.background is not None:
            return 1 - self.background
        if excess.sum() <= 0:
            return 0.0
        if excess.min() > -1 and (excess / (1 + excess)).sum() >= 0:
            return 1.0
        low, high, part = 0.0, 1.0, 0.5
        for _ in range(60):
            ratio = excess / (1 + part * excess)
            slope = float(ratio.sum())
            low, high = (part, high) if slope > 0 else (low, part)
            following = part + slope / float((ratio * ratio).sum())
            if not low < following < high:
                following = (low + high) / 2
            if abs(following - part) < _SHARPEST:
                break
            part = following
        return part

    def of_background(self, background: float, taus: tuple[float, float]) -> float:
        """Return the largest ln L with this background."""

        def likelihood(tau: float) -> float:
            return log_likelihood(self.excess(tau), 1 - background)

        return likelihood(highest(likelihood, *taus, steps=14))


def log_likelihood(excess: Floats, part: float) -> float:
    """Return ln L for a part of decays, above that of background only."""
    with np.errstate(divide="ignore"):
        return float(np.log1p(part * excess).sum())


def signal(
    times: Floats, tau: float, window: tuple[float, float], capture: Capture | None
) -> Floats:
    """Return the density of the decays, 1 in the window."""
    low, high = window
    found: Floats = np.exp((low - times) / tau)
    norm = -tau * math.expm1((low - high) / tau)
    if capture is not None and capture.negative_fraction:
        shorter = capture.lifetime
        # In units of the positive ones at the begin of the window, so that nothing underflows.
        ratio = capture.negative_fraction / (1 - capture.negative_fraction)
        ratio *= math.exp(min(700.0, low * (1 / tau - 1 / shorter)))
        found = found + ratio * np.exp((low - times) / shorter)
        norm -= ratio * shorter * math.expm1((low - high) / shorter)
    return found / norm


def highest(function: Callable[[float], float], low: float, high: float, *, steps: int) -> float:
    """Return where a function with one maximum is highest: golden section, in the logarithm."""
    ratio = (math.sqrt(5) - 1) / 2
    a, d = math.log(low), math.log(high)
    b, c = d - ratio * (d - a), a + ratio * (d - a)
    at_b, at_c = function(math.exp(b)), function(math.exp(c))
    for _ in range(steps):
        if at_b > at_c:
            d, c, at_c = c, b, at_b
            b = d - ratio * (d - a)
            at_b = function(math.exp(b))
        else:
            a, b, at_b = b, c, at_c
            c = a + ratio * (d - a)
            at_c = function(math.exp(c))
    return math.exp((a + d) / 2)


def crossing(
    function: Callable[[float], float],
    least: float,
    outwards: NDArray[Any],
    begin: float,
    *,
    steps: int = 24,
) -> float | None:
    """Return where a function falls below `least` on the way outwards; None if it does not."""
    inside = begin
    for outside in outwards:
        if function(float(outside)) < least:
            break
        inside = float(outside)
    else:
        return None
    other = float(outside)
    for _ in range(steps):
        middle = (inside + other) / 2
        if function(middle) < least:
            other = middle
        else:
            inside = middle
    return (inside + other) / 2
