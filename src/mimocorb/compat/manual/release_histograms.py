"""``histogram_buffer`` of releases 1.0.0 to 1.0.2, on top of our histograms."""

from __future__ import annotations

import queue
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb._words import how_many
from mimocorb.buffers.reader import Reader
from mimocorb.compat.manual.access import Started, output_directory
from mimocorb.compat.manual.assignment import Assignment
from mimocorb.components.roles.batches import batch_limit
from mimocorb.displays.histogram_figure import Histogram, HistogramFigure, HistogramSettings
from mimocorb.displays.histograms import HistogramDisplay
from mimocorb.displays.screen import picture_name
from mimocorb.errors import BufferTimeout, EndOfStream, SetupError

__all__ = ["animHists", "histogram_buffer", "plot_Histograms"]

_LOOK_S = 0.05
_EVENTS_AT_ONCE = 256


class histogram_buffer(Started):  # noqa: N801 - the documented name
    """Read a buffer and show histograms of its numbers while they come.

    Every event is read and counted, with or without a window; a window that is closed does not
    stop the reading. Without a window system the picture is ``<buffer>_histograms.png`` in the
    directory of the run, replaced over and over.

    Parameters
    ----------
    source_list
        One set-up dictionary, from ``NewBuffer.new_reader_group()``.
    sink_list, observe_list
        Must be None or empty.
    config_dict
        ``histograms`` : dict[str, list], default {}
            field → ``[min, max, number of bins, ymax, label, 1 for a logarithmic axis]``. The axis
            of counts fits itself to them; ymax is not used. Without histograms, events are read
            and counted only. A field that the buffer does not have is reported, and then there
            are no histograms.
        ``title`` : str, default "Histograms"
            heading.
        ``interval`` : float, default 2.0
            least time between two updates, in s.
        ``directory_prefix`` : str, optional
            directory of the picture, without it the current one; a run fills it in.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    count : int
        Number of events read.
    last_event_number : int
        Counter of the last of them.
    deadtime_f : float
        Sum of their dead times.
    nHist : int
        Number of histograms.

    Raises
    ------
    SetupError
        Not exactly one source, other buffers, or a faulty configuration.

    Examples
    --------
    >>> from mimocorb.buffer_control import SourceToBuffer
    >>> from mimocorb.histogram_buffer import histogram_buffer
    >>> from mimocorb.mimo_buffer import NewBuffer
    >>> buffer = NewBuffer(8, 1, [("height", "float64")])
    >>> source, group = buffer.new_writer(), buffer.new_reader_group()
    >>> SourceToBuffer(sink_list=[source], data_source=[3.0, 1.0, 4.0])()
    >>> reading = histogram_buffer([group], config_dict={})
    >>> reading()
    >>> reading.count, reading.last_event_number
    (3, 2)
    >>> buffer.close()
    """

    SOURCES = 1

    def _open(self, assigned: Assignment) -> None:
        (setup,) = assigned.sources
        fields = setup["dtype"].names or ()
        self.preview(setup, self.config_dict)
        descriptions = self.config_dict.get("histograms") or {}
        unknown = [str(name) for name in descriptions if name not in fields]
        if unknown:
            self.logger.error(
                "histogram_buffer: %s has no %s, only %s: no histograms will be shown",
                setup.get("name", "the buffer"),
                ", ".join(unknown),
                ", ".join(fields) or "plain numbers",
            )
            descriptions = {}
        self.title = str(self.config_dict.get("title", "Histograms"))
        self.interval = _interval(self.config_dict)
        self.varnams = list(descriptions)
        self.nHist = len(self.varnams)
        self.count, self.deadtime_f, self.last_event_number = 0, 0.0, 0
        self._histograms = {
            name: Histogram(_settings(name, description))
            for name, description in descriptions.items()
        }
        self._display: HistogramDisplay | None = None
        if self._histograms:
            settings = [each.settings for each in self._histograms.values()]
            name = picture_name(str(setup.get("name", "buffer")), "histograms")
            picture = output_directory(self.config_dict) / name
            self._display = HistogramDisplay(self.title, settings, picture, self.interval)
        self._limit = batch_limit(setup, _EVENTS_AT_ONCE)
        self.source = Reader(setup, scattered=True)

    @classmethod
    def preview(cls, setup: Mapping[str, Any], config: Mapping[str, Any]) -> None:  # noqa: ARG003
        """Check the configuration for a buffer, without opening anything."""
        _interval(config)
        descriptions = config.get("histograms") or {}
        if not isinstance(descriptions, Mapping):
            raise SetupError(f"histogram_buffer: histograms is {descriptions!r:.80}; {_FORM}")
        for name, description in descriptions.items():
            _settings(name, description)

    @property
    def event_count(self) -> int:
        """Number of events read."""
        return self.count

    def __call__(self) -> None:
        """Read and show events to the end of the stream."""
        with self.source:
            if self._display is None:
                self._read()
            else:
                with self._display:
                    self._read()
        mean = 100 * self.deadtime_f / max(1, self.count)
        self.logger.info(
            "%s received, the last one is event %d; dead time %.1f %% on average",
            how_many(self.count, "event"),
            self.last_event_number,
            mean,
        )

    def _read(self) -> None:
        counts = {name: each.counts for name, each in self._histograms.items()}
        while True:
            try:
                events = self.source.get_batch(self._limit, _LOOK_S)
            except EndOfStream:
                return
            except BufferTimeout:
                pass
            else:
                metadata = self.source.get_metadata_batch()
                for name, histogram in self._histograms.items():
                    histogram.fill(events[:, 0][name])
                self.count += len(events)
                self.last_event_number = int(metadata.counter[-1])
                self.deadtime_f += float(np.maximum(metadata.deadtime, 0.0).sum())
            if self._display is not None:
                self._display.update(counts if self.count else {})


