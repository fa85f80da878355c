"""Count values in bins, and draw the counts: one histogram for each quantity.

Only counting and drawing happen here. Where the values come from, and whether the figure goes into
a window or a file, is decided elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mimocorb.displays.waveform_figure import COLOURS, FAINT, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = ["Histogram", "HistogramFigure", "HistogramSettings"]


@dataclass(frozen=True)
class HistogramSettings:
    """What is counted, and how it is drawn.

    Parameters
    ----------
    name
        The quantity: the name of a field.
    edges
        Edges of the bins, rising. A bin has its lower edge and not its upper one; the last has
        both.
    label
        Of the axis; without it the name.
    is_logarithmic
        Whether the axis of counts is.
    """

    name: str
    edges: NDArray[np.float64]
    label: str = ""
    is_logarithmic: bool = False


class Histogram:
    """Counts of one quantity.

    Parameters
    ----------
    settings
        The bins.
    """

    def __init__(self, settings: HistogramSettings) -> None:
        self.settings = settings
        self.counts: NDArray[np.int64] = np.zeros(len(settings.edges) - 1, np.int64)
        self.outside = 0
        """Values beyond the bins, and those that are no numbers."""

    def fill(self, values: ArrayLike) -> None:
        """Count values."""
        flat = np.asarray(values, np.float64).reshape(-1)
        edges = self.settings.edges
        inside = flat[(flat >= edges[0]) & (flat <= edges[-1])]
        places = np.minimum(np.searchsorted(edges, inside, side="right") - 1, len(edges) - 2)
        self.counts += np.bincount(places, minlength=len(self.counts))
        self.outside += len(flat) - len(inside)


class HistogramFigure:
    """A matplotlib figure with one histogram for each quantity.

    Parameters
    ----------
    figure
        An empty matplotlib figure.
    title
        Heading.
    settings
        The histograms, at least one.
    """

    def __init__(self, figure: Figure, title: str, settings: Sequence[HistogramSettings]) -> None:
        self.figure = figure
        self.settings = tuple(settings)
        columns = math.ceil(math.sqrt(len(settings)))
        rows = math.ceil(len(settings) / columns)
        figure.set_size_inches(max(6.4, 3.6 * columns), max(4.0, 2.7 * rows))
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1)
        figure.suptitle(title, x=0.02, ha="left", weight="bold", color=INK)
        grid = figure.subplots(rows, columns, squeeze=False).reshape(-1)
        for unused in grid[len(settings) :]:
            unused.set_axis_off()
        self._axes = dict(zip((each.name for each in settings), grid, strict=False))
        self._steps: dict[str, Any] = {}
        self._texts: dict[str, Text] = {}
        for each in settings:
            self._prepare(each)

    def show(self, counts: Mapping[str, NDArray[Any]]) -> None:
        """Put counts into the figure; what it looks like on screen is not changed yet."""
        for each in self.settings:
            of_this = np.asarray(counts[each.name])
            self._steps[each.name].set_data(values=of_this)
            highest = float(of_this.max(initial=0))
            lowest = 0.5 if each.is_logarithmic else 0.0
            self._axes[each.name].set_ylim(lowest, max(1.0, highest) * 1.15 + lowest)
            self._texts[each.name].set_text(described(of_this, each.edges))

    @property
    def artists(self) -> tuple[Any, ...]:
        """What changes in the figure: the steps and the texts."""
        return (*self._steps.values(), *self._texts.values())

    def say(self, text: str) -> None:
        """Write `text` where the numbers of the histograms are."""
        for each in self._texts.values():
            each.set_text(text)

    def _prepare(self, settings: HistogramSettings) -> None:
        axes = self._axes[settings.name]
        axes.set(
            xlabel=settings.label or settings.name,
            ylabel="events in a bin",
            xlim=(settings.edges[0], settings.edges[-1]),
        )
        axes.tick_params(colors=INK, labelcolor=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(FAINT)
        if settings.is_logarithmic:
            axes.set_yscale("log")
        self._steps[settings.name] = axes.stairs(
            np.zeros(len(settings.edges) - 1),
            settings.edges,
            fill=True,
            color=COLOURS[0],
            baseline=0.1 if settings.is_logarithmic else 0,
        )
        self._texts[settings.name] = axes.text(
            *(0.98, 0.97, "waiting for the first event"),
            transform=axes.transAxes,
            ha="right",
            va="top",
            color=INK,
            fontsize="small",
        )


def described(counts: NDArray[Any], edges: NDArray[np.float64]) -> str:
    """Return number, mean and standard deviation of what is in the bins, from their centres."""
    entries = int(counts.sum())
    if not entries:
        return "no entries"
    centres = (edges[:-1] + edges[1:]) / 2
    mean = float((counts * centres).sum() / entries)
    spread = math.sqrt(float((counts * (centres - mean) ** 2).sum() / entries))
    return f"{entries} entries\nmean {mean:.4g}\nstd. dev. {spread:.3g}"
