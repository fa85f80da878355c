"""Draw a probability density: the sum of a Gaussian for each value, of a width that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mimocorb.displays.waveform_figure import COLOURS, FAINT, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DensityFigure", "density"]

_VALUES_AT_ONCE = 1000
_POINTS = 400


def density(values: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Estimate the density from which values were drawn.

    A Gaussian stands for each value; all have the standard deviation of the values times n^(-1/5),
    after D. W. Scott.

    Parameters
    ----------
    values
        At least two different ones.
    at
        Where the density is wanted.
    """
    width = float(values.std(ddof=1)) * len(values) ** -0.2
    total = np.zeros(len(at))
    for first in range(0, len(values), _VALUES_AT_ONCE):
        distance = (at[:, np.newaxis] - values[first : first + _VALUES_AT_ONCE]) / width
        total += np.exp(-0.5 * distance**2).sum(axis=1)
    return np.asarray(total / (len(values) * width * np.sqrt(2.0 * np.pi)))


class DensityFigure:
    """A matplotlib figure with the density of times.

    Parameters
    ----------
    figure
        An empty matplotlib figure.
    title
        Heading.
    """

    def __init__(self, figure: Figure, title: str) -> None:
        self.figure = figure
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1)
        self._axes = figure.add_subplot()
        self._axes.set(xlabel="time (ns)", ylabel="density (1/ns)")
        self._axes.set_title(title, loc="left", weight="bold", color=INK)
        self._axes.spines[["top", "right"]].set_visible(False)
        self._axes.spines[["left", "bottom"]].set_color(FAINT)
        (self._line,) = self._axes.plot([], [], color=COLOURS[0])

    def show(self, values_ns: NDArray[np.float64]) -> None:
        """Draw the density of these times; one alone has none."""
        if len(values_ns) < 2 or not values_ns.std() > 0:
            return
        at_ns = np.linspace(0.0, float(values_ns.max()), _POINTS)
        self._line.set_data(at_ns, density(values_ns, at_ns))
        self._axes.relim()
        self._axes.autoscale_view()
