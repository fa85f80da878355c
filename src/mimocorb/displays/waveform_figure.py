"""Draw the waveforms of one event: axes in real units, one line per channel.

Only drawing happens here. Where the events come from, and whether the figure goes into a window
or a file, is decided elsewhere.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.layout import contiguous_samples
from mimocorb.buffers.units import in_units
from mimocorb.errors import SetupError
from mimocorb.model.channels import PER_MV, Channel, channels_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["COLOURS", "FAINT", "INK", "EventInfo", "WaveformFigure", "WaveformSettings", "envelope"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
"""Distinguishable with any colour vision; after Okabe and Ito, https://jfly.uni-koeln.de/color/."""

INK = "#303438"
FAINT = "#8a9096"
_COLUMNS = 1200
_LAST_DAY_S = 253402300800  # the year 10000, which a calendar cannot show; a clock in ms is there
_TIME_UNITS = (("ns", 1.0, 2e3), ("µs", 1e3, 2e6), ("ms", 1e6, 2e9), ("s", 1e9, np.inf))


@dataclass(frozen=True)
class WaveformSettings:
    """What the axes mean. Voltages in the unit of the data, mV if none is said."""

    title: str
    channels: tuple[str, ...]
    samples: int
    sample_time_ns: float | None = None
    pre_trigger_samples: int = 0
    half_range: float = 500.0
    analogue_offset: float = 0.0
    trigger_level: float | None = None
    described: Mapping[str, Channel] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """Unit of the axis: that of all channels, or all of them."""
        found = [each.unit for each in self.described.values() if each.unit]
        return ", ".join(dict.fromkeys(found)) or "mV"

    def label(self, channel: str) -> str:
        """Return what a channel is called; with its unit, if there are several."""
        known = self.described.get(channel)
        return f"{channel} ({known.unit})" if known and "," in self.unit else channel

    @classmethod
    def of(cls, owner: str, buffer: Mapping[str, Any], **config: Any) -> WaveformSettings:
        """Read the configuration of a display; see :class:`Oscilloscope` for the keys."""

        def number(key: str, default: float | None, least: float | None = None) -> float | None:
            value = config.get(key, default)
            wrong = isinstance(value, bool) or not isinstance(value, (int, float))
            if value is not None and (wrong or (least is not None and not value > least)):
                bound = "" if least is None else f" above {least:g}"
                raise SetupError(f"{owner}: {key} is {value!r}; give a number{bound}.")
            return None if value is None else float(value)

        described = channels_of(buffer)
        per_mv = {PER_MV.get(each.unit, 1.0) for each in described.values() if each.unit} or {1.0}
        scale = min(per_mv)
        name, samples = str(buffer.get("name", "buffer")), buffer["values_per_slot"]
        level_v = number("trigger_level", None)
        return cls(
            title=str(config.get("title") or f"Waveforms of {name}"),
            channels=buffer["dtype"].names or (name,),
            samples=contiguous_samples(buffer["dtype"], samples) or samples,
            sample_time_ns=number("sample_time_ns", None, 0),
            pre_trigger_samples=int(number("pre_trigger_samples", 0) or 0),
            half_range=scale * (number("channel_range", 500.0, 0) or 500.0),
            analogue_offset=scale * 1000.0 * (number("analogue_offset", 0.0) or 0.0),
            trigger_level=None if level_v is None else scale * 1000.0 * level_v,
            described=described,
        )

    def times(self) -> tuple[NDArray[np.float64], str]:
        """Return the time of each sample relative to the trigger, and the label of the axis."""
        index = np.arange(self.samples, dtype=np.float64) - self.pre_trigger_samples
        zero = "trigger" if self.pre_trigger_samples else "first sample"
        if self.sample_time_ns is None:
            return index, f"samples after {zero}"
        reach_ns = float(np.abs(index).max()) * self.sample_time_ns
        unit, scale, _ = next(entry for entry in _TIME_UNITS if reach_ns <= entry[2])
        index *= self.sample_time_ns / scale
        return index, f"time after {zero} ({unit})"


