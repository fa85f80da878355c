"""Kill writers of recordings, and cut their power; count what is lost.

``python tests/faults/recording_campaign.py --kills 200 --power-cuts 20`` prints a line for each
and exits with code 0 if all promises are kept:

* a writer killed at any moment leaves every batch whole that it had written, so all that was
  acknowledged, and at most one more;
* after a power cut, nothing that was acknowledged is missing with ``sync: each``, and with
  ``sync: 1s`` only what was acknowledged in the last second, and while the disk was written. What
  was not brought to the disk is left out for that, see ``disk_shim.cpp``.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from disks import with_shim

import mimocorb
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.recording.write_recording import COMPRESSIONS, RecordingWriter

__all__ = ["Kills", "PowerCuts", "cut_the_power", "kill_writers", "main"]

DTYPE = np.dtype([("chA", "i2"), ("chB", "f8")])
OF_A_BATCH = 9
SAMPLES = 40
ACKNOWLEDGED = struct.Struct("<dq")
SYNC_S = {"1s": 1.0, "each": 0.0}


def events_of(numbers: np.ndarray) -> tuple[np.ndarray, BatchMetadata]:
    """Return the events with these counters; everything in them follows from the counter."""
    events = np.zeros((len(numbers), SAMPLES), DTYPE)
    events["chA"] = numbers[:, np.newaxis] % 1000
    events["chB"] = np.sqrt(numbers[:, np.newaxis] + np.arange(SAMPLES))
    metadata = BatchMetadata(numbers, 1.7e9 + numbers / 8, numbers % 64 / 64)
    metadata.sequence = numbers + 1
    return events, metadata


def are_right(events: np.ndarray, counters: np.ndarray) -> bool:
    """Return whether these are the events that were written with these counters."""
    expected, _ = events_of(counters.astype(np.int64))
    return all(
        np.array_equal(np.asarray(events[name]).reshape(expected[name].shape), expected[name])
        for name in DTYPE.names
    )


def batches(first: int = 0) -> Iterator[tuple[np.ndarray, BatchMetadata]]:
    """Yield batches without end."""
    while True:
        yield events_of(np.arange(first, first + OF_A_BATCH))
        first += OF_A_BATCH


def setup_dict() -> dict[str, Any]:
    """Return that of the buffer."""
    return {"name": "raw", "dtype": DTYPE, "values_per_slot": SAMPLES}


# --- writers that are killed


def write_and_tell(directory: Path, pipe: int, pause_s: float, **options: Any) -> None:
    """Write a recording and tell, after each batch, when it was written and how many there are."""
    with RecordingWriter("record", directory, "waves", setup_dict(), **options) as writer:
        for events, metadata in batches():
            writer.append(events, metadata)
            os.write(pipe, ACKNOWLEDGED.pack(time.monotonic(), writer.event_count))
            time.sleep(pause_s)


def acknowledged(pipe: int) -> list[tuple[float, int]]:
    """Return what a writer has told."""
    content = b""
    while piece := os.read(pipe, 1 << 20):
        content += piece
    whole = len(content) // ACKNOWLEDGED.size * ACKNOWLEDGED.size
    return list(ACKNOWLEDGED.iter_unpack(content[:whole]))


@dataclass
class Kills:
    """What writers left that were killed."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    wrong: int = 0
    more_than_a_batch: int = 0

    @property
    def faultless(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.wrong or self.more_than_a_batch)

    def __str__(self) -> str:
        return (
            f"{self.kills} writers killed: {self.acknowledged} events acknowledged, lost"
            f" {self.lost}, wrong {self.wrong}, files with more than one batch besides"
            f" {self.more_than_a_batch}"
        )


def kill_writers(kills: int, seed: int = 0) -> Kills:
    """Kill so many writers, each at another moment."""
    moments = random.Random(seed)
    found = Kills()
    for number in range(kills):
        with tempfile.TemporaryDirectory(prefix="recording-campaign-") as place:
            reading, writing = os.pipe()
            options = {
                "compression": COMPRESSIONS[number % len(COMPRESSIONS)],
                "segment_bytes": 100_000 if number % 2 else 1e9,
                "sync_s": 0.01 if number % 4 < 2 else None,
            }
            child = _forked(Path(place), reading, writing, options)
            os.close(writing)
            first = os.read(reading, ACKNOWLEDGED.size)  # it has begun
            time.sleep(moments.uniform(0, 0.05))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            told = acknowledged(reading) or list(ACKNOWLEDGED.iter_unpack(first))
            os.close(reading)
            count = told[-1][1]
            with mimocorb.open(Path(place, "waves")) as events:
                counters = events.metadata.counter
                found.wrong += not are_right(events[:].data, counters)
            found.kills += 1
            found.acknowledged += count
            found.lost += len(set(range(count)) - set(counters.tolist()))
            found.more_than_a_batch += len(counters) not in (count, count + OF_A_BATCH)
    return found


