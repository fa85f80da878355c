"""Single calls in one process: nobody waits, nobody else takes the lock. In ns."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from measure import WrongResult, check
from shapes import CHANNELS, SHAPES, SLOTS

from mimocorb.mimo_buffer import NewBuffer, Reader, Writer

ROUND = 96  # calls timed in one go: fewer than there are slots
BATCH = 32


def calls(events: int = 20_000) -> dict[str, dict[str, float]]:
    """Return ns by name of call, or of calls that belong together."""
    found = small_records(events)
    for kind in ("interleaved", "contiguous"):
        found |= waveforms(kind, max(5 * ROUND, events // 20))
    return {"calls_ns": found}


def one_process(events: int = 200_000) -> dict[str, float]:
    """Put an event and get it again, one by one, in one process: for counting instructions."""
    shape, total = SHAPES["1-1"], 0
    with (
        NewBuffer(SLOTS, shape.values_per_slot, shape.dtype) as buffer,
        Writer(buffer.new_writer()) as writer,
        Reader(buffer.new_reader_group()) as reader,
    ):
        begin_s = time.monotonic()
        for number in range(events):
            writer.get_new_buffer()[0] = number
            writer.process_buffer()
            total += reader.get().item(0)
        duration_s = time.monotonic() - begin_s
    check("one process", (events, total), (events, shape.writers * events * (events - 1) // 2))
    return {"rate_hz": events / duration_s}


def one_process_batches(events: int = 200_000) -> dict[str, float]:
    """The same in batches of 32."""
    shape = SHAPES["1-1"]
    numbers, seen = np.arange(events, dtype=np.int32), np.empty(events, np.int32)
    done = 0
    with (
        NewBuffer(SLOTS, shape.values_per_slot, shape.dtype) as buffer,
        Writer(buffer.new_writer()) as writer,
        Reader(buffer.new_reader_group()) as reader,
    ):
        begin_s = time.monotonic()
        while done < events:
            batch = writer.get_new_buffers(min(BATCH, events - done))
            batch[:, 0] = numbers[done : done + len(batch)]
            writer.process_buffer()
            batch = reader.get_batch(BATCH)
            begin, done = done, done + len(batch)
            seen[begin:done] = batch[:, 0]
        duration_s = time.monotonic() - begin_s
    check("one process, batches", (done, int(seen.sum())), (events, int(numbers.sum())))
    return {"rate_hz": events / duration_s}


class Clock:
    """Time spent in rounds of one kind of call; the median round counts."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[float]] = {}

    def time(self, name: str, calls: int, work: Callable[[], object]) -> None:
        begin_ns = time.perf_counter_ns()
        work()
        self.rounds.setdefault(name, []).append((time.perf_counter_ns() - begin_ns) / calls)

    def medians(self) -> dict[str, float]:
        return {name: float(np.median(times)) for name, times in self.rounds.items()}


def small_records(events: int) -> dict[str, float]:
    shape, clock = SHAPES["1-1"], Clock()
    with NewBuffer(SLOTS, shape.values_per_slot, shape.dtype) as buffer:
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        get_new_buffer, process_buffer = writer.get_new_buffer, writer.process_buffer

        def put() -> None:
            for _ in range(ROUND):
                get_new_buffer()
                process_buffer()

        def fill() -> None:
            for number in range(ROUND):
                get_new_buffer()[0] = number
                process_buffer()

        def take() -> None:
            for _ in range(ROUND):
                reader.get()

        def put_batches() -> None:
            for _ in range(ROUND // BATCH):
                writer.get_new_buffers(BATCH)[:, 0] = 1
                process_buffer()

        total = 0

        def take_batches() -> None:
            nonlocal total
            for _ in range(ROUND // BATCH):
                total += int(reader.get_batch(BATCH)[:, 0].sum())

        rounds = max(1, events // ROUND)
        for _ in range(rounds):
            clock.time("get_new_buffer, process_buffer", ROUND, put)
            clock.time("get", ROUND, take)
            clock.time("get_new_buffer, slot[0] = n, process_buffer", ROUND, fill)
            take()
            reader.acknowledge()
            clock.time(f"the same in batches of {BATCH}, per event", ROUND, put_batches)
            clock.time(f"get_batch({BATCH}) and a sum, per event", ROUND, take_batches)
            reader.acknowledge()
        if total != rounds * ROUND:
            raise WrongResult(f"sum of batches: {total}, not {rounds * ROUND}")
        reader.acknowledge()
        reader.close()
        writer.close()
    return clock.medians()


def waveforms(kind: str, events: int) -> dict[str, float]:
    shape, clock = SHAPES[kind], Clock()
    template, own = shape.template(), np.zeros((SLOTS, shape.values_per_slot), shape.dtype)
    as_bytes, own_bytes = template.view(np.uint8), own.view(np.uint8)
    numbers: list[float] = []
    with NewBuffer(SLOTS, shape.values_per_slot, shape.dtype) as buffer:
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())

        def copy_own() -> None:
            for index in range(ROUND):
                np.copyto(own[index], template)

        def copy_bytes() -> None:
            for index in range(ROUND):
                np.copyto(own_bytes[index], as_bytes)

        def write() -> None:
            for _ in range(ROUND):
                writer.write(template)

        def take_copies() -> None:
            for _ in range(ROUND):
                reader.get()
                reader.copy()

        def take_sums() -> None:
            numbers.extend(float(np.sum(reader.get()[CHANNELS[0]])) for _ in range(ROUND))

        template[CHANNELS[0]].reshape(-1)[0] = 1
        rounds = max(1, events // ROUND)
        for _ in range(rounds):
            clock.time(f"136 kB {kind}: np.copyto, no ring", ROUND, copy_own)
            clock.time(f"136 kB {kind}: np.copyto as bytes, no ring", ROUND, copy_bytes)
            clock.time(f"136 kB {kind}: Writer.write", ROUND, write)
            clock.time(f"136 kB {kind}: get, Reader.copy", ROUND, take_copies)
            write()
            clock.time(f"136 kB {kind}: get, np.sum of a channel", ROUND, take_sums)
        if sum(numbers) != rounds * ROUND:
            raise WrongResult(f"sum of channels: {sum(numbers)}, not {rounds * ROUND}")
        reader.acknowledge()
        reader.close()
        writer.close()
    return clock.medians()
