"""What it costs to write events to a disk and to read them back: MB per second of processor time.

python benchmarks/recording.py [--directory DIR] [--rounds 3] [--mb 200]

Beside the recording of mimocorb: Parquet, HDF5, ROOT and npz; the tar of Parquet files; ten lines as a user would write them
(`numpy.save` of each event into one file); and a framed append, the limit: a header with a
CRC-32C, and the bytes of the event as they are. All of them write the same events in turn,
and the quickest round of each counts, as other load on the machine only ever adds time. Processor
time is that of this process, kernel included; the data do not have to reach the disk.
"""

from __future__ import annotations

import argparse
import os
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import mimocorb
from mimocorb._kernels import crc32c
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.recording.event_archive import EventArchive
from mimocorb.recording.events import Events
from mimocorb.recording.formats import formats
from mimocorb.recording.recording_format import RECORDING
from mimocorb.recording.segments import segments_of
from mimocorb.recording.write_recording import COMPRESSIONS, RecordingWriter

BATCH_BYTES = 1 << 20
CHANNELS = ("chA", "chB", "chC", "chD")
SHAPES = {
    "136 kB float64": (np.dtype([(name, "f8") for name in CHANNELS]), 4250, 0.01),
    "34 kB int16": (np.dtype([(name, "i2") for name in CHANNELS]), 4250, 1),
    "40 B records": (np.dtype([(name, "f8") for name in "abcde"]), 1, 0.01),
}
SLOW_MB = 20
"""As much is enough for what needs a second for so much."""


class Outcome(NamedTuple):
    write_mb_per_cpu_s: float
    size: float
    read_mb_per_cpu_s: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--directory", type=Path, help="where to write (default: TMPDIR)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mb", type=float, default=200, help="data of each file")
    chosen = parser.parse_args()
    for shape, (dtype, values, step) in SHAPES.items():
        batch = waveforms(dtype, values, step)
        best: dict[str, Outcome] = {}
        for _ in range(chosen.rounds):
            for name, way in WAYS.items():
                mb = min(chosen.mb, SLOW_MB) if name in SLOW else chosen.mb
                repeats = max(1, round(mb * 1e6 / batch.nbytes))
                with tempfile.TemporaryDirectory(dir=chosen.directory) as directory:
                    found = way(Path(directory), batch, repeats)
                best[name] = Outcome(*map(max, found, best.get(name, (0.0, 0.0, 0.0))))
        print(f"\n{shape:24} {'write':>8} {'of limit':>8} {'events/s':>10} {'size':>6} {'read':>7}")
        limit = best["framed append"].write_mb_per_cpu_s
        for name, found in best.items():
            rate = found.write_mb_per_cpu_s
            events = rate * 1e6 / (dtype.itemsize * values)
            read = f"{found.read_mb_per_cpu_s:7.0f}" if found.read_mb_per_cpu_s else "      -"
            print(
                f"{name:24} {rate:8.0f} {rate / limit:8.2f} {events:10.0f} {found.size:6.3f} {read}"
            )
    return 0


