"""Live histograms: a figure that is shown anew from time to time, while counts grow."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from mimocorb.displays.histogram_figure import HistogramFigure, HistogramSettings
from mimocorb.displays.screen import Screen, open_screen

__all__ = ["HistogramDisplay"]

_SHARE_OF_TIME = 0.1


class HistogramDisplay:
    """Histograms in a window, or, where there is none, in a picture file that is replaced.

    To be used in a ``with`` statement.

    Parameters
    ----------
    title
        Heading.
    settings
        The histograms.
    picture
        The picture file.
    interval_s
        Least time between two pictures, in s. They take a tenth of the time at most.
    """

    def __init__(
        self,
        title: str,
        settings: Sequence[HistogramSettings],
        picture: Path,
        interval_s: float,
    ) -> None:
        self.picture = picture
        self._title, self._settings = title, tuple(settings)
        self._least_interval_s = interval_s
        self._due_s = 0.0
        self._screen: Screen | None = None
        self._figure: Any = None
        self._shown: Mapping[str, NDArray[Any]] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is somebody to show anything to."""
        return self._screen is not None

    def update(self, counts: Mapping[str, NDArray[Any]]) -> None:
        """Show the counts if it is time to, and attend to the window; to be called often."""
        if self._screen is None:
            return
        self._shown = counts or self._shown
        try:
            self._screen.idle()
        except StopIteration:  # the window was closed: the run goes on
            self._screen = None
            return
        began_s = time.monotonic()
        if began_s < self._due_s:
            return
        self._draw()
        now_s = time.monotonic()
        self._due_s = now_s + max(self._least_interval_s, (now_s - began_s) / _SHARE_OF_TIME)

    def __enter__(self) -> Self:
        prepare = partial(HistogramFigure, title=self._title, settings=self._settings)
        self._screen, self._figure = open_screen(self._title, self.picture, prepare)
        self._screen.refresh()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show the last counts, and close the window."""
        if self._screen is None:
            return
        try:
            self._draw()
        finally:
            screen, self._screen = self._screen, None
            screen.close()

    def _draw(self) -> None:
        assert self._screen is not None
        if self._shown is None:
            self._figure.say("no event came yet")
        else:
            self._figure.show(self._shown)
        self._screen.refresh()
