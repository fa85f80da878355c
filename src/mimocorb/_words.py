"""Numbers of things, as every message writes them.

"Event 13" is the one with the counter 13, as user functions see it. What knows an event only by its
place in a buffer says "the 14th event of RB_1".
"""

from __future__ import annotations

import math

__all__ = ["count", "how_many", "ordinal", "verb", "with_error"]

_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
_PLURALS = {"was": "were", "is": "are", "has": "have"}


def count(number: float) -> str:
    """Return a number of things with its digits in groups of three: 1 024."""
    return f"{number:,.0f}".replace(",", " ")


def how_many(number: int, noun: str) -> str:
    """Return a number of things with their name: "1 event", "1 024 events", "2 processes"."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count(number)} {noun if number == 1 else plural}"


def ordinal(number: int) -> str:
    """Return the place in a row: "1st", "2nd", "11th"."""
    ending = "th" if number % 100 in (11, 12, 13) else _ENDINGS.get(number % 10, "th")
    return f"{count(number)}{ending}"


def verb(number: int, singular: str) -> str:
    """Return "was", "is" or "has" as it stands behind this number of things."""
    return singular if number == 1 else _PLURALS[singular]


def with_error(value: float, error: float) -> str:
    """Return a value and its uncertainty with two digits of the latter."""
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return f"{value:.4g}"
    digits = 1 - math.floor(math.log10(error))
    if digits < 0:
        return f"{round(value, digits):.0f} ± {round(error, digits):.0f}"
    return f"{value:.{digits}f} ± {error:.{digits}f}"
