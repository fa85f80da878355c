"""Statistics of counts: what is expected of a number of independent events."""

from __future__ import annotations

import math

__all__ = ["p_value", "poisson_interval"]

_TERMS = 1000
_ONE_SIDE = 0.15865525393145707
"""Probability beyond one standard deviation on one side."""
_MANY = 400
"""Counts from which on the root of the count is as good."""


def poisson_interval(count: int) -> tuple[float, float]:
    """Return the central 68 % interval of the mean, of which a count is known.

    F. Garwood, Biometrika 28 (1936) 437: it contains the mean in 68 % of all experiments or more,
    whatever the mean is. Of no events it reaches from 0 to 1.84.

    Examples
    --------
    >>> [round(each, 2) for each in poisson_interval(4)]
    [2.09, 7.16]
    """
    if count >= _MANY:
        root = math.sqrt(count)
        return count - root, count + root
    low = _mean_of(count, 1 - _ONE_SIDE) if count else 0.0
    return low, _mean_of(count + 1, _ONE_SIDE)


def _mean_of(count: int, probability: float) -> float:
    """Return the mean with which less than `count` events have this probability."""
    reach = 4 * math.sqrt(count) + 4
    low, high = max(0.0, count - reach), count + reach
    for _ in range(60):
        middle = (low + high) / 2
        less = p_value(2 * middle, 2 * count)
        assert less is not None
        low, high = (middle, high) if less > probability else (low, middle)
    return (low + high) / 2


def p_value(chi2: float, freedom: int) -> float | None:
    """Return the probability of a larger χ²: the upper incomplete gamma function.

    By its series below the mean, and by its continued fraction above, as in W. Press et al.,
    Numerical Recipes, section 6.2. SciPy has it as well, and takes a second to be loaded.
    """
    if freedom < 1:
        return None
    a, x = freedom / 2, chi2 / 2
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, _TERMS):
            term *= x / (a + n)
            total += term
        return max(0.0, 1 - scale * total)
    fraction = 0.0
    for n in range(_TERMS, 0, -1):
        fraction = n * (n - a) / (x + 2 * n + 1 - a - fraction)
    return scale / (x + 1 - a - fraction)
