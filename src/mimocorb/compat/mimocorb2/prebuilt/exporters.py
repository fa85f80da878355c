"""Functions of mimoCoRB2 that save or discard events."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import how_many
from mimocorb.compat.manual.sinks import rbDrain
from mimocorb.compat.mimocorb2.buffer_io import BufferIO
from mimocorb.compat.mimocorb2.prebuilt.bins import checked_bins
from mimocorb.compat.mimocorb2.prebuilt.previews import judged_by
from mimocorb.compat.mimocorb2.worker_templates import Exporter
from mimocorb.errors import SetupError
from mimocorb.recording.output_file import checked_name
from mimocorb.recording.text import TextTable

__all__ = ["csv", "drain", "histogram"]

logger = logging.getLogger(__name__)


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
    file; what a killed process had counted since it last wrote is missing. Values that are in no
    bin are counted in ``outside.csv``, and told in the log at the end. The sink ``histogram`` of
    mimocorb has all this, live time and errors.

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
    for sentence in histograms.outside():
        logger.info("%s", sentence)


_ELSEWHERE = ("below", "above", "no number")


class _Histograms:
    """One histogram per field, in files that are replaced as a whole."""

    def __init__(self, directory: Path, bins: Mapping[str, tuple[float, float, int]]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._files = {name: directory / f"{name}.npy" for name in bins}
        self._edges = {name: np.linspace(*each) for name, each in bins.items()}
        self._counts = {name: self._begin(name) for name in bins}
        self._outside = directory / "outside.csv"
        self._elsewhere = {name: dict.fromkeys(_ELSEWHERE, 0) for name in bins}
        self._elsewhere.update(self._outside_before())
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
        """Count the values of one event, also those that are in no bin."""
        for name, edges in self._edges.items():
            value = data[name][0]
            if edges[0] <= value <= edges[-1]:
                place = np.searchsorted(edges, value, side="right") - 1
                self._counts[name][min(place, len(edges) - 2)] += 1
            else:
                where = (
                    "below" if value < edges[0] else "above" if value > edges[-1] else "no number"
                )
                self._elsewhere[name][where] += 1

    def _outside_before(self) -> dict[str, dict[str, int]]:
        """Return what a process before has counted."""
        if not self._outside.exists():
            return {}
        rows = [line.split(",") for line in self._outside.read_text().splitlines()[1:]]
        return {
            name: dict(zip(_ELSEWHERE, map(int, counts), strict=True)) for name, *counts in rows
        }

    def outside(self) -> list[str]:
        """Return a sentence for each histogram that does not have all values."""
        return [
            f"{name}: "
            + ", ".join(f"{how_many(n, 'value')} {where}" for where, n in counts.items() if n)
            + f" of {edges[0]:g} to {edges[-1]:g} in no bin"
            for (name, counts), edges in zip(
                self._elsewhere.items(), self._edges.values(), strict=True
            )
            if any(counts.values())
        ]

    def save(self) -> None:
        """Replace the files."""
        rows = [
            ",".join([name, *map(str, each.values())]) for name, each in self._elsewhere.items()
        ]
        beside = self._outside.with_suffix(f".{os.getpid()}.tmp")
        beside.write_text("\n".join([f"Channel,{','.join(_ELSEWHERE)}", *rows, ""]))
        beside.replace(self._outside)
        for name, path in self._files.items():
            beside = path.with_suffix(f".{os.getpid()}.tmp")
            with beside.open("wb") as file:
                np.save(file, self._counts[name], allow_pickle=False)
            beside.replace(path)


def _short(number: float) -> str:
    """Return a number as mimoCoRB2 writes it: 0, not 0.0."""
    return str(int(number)) if number == int(number) else str(number)
