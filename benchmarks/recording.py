"""What it costs to write events to a disk and to read them back: MB per second.

python benchmarks/recording.py [--directory DIR] [--rounds 3] [--mb 200] [--runs SECONDS]

Every format that is installed, beside ten lines as a user would write them (`numpy.save` of each
event into one file), and a framed append, the limit: a header with a CRC-32C, and the bytes of the
event as they are. All of them write the same events in turn, from 16 MB of memory as of a ring, so
that no processor has them in its cache, bring them to the disk, and read them back; the quickest
round of each counts, as other load on the machine only ever adds time. Processor time is that of
this process, kernel included; wall time depends on the disk.

With ``--runs``, runs of so many seconds record events of 136 kB, beside one that keeps nothing,
which shows the rate of the ring, and beside the rate at which the disk takes the same bytes.
"""

from __future__ import annotations

import argparse
import os
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

import mimocorb
from mimocorb._kernels import crc32c
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.errors import MimocorbError
from mimocorb.recording.formats import formats
from mimocorb.recording.recording_format import RECORDING
from mimocorb.recording.write_recording import COMPRESSIONS, RecordingWriter
from mimocorb.run.options import RunOptions
from mimocorb.run.run import run_setup
from mimocorb.setup.dialects import read_setup

BATCH_BYTES = 1 << 20
BATCHES = 16
"""In memory, one behind the other: data that come from a ring are in no cache."""
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
    write_mb_per_s: float
    size: float
    read_mb_per_cpu_s: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--directory", type=Path, help="where to write (default: TMPDIR)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mb", type=float, default=200, help="data of each file")
    parser.add_argument("--only", nargs="+", metavar="WAY", help="some of the ways only")
    parser.add_argument("--runs", type=float, default=0.0, metavar="SECONDS", help="runs as well")
    chosen = parser.parse_args()
    for shape in SHAPES:
        print_table(shape, measure(shape, chosen))
    if chosen.runs:
        print_runs(chosen.runs, chosen.directory)
    return 0


def measure(shape: str, chosen: argparse.Namespace) -> dict[str, Outcome]:
    batch = waveforms(*SHAPES[shape])
    batches = np.stack([batch] * BATCHES)
    best: dict[str, Outcome] = {}
    for _ in range(chosen.rounds):
        for name, way in ways().items():
            if chosen.only and name not in chosen.only:
                continue
            mb = chosen.mb if name in QUICK else min(chosen.mb, SLOW_MB)
            events = batches if name in QUICK else batches[:, :256]
            repeats = max(1, round(mb * 1e6 / batch.nbytes))
            with tempfile.TemporaryDirectory(dir=chosen.directory) as directory:
                try:
                    found = way(Path(directory), events, repeats)
                except MimocorbError:  # it does not take such events
                    continue
            of_before = best.get(name, found)
            best[name] = Outcome(*map(max, found, of_before))
    return best


def print_table(shape: str, best: dict[str, Outcome]) -> None:
    dtype, values, _ = SHAPES[shape]
    columns = ("MB/CPU s", "of limit", "MB/s", "events/CPU s", "size", "read MB/CPU s")
    print(f"\n{shape:20}", *(f"{column:>13}" for column in columns))
    limit = best["framed append"].write_mb_per_cpu_s if "framed append" in best else np.nan
    for name, found in best.items():
        rate = found.write_mb_per_cpu_s
        cells = [
            f"{rate:.0f}",
            f"{rate / limit:.2f}",
            f"{found.write_mb_per_s:.0f}",
            f"{rate * 1e6 / (dtype.itemsize * values):.0f}",
            f"{found.size:.3f}",
            f"{found.read_mb_per_cpu_s:.0f}" if found.read_mb_per_cpu_s else "-",
        ]
        print(f"{name:20}", *(f"{cell:>13}" for cell in cells), flush=True)


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


class Times(NamedTuple):
    cpu_s: float
    wall_s: float


def timed(work: Callable[[], object]) -> Times:
    began_s, cpu_s = time.perf_counter(), time.process_time()
    work()
    return Times(time.process_time() - cpu_s, time.perf_counter() - began_s)


def setup_of(events: np.ndarray) -> dict[str, Any]:
    return {"name": "raw", "dtype": events.dtype, "values_per_slot": events.shape[1]}


Way = Callable[[Path, np.ndarray, int], Outcome]


def recording(compression: str) -> Way:
    """Write a recording."""

    def make(directory: Path, setup: dict[str, Any]) -> Any:
        return RecordingWriter(
            "record", directory, "w", setup, compression=compression, sync_s=None
        )

    return written_by(make)


def in_format(name: str) -> Way:
    """Write with the writer of a format."""
    format_ = formats()[name]
    return written_by(lambda directory, setup: format_.create(directory, "w", setup, {}))


def written_by(make: Callable[[Path, dict[str, Any]], Any]) -> Way:
    def way(directory: Path, events: np.ndarray, repeats: int) -> Outcome:
        metadata = metadata_of(events[0], 0)

        def write() -> None:
            writer = make(directory, setup_of(events[0]))
            for number in range(repeats):
                writer.append(events[number % BATCHES], metadata)
            writer.close()

        def read() -> None:
            (found,) = mimocorb.open(directory).values()
            assert sum(len(block.data) for block in found.blocks()) == repeats * len(events[0])

        return outcome(directory, events[0].nbytes * repeats, timed(write), timed(read))

    return way


