"""A scan in a picture: results over a parameter, with uncertainties."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mimocorb.displays.comparison_figure import check_picture, save_panels
from mimocorb.displays.waveform_figure import COLOURS, INK
from mimocorb.errors import SetupError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["save_scan"]

Column = tuple[NDArray[np.float64], NDArray[np.float64]]
Series = Sequence[tuple[str, NDArray[np.intp]]]

_PANEL_IN = (6.0, 3.4)
_MOST_PANELS = 12


def save_scan(
    path: Path,
    title: str,
    settings: Mapping[str, Sequence[str]],
    columns: Mapping[str, Column],
    *,
    in_step: bool,
) -> None:
    """Draw each column over the first parameter; further parameters have a colour each.

    Parameters
    ----------
    path
        A PNG, PDF or SVG file; it is replaced.
    title
        Of the set-up.
    settings
        The values of each parameter at the points, as they are written.
    columns
        Values and uncertainties at the points, by name; NaN: unknown.
    in_step
        Whether the parameters change together, so that there is one series.

    Raises
    ------
    SetupError
        There is nothing to be drawn.
    OutputError
        The file cannot be written.
    """
    check_picture(path)
    drawn = {name: each for name, each in columns.items() if np.isfinite(each[0]).any()}
    drawn = dict(list(drawn.items())[:_MOST_PANELS])
    if not drawn:
        raise SetupError("there is nothing to be drawn: no point has a number to show")
    from matplotlib.figure import Figure

    wide = min(2, len(drawn))
    rows = math.ceil(len(drawn) / wide)
    figure = Figure((_PANEL_IN[0] * wide, _PANEL_IN[1] * rows), layout="constrained")
    figure.suptitle(title, color=INK, parse_math=False)
    grid = figure.subplots(rows, wide, squeeze=False).ravel()
    (abscissa, texts), *others = settings.items()
    places, labels = _places(texts)
    series = [("", np.arange(len(texts)))] if in_step else _series(dict(others))
    for axes, (name, column) in zip(grid, drawn.items(), strict=False):
        _draw(axes, places, column, series)
        if labels:
            axes.set_xticks(range(len(labels)), labels, parse_math=False)
        axes.set_xlabel(abscissa, parse_math=False)
        axes.set_ylabel(name, parse_math=False)
    save_panels(figure, list(grid), len(drawn), path)


def _places(texts: Sequence[str]) -> tuple[NDArray[np.float64], list[str]]:
    """Return where the points are; words that are no numbers stand side by side, with labels."""
    try:
        return np.array([float(text) for text in texts]), []
    except ValueError:
        labels = list(dict.fromkeys(texts))
        return np.array([float(labels.index(text)) for text in texts]), labels


def _series(others: Mapping[str, Sequence[str]]) -> Series:
    """Return the points with the same values of the other parameters, with what these are."""
    if not others:
        return [("", np.arange(0))]
    rows = list(zip(*others.values(), strict=True))
    return [
        (
            ", ".join(f"{path} = {value}" for path, value in zip(others, chosen, strict=True)),
            np.array([place for place, row in enumerate(rows) if row == chosen]),
        )
        for chosen in dict.fromkeys(rows)
    ]


def _draw(axes: Axes, places: NDArray[np.float64], column: Column, series: Series) -> None:
    values, errors = column
    for number, (label, points) in enumerate(series):
        chosen = points if len(points) else np.arange(len(places))
        chosen = chosen[np.argsort(places[chosen], kind="stable")]
        colour = COLOURS[number % len(COLOURS)]
        axes.errorbar(
            places[chosen],
            values[chosen],
            np.nan_to_num(errors[chosen]),
            fmt="o-",
            linewidth=0.8,
            markersize=4,
            capsize=3,
            color=colour,
            label=label or None,
        )
    if len(series) > 1:
        axes.legend(frameon=False, fontsize="small")
