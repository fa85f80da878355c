"""mimocorb as it is in this checkout."""

from __future__ import annotations

import time

import latency as latency_run
import lifecycle
import numpy as np
from loops import Seen, read_numbers, read_waveforms, write_numbers, write_waveforms
from measure import WrongResult, Workers
from shapes import CHANNELS, END, SHAPES, SLOTS, Shape

from mimocorb.buffer_control import BufferToBuffer, SourceToBuffer, rbExport
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer

BATCH = 64
CHAIN_EVENTS = 10_000


class Link:
    """One event per call; waveforms with ``np.copyto`` by the user."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.buffer = NewBuffer(SLOTS, shape.values_per_slot, shape.dtype)
        self.groups = [self.buffer.new_reader_group() for _ in range(shape.groups)]
        self.writers = [self.buffer.new_writer() for _ in range(shape.writers)]

    def write(self, writer: int) -> None:
        with Writer(self.writers[writer]) as sink:
            if self.shape.kind == "small":
                write_numbers(sink, self.shape)
            else:
                write_waveforms(sink, self.shape)

    def read(self, group: int, member: int) -> Seen:
        with Reader(self.groups[group]) as source:
            loop = read_numbers if self.shape.kind == "small" else read_waveforms
            return loop(source.get, self.shape)

    def close(self) -> None:
        self.buffer.stats().check()
        self.buffer.shutdown()
        self.buffer.close()


class OwnCopy(Link):
    """Waveforms with the ring's own copy, ``Writer.write``."""

    def write(self, writer: int) -> None:
        template = self.shape.template()
        first = template[CHANNELS[0]].reshape(-1)[:1]
        with Writer(self.writers[writer]) as sink:
            for number in [*range(self.shape.events), *[END] * self.shape.readers]:
                first[0] = number
                sink.write(template)


class Batches(Link):
    """Small records, up to 64 per call."""

    def write(self, writer: int) -> None:
        events, done = self.shape.events, 0
        with Writer(self.writers[writer]) as sink:
            numbers = np.arange(BATCH, dtype=np.int32)
            while done < events:
                batch = sink.get_new_buffers(min(BATCH, events - done))
                batch[:, 0] = numbers[: len(batch)] + done
                done += len(batch)
                sink.process_buffer()
            sink.get_new_buffer()[0] = END
            sink.process_buffer()

    def read(self, group: int, member: int) -> Seen:
        count = total = 0
        with Reader(self.groups[group]) as source:
            batch = source.get_batch(BATCH)
            first_s = time.monotonic()
            while True:
                numbers = batch[:, 0]
                ended = numbers[-1] == END
                count += len(numbers) - int(ended)
                total += int(numbers.sum(dtype=np.int64)) + int(ended)
                if ended:
                    return Seen(count, total, first_s, time.monotonic())
                batch = source.get_batch(BATCH)


def latency() -> dict[str, float]:
    """From before the data are copied into the slot until ``get()`` has returned."""
    return latency_run.measure(NewBuffer, Reader, Writer)


def start_fork() -> dict[str, float]:
    """Start-up and stop of 3 buffers and 5 processes."""
    return lifecycle.measure(NewBuffer, Reader, Writer, "fork")


def start_forkserver() -> dict[str, float]:
    return lifecycle.measure(NewBuffer, Reader, Writer, "forkserver")


def start_spawn() -> dict[str, float]:
    return lifecycle.measure(NewBuffer, Reader, Writer, "spawn")


def chain_interleaved() -> dict[str, float]:
    """Source, ring, two filters that keep one in ten, ring, sink: through the access classes."""
    return _chain(SHAPES["interleaved"])


def chain_contiguous() -> dict[str, float]:
    return _chain(SHAPES["contiguous"])


def _chain(shape: Shape) -> dict[str, float]:
    raw = NewBuffer(SLOTS, shape.values_per_slot, shape.dtype)
    kept = NewBuffer(SLOTS, shape.values_per_slot, shape.dtype)
    raw_group, kept_group = raw.new_reader_group(), kept.new_reader_group()
    raw_writer = raw.new_writer()
    workers = Workers()
    workers.start(_sink, kept_group)
    for _ in range(2):
        workers.start(_filter, raw_group, kept.new_writer())
    workers.start(_source, raw_writer, shape)
    (count, total), *_ = results = workers.results()
    started_s, ended_s = results[-1], time.monotonic()
    expected = range(0, CHAIN_EVENTS, 10)
    if (count, total) != (len(expected), sum(expected)):
        raise WrongResult(f"{count} events with sum {total} at the end of the chain")
    for buffer in (raw, kept):
        buffer.stats().check()
        buffer.close()
    return {"rate_hz": CHAIN_EVENTS / (ended_s - started_s)}


def _source(writer: dict, shape: Shape) -> float:
    template = shape.template()
    first = template[CHANNELS[0]].reshape(-1)[:1]

    def events():
        for number in range(CHAIN_EVENTS):
            first[0] = number
            yield template

    started_s = time.monotonic()
    SourceToBuffer(sink_list=[writer], data_source=events, config_dict={})()
    return started_s


def _filter(group: dict, writer: dict) -> None:
    def one_in_ten(event: np.ndarray) -> int | None:
        return 1 if int(np.sum(event[CHANNELS[0]])) % 10 == 0 else None

    BufferToBuffer(source_list=[group], sink_list=[writer], config_dict={}, filter=one_in_ten)()


def _sink(group: dict) -> tuple[int, int]:
    numbers: list[int] = []

    def note(event: np.ndarray, *_: object) -> None:
        numbers.append(int(np.sum(event[CHANNELS[0]])))

    rbExport(source_list=[group], config_dict={}, ufunc=note)()
    return len(numbers), sum(numbers)