def _forked(place: Path, reading: int, writing: int, options: dict[str, Any]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a thread of a test beside
        child = os.fork()
    if not child:
        try:
            os.close(reading)
            write_and_tell(place, writing, 0.0, **options)
        finally:
            os._exit(1)
    return child


# --- power cuts


@dataclass
class PowerCuts:
    """What was on the disk after power cuts."""

    sync: str
    cuts: int = 0
    acknowledged: int = 0
    lost: int = 0
    wrong: int = 0
    longest_s: float = 0.0

    @property
    def faultless(self) -> bool:
        """Whether every promise was kept; a busy disk may need a second for what it is given."""
        most_s = SYNC_S[self.sync]
        is_in_time = most_s > 0 and self.longest_s <= most_s + 1.0
        return not self.wrong and (not self.lost or is_in_time)

    def __str__(self) -> str:
        return (
            f"{self.cuts} power cuts, sync: {self.sync}: {self.acknowledged} events acknowledged,"
            f" {self.lost} of them lost, wrong {self.wrong}; the first of those lost had been"
            f" written up to {self.longest_s:.2f} s before"
        )


def cut_the_power(sync: str, cuts: int, seed: int = 0) -> PowerCuts:
    """Cut the power of so many writers."""
    moments, found = random.Random(seed), PowerCuts(sync)
    for number in range(cuts):
        with tempfile.TemporaryDirectory(prefix="recording-campaign-") as place:
            directory, disk = Path(place, "written"), Path(place, "disk")
            directory.mkdir()
            disk.mkdir()
            reading, writing = os.pipe()
            rotates = "5e4" if number % 2 else "1e9"
            child = subprocess.Popen(
                [sys.executable, __file__, "--write", directory, str(writing), sync, rotates],
                env=with_shim(copies=disk),
                pass_fds=[writing],
            )
            os.close(writing)
            first = os.read(reading, ACKNOWLEDGED.size)
            time.sleep(moments.uniform(0.0, 2.5))
            child.kill()
            child.wait()
            cut_s = time.monotonic()
            told = list(ACKNOWLEDGED.iter_unpack(first)) + acknowledged(reading)
            os.close(reading)
            _compare(found, told, cut_s, disk)
    return found


def _compare(found: PowerCuts, told: Iterable[tuple[float, int]], cut_s: float, disk: Path) -> None:
    counters = np.empty(0, np.int64)
    if any(disk.glob("waves.*.arrows")):
        with mimocorb.open(disk / "waves") as events:
            counters = events.metadata.counter
            found.wrong += not are_right(events[:].data, counters)
    there, before = set(counters.tolist()), 0
    found.cuts += 1
    for written_s, count in told:
        lost = len(set(range(before, count)) - there)
        found.acknowledged += count - before
        found.lost += lost
        if lost:
            found.longest_s = max(found.longest_s, cut_s - written_s)
        before = count


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign from the command line; returns the exit code."""
    parser = argparse.ArgumentParser("python tests/faults/recording_campaign.py", None, __doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--power-cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.write:
        directory, pipe, sync, segment_bytes = chosen.write
        options = {"sync_s": SYNC_S[sync], "segment_bytes": float(segment_bytes)}
        write_and_tell(Path(directory), int(pipe), 0.005, **options)
    faultless = True
    if chosen.kills:
        kills = kill_writers(chosen.kills, chosen.seed)
        faultless &= kills.faultless
        print(kills, flush=True)
    for sync in SYNC_S if chosen.power_cuts else ():
        cuts = cut_the_power(sync, chosen.power_cuts, chosen.seed)
        faultless &= cuts.faultless
        print(cuts, flush=True)
    return 0 if faultless else 1


if __name__ == "__main__":
    sys.exit(main())
