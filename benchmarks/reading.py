"""What it costs to look at recorded events: processor time of one event, and MB per second of it.

python benchmarks/reading.py [--directory DIR] [--rounds 5] [--mb 100]

The events are those of recording.py, in its recording, plain and compressed by LZ4. The quickest
round of each counts, as other load on the machine only ever adds time. The file is in memory.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np

import mimocorb
from mimocorb.recording.events import Events
from mimocorb.recording.write_recording import RecordingWriter
from recording import SHAPES, metadata_of, timed, waveforms

SOME = 2000
"""Events that are asked for one by one."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--directory", type=Path, help="where to write (default: TMPDIR)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mb", type=float, default=100, help="data of each file")
    chosen = parser.parse_args()
    print(f"{'µs of processor time':28}", *(f"{name:>15}" for name in WAYS), f"{'MB/CPU s':>10}")
    for shape in SHAPES:
        for compression in ("none", "lz4"):
            with tempfile.TemporaryDirectory(dir=chosen.directory) as directory:
                record(Path(directory), shape, compression, chosen.mb)
                costs = measure(Path(directory) / "waves", chosen.rounds)
            mb_per_s = event_bytes(shape) / costs["blocks"]
            cells = (f"{costs[name]:15.2f}" for name in WAYS)
            print(f"{shape + ', ' + compression:28}", *cells, f"{mb_per_s:10.0f}", flush=True)
    return 0


def event_bytes(shape: str) -> int:
    dtype, values, _ = SHAPES[shape]
    return dtype.itemsize * values


def record(directory: Path, shape: str, compression: str, mb: float) -> None:
    events = waveforms(*SHAPES[shape])
    setup = {"name": "raw", "dtype": events.dtype, "values_per_slot": events.shape[1]}
    with RecordingWriter("record", directory, "waves", setup, compression=compression) as writer:
        for number in range(max(2, round(mb * 1e6 / events.nbytes))):
            writer.append(events, metadata_of(events, number * len(events)))


def measure(place: Path, rounds: int) -> dict[str, float]:
    """Return the processor time of one event in each of the ways, in µs."""
    best = dict.fromkeys(WAYS, np.inf)
    for _ in range(rounds):
        for name, way in WAYS.items():
            with mimocorb.open(place) as events:
                done: list[int] = []
                cpu_s = timed(lambda: done.append(way(events))).cpu_s  # noqa: B023
                best[name] = min(best[name], cpu_s * 1e6 / done[0])
    return best


def in_blocks(events: Events) -> int:
    deque(events.blocks(), maxlen=0)
    return len(events)


def one_by_one(events: Events) -> int:
    deque(events, maxlen=0)
    return len(events)


def by_index(events: Events) -> int:
    count = min(SOME, len(events))
    for index in range(count):
        events[index]
    return count


def anywhere(events: Events) -> int:
    places = np.random.default_rng(1).integers(len(events), size=SOME // 10).tolist()
    for index in places:
        events[index]
    return len(places)


def by_counter(events: Events) -> int:
    assert len(events.select(counter=(3, 5))) == 2
    return len(events)


WAYS: dict[str, Callable[[Events], int]] = {
    "blocks": in_blocks,
    "for event": one_by_one,
    "events[i], next": by_index,
    "events[i], any": anywhere,
    "select": by_counter,
}


if __name__ == "__main__":
    raise SystemExit(main())
