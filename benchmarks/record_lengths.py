"""What events of variable length cost beside events of fixed length that are filled up.

python benchmarks/record_lengths.py

Clusters of about 5 pixels of 8 bytes, in slots for 375 (3 kB): as long as they are, or filled up
with zeros. One process, a buffer in shared memory. Both are measured in turn, and the quickest
round of each counts, as other load on the machine only ever adds time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mimocorb import Jagged
from mimocorb.buffers.batch_metadata import METADATA_DTYPE, BatchMetadata
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer
from mimocorb.recording.write_recording import RecordingWriter

PIXELS = np.dtype([("x", "u2"), ("y", "u2"), ("charge", "f4")])
MOST = 375
EVENTS = 4096
BATCH = 256
RANDOM = np.random.default_rng(1)


def cluster() -> np.ndarray:
    event = np.zeros(RANDOM.poisson(5.0), PIXELS)
    event["x"], event["y"] = RANDOM.integers(0, 256, (2, len(event)))
    event["charge"] = RANDOM.exponential(100.0, len(event))
    return event


CLUSTERS = [cluster() for _ in range(EVENTS)]
FILLED = np.zeros((EVENTS, MOST), PIXELS)
for row, found in zip(FILLED, CLUSTERS, strict=True):
    row[: len(found)] = found
JAGGED = Jagged.of(CLUSTERS, PIXELS)
ROWS = np.zeros(EVENTS, METADATA_DTYPE)
ROWS["counter"] = np.arange(EVENTS)
KINDS = {"fixed": (list(FILLED), FILLED), "variable": (CLUSTERS, JAGGED)}


def one_by_one(kind: str) -> float:
    events, _ = KINDS[kind]
    taken_s = 0.0
    with NewBuffer(2 * BATCH, MOST, PIXELS, variable=kind == "variable") as buffer:
        reader, writer = Reader(buffer.new_reader_group()), Writer(buffer.new_writer())
        for first in range(0, EVENTS, BATCH):
            began_s = time.perf_counter()
            for number in range(first, first + BATCH):
                writer.write(events[number], number, 1.0, 0.0)
            for _ in range(BATCH):
                reader.get()
            taken_s += time.perf_counter() - began_s
        reader.acknowledge()
        writer.close()
    return taken_s


def in_batches(kind: str) -> float:
    _, events = KINDS[kind]
    with NewBuffer(2 * BATCH, MOST, PIXELS, variable=kind == "variable") as buffer:
        reader, writer = Reader(buffer.new_reader_group()), Writer(buffer.new_writer())
        began_s = time.perf_counter()
        for first in range(0, EVENTS, BATCH):
            part, done = slice(first, first + BATCH), 0
            while done < BATCH:
                done += writer.put_many(events[part], ROWS[part], first=done)
            taken = 0
            while taken < BATCH:
                taken += len(reader.get_batch(BATCH))
        taken_s = time.perf_counter() - began_s
        reader.acknowledge()
        writer.close()
    return taken_s


def recorded(kind: str, compression: str) -> tuple[float, float]:
    """Return the time for all events, and the bytes of each in the file."""
    _, events = KINDS[kind]
    setup = {
        "name": "clusters",
        "dtype": PIXELS,
        "values_per_slot": MOST,
        "variable": kind == "variable",
    }
    metadata = BatchMetadata.of_rows(ROWS)
    with tempfile.TemporaryDirectory() as directory:
        with RecordingWriter(
            "benchmark", Path(directory), "clusters", setup, compression=compression, sync_s=None
        ) as writer:
            began_s = time.perf_counter()
            writer.append(events, metadata)
            taken_s = time.perf_counter() - began_s
        (path,) = Path(directory).iterdir()
        return taken_s, path.stat().st_size / EVENTS


TIMES: dict[str, Callable[[str], float]] = {
    "write() and get(), one event at a time": one_by_one,
    "put_many() and get_batch(), 256 at a time": in_batches,
    "recorded, LZ4": lambda kind: recorded(kind, "lz4")[0],
    "recorded, plain": lambda kind: recorded(kind, "none")[0],
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(f"{'':44} {'fixed':>8} {'variable':>9}")
    for name, operation in TIMES.items():
        best = dict.fromkeys(KINDS, np.inf)
        for _ in range(rounds):
            for kind in KINDS:
                best[kind] = min(best[kind], operation(kind))
        fixed, variable = (1e6 * best[kind] / EVENTS for kind in KINDS)
        print(f"{name + ', us per event':44} {fixed:8.2f} {variable:9.2f}")
    for compression in ("lz4", "none"):
        fixed, variable = (recorded(kind, compression)[1] for kind in KINDS)
        what = f"in the file, {compression}, bytes per event"
        print(f"{what:44} {fixed:8.0f} {variable:9.0f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
