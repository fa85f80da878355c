"""The bins of histograms, as functions of mimoCoRB2 are given them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mimocorb.errors import SetupError

__all__ = ["checked_bins"]

Bins = dict[str, tuple[float, float, int]]


def checked_bins(owner: str, given: Any, fields: tuple[str, ...]) -> Bins:
    """Return field → (lowest edge, highest edge, number of edges).

    Parameters
    ----------
    owner
        Named in messages.
    given
        The value of the key ``bins``.
    fields
        Those of the buffer.
    """
    if not isinstance(given, Mapping) or not given:
        raise SetupError(f"{owner}: bins is {given!r}; give (min, max, number) for each field")
    unknown = [str(name) for name in given if name not in fields]
    if unknown:
        raise SetupError(
            f"{owner}: bins names {', '.join(unknown)}, but the fields are {', '.join(fields)}"
        )
    bins = {}
    for name, each in given.items():
        try:
            lowest, highest, number = each
            bins[str(name)] = (float(lowest), float(highest), int(number))
        except (TypeError, ValueError, OverflowError):
            raise SetupError(
                f"{owner}: bins of {name} is {each!r}; give (min, max, number)"
            ) from None
        if not (bins[str(name)][0] < bins[str(name)][1] and bins[str(name)][2] >= 2):
            raise SetupError(
                f"{owner}: bins of {name} is {each!r}; min is less than max, and there are at"
                " least 2 edges"
            )
    return bins
