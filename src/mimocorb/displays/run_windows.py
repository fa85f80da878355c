"""Windows beside the oscilloscope: histograms of the run, and the history of a rate."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mimocorb.analysis.histograms.files import read_histograms
from mimocorb.analysis.histograms.run_histogram import RunHistogram
from mimocorb.components.form import observer
from mimocorb.components.roles.newest_events import NewestEvents
from mimocorb.displays.figures import histogram_figure
from mimocorb.displays.rate_figure import RateFigure
from mimocorb.displays.screen import Screen, open_screen, picture_name

__all__ = ["HistogramWindow", "RateWindow"]

_SHARE_OF_TIME = 0.1
_INTERVAL_S = 1.0
_LOOK_S = 0.1


class _Window:
    """A figure that is drawn again from time to time, and takes a tenth of the time at most."""

    def __init__(self, title: str, picture: Path) -> None:
        self.picture = picture
        self._title = title
        self._screen: Screen | None = None
        self._figure: Any = None
        self._not_before_s = 0.0

    def idle(self) -> None:
        """Attend to the window, and draw if it is time to; StopIteration when it was closed."""
        if self._screen is None:
            return
        self._screen.idle()
        began_s = time.monotonic()
        if began_s >= self._not_before_s:
            self._draw()
            took_s = time.monotonic() - began_s
            self._not_before_s = began_s + max(_INTERVAL_S, took_s / _SHARE_OF_TIME)

    def __call__(self, event: NDArray[Any]) -> None:
        """Do nothing with an event: it is drawn when it is time to."""

    def close(self) -> None:
        """Draw for the last time, and close the window. Idempotent."""
        screen = self._screen
        if screen is not None:
            try:
                self._draw()
            finally:
                self._screen = None
                screen.close()

    def _draw(self) -> None:
        raise NotImplementedError


@observer
class HistogramWindow(_Window):
    """Show histograms of the run, with the fits to them, in a window.

    It observes a buffer, to know when the run is over, and looks at what workers with ``function:
    histogram`` have counted. Without a window system it writes ``<buffer>_histograms.png`` in the
    directory of the run, over and over.

    Parameters
    ----------
    histograms
        Names of the workers that fill them; all if not given.
    logarithmic
        Whether the axes of counts are.
    buffer, directory
        Given by mimocorb.
    """

    def __init__(
        self,
        *,
        histograms: list[str] | None = None,
        logarithmic: bool = False,
        buffer: Mapping[str, Any],
        directory: Path,
    ) -> None:
        super().__init__("Histograms", directory / picture_name(str(buffer["name"]), "histograms"))
        self._names = histograms
        self._is_logarithmic = logarithmic
        self._directory = directory

    def begin(self, _newest: NewestEvents) -> None:
        """Open the window, or the picture file."""
        self._screen, self._figure = open_screen(self._title, self.picture, lambda figure: figure)

    def _draw(self) -> None:
        assert self._screen is not None
        found: dict[str, RunHistogram] = read_histograms(self._directory)
        names = self._names or list(found)
        chosen = [found[name] for name in names if name in found]
        if chosen:
            histogram_figure(chosen, self._figure, is_logarithmic=self._is_logarithmic)
            self._screen.refresh()


@observer
class RateWindow(_Window):
    """Show how the rate of a buffer went over time, in a window.

    Without a window system it writes ``<buffer>_rate.png`` in the directory of the run, over and
    over.

    Parameters
    ----------
    max_rate_hz
        Upper end of the axis, in Hz.
    buffer, directory
        Given by mimocorb.
    """

    def __init__(
        self, *, max_rate_hz: float = 10_000.0, buffer: Mapping[str, Any], directory: Path
    ) -> None:
        self._name = str(buffer["name"])
        super().__init__(f"Rate of {self._name}", directory / picture_name(self._name, "rate"))
        self._max_rate_hz = max_rate_hz
        self._newest: NewestEvents | None = None
        self._events, self._since_s = 0, time.monotonic()

    def begin(self, newest: NewestEvents) -> None:
        """Open the window, or the picture file."""
        self._newest = newest
        newest.interval_s = min(newest.interval_s, _LOOK_S)
        prepare = partial(
            RateFigure,
            names=[self._name],
            interval_s=_INTERVAL_S,
            max_rate_hz=self._max_rate_hz,
        )
        self._screen, self._figure = open_screen(self._title, self.picture, prepare)

    def _draw(self) -> None:
        assert self._screen is not None
        assert self._newest is not None
        now_s, events = time.monotonic(), self._newest.published
        elapsed_s = max(now_s - self._since_s, 1e-3)
        rate_hz = (events - self._events) / elapsed_s
        self._events, self._since_s = events, now_s
        self._figure.show({self._name: rate_hz}, f"{events} events, {rate_hz:.1f} Hz")
        self._screen.refresh()