def waveforms(dtype: np.dtype, values: int, step: float) -> np.ndarray:
    """Return about a megabyte of events: noise of some counts of a digitizer with a pulse in it."""
    random = np.random.default_rng(1)
    count = max(1, BATCH_BYTES // (dtype.itemsize * values))
    events = np.zeros((count, values), dtype)
    for name in dtype.names:
        counts = random.normal(0, 1.5, (count, values)).round()
        counts[:, values // 8 : values // 8 + 40] += 100
        events[name] = counts * step
    return events


def metadata_of(events: np.ndarray, first: int) -> BatchMetadata:
    numbers = np.arange(first, first + len(events))
    metadata = BatchMetadata(numbers, 1.7e9 + numbers * 1e-3, np.zeros(len(events)))
    metadata.sequence = numbers + 1
    return metadata


def timed(work: Callable[[], object]) -> float:
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


def recording(compression: str) -> Callable[[Path, np.ndarray, int], Outcome]:
    def way(directory: Path, events: np.ndarray, repeats: int) -> Outcome:
        setup = {"name": "raw", "dtype": events.dtype, "values_per_slot": events.shape[1]}

        def write() -> None:
            with RecordingWriter(
                "record", directory, "w", setup, compression=compression, sync_s=None
            ) as writer:
                for number in range(repeats):
                    writer.append(events, metadata_of(events, number * len(events)))

        def read() -> None:
            files = {path: RECORDING.open(path) for path in segments_of(directory, "w")}
            with Events(RECORDING.join(files), "w") as found:
                assert sum(len(block.data) for block in found.blocks()) == repeats * len(events)

        return outcome(directory, events.nbytes * repeats, timed(write), timed(read))

    return way


def whole_file(name: str) -> Callable[[Path, np.ndarray, int], Outcome]:
    """Return what writes a file that is complete at its end, as sinks do behind their recording."""

    def way(directory: Path, events: np.ndarray, repeats: int) -> Outcome:
        setup = {"name": "raw", "dtype": events.dtype, "values_per_slot": events.shape[1]}

        def write() -> None:
            writer = formats()[name].create(directory, "w", setup, {})
            for number in range(repeats):
                writer.append(events, metadata_of(events, number * len(events)))
            writer.close()

        def read() -> None:
            (path,) = directory.iterdir()
            with mimocorb.open(path) as found:
                assert sum(len(block.data) for block in found.blocks()) == repeats * len(events)

        return outcome(directory, events.nbytes * repeats, timed(write), timed(read))

    return way


def outcome(directory: Path, nbytes: int, write_s: float, read_s: float = np.inf) -> Outcome:
    size = sum(path.stat().st_size for path in directory.iterdir())
    return Outcome(nbytes / write_s / 1e6, size / nbytes, nbytes / read_s / 1e6)


def archive(directory: Path, events: np.ndarray, repeats: int) -> Outcome:
    setup = {"name": "raw", "dtype": events.dtype, "values_per_slot": events.shape[1]}
    some = events[:256]

    def write() -> None:
        with EventArchive("archive", directory / "w.tar", setup, {}) as writer:
            for number in range(repeats):
                writer.append(list(some), metadata_of(some, number * len(some)))

    return outcome(directory, some.nbytes * repeats, timed(write))


def ten_lines(directory: Path, events: np.ndarray, repeats: int) -> Outcome:
    """Append each event with `numpy.save`, as a sink function of ten lines does."""
    some = events[:256]

    def write() -> None:
        with (directory / "w.npy").open("wb") as file:
            for _ in range(repeats):
                for event in some:
                    np.save(file, event)

    return outcome(directory, some.nbytes * repeats, timed(write))


FRAME = struct.Struct("<4sIqqdd")


def framed(directory: Path, events: np.ndarray, repeats: int) -> Outcome:
    """Write a header with a CRC-32C and the bytes as they are, a batch at once."""

    def write() -> None:
        file = os.open(directory / "w.raw", os.O_WRONLY | os.O_CREAT)
        for number in range(repeats):
            data = memoryview(events).cast("B")
            header = FRAME.pack(b"mcF1", crc32c(data), number, len(data), 0.0, 0.0)
            os.writev(file, [header, data])
        os.close(file)

    return outcome(directory, events.nbytes * repeats, timed(write))


SLOW = (
    "tar of Parquet",
    "numpy.save of each",
    "HDF5, gzip",
    "ROOT TTree, zlib",
    "ROOT RNTuple, zlib",
)
WAYS: dict[str, Callable[[Path, np.ndarray, int], Outcome]] = {
    "framed append": framed,
    **{f"recording, {name}": recording(name) for name in COMPRESSIONS},
    **{
        what: whole_file(name)
        for what, name in {
            "Parquet, zstd": "parquet",
            "HDF5, gzip": "hdf5",
            "ROOT TTree, zlib": "root",
            "ROOT RNTuple, zlib": "rntuple",
            "npz, plain": "npz",
        }.items()
    },
    "tar of Parquet": archive,
    "numpy.save of each": ten_lines,
}

if __name__ == "__main__":
    raise SystemExit(main())
