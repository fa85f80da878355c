"""Histograms drawn with characters, for terminals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import count
from mimocorb.analysis.histograms.run_histogram import RunHistogram

__all__ = ["bars", "scale_line", "text_plot"]

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_SHADES = " ░▒▓█"

Floats = NDArray[np.float64]


def text_plot(histogram: RunHistogram, width: int = 72, height: int = 12) -> list[str]:
    """Return the lines of a picture of a histogram, with its axes.

    Parameters
    ----------
    histogram
        Of one dimension, a profile or of two dimensions.
    width, height
        Most columns and lines, with the axes.
    """
    if len(histogram.axes) == 2:
        return _map(histogram, width, height)
    values = np.nan_to_num(np.asarray(histogram.values(), float))
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    margin = max(len(_short(high)), len(_short(low))) + 1
    rows = bars(values - low, width - margin, height - 2)
    labels = [_short(high), *[""] * (len(rows) - 2), _short(low)]
    picture = [f"{label:>{margin - 1}} {row}" for label, row in zip(labels, rows, strict=False)]
    edges = np.asarray(histogram.axes[0].edges, float)
    middle = histogram.axis_label(0)
    return [*picture, " " * margin + scale_line(edges[0], edges[-1], middle, width - margin)]


def bars(values: Floats | Sequence[float], width: int, height: int) -> list[str]:
    """Return lines with a bar for each column; what does not fit is put together, or spread."""
    heights = _columns(np.asarray(values, float), width)
    top = float(heights.max()) if len(heights) else 0.0
    eighths = np.round(heights / top * 8 * height).astype(int) if top > 0 else heights.astype(int)
    eighths = np.where((heights > 0) & (eighths == 0), 1, eighths)  # something is not nothing
    return [
        "".join(_EIGHTHS[max(0, min(8, each - 8 * row))] for each in eighths)
        for row in reversed(range(height))
    ]


def scale_line(low: float, high: float, middle: str, width: int) -> str:
    """Return the line below a picture: both ends, and between them what it is."""
    left, right = f"{low:g}", f"{high:g}"
    room = width - len(left) - len(right)
    return f"{left}{middle[: max(0, room - 2)]:^{max(0, room)}}{right}"


def _columns(values: Floats, width: int) -> Floats:
    """Return the largest value in each column; fewer values are spread over the columns."""
    if not len(values) or width < 1:
        return np.zeros(0)
    if len(values) <= width:
        return np.asarray(values[np.arange(width) * len(values) // width])
    places = np.arange(width) * len(values) // width
    found: Floats = np.maximum.reduceat(values, places)
    return found


def _map(histogram: RunHistogram, width: int, height: int) -> list[str]:
    values = np.nan_to_num(np.asarray(histogram.values(), float))
    x, y = (np.asarray(axis.edges, float) for axis in histogram.axes)
    margin = max(len(f"{y[0]:g}"), len(f"{y[-1]:g}")) + 1
    rows = np.array([_columns(column, height - 2) for column in values]).T
    cells = np.array([_columns(row, width - margin) for row in rows])
    top = cells.max() if cells.size else 0.0
    steps = np.ceil(cells / top * 4).astype(int) if top > 0 else cells.astype(int)
    lines = ["".join(_SHADES[max(0, step)] for step in row) for row in reversed(steps)]
    labels = [f"{y[-1]:g}", *[""] * (len(lines) - 2), f"{y[0]:g}"]
    picture = [f"{label:>{margin - 1}} {line}" for label, line in zip(labels, lines, strict=False)]
    middle = f"{histogram.axis_label(0)}, up: {histogram.axis_label(1)}, █ = {_short(top)}"
    return [*picture, " " * margin + scale_line(x[0], x[-1], middle, width - margin)]


def _short(value: float) -> str:
    return count(value) if value.is_integer() and abs(value) < 1e7 else f"{value:.3g}"
