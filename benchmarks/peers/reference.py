"""mimoCoRB 1.0.2, the predecessor. Runs only in an interpreter that has it (same import name)."""

from __future__ import annotations

import time

import latency as latency_run
import lifecycle
import numpy as np
from loops import Seen, read_numbers, read_waveforms, write_numbers, write_waveforms
from measure import WrongResult, Workers
from shapes import CHANNELS, END, SHAPES, SLOTS, Shape

from mimocorb.mimo_buffer import NewBuffer, Reader, Writer


class Link:
    """The same loops as for mimocorb."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.buffer = NewBuffer(SLOTS, shape.values_per_slot, shape.dtype)
        self.groups = [self.buffer.new_reader_group() for _ in range(shape.groups)]
        self.writer = self.buffer.new_writer()

    def write(self, writer: int) -> None:
        sink = Writer(self.writer)
        if self.shape.kind == "small":
            write_numbers(sink, self.shape)
        else:
            write_waveforms(sink, self.shape)

    def read(self, group: int, member: int) -> Seen:
        source = Reader(self.groups[group])
        loop = read_numbers if self.shape.kind == "small" else read_waveforms
        return loop(source.get, self.shape)

    def close(self) -> None:
        self.buffer.shutdown()
        self.buffer.close()


def latency() -> dict[str, float]:
    """From before the data are copied into the slot until ``get()`` has returned."""
    return latency_run.measure(NewBuffer, Reader, Writer)


def start_fork() -> dict[str, float]:
    """Start-up and stop of 3 buffers and 5 processes."""
    return lifecycle.measure(NewBuffer, Reader, Writer, "fork")


CHAIN_EVENTS = 3_000


def chain_interleaved() -> dict[str, float]:
    """Source, ring, two filters that keep one in ten, ring, sink: with the rings alone."""
    shape = SHAPES["interleaved"]
    raw = NewBuffer(SLOTS, shape.values_per_slot, shape.dtype)
    kept = NewBuffer(SLOTS, shape.values_per_slot, shape.dtype)
    raw_group, kept_group = raw.new_reader_group(), kept.new_reader_group()
    raw_writer, kept_writer = raw.new_writer(), kept.new_writer()
    workers = Workers()
    workers.start(_sink, kept_group)
    for _ in range(2):
        workers.start(_filter, raw_group, kept_writer)
    workers.start(_source, raw_writer, shape)
    (count, total), *_ = results = workers.results()
    started_s, ended_s = results[-1], time.monotonic()
    expected = range(0, CHAIN_EVENTS, 10)
    if (count, total) != (len(expected), sum(expected)):
        raise WrongResult(f"{count} events with sum {total} at the end of the chain")
    for buffer in (raw, kept):
        buffer.shutdown()
        buffer.close()
    return {"rate_hz": CHAIN_EVENTS / (ended_s - started_s)}


def _source(writer: dict, shape: Shape) -> float:
    sink, template = Writer(writer), shape.template()
    started_s = time.monotonic()
    for number in [*range(CHAIN_EVENTS), END, END]:
        template[CHANNELS[0]][0] = number
        np.copyto(sink.get_new_buffer(), template)
        sink.process_buffer()
    return started_s


def _filter(group: dict, writer: dict) -> None:
    source, sink = Reader(group), Writer(writer)
    number = 0
    while number != END:
        event = source.get()
        number = int(np.sum(event[CHANNELS[0]]))
        if number == END or number % 10 == 0:
            np.copyto(sink.get_new_buffer(), event)
            sink.process_buffer()


def _sink(group: dict) -> tuple[int, int]:
    source, numbers, ended = Reader(group), [], 0
    while ended < 2:
        number = int(np.sum(source.get()[CHANNELS[0]]))
        if number == END:
            ended += 1
        else:
            numbers.append(number)
    return len(numbers), sum(numbers)
