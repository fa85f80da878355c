"""What stands below the tables of a run: rates, histograms, the newest event; keys choose.

Nothing here slows the run: rates are those of the status, histograms are read from the directory of
the run, and events are looked at by observers.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from rich.text import Text

from mimocorb._texts import visible
from mimocorb._words import how_many
from mimocorb.buffers.units import in_units
from mimocorb.errors import EndOfStream, MimocorbError
from mimocorb.run.run_view import RunView
from mimocorb.run.wording import rate

if TYPE_CHECKING:
    from mimocorb.analysis.histograms.run_histogram import RunHistogram
    from mimocorb.buffers.observer import Observer

__all__ = ["Panels"]

POINTS = 400
POINT_S = 0.5
READ_S = 0.5
STEPS = "▁▂▃▄▅▆▇█"
MESSAGE_S = 5.0
NARROWEST = 20
PICTURE_LINES = 12


class LookedAt(Protocol):
    """A run as :func:`mimocorb.connect` gives it."""

    directory: Path

    def observer(self, name: str) -> Observer:
        """Return an observer of a buffer."""


class Panels:
    """The panels of a run; one of them is shown.

    Parameters
    ----------
    run
        The run; only looked at.
    """

    def __init__(self, run: LookedAt) -> None:
        self._run = run
        self._chosen = "r"
        self._number = {"h": 0, "o": 0}
        self._rates: dict[str, deque[float]] = {}
        self._last_s = 0.0
        self._results: list[str] = []
        self._observers: dict[str, Observer] = {}
        self._events: dict[str, Any] = {}
        self._histograms: list[RunHistogram] = []
        self._read_s = 0.0
        self._said, self._said_s = "", 0.0

    def choose(self, key: str) -> None:
        """Show what belongs to a key; ``n`` is the next one of the kind that is shown."""
        if key in "rhol":
            self._chosen = key
        elif key == "n" and self._chosen in self._number:
            self._number[self._chosen] += 1

    def say(self, text: str) -> None:
        """Show a message for some seconds."""
        self._said, self._said_s = text, time.monotonic()

    def note(self, view: RunView) -> None:
        """Take the rates of this moment."""
        from mimocorb.run.wording import results_line

        self._results = [f"{name}: {results_line(found)}" for name, found in view.results.items()]
        now_s = time.monotonic()
        if now_s - self._last_s < POINT_S:
            return
        self._last_s = now_s
        for buffer in view.buffers:
            points = self._rates.setdefault(buffer.stats.name, deque(maxlen=POINTS))
            points.append(buffer.throughput_hz or 0.0)

    @property
    def least_lines(self) -> int:
        """How many lines the panel that is chosen needs."""
        if self._chosen in self._number:
            return PICTURE_LINES
        return 1 if self._chosen == "l" else len(self._rates) + len(self._results) + 1

    def draw(self, width: int, height: int) -> list[Text]:
        """Return the lines of the panel that is chosen."""
        draw: dict[str, Callable[[int, int], Sequence[str]]] = {
            "r": self._draw_rates,
            "h": self._draw_histogram,
            "o": self._draw_scope,
            "l": lambda _width, _height: [],
        }
        found: list[str] = []
        if time.monotonic() - self._said_s < MESSAGE_S and self._said:
            found.append(f" {self._said}")
        try:
            found += draw[self._chosen](max(NARROWEST, width), height - len(found))
        except MimocorbError as error:
            found.append(f" {error}")
        return [Text(visible(line)[:width], no_wrap=True) for line in found]

    def _draw_rates(self, width: int, _height: int) -> list[str]:
        names = max((len(name) for name in self._rates), default=0)
        lines = []
        for name, points in self._rates.items():
            number = f"{rate(points[-1])} /s"
            room = max(1, width - names - 14)
            lines.append(f" {name:<{names}} {sparkline(list(points)[-room:]):>{room}} {number:>10}")
        return [*lines, *(f" {result}" for result in self._results)]

    def _draw_histogram(self, width: int, height: int) -> list[str]:
        from mimocorb.analysis.histograms.files import read_histograms
        from mimocorb.analysis.histograms.text_plot import text_plot

        if time.monotonic() - self._read_s > READ_S:
            self._read_s = time.monotonic()
            # Not by the client, which asks the run for its status each time.
            self._histograms = list(read_histograms(self._run.directory).values())
        if not self._histograms:
            return [" no histograms: give the set-up a worker with function: histogram"]
        place = self._number["h"] % len(self._histograms)
        one = self._histograms[place]
        of = f"{place + 1} of {len(self._histograms)}"
        fits = "; ".join(f"{fit.name}: {fit.lines()[0]}" for fit in one.fits)
        title = f" {one.title} ({of}): {how_many(one.entries, 'value')}  {fits}"
        return [title, *(f" {line}" for line in text_plot(one, width - 2, max(4, height - 1)))]

    def _draw_scope(self, width: int, height: int) -> list[str]:
        from mimocorb.analysis.histograms.text_plot import scale_line

        channels = [
            (buffer, field)
            for buffer in self._rates
            for field in self._observer(buffer).dtype.names or ("",)
        ]
        place = self._number["o"] % len(channels)
        buffer, field = channels[place]
        event = self._newest(buffer)
        title = f" {buffer} {field} ({place + 1} of {len(channels)})"
        if event is None:
            return [f"{title}: no event yet"]
        known = self._observer(buffer).channels.get(field)
        unit = f" {known.unit}" if known is not None and known.unit else ""
        values = np.asarray(event[field] if field else event, float).reshape(-1)
        counter = int(self._observer(buffer).get_metadata()[0])
        title += f": event {counter}, from {values.min():.4g} to {values.max():.4g}{unit}"
        if len(values) == 1:
            return [f" {buffer} {field} ({place + 1} of {len(channels)}): event {counter}",
                    f" {values[0]:g}{unit}"]  # fmt: skip
        lines = trace(values, width - 2, max(2, height - 2))
        samples = scale_line(0, len(values) - 1, "sample", width - 2)
        return [title, *(f" {line}" for line in lines), f" {samples}"]

    def _observer(self, buffer: str) -> Observer:
        if buffer not in self._observers:
            self._observers[buffer] = self._run.observer(buffer)
        return self._observers[buffer]

    def _newest(self, buffer: str) -> Any:
        observer = self._observer(buffer)
        try:
            if observer.wait(0):
                self._events[buffer] = in_units(observer.get(), observer)
        except EndOfStream:
            pass
        return self._events.get(buffer)


def sparkline(values: Sequence[float]) -> str:
    """Return one character for each value: the highest is a full block, nothing is a blank."""
    top = max(values, default=0.0)
    if top <= 0:
        return " " * len(values)
    return "".join(
        STEPS[min(len(STEPS) - 1, int(value / top * len(STEPS)))] if value > 0 else " "
        for value in values
    )


def trace(values: Any, width: int, height: int) -> list[str]:
    """Return lines with a waveform: each column is filled from its least to its greatest sample."""
    width = max(1, min(width, len(values)))
    places = np.arange(width) * len(values) // width
    low, high = np.minimum.reduceat(values, places), np.maximum.reduceat(values, places)
    before = values[np.maximum(places - 1, 0)]  # lines lead from one column to the next
    low, high = np.minimum(low, before), np.maximum(high, before)
    bottom, top = float(values.min()), float(values.max())
    scale = (height - 1) / (top - bottom) if top > bottom else 0.0
    first = np.round((np.nan_to_num(low, nan=bottom) - bottom) * scale).astype(int)
    last = np.round((np.nan_to_num(high, nan=bottom) - bottom) * scale).astype(int)
    return [
        "".join("█" if first[x] <= row <= last[x] else " " for x in range(width))
        for row in reversed(range(height))
    ]