_FORM = "give for each field [min, max, number of bins, ymax, label, 1 for a logarithmic axis]"


def _interval(config: Mapping[str, Any]) -> float:
    value = config.get("interval", 2.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise SetupError(f"histogram_buffer: interval is {value!r}; give a time in s, from 0")
    return float(value)


def _settings(name: Any, description: Any) -> HistogramSettings:
    """Read ``[min, max, number of bins, ymax, label, logarithmic]``; the last three may miss."""
    try:
        low, high, bins, *rest = description
        edges = np.linspace(float(low), float(high), int(bins) + 1)
    except (TypeError, ValueError):
        edges, rest = np.zeros(0), []
    if len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise SetupError(f"histogram_buffer: histogram of {name} is {description!r:.80}; {_FORM}")
    label = str(rest[1]) if len(rest) > 1 else str(name)
    return HistogramSettings(str(name), edges, label, bool(rest[2]) if len(rest) > 2 else False)


class animHists:  # noqa: N801 - the documented name
    """Histograms that grow with the values they are called with.

    Parameters
    ----------
    Hdescr
        One description per histogram: ``[min, max, number of bins, ymax, label, logarithmic]``.
    name
        Heading.
    fig
        A matplotlib figure to draw into; without it one of its own.

    Attributes
    ----------
    frqs : list of ndarray
        The counts.
    entries : ndarray
        Number of values in the bins of each histogram.
    """

    def __init__(
        self,
        Hdescr: Sequence[Sequence[Any]],  # noqa: N803
        name: str = "Histograms",
        fig: Any = None,
    ) -> None:
        if fig is None:
            from matplotlib.figure import Figure as NewFigure

            fig = NewFigure()
        self.nHist = len(Hdescr)
        numbered = {str(number): each for number, each in enumerate(Hdescr)}
        self._histograms = [Histogram(_settings(*each)) for each in numbered.items()]
        self.names = [each.settings.label for each in self._histograms]
        self._figure = HistogramFigure(fig, name, [each.settings for each in self._histograms])
        self.fig = fig

    @property
    def frqs(self) -> list[Any]:
        """The counts, one array for each histogram."""
        return [each.counts for each in self._histograms]

    @property
    def entries(self) -> Any:
        """Number of values in the bins of each histogram."""
        return np.array([each.counts.sum() for each in self._histograms])

    def init(self) -> tuple[Any, ...]:
        """Return what changes in the figure."""
        return self._figure.artists

    def __call__(self, vals: Sequence[Any] | None) -> tuple[Any, ...]:
        """Count values and put them into the figure.

        Parameters
        ----------
        vals
            A list of values for each histogram, or None if there is nothing new.
        """
        if vals is not None:
            for histogram, values in zip(self._histograms, vals, strict=True):
                histogram.fill(values)
            self._figure.show({each.settings.name: each.counts for each in self._histograms})
        return self._figure.artists


def plot_Histograms(  # noqa: N802 - the documented name
    Q: Any,  # noqa: N803
    Hdescripts: Sequence[Sequence[Any]],  # noqa: N803
    interval: float,
    name: str = "Histograms",
) -> None:
    """Show histograms of what comes from a queue; to be run in a process of its own.

    It ends when the queue gives None, when the window is closed, or with its process.

    Parameters
    ----------
    Q
        A queue of :mod:`multiprocessing`, which gives lists of values, one for each histogram.
    Hdescripts
        One description per histogram: ``[min, max, number of bins, ymax, label, logarithmic]``.
    interval
        Time between two updates, in s.
    name
        Heading, and name of the picture where there is no window.
    """
    named = {str(number): each for number, each in enumerate(Hdescripts)}
    histograms = {key: Histogram(_settings(key, each)) for key, each in named.items()}
    settings = [each.settings for each in histograms.values()]
    counts = {key: each.counts for key, each in histograms.items()}
    picture = Path(picture_name(name, "histograms"))
    with HistogramDisplay(name, settings, picture, interval) as display:
        while display.is_open:
            with suppress(queue.Empty):
                values = Q.get(timeout=_LOOK_S)
                if values is None:
                    return
                for histogram, of_this in zip(histograms.values(), values, strict=True):
                    histogram.fill(of_this)
            display.update(counts)
