"""Functions of mimoCoRB2 that save or discard events."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.compat.manual.sinks import rbDrain
from mimocorb.compat.mimocorb2.buffer_io import BufferIO
from mimocorb.compat.mimocorb2.prebuilt.bins import checked_bins
from mimocorb.compat.mimocorb2.prebuilt.previews import judged_by
from mimocorb.compat.mimocorb2.worker_templates import Exporter
from mimocorb.errors import SetupError
from mimocorb.recording.output_file import checked_name
from mimocorb.recording.text import TextTable

__all__ = ["csv", "drain", "histogram"]


def drain(buffer_io: BufferIO) -> None:
    """Read and discard all events.

    Buffers: one source.
    """
    worker = buffer_io.worker
    rbDrain(worker.reads, worker.writes, worker.observes)()


def _judge_csv(buffer: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    checked_name("exporters.csv", config.get("filename", buffer["name"]))
    TextTable.check("exporters.csv", buffer)


@judged_by(_judge_csv)
def csv(buffer_io: BufferIO) -> None:
    """Save numbers to a CSV file in the run directory, one row per event.

    The columns are counter, timestamp (UTC, s), deadtime and the fields of the buffer. Each row is
    handed to the operating system before its event counts as processed.

    Buffers: one source with ``data_length`` 1; any number of sinks of the same form, to which the
    events are passed on.

    Keys of the configuration:

    ``filename`` : str, optional
        Name of the file without ``.csv``; without it the name of the buffer.
    """
    exporter = Exporter(buffer_io)
    source = exporter.read[0]
    name = checked_name("exporters.csv", buffer_io.get("filename", source.name))
    table = TextTable(
        "exporters.csv",
        source.setup,
        buffer_io.run_dir,
        f"{name.removesuffix('.csv')}.csv",
        separator=",",
    )
    with table:
        for data, _metadata in exporter:
            table.append(data[np.newaxis], source.metadata_of_event())


def _judge_histogram(buffer: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    if buffer["values_per_slot"] != 1:
        raise SetupError(
            f"exporters.histogram needs data_length 1; {buffer['name']} has"
            f" {buffer['values_per_slot']}. Reduce the events before, with analyzers.pha or a"
            " function of your own."
        )
    checked_bins("exporters.histogram", config.get("bins"), buffer["dtype"].names or ())


@judged_by(_judge_histogram)
def histogram(buffer_io: BufferIO) -> None:
    """Count how often the values of each field fall into the bins of a histogram.

    The counts are in ``Histograms_<buffer>/<field>.npy`` in the run directory, and the bins in
    ``info.csv`` beside them. The files are always whole. After a restart the counts go on from the
    file; what a killed process had counted since it last wrote is missing.

    Buffers: one source with ``data_length`` 1; any number of sinks of the same form, to which the
    events are passed on.

    Keys of the configuration:

    ``bins`` : dict[str, list]
        Field → (lowest edge, highest edge, number of edges).
    ``update_interval`` : float, default 1.0
        Time between two updates of the files, in s.
    """
    exporter = Exporter(buffer_io)
    _judge_histogram(exporter.read[0].setup, buffer_io.config)
    interval_s = float(buffer_io.get("update_interval", 1))
    histograms = _Histograms(
        buffer_io.run_dir / f"Histograms_{exporter.read[0].name}",
        checked_bins(
            "exporters.histogram", buffer_io["bins"], exporter.data_example.dtype.names or ()
        ),
    )
    saved_s = time.monotonic()
    for data, _metadata in exporter:
        histograms.add(data)
        if time.monotonic() - saved_s > interval_s:
            histograms.save()
            saved_s = time.monotonic()
    histograms.save()


class _Histograms:
    """One histogram per field, in files that are replaced as a whole."""

    def __init__(self, directory: Path, bins: Mapping[str, tuple[float, float, int]]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._files = {name: directory / f"{name}.npy" for name in bins}
        self._edges = {name: np.linspace(*each) for name, each in bins.items()}
        self._counts = {name: self._begin(name) for name in bins}
        rows = [",".join(map(str, (name, *map(_short, each)))) for name, each in bins.items()]
        (directory / "info.csv").write_text("\n".join(["Channel,Min,Max,NBins", *rows, ""]))
        self.save()

    def _begin(self, name: str) -> NDArray[np.int64]:
        """Return the counts that are there already, or zeros."""
        bins = len(self._edges[name]) - 1
        if not self._files[name].exists():
            return np.zeros(bins, np.int64)
        counts = np.load(self._files[name], allow_pickle=False)
        if counts.shape != (bins,) or counts.dtype != np.int64:
            raise SetupError(f"{self._files[name]} is not a histogram of {bins} bins; remove it")
        return np.array(counts)

    def add(self, data: NDArray[Any]) -> None:
        """Count the values of one event; what is outside of all bins is not counted."""
        for name, edges in self._edges.items():
            value = data[name][0]
            if edges[0] <= value <= edges[-1]:
                place = np.searchsorted(edges, value, side="right") - 1
                self._counts[name][min(place, len(edges) - 2)] += 1

    def save(self) -> None:
        """Replace the files."""
        for name, path in self._files.items():
            beside = path.with_suffix(f".{os.getpid()}.tmp")
            with beside.open("wb") as file:
                np.save(file, self._counts[name], allow_pickle=False)
            beside.replace(path)


def _short(number: float) -> str:
    """Return a number as mimoCoRB2 writes it: 0, not 0.0."""
    return str(int(number)) if number == int(number) else str(number)
