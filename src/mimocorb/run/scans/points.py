"""The points of a scan: which parameters have which values."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mimocorb._json import to_json
from mimocorb._words import how_many
from mimocorb.errors import SetupError

__all__ = ["MOST_POINTS", "Parameter", "parameters_of", "points_of", "read_parameters"]

MOST_POINTS = 10_000
_OPENING, _CLOSING = "[{(", "]})"


@dataclass(frozen=True)
class Parameter:
    """A part of the set-up and its values.

    Parameters
    ----------
    path
        As for ``--set``.
    values
        As texts, as behind the ``=`` of ``--set``; one: it is the same at all points.
    """

    path: str
    values: tuple[str, ...]


def read_parameters(texts: Iterable[str]) -> list[Parameter]:
    """Read ``PATH=VALUE,VALUE,…``; a comma within brackets or quotes separates nothing.

    Raises
    ------
    SetupError
        One of them is written otherwise, or a path comes twice.
    """
    parameters = []
    for text in texts:
        path, sign, given = text.partition("=")
        values = [value.strip() for value in _split(given)]
        if not sign or not path.strip() or not all(values):
            raise SetupError(
                "what is scanned is written PATH=VALUE,VALUE,…, such as"
                f" --set search.threshold_mV=10,20,40; found {text!r}"
            )
        parameters.append(Parameter(path.strip(), tuple(values)))
    return _checked(parameters)


def parameters_of(given: Mapping[str, Any]) -> list[Parameter]:
    """Return parameters that a program gives: a path, and a value or a list of them.

    Raises
    ------
    SetupError
        There is a list without values.
    """
    parameters = []
    for path, values in given.items():
        several = not isinstance(values, (str, bytes, Mapping)) and isinstance(values, Iterable)
        each = [_text(value) for value in values] if several else [_text(values)]
        if not each:
            raise SetupError(f"{path} has at least one value; found an empty list")
        parameters.append(Parameter(path, tuple(each)))
    return _checked(parameters)


def points_of(parameters: Sequence[Parameter], *, in_step: bool) -> list[dict[str, str]]:
    """Return the settings of each point: all combinations, or the values side by side.

    Raises
    ------
    SetupError
        Nothing is varied, values that go in step have different numbers, or there are too many.
    """
    varied = [each for each in parameters if len(each.values) > 1]
    if not varied:
        raise SetupError(
            "a scan has a parameter with several values, such as"
            " --set search.threshold_mV=10,20,40; found none"
        )
    if in_step:
        numbers = {each.path: len(each.values) for each in varied}
        if len(set(numbers.values())) > 1:
            found = ", ".join(f"{path}: {number}" for path, number in numbers.items())
            raise SetupError(f"values that go in step are as many for each path; found {found}")
        rows: Iterable[tuple[str, ...]] = zip(*(each.values for each in varied), strict=True)
    else:
        count = 1
        for each in varied:
            count *= len(each.values)
        if count > MOST_POINTS:
            raise SetupError(f"a scan has at most {MOST_POINTS} points, found {count}")
        rows = itertools.product(*(each.values for each in varied))
    return [dict(zip((each.path for each in varied), row, strict=True)) for row in rows]


def _split(text: str) -> list[str]:
    """Split at the commas that are in no brackets and in no quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if letter == "," and not depth and not quote:
            parts.append("")
            continue
        parts[-1] += letter
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth = max(0, depth - 1)
    return parts


def _text(value: Any) -> str:
    """Return a value of a program as YAML."""
    item = getattr(value, "item", None)  # of NumPy
    return to_json(item() if item is not None and getattr(value, "ndim", 1) == 0 else value)


def _checked(parameters: list[Parameter]) -> list[Parameter]:
    paths = [each.path for each in parameters]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise SetupError(
            f"each path is given once; found {how_many(paths.count(twice[0]), 'time')}"
            f" {twice[0]}: write its values behind each other, with commas"
        )
    return parameters