@dataclass(frozen=True)
class EventInfo:
    """What is said about the event shown."""

    counter: int
    timestamp_s: float
    deadtime: float
    age_s: float
    skipped: int
    ended: bool = False

    def __str__(self) -> str:
        parts = [f"event {self.counter}"]
        if 0 < self.timestamp_s < _LAST_DAY_S:
            parts.append(time.strftime("%H:%M:%S UTC", time.gmtime(self.timestamp_s)))
        elif self.timestamp_s > 0 or math.isnan(self.timestamp_s):
            parts.append(f"timestamp {self.timestamp_s:g} s")
        if not self.ended:
            parts.append(f"{_rounded(self.age_s)} s old")
        if self.deadtime >= 0:
            parts.append(f"dead time {100 * self.deadtime:.3g} %")
        parts.append("end of data" if self.ended else f"{self.skipped} skipped")
        return "   ·   ".join(parts)


class WaveformFigure:
    """A matplotlib figure with the waveforms of one event at a time.

    Parameters
    ----------
    figure
        An empty matplotlib figure.
    settings
        What the axes mean.
    """

    def __init__(self, figure: Figure, settings: WaveformSettings) -> None:
        self.figure = figure
        self.settings = settings
        figure.set_size_inches(9.6, 5.4)
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1)
        times, label = settings.times()
        self._axes = axes = figure.add_subplot()
        offset, half = settings.analogue_offset, settings.half_range
        axes.set(
            xlabel=label,
            ylabel=f"signal ({settings.unit})",
            xlim=(times[0], times[-1]) if len(times) > 1 else None,
            ylim=(-half - offset, half - offset),
        )
        axes.set_title(settings.title, loc="left", weight="bold", color=INK, pad=24)
        axes.tick_params(colors=INK, labelcolor=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(FAINT)
        axes.grid(color="#dde1e4", linewidth=0.7)
        axes.set_axisbelow(True)
        self._draw_trigger()
        marker = "o" if settings.samples <= 40 else None
        self._times = times
        self._x = envelope(times, _COLUMNS, of_time=True)
        self.lines: list[Line2D] = [
            axes.plot(
                [],
                [],
                label=settings.label(name),
                color=COLOURS[i % len(COLOURS)],
                linewidth=1.1,
                linestyle="-" if i < len(COLOURS) else "--",
                marker=marker,
                markersize=4,
            )[0]
            for i, name in enumerate(settings.channels)
        ]
        legend = axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.05),
            borderaxespad=0,
            ncols=min(8, len(settings.channels)),
            frameon=False,
            handlelength=1.4,
            columnspacing=1.4,
        )
        for handle in legend.get_lines():
            handle.set_linewidth(3)
        self._info = axes.text(
            0.0,
            1.02,
            "waiting for the first event",
            transform=axes.transAxes,
            color=FAINT,
            fontsize="small",
        )

    def _draw_trigger(self) -> None:
        settings, axes = self.settings, self._axes
        if settings.pre_trigger_samples:
            axes.axvline(0, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
        if settings.trigger_level is not None:
            axes.axhline(settings.trigger_level, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))

    def show(self, data: NDArray[Any], info: EventInfo) -> None:
        """Put an event into the figure; what it looks like on screen is not changed yet."""
        data = in_units(data, self.settings.described)
        names = data.dtype.names
        columns = [data[name] for name in names] if names else [data]
        for line, column in zip(self.lines, columns, strict=True):
            values = np.asarray(column, np.float64).reshape(-1) - self.settings.analogue_offset
            times = self._x
            if len(values) != self.settings.samples:  # of a buffer of variable length
                times = envelope(self._times[: len(values)], _COLUMNS, of_time=True)
            line.set_data(times, envelope(values, _COLUMNS))
        self.say(str(info))

    def say(self, text: str) -> None:
        """Write `text` above the axes."""
        self._info.set_text(text)


def envelope(
    values: NDArray[np.float64], columns: int, *, of_time: bool = False
) -> NDArray[np.float64]:
    """Thin out a waveform without losing its extremes.

    Where there are more than two samples per column of the picture, each column keeps its least
    and its greatest sample: no narrow pulse is lost, as it would be by taking every n-th sample.

    Parameters
    ----------
    values
        Samples, shape (n,).
    columns
        Columns of the picture.
    of_time
        `values` are the times that belong to the samples: keep the edges of the columns.

    Returns
    -------
    ndarray
        `values` itself, or an array of two values per column.
    """
    if len(values) <= 2 * columns:
        return values
    width = -(-len(values) // columns)
    starts = np.arange(0, len(values), width)
    if of_time:
        low, high = values[starts], values[np.minimum(starts + width // 2, len(values) - 1)]
    else:
        low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    return np.stack((low, high), axis=1).reshape(-1)


def _rounded(seconds: float) -> str:
    return f"{seconds:.2g}" if seconds < 1 else f"{seconds:.1f}"
