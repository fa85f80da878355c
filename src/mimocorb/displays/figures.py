"""Figures of the histograms of a run: in windows, notebooks, reports and files.

What to use when
----------------
* :func:`draw_histogram` puts one histogram, with the fits to it, into axes that are there;
* :func:`histogram_figure` makes a matplotlib figure of one or several;
* :func:`save_histograms` writes a picture: PNG, PDF or SVG.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mimocorb._files import write_new
from mimocorb._words import count
from mimocorb.analysis.histograms.run_histogram import RunHistogram, is_log
from mimocorb.displays.waveform_figure import COLOURS, FAINT, INK
from mimocorb.errors import SetupError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mimocorb.analysis.histograms.fit_result import Fit

__all__ = [
    "PICTURES",
    "draw_histogram",
    "histogram_figure",
    "new_figure",
    "picture_of",
    "save_histograms",
]

PICTURES = (".png", ".pdf", ".svg")
"""Endings of the files of pictures."""


def draw_histogram(axes: Axes, histogram: RunHistogram, *, is_logarithmic: bool = False) -> None:
    """Draw a histogram with its uncertainties, or a map of one of two dimensions.

    Parameters
    ----------
    axes
        Where to; what was there is removed.
    histogram
        What.
    is_logarithmic
        Whether the axis of counts is.
    """
    axes.clear()
    axes.set_title(histogram.title, loc="left", weight="bold", color=INK)
    axes.set_xlabel(histogram.axis_label(0))
    axes.tick_params(colors=INK, labelcolor=INK)
    if is_log(histogram.axes[0]):
        axes.set_xscale("log")
    if len(histogram.axes) == 2:
        _draw_map(axes, histogram, is_logarithmic=is_logarithmic)
    else:
        _draw_steps(axes, histogram, is_logarithmic=is_logarithmic)


def _draw_steps(axes: Axes, one: RunHistogram, *, is_logarithmic: bool) -> None:
    edges, values = np.asarray(one.axes[0].edges), np.asarray(one.values(), float)
    errors = np.sqrt(np.maximum(one.variances(), 0.0))
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.set_ylabel(one.value_label)
    axes.set_xlim(float(edges[0]), float(edges[-1]))
    centres = (edges[1:] + edges[:-1]) / 2
    filled = np.asarray(one.counts_in_bins()) > 0
    if one.is_profile:
        axes.errorbar(
            *(centres[filled], values[filled], errors[filled], np.diff(edges)[filled] / 2),
            fmt="none",
            color=COLOURS[0],
        )
    else:
        axes.stairs(values, edges, fill=True, color=COLOURS[0], alpha=0.35)
        axes.stairs(values, edges, color=COLOURS[0])
        axes.errorbar(
            *(centres[filled], values[filled], errors[filled]),
            fmt="none",
            color=COLOURS[0],
            elinewidth=1,
        )
        if is_logarithmic:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=min(0.0, float(values.min(initial=0.0))))
    for number, fit in enumerate(one.fits, start=1):
        _draw_fit(axes, fit, COLOURS[number % len(COLOURS)])
    lines = [f"{count(one.entries)} entries", *_outside(one)]
    for fit in one.fits:
        lines += fit.lines()
    text = axes.text(
        *(0.98, 0.97, "\n".join(lines)),
        transform=axes.transAxes,
        ha="right",
        va="top",
        color=INK,
        fontsize="small",
    )
    text.set_parse_math(False)


def _outside(one: RunHistogram) -> list[str]:
    flow = np.asarray(one.counts_in_bins(flow=True))
    below, above = int(flow[0]), int(flow[-1])
    return [f"{count(below)} below, {count(above)} above"] if below or above else []


def _draw_fit(axes: Axes, fit: Fit, colour: str) -> None:
    if fit.y:
        axes.plot(fit.x, fit.y, color=colour, linewidth=1.6, label=fit.name or fit.model)


def _draw_map(axes: Axes, one: RunHistogram, *, is_logarithmic: bool) -> None:
    from matplotlib.colors import LogNorm

    x, y = (np.asarray(axis.edges) for axis in one.axes)
    values = np.asarray(one.values(), float).T
    shown = np.ma.masked_less_equal(values, 0)
    norm = LogNorm() if is_logarithmic and shown.count() else None
    axes.pcolormesh(x, y, shown, norm=norm, cmap="viridis", rasterized=True)
    axes.set_ylabel(one.axis_label(1))
    if is_log(one.axes[1]):
        axes.set_yscale("log")
    entries = f"{count(one.entries)} entries, at most {values.max(initial=0):g} in a bin"
    axes.set_title(entries, loc="right", color=INK, fontsize="small")


def histogram_figure(
    histograms: Sequence[RunHistogram],
    figure: Figure | None = None,
    *,
    is_logarithmic: bool = False,
) -> Figure:
    """Return a figure with a histogram in each part of it.

    Parameters
    ----------
    histograms
        At least one.
    figure
        To draw into, emptied first; a new one without a window if not given.
    is_logarithmic
        Whether the axes of counts are.

    Raises
    ------
    SetupError
        There is nothing to draw, or matplotlib is missing.
    """
    if not histograms:
        raise SetupError("there is no histogram to draw")
    columns = math.ceil(math.sqrt(len(histograms)))
    rows = math.ceil(len(histograms) / columns)
    if figure is None:
        figure = new_figure()
        figure.set_size_inches(max(6.4, 4.8 * columns), max(4.0, 3.4 * rows))
    figure.clear()
    figure.set_layout_engine("constrained")
    grid: Any = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for axes, one in zip(grid, histograms, strict=False):
        draw_histogram(axes, one, is_logarithmic=is_logarithmic)
    for axes in grid[len(histograms) :]:
        axes.set_axis_off()
    return figure


def new_figure() -> Figure:
    """Return an empty figure without a window; SetupError if matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SetupError(
            "pictures need matplotlib: install it with pip install 'mimocorb[plots]'"
        ) from error
    figure = Figure(dpi=110)
    FigureCanvasAgg(figure)
    return figure


def picture_of(figure: Figure, kind: str) -> bytes:
    """Return a figure as ``png``, ``pdf`` or ``svg``; the same figure gives the same bytes."""
    from matplotlib import rc_context

    content = io.BytesIO()
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with rc_context({"svg.hashsalt": "mimocorb"}):
        figure.savefig(content, format=kind, metadata=metadata)
    return content.getvalue()


def save_histograms(histograms: Sequence[RunHistogram], path: Path) -> None:
    """Write a picture of histograms into a new file; its ending says in which form.

    Raises
    ------
    SetupError
        It is no picture that is known, or matplotlib is missing.
    OutputError
        The file is there already, or cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in PICTURES:
        raise SetupError(f"{path.name}: pictures are written as {', '.join(PICTURES)}")
    write_new(path, picture_of(histogram_figure(histograms), kind[1:]))
