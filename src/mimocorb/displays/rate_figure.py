"""Draw how rates of events went over time, one line for each buffer."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mimocorb.displays.waveform_figure import COLOURS, FAINT, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RateFigure"]

_POINTS = 180


class RateFigure:
    """A matplotlib figure with the history of rates.

    Parameters
    ----------
    figure
        An empty matplotlib figure.
    names
        Of the buffers.
    interval_s
        Time between two points, in s.
    max_rate_hz
        Upper end of the axis, in Hz.
    """

    def __init__(
        self, figure: Figure, names: Sequence[str], interval_s: float, max_rate_hz: float
    ) -> None:
        self.figure = figure
        figure.set_size_inches(9.6, 5.4)
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1)
        axes = figure.add_subplot()
        axes.set(
            xlabel="history (s)",
            ylabel="rate (Hz)",
            xlim=(-_POINTS * interval_s, 0),
            ylim=(0.1, max_rate_hz),
            yscale="log",
        )
        axes.tick_params(colors=INK, labelcolor=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(FAINT)
        axes.grid(color="#dde1e4", linewidth=0.7)
        self.lines = {
            name: axes.plot([], [], label=name, color=COLOURS[i % len(COLOURS)])[0]
            for i, name in enumerate(names)
        }
        axes.legend(loc="lower left", frameon=False)
        self._rates: dict[str, deque[float]] = {name: deque(maxlen=_POINTS) for name in names}
        self._interval_s = interval_s
        self._text = axes.set_title("", loc="left", color=INK, fontsize="medium")

    @property
    def artists(self) -> tuple[Any, ...]:
        """What changes in the figure."""
        return (*self.lines.values(), self._text)

    def show(self, rates_hz: Mapping[str, float], text: str) -> None:
        """Add a point to each line, and write `text` above."""
        for name, line in self.lines.items():
            points = self._rates[name]
            points.append(rates_hz[name])
            first = 1 - len(points)
            line.set_data([i * self._interval_s for i in range(first, 1)], list(points))
        self._text.set_text(text)
