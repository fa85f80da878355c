"""Functions of mimoCoRB2 that record events and play them back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.compat.mimocorb2.buffer_io import BufferIO
from mimocorb.compat.mimocorb2.worker_templates import Exporter, Importer
from mimocorb.devices.mimo_file import MimoFile
from mimocorb.errors import SetupError
from mimocorb.recording.event_archive import EventArchive
from mimocorb.recording.output_file import checked_name

__all__ = ["clocked_importer", "export", "simulate_importer"]


def export(buffer_io: BufferIO) -> None:
    """Save whole events as Parquet files in a tar archive in the run directory.

    The archive is that of ``BufferToParquetfile``. Each event is handed to the operating system
    before it counts as processed.

    Buffers: one source; any number of sinks of the same form, to which the events are passed on.

    Keys of the configuration:

    ``filename`` : str, optional
        Name of the archive without ``.tar``; without it the name of the buffer.
    ``units``, ``compression``, ``sample_time_ns``, ``pre_trigger_samples``, ``analogue_offset``
        As for ``BufferToParquetfile``.
    """
    exporter = Exporter(buffer_io)
    source = exporter.read[0]
    name = checked_name("Exporter", buffer_io.get("filename", source.name))
    path = buffer_io.run_dir / f"{name.removesuffix('.tar')}.tar"
    with EventArchive("data.export", path, source.setup, buffer_io.config) as archive:
        for data, _metadata in exporter:
            archive.append([data], source.metadata_of_event())


def simulate_importer(buffer_io: BufferIO) -> None:
    """Play back a file recorded by mimoCoRB2, in the recorded intervals.

    Buffers: one sink of the form of the recorded events.

    Keys of the configuration:

    ``filename`` : str
        A ``.mimo`` file, relative to the set-up file or to the current directory.
    """
    importer = Importer(buffer_io)
    recorded = _recorded(importer)

    def events() -> Iterator[NDArray[Any]]:
        clock: _Clock | None = None
        previous_s = 0.0
        for data, (_, timestamp_s, _) in recorded:
            clock = clock or _Clock()
            clock.wait(timestamp_s - previous_s if previous_s else 0.0)
            previous_s = timestamp_s
            yield data

    importer(events)


def clocked_importer(buffer_io: BufferIO) -> None:
    """Play back a file recorded by mimoCoRB2 at a given rate.

    Buffers: one sink of the form of the recorded events.

    Keys of the configuration:

    ``filename`` : str
        A ``.mimo`` file, relative to the set-up file or to the current directory.
    ``rate`` : float
        Mean rate in Hz.
    ``distribution`` : str, default "uniform"
        ``"uniform"``: equal intervals; ``"poisson"``: exponentially distributed ones, as of
        independent events.
    """
    importer = Importer(buffer_io)
    recorded = _recorded(importer)
    interval_s = _intervals(buffer_io["rate"], buffer_io.get("distribution", "uniform"))

    def events() -> Iterator[NDArray[Any]]:
        clock = _Clock()
        for data, _metadata in recorded:
            clock.wait(interval_s())
            yield data

    importer(events)


class _Clock:
    """Waits for points in time that do not drift; what is late already is not waited for."""

    def __init__(self) -> None:
        self._due_s = time.monotonic()

    def wait(self, interval_s: float) -> None:
        """Wait until this long after the point in time before."""
        self._due_s = max(self._due_s + interval_s, time.monotonic() - interval_s)
        left_s = self._due_s - time.monotonic()
        if left_s > 0:
            time.sleep(left_s)


def _intervals(rate: Any, distribution: Any) -> Callable[[], float]:
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not rate > 0:
        raise SetupError(f"data.clocked_importer: rate is {rate!r}; give a number above 0, in Hz")
    if distribution == "uniform":
        return lambda: 1.0 / rate
    if distribution == "poisson":
        random = np.random.default_rng()
        return lambda: float(random.exponential(1.0 / rate))
    raise SetupError(
        f"data.clocked_importer: distribution is {distribution!r}; choose uniform or poisson"
    )


def _recorded(importer: Importer) -> MimoFile:
    """Open the configured file and check that its events fit into the sink."""
    name = Path(str(importer.io["filename"])).expanduser()
    beside_setup = importer.setup_dir / name
    recorded = MimoFile(beside_setup if beside_setup.exists() else name)
    sink = importer.write[0]
    if (recorded.data_dtype, recorded.data_length) != (sink.data_dtype, sink.data_length):
        raise SetupError(
            f"{recorded.path} holds events of {recorded.data_length} x {recorded.data_dtype};"
            f" {sink.name} is made for {sink.data_length} x {sink.data_dtype}. Give the buffer the"
            " data_length and data_dtype of the file."
        )
    return recorded
