"""What interleaved and channel-contiguous records cost: one process, 4 channels of 4250 float64.

python benchmarks/record_layout.py

Both layouts are measured in turn, and the quickest round of each counts, as other load on the
machine only ever adds time. Times are per event of 136 kB.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np

from mimocorb.analysis.pulses import find_pulses
from mimocorb.buffer_control import BufferToParquetfile, SourceToBuffer
from mimocorb.mimo_buffer import NewBuffer, Reader

CHANNELS = ("chA", "chB", "chC", "chD")
SAMPLES = 4250
EVENTS = 40
ROUNDS = 15
LAYOUTS = {
    "interleaved": (np.dtype([(name, "f8") for name in CHANNELS]), SAMPLES),
    "contiguous": (np.dtype([(name, "f8", (SAMPLES,)) for name in CHANNELS]), 1),
}

Operation = Callable[[np.dtype, int], float]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    print(f"{'us per event':44} {'interleaved':>11} {'contiguous':>11} {'ratio':>6}")
    for name, operation in OPERATIONS.items():
        best = dict.fromkeys(LAYOUTS, np.inf)
        for _ in range(rounds):
            for layout, form in LAYOUTS.items():
                best[layout] = min(best[layout], operation(*form))
        interleaved, contiguous = (1e6 * best[layout] / EVENTS for layout in LAYOUTS)
        print(f"{name:44} {interleaved:11.1f} {contiguous:11.1f} {interleaved / contiguous:6.1f}")
    return 0


def waveforms() -> np.ndarray:
    """Return noise with a pulse in each channel, shape (channels, samples)."""
    traces = np.random.default_rng(1).normal(0, 3, (len(CHANNELS), SAMPLES))
    traces[:, 500:520] += 100
    return traces


def event(dtype: np.dtype, values: int) -> np.ndarray:
    structured = np.zeros(values, dtype)
    for name, trace in zip(CHANNELS, waveforms(), strict=True):
        structured[name] = trace
    return structured


def timed(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def source(data: np.ndarray, dtype: np.dtype, values: int) -> float:
    """Put one array again and again into a buffer that another reader keeps empty.

    Only the time between two questions for data counts, and not the first times round the slots,
    in which the process gets their memory.
    """
    intervals_s = []

    def data_source() -> Iterator[np.ndarray]:
        with Reader(group) as reader:
            for _ in range(2 * EVENTS):
                asked_s = time.perf_counter()
                yield data
                intervals_s.append(time.perf_counter() - asked_s)
                reader.get()
                reader.acknowledge()

    with NewBuffer(4, values, dtype) as buffer:
        group = buffer.new_reader_group()
        SourceToBuffer(sink_list=[buffer.new_writer()], data_source=data_source())()
    return sum(intervals_s[EVENTS:])


def on_events(function: Callable[[np.ndarray], object]) -> Operation:
    """Call a function on one event after the other, as a filter does."""

    def operation(dtype: np.dtype, values: int) -> float:
        events = [event(dtype, values) for _ in range(EVENTS)]
        return timed(lambda: [function(one) for one in events])

    return operation


def parquet(dtype: np.dtype, values: int) -> float:
    with NewBuffer(EVENTS, values, dtype) as raw, tempfile.TemporaryDirectory() as directory:
        group = raw.new_reader_group()
        data = event(dtype, values)
        SourceToBuffer(sink_list=[raw.new_writer()], data_source=[data] * EVENTS)()
        config = {"filename": "waves", "directory_prefix": directory + os.sep}
        return timed(BufferToParquetfile([group], config_dict=config))


OPERATIONS: dict[str, Operation] = {
    "source of arrays (channels, samples)": lambda *form: source(waveforms(), *form),
    "source of arrays (samples, channels)": lambda *form: source(
        np.ascontiguousarray(waveforms().T), *form
    ),
    "source of structured events": lambda *form: source(event(*form), *form),
    "sum of one channel": on_events(lambda one: one["chA"].sum()),
    "maximum and minimum of all channels": on_events(
        lambda one: [(one[name].max(), one[name].min()) for name in CHANNELS]
    ),
    "find_pulses on all channels": on_events(lambda one: find_pulses(one, prominence=30)),
    "BufferToParquetfile": parquet,
}

if __name__ == "__main__":
    raise SystemExit(main())