def outcome(directory: Path, nbytes: int, write: Times, read: Times | None = None) -> Outcome:
    size = sum(path.stat().st_size for path in directory.iterdir())
    mb = nbytes / 1e6
    read_mb_per_cpu_s = mb / read.cpu_s if read else 0.0
    return Outcome(mb / write.cpu_s, mb / write.wall_s, size / nbytes, read_mb_per_cpu_s)


def ten_lines(directory: Path, events: np.ndarray, repeats: int) -> Outcome:
    """Append each event with `numpy.save`, as a sink function of ten lines does."""

    def write() -> None:
        with (directory / "w.npy").open("wb") as file:
            for number in range(repeats):
                for event in events[number % BATCHES]:
                    np.save(file, event)
            os.fsync(file.fileno())

    return outcome(directory, events[0].nbytes * repeats, timed(write))


FRAME = struct.Struct("<4sIqqdd")


def framed(directory: Path, events: np.ndarray, repeats: int) -> Outcome:
    """Write a header with a CRC-32C and the bytes as they are, a batch at once."""

    def write() -> None:
        file = os.open(directory / "w.raw", os.O_WRONLY | os.O_CREAT)
        for number in range(repeats):
            data = memoryview(events[number % BATCHES]).cast("B")
            header = FRAME.pack(b"mcF1", crc32c(data), number, len(data), 0.0, 0.0)
            os.writev(file, [header, data])
        os.fsync(file)
        os.close(file)

    return outcome(directory, events[0].nbytes * repeats, timed(write))


def ways() -> dict[str, Way]:
    """Return what is measured, by name."""
    others = {
        name: in_format(name)
        for name, format_ in formats().items()
        if name != RECORDING.name and not getattr(format_, "of_others", False)
    }
    return {
        "framed append": framed,
        **{f"record, {name}": recording(name) for name in COMPRESSIONS},
        **others,
        "numpy.save of each": ten_lines,
    }


QUICK = ("framed append", *(f"record, {name}" for name in COMPRESSIONS), "hdf5", "npz")

# --- whole runs

SOURCE = """
import mimocorb as mc
import numpy as np


@mc.source(batch=True)
def waveforms(*, file: str):
    events = np.load(file)
    while True:
        yield events
"""


def print_runs(seconds: float, directory: Path | None) -> None:
    """Record for some seconds, and say what the ring and the disk alone can do."""
    events = waveforms(*SHAPES["136 kB float64"])
    with tempfile.TemporaryDirectory(dir=directory) as place:
        here = Path(place)
        np.save(here / "events.npy", events)
        (here / "source.py").write_text(SOURCE)
        ring = run_mb_per_s(here, seconds, {"function": "drain"})
        print(f"\nruns, {SHAPES_OF_RUNS}: MB/s of event data")
        print(f"{'the ring alone':20} {ring:13.0f}")
        for compression in ("lz4", "none"):
            config = {"filename": "w", "compression": compression}
            rate = run_mb_per_s(here, seconds, {"function": "record", "config": config})
            disk = disk_mb_per_s(here, seconds)
            print(
                f"{f'record, {compression}':20} {rate:13.0f}   the disk alone {disk:.0f},"
                f" {rate / min(disk, ring):.2f} of the lower one"
            )


SHAPES_OF_RUNS = "136 kB float64"


def run_mb_per_s(here: Path, seconds: float, sink: dict[str, Any]) -> float:
    for path in here.glob("target/*/w.*"):
        path.unlink()
    fields = dict.fromkeys(CHANNELS, "float64")
    setup = {
        "runtime": seconds,
        "Buffers": {"raw": {"slot_count": 128, "data_length": 4250, "data_dtype": fields}},
        "Workers": {
            "feed": {
                "file": "source.py",
                "function": "waveforms",
                "sinks": ["raw"],
                "config": {"file": str(here / "events.npy")},
            },
            "save": {"sources": ["raw"], **sink},
        },
    }
    (here / "setup.yaml").write_text(yaml.safe_dump(setup, sort_keys=False))
    read = read_setup(here / "setup.yaml", {"output_directory": here / "target"})
    summary = run_setup(read, RunOptions(verbose=0, keyboard=False))
    (raw,) = summary.view.buffers
    return raw.published * 136_000 / seconds / 1e6


def disk_mb_per_s(here: Path, seconds: float) -> float:
    """Write for some seconds, and bring it to the disk every second."""
    data = np.random.default_rng(0).bytes(1 << 20)
    began_s = synced_s = time.monotonic()
    written = 0
    file = os.open(here / "disk", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    while time.monotonic() - began_s < seconds:
        written += os.write(file, data)
        if time.monotonic() - synced_s > 1.0:
            os.fdatasync(file)
            synced_s = time.monotonic()
    os.fdatasync(file)
    os.close(file)
    (here / "disk").unlink()
    return written / (time.monotonic() - began_s) / 1e6


if __name__ == "__main__":
    raise SystemExit(main())
