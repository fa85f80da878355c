"""Functions of mimoCoRB2 that show the files of exporters while they grow.

They look at the buffer only to know when it ends. The histograms are ours: in a window or, where
there is none, in the picture ``<buffer>_histograms.png`` or ``<buffer>_csv_histograms.png``.
"""

from __future__ import annotations

import csv as comma_separated
import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.compat.mimocorb2.buffer_io import BufferIO
from mimocorb.compat.mimocorb2.prebuilt.bins import checked_bins
from mimocorb.compat.mimocorb2.prebuilt.previews import judged_by
from mimocorb.compat.mimocorb2.worker_templates import IsAlive
from mimocorb.displays.histogram_figure import Histogram, HistogramSettings
from mimocorb.displays.histograms import HistogramDisplay
from mimocorb.displays.screen import picture_name
from mimocorb.errors import SetupError

__all__ = ["csv", "histogram", "visualize_histogram"]

_LOOK_S = 0.05
_QUIET_S = 1.1
"""A little longer than an exporter takes between two updates of its files."""
_LONGEST_REST_S = 10.0

Counts = Mapping[str, NDArray[Any]]


def _judge_interval(_buffer: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    _interval(config)


def _judge_csv(buffer: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    checked_bins("visualizers.csv", config.get("bins"), buffer["dtype"].names or ())
    _interval(config)


@judged_by(_judge_csv)
def csv(buffer_io: BufferIO) -> None:
    """Show histograms of the file that ``exporters.csv`` writes, while it grows.

    Buffers: one observed buffer, the one that the exporter reads.

    Keys of the configuration:

    ``bins`` : dict[str, list]
        Field → (lowest edge, highest edge, number of edges).
    ``filename`` : str, optional
        Name of the file without ``.csv``; without it the name of the buffer.
    ``update_interval`` : float, default 1.0
        Least time between two pictures, in s.
    ``plot_type``, ``histtype`` : Any, optional
        Not used here.
    """
    alive = IsAlive(buffer_io)
    buffer = buffer_io.observe[0]
    bins = checked_bins("visualizers.csv", buffer_io["bins"], buffer.data_dtype.names or ())
    table = _GrowingTable(buffer_io.run_dir / f"{buffer_io.get('filename', buffer.name)}.csv")
    histograms = {
        name: Histogram(HistogramSettings(name, np.linspace(*each))) for name, each in bins.items()
    }

    def counted() -> Counts:
        for name, values in table.more(tuple(histograms)).items():
            histograms[name].fill(values)
        return {name: each.counts for name, each in histograms.items()}

    settings = [each.settings for each in histograms.values()]
    _show(buffer_io, alive, "csv_histograms", settings, counted)


@judged_by(_judge_interval)
def histogram(buffer_io: BufferIO) -> None:
    """Show the histograms that ``exporters.histogram`` writes, while they grow.

    Buffers: one observed buffer, the one that the exporter reads.

    Keys of the configuration:

    ``update_interval`` : float, default 1.0
        Least time between two pictures, in s.
    ``plot_type`` : Any, optional
        Not used here.
    """
    alive = IsAlive(buffer_io)
    directory = buffer_io.run_dir / f"Histograms_{buffer_io.buffer_names_observe[0]}"
    ended_s = 0.0
    while not (directory / "info.csv").exists():
        if not alive():
            ended_s = ended_s or time.monotonic()
            if time.monotonic() - ended_s > _LONGEST_REST_S / 2:
                buffer_io.logger.warning("visualizers.histogram: nobody has made %s", directory)
                return
        time.sleep(_LOOK_S)
    settings = _described(directory / "info.csv")
    files = {each.name: directory / f"{each.name}.npy" for each in settings}

    def counted() -> Counts:
        return {name: np.load(path, allow_pickle=False) for name, path in files.items()}

    _show(buffer_io, alive, "histograms", settings, counted)


@judged_by(_judge_interval)
def visualize_histogram(buffer_io: BufferIO) -> None:
    """Do the same as ``visualizers.histogram``, under the name that it had at first.

    Buffers and configuration are those of ``visualizers.histogram``.
    """
    histogram(buffer_io)


def _show(
    buffer_io: BufferIO,
    alive: IsAlive,
    what: str,
    settings: list[HistogramSettings],
    counted: Callable[[], Counts],
) -> None:
    """Show counts until the stream has ended, and what the exporter writes at its very end."""
    ignored = [key for key in ("plot_type", "histtype") if buffer_io.get(key) is not None]
    if ignored:
        buffer_io.logger.info("%s is not used: histograms are steps", ", ".join(ignored))
    name, interval_s = buffer_io.buffer_names_observe[0], _interval(buffer_io.config)
    picture = buffer_io.run_dir / picture_name(name, what)
    with HistogramDisplay(f"Histograms of {name}", settings, picture, interval_s) as display:
        due_s = 0.0
        counts = counted()
        while alive() and display.is_open:
            if time.monotonic() >= due_s:
                counts = counted()
                due_s = time.monotonic() + interval_s
            display.update(counts)
            time.sleep(_LOOK_S)
        _show_the_rest(display, counted)


def _show_the_rest(display: HistogramDisplay, counted: Callable[[], Counts]) -> None:
    """Show what the exporter still writes after the end of the stream, until nothing comes."""
    began_s = changed_s = time.monotonic()
    before: list[int] = []
    while display.is_open:
        counts = counted()
        now_s, sums = time.monotonic(), [int(each.sum()) for each in counts.values()]
        if sums != before:
            changed_s, before = now_s, sums
        if now_s - changed_s > _QUIET_S or now_s - began_s > _LONGEST_REST_S:
            return
        display.update(counts)
        time.sleep(_LOOK_S)


def _interval(config: Mapping[str, Any]) -> float:
    value = config.get("update_interval", 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise SetupError(f"visualizers: update_interval is {value!r}; give a time in s, from 0")
    return float(value)


def _described(info: Path) -> list[HistogramSettings]:
    with info.open(encoding="utf-8", newline="") as file:
        return [
            HistogramSettings(
                row["Channel"],
                np.linspace(float(row["Min"]), float(row["Max"]), int(float(row["NBins"]))),
            )
            for row in comma_separated.DictReader(file)
        ]


class _GrowingTable:
    """A CSV file of which only new, whole lines are read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._columns: list[str] = []

    def more(self, names: tuple[str, ...]) -> dict[str, list[float]]:
        """Return the numbers in these columns that have come since the last call."""
        if not self._path.exists():
            return {}
        with self._path.open("rb") as file:
            file.seek(self._position)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._position += len(whole)
        rows = comma_separated.reader(io.StringIO(whole.decode("utf-8")))
        if not self._columns:
            self._columns = next(rows, [])
        places = {name: self._columns.index(name) for name in names if name in self._columns}
        lines = list(rows)
        return {name: [float(line[place]) for line in lines] for name, place in places.items()}
