"""mimocorb as it is in this checkout."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import chain
import lifecycle
import numpy as np
from loops import Link, Seen, Source, numbered
from measure import Workers
from shapes import CHANNELS, END, SHAPES, SLOTS, Shape

import functions
from mimocorb.buffer_control import BufferToBuffer, SourceToBuffer, rbExport
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer

BATCH = 64
NUMBERS_AT_ONCE = 16_384


class Ring(Link):
    """One event per call; waveforms with ``np.copyto`` by the user."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.buffer = NewBuffer(SLOTS, shape.values_per_slot, shape.dtype)
        self.groups = [self.buffer.new_reader_group() for _ in range(shape.groups)]
        self.writers = [self.buffer.new_writer() for _ in range(shape.writers)]

    @contextmanager
    def sink(self, writer: int) -> Iterator[Writer]:
        with Writer(self.writers[writer]) as sink:
            yield sink

    @contextmanager
    def source(self, group: int, member: int) -> Iterator[Source]:
        with Reader(self.groups[group]) as source:
            yield source.get

    def close(self) -> None:
        self.buffer.stats().check()
        self.buffer.shutdown()
        self.buffer.close()


class OwnCopy(Ring):
    """Waveforms with the ring's own copy, ``Writer.write``."""

    def write(self, writer: int) -> None:
        template = self.shape.template()
        first = numbered(template)
        with Writer(self.writers[writer]) as sink:
            for number in [*range(self.shape.events), *[END] * self.shape.readers]:
                first[0] = number
                sink.write(template)


class Batches(Ring):
    """Small records, up to 64 per call; one writer, one reader."""

    def write(self, writer: int) -> None:
        events, done = self.shape.events, 0
        numbers = np.arange(events, dtype=np.int32)
        with Writer(self.writers[writer]) as sink:
            while done < events:
                batch = sink.get_new_buffers(min(BATCH, events - done))  # publishes the last one
                begin, done = done, done + len(batch)
                batch[:, 0] = numbers[begin:done]
            sink.get_new_buffer()[0] = END
            sink.process_buffer()

    def read(self, group: int, member: int) -> Seen:
        count = total = filled = 0
        numbers = np.empty(NUMBERS_AT_ONCE, np.int32)  # NumPy adds up a few slowly, many fast
        with Reader(self.groups[group]) as source:
            batch = source.get_batch(BATCH)
            first_s = time.monotonic()
            while True:
                begin, filled = filled, filled + len(batch)
                numbers[begin:filled] = batch[:, 0]
                ended = batch.item(-1, 0) == END
                if ended or filled > NUMBERS_AT_ONCE - BATCH:
                    count += filled
                    total += int(numbers[:filled].sum(dtype=np.int64))
                    filled = 0
                if ended:
                    return Seen(count - 1, total - END, first_s, time.monotonic())
                batch = source.get_batch(BATCH)


def ring_batches(name: str, events: int = 20_000) -> dict[str, float]:
    """The chain of functions.py with batch functions, in loops around the ring's batches."""
    return functions.through_batches(name, events)


def start_fork() -> dict[str, float]:
    """Start-up and stop of 3 buffers and 5 processes."""
    return lifecycle.measure(NewBuffer, Reader, Writer, "fork")


def start_forkserver() -> dict[str, float]:
    return lifecycle.measure(NewBuffer, Reader, Writer, "forkserver")


def start_spawn() -> dict[str, float]:
    return lifecycle.measure(NewBuffer, Reader, Writer, "spawn")


def classes_interleaved(events: int = chain.EVENTS) -> dict[str, float]:
    """The chain of chain.py through the access classes."""
    return _through_classes("interleaved", events)


def classes_contiguous(events: int = chain.EVENTS) -> dict[str, float]:
    return _through_classes("contiguous", events)


def _through_classes(kind: str, events: int) -> dict[str, float]:
    shape = SHAPES[kind]
    raw = NewBuffer(SLOTS, shape.values_per_slot, shape.dtype)
    kept = NewBuffer(SLOTS, shape.values_per_slot, shape.dtype)
    raw_group, kept_group = raw.new_reader_group(), kept.new_reader_group()
    workers = Workers()
    workers.start(_sink, kept_group)
    for _ in range(chain.FILTERS):
        workers.start(_filter, raw_group, kept.new_writer())
    workers.start(_source, raw.new_writer(), shape, events)
    (found, ended_s), *_, started_s = workers.results()
    for buffer in (raw, kept):
        buffer.stats().check()
        buffer.close()
    chain.check_end(found, events)
    return {"rate_hz": events / (ended_s - started_s)}


def _source(writer: dict[str, Any], shape: Shape, count: int) -> float:
    template = shape.template()
    first = numbered(template)

    def events() -> Iterator[np.ndarray]:
        for number in range(count):
            first[0] = number
            yield template

    source = SourceToBuffer(sink_list=[writer], data_source=events, config_dict={})
    started_s = time.monotonic()
    source()
    return started_s


def _filter(group: dict[str, Any], writer: dict[str, Any]) -> None:
    def one_in_ten(event: np.ndarray) -> int | None:
        return 1 if int(np.sum(event[CHANNELS[0]])) % chain.KEEP_ONE_IN == 0 else None

    BufferToBuffer(source_list=[group], sink_list=[writer], config_dict={}, filter=one_in_ten)()


def _sink(group: dict[str, Any]) -> tuple[tuple[int, int], float]:
    numbers: list[int] = []

    def note(event: np.ndarray, *_: object) -> None:
        numbers.append(int(np.sum(event[CHANNELS[0]])))

    rbExport(source_list=[group], config_dict={}, ufunc=note)()
    return (len(numbers), sum(numbers)), time.monotonic()
