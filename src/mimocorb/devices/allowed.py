"""Settings that a device cannot have are refused with the nearest one that it can have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from mimocorb.errors import SetupError
from mimocorb.setup.nearest import nearest

__all__ = ["check_choice", "check_range", "check_step", "nearest_choice"]

_SHOWN = 24


def nearest_choice(asked: float, possible: Iterable[float]) -> float:
    """Return the possible number next to `asked`; of two as near, the larger one.

    Positive numbers are compared by their ratio, as ranges and sampling times are.
    """

    def distance(value: float) -> tuple[float, float]:
        if asked > 0 and value > 0:
            return abs(math.log(value / asked)), -value
        return abs(value - asked), -value

    return min(possible, key=distance)


def check_choice(
    name: str, asked: float | str, possible: Sequence[float] | Sequence[str], unit: str = ""
) -> None:
    """Raise a SetupError, which names the nearest, unless a setting is one of those possible.

    Parameters
    ----------
    name
        The key of the configuration.
    asked
        Its value: a number, or a word.
    possible
        Numbers, or words.
    unit
        Behind the numbers.
    """
    if asked in possible:
        return
    if isinstance(asked, str):
        words = [str(each) for each in possible]
        close = nearest(asked, words)
        best = f"; did you mean {close!r}?" if close else ""
        raise SetupError(f"{name}: {asked!r} is not possible{best} Possible: {', '.join(words)}")
    numbers = [each for each in possible if not isinstance(each, str)]
    if any(math.isclose(asked, each, rel_tol=1e-9) for each in numbers):
        return
    best = with_unit(nearest_choice(asked, numbers), unit)
    shown = ", ".join(f"{each:g}" for each in numbers[:_SHOWN])
    more = ", …" if len(numbers) > _SHOWN else ""
    raise SetupError(
        f"{name}: {with_unit(asked, unit)} is not possible; the nearest is {best}. Possible:"
        f" {shown}{more}{_behind(unit)}"
    )


def check_range(name: str, asked: float, least: float, most: float, unit: str = "") -> None:
    """Raise a SetupError, which names the nearest, unless a setting is in a range.

    Parameters
    ----------
    name
        The key of the configuration.
    asked
        Its value.
    least, most
        Both are possible.
    unit
        Behind the numbers.
    """
    if least <= asked <= most:
        return
    best = most if asked > most else least
    limits = f"{least:g} to {most:g}{_behind(unit)}" if most < math.inf else (
        f"{with_unit(least, unit)} and more"
    )  # fmt: skip
    raise SetupError(
        f"{name}: {with_unit(asked, unit)} is not possible; the nearest is"
        f" {with_unit(best, unit)}. Possible: {limits}"
    )


def check_step(name: str, asked: float, step: float, unit: str = "") -> None:
    """Raise a SetupError, which names the nearest, unless a setting is a multiple of a step."""
    count = asked / step
    if abs(count - round(count)) > 1e-9 * max(1.0, abs(count)):
        best = with_unit(round(count) * step, unit)
        raise SetupError(
            f"{name}: {with_unit(asked, unit)} is not possible; the nearest is {best}. Possible:"
            f" multiples of {with_unit(step, unit)}"
        )


def with_unit(number: float, unit: str) -> str:
    """Return a number with its unit."""
    return f"{number:g}{_behind(unit)}"


def _behind(unit: str) -> str:
    return f" {unit}" if unit else ""
