"""Two runs in one picture: what they kept, what they measured, and their histograms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mimocorb.displays.waveform_figure import COLOURS, FAINT, INK
from mimocorb.errors import MimocorbError, OutputError, SetupError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mimocorb.analysis.histograms.run_histogram import RunHistogram

__all__ = ["check_picture", "save_comparison", "save_panels"]

PICTURES = (".png", ".pdf", ".svg")
_PANEL_IN = (6.0, 3.4)


class Decision(Protocol):
    """Which part of the events a filter kept or rejected."""

    @property
    def worker(self) -> str:
        """The filter."""

    @property
    def decision(self) -> str:
        """What it decided."""

    @property
    def fractions(self) -> tuple[float | None, float | None]:
        """Of both runs."""


class Result(Protocol):
    """A number that both runs reported."""

    @property
    def worker(self) -> str:
        """Who."""

    @property
    def name(self) -> str:
        """What."""

    @property
    def first(self) -> float | None:
        """Of the first run."""

    @property
    def second(self) -> float | None:
        """Of the second run."""

    @property
    def errors(self) -> tuple[float | None, float | None]:
        """The uncertainties."""


class Pair(Protocol):
    """A histogram of both runs."""

    @property
    def name(self) -> str:
        """Of the worker that filled it."""

    @property
    def first(self) -> RunHistogram:
        """Of the first run."""

    @property
    def second(self) -> RunHistogram:
        """Of the second run."""

    @property
    def same_bins(self) -> bool:
        """Whether they can be laid over each other."""


def check_picture(path: Path) -> None:
    """Raise an error if no picture can be drawn into this file.

    Raises
    ------
    SetupError
        Its ending is another one.
    MimocorbError
        matplotlib is not installed.
    """
    if path.suffix not in PICTURES:
        raise SetupError(
            f"a picture is a file that ends in {', '.join(PICTURES)}; found {path.name!r}"
        )
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MimocorbError(
            "a picture needs matplotlib: install it with pip install 'mimocorb[plots]'"
        ) from error


def save_comparison(
    path: Path,
    runs: Sequence[str],
    decisions: Sequence[Decision],
    results: Sequence[Result],
    histograms: Sequence[Pair],
) -> None:
    """Draw two runs; replaces the file.

    Parameters
    ----------
    path
        A PNG, PDF or SVG file.
    runs
        What the two are called.
    decisions, results, histograms
        What they have found. There has to be something of it.

    Raises
    ------
    SetupError
        There is nothing to be drawn.
    OutputError
        The file cannot be written.
    """
    panels: list[Callable[[Axes], None]] = []
    if decisions:
        panels.append(lambda axes: _draw_decisions(axes, runs, decisions))
    both = [each for each in results if _ratio(each) is not None]
    if both:
        panels.append(lambda axes: _draw_results(axes, runs, both))
    panels += [
        lambda axes, pair=pair: _draw_pair(axes, runs, pair)  # type: ignore[misc]
        for pair in histograms
        if len(pair.first.axes) == len(pair.second.axes) == 1
    ]
    if not panels:
        raise SetupError(
            "there is nothing to be drawn: neither a filter nor a result nor a histogram is in"
            " both runs"
        )
    from matplotlib.figure import Figure

    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure((_PANEL_IN[0] * columns, _PANEL_IN[1] * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, draw in zip(grid, panels, strict=False):
        draw(axes)
    save_panels(figure, list(grid), len(panels), path)


def save_panels(figure: Figure, grid: Sequence[Axes], used: int, path: Path) -> None:
    """Save a picture of panels, of which only the first ones are used.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    for axes in grid[:used]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(FAINT)
        axes.tick_params(colors=INK, labelcolor=INK)
    for axes in grid[used:]:
        axes.set_visible(False)
    try:
        figure.savefig(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _draw_decisions(axes: Axes, runs: Sequence[str], decisions: Sequence[Decision]) -> None:
    places = np.arange(len(decisions), dtype=float)
    for number, run in enumerate(runs):
        percents = [100 * (row.fractions[number] or 0.0) for row in decisions]
        bars = axes.barh(places + (number - 0.5) * 0.38, percents, 0.36, color=COLOURS[number])
        bars.set_label(run)
    _name_places(axes, [f"{row.worker}: {row.decision}" for row in decisions])
    axes.set_xlim(0, 100)
    axes.set_xlabel("part of the events (%)")
    _title(axes, "Decisions")


def _ratio(row: Result) -> tuple[float, float] | None:
    """Return the second value by the first, and its uncertainty."""
    if not row.first or row.second is None:
        return None
    ratio = row.second / row.first
    parts = [
        (error or 0.0) / abs(value) if value else 0.0
        for value, error in zip((row.first, row.second), row.errors, strict=True)
    ]
    return (ratio, abs(ratio) * math.hypot(*parts)) if math.isfinite(ratio) else None


def _draw_results(axes: Axes, runs: Sequence[str], results: Sequence[Result]) -> None:
    ratios = [found for row in results if (found := _ratio(row)) is not None]
    places = np.arange(len(results), dtype=float)
    values, errors = (np.array(column) for column in zip(*ratios, strict=True))
    axes.axvline(1.0, color=FAINT, linewidth=1)
    axes.errorbar(values, places, xerr=errors, fmt="o", color=COLOURS[0], capsize=3)
    _name_places(axes, [f"{row.worker}: {row.name}" for row in results])
    axes.set_xlabel(f"{runs[1]} / {runs[0]}")
    _title(axes, "Results", legend=False)


def _name_places(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [name[-40:] for name in names], parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)


def _draw_pair(axes: Axes, runs: Sequence[str], pair: Pair) -> None:
    """Draw two histograms over each other, that of the second run with as many entries."""
    totals = [float(np.nansum(one.values())) for one in (pair.first, pair.second)]
    scaled = not pair.first.is_profile and pair.same_bins and all(total > 0 for total in totals)
    for number, one in enumerate((pair.first, pair.second)):
        factor = totals[0] / totals[number] if scaled else 1.0
        edges = np.asarray(one.axes[0].edges)
        values, errors = factor * one.values(), factor * np.sqrt(np.maximum(one.variances(), 0.0))
        label: Any = runs[number] + (f" × {factor:.3g}" if abs(factor - 1) > 1e-9 else "")
        axes.stairs(values, edges, color=COLOURS[number], label=label)
        centres = (edges[1:] + edges[:-1]) / 2
        axes.errorbar(centres, values, errors, fmt="none", color=COLOURS[number], elinewidth=1)
    axes.set_xlabel(pair.first.axis_label(0), parse_math=False)
    axes.set_ylabel(pair.first.value_label, parse_math=False)
    _title(axes, pair.first.title or pair.name)


def _title(axes: Axes, title: str, *, legend: bool = True) -> None:
    axes.set_title(title, loc="left", weight="bold", color=INK, parse_math=False)
    if legend:
        axes.legend(frameon=False, fontsize="small")
