"""Numbers of things, as every message writes them."""

from __future__ import annotations

__all__ = ["count", "how_many", "verb"]

_PLURALS = {"was": "were", "is": "are", "has": "have"}


def count(number: float) -> str:
    """Return a number of things with its digits in groups of three: 1 024."""
    return f"{number:,.0f}".replace(",", " ")


def how_many(number: int, noun: str) -> str:
    """Return a number of things with their name: "1 event", "1 024 events", "2 processes"."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count(number)} {noun if number == 1 else plural}"


def verb(number: int, singular: str) -> str:
    """Return "was", "is" or "has" as it stands behind this number of things."""
    return singular if number == 1 else _PLURALS[singular]
