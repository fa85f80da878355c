"""JSON that every program reads, whatever is in it.

Python writes NaN and infinities as words that are no JSON, and most other programs refuse a whole
file for one of them. Here they are texts, ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``: a reader
sees that there is no number, and which one of these it was. Texts are of whole characters.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from mimocorb._texts import plain_text

__all__ = ["to_json"]


def to_json(
    value: object,
    *,
    indent: int | None = None,
    default: Callable[[object], object] | None = None,
    exact: bool = False,
) -> str:
    """Return a value as JSON.

    Parameters
    ----------
    value
        What is to be written.
    indent
        Spaces for each level; None: one line.
    default
        Returns what JSON does not know by itself in a form that it knows.
    exact
        For readers in Python: names of files come back as they are, also those that are no text.
    """

    def known(one: Any) -> Any:
        if isinstance(one, str):
            return one if exact else plain_text(one)
        if one is None or isinstance(one, int):
            return one
        if isinstance(one, float):
            return float(one) if math.isfinite(one) else _word(one)
        if isinstance(one, Mapping):
            return {
                known(key) if isinstance(key, str) else key: known(each)
                for key, each in one.items()
            }
        if isinstance(one, list | tuple):
            return [known(each) for each in one]
        return one if default is None else known(default(one))

    return json.dumps(known(value), indent=indent, ensure_ascii=exact, allow_nan=False)


def _word(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
