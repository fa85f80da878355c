"""Start-up and stop: 3 buffers of 128 × 136 kB and 5 processes in a row."""

from __future__ import annotations

import multiprocessing
import time

import numpy as np
from shapes import CHANNELS, SAMPLES, SLOTS

PROCESSES = 5
NEEDED_FOR_AN_EVENT = 4  # source, one of the two filters, the process behind them, sink
RUNNING_S = 0.2


def measure(NewBuffer, Reader, Writer, method: str) -> dict[str, float]:
    """Return the time to the first event at the sink, and that from the wish to stop to the end."""
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        # As a program does that starts workers more than once: the server is there already.
        context.set_forkserver_preload(["mimocorb.mimo_buffer", "lifecycle"])
        warm = context.Process(target=time.sleep, args=(0,))
        warm.start()
        warm.join()
    first, opened = context.Event(), context.Semaphore(0)
    begin_s = time.monotonic()
    buffers = [NewBuffer(SLOTS, len(CHANNELS) * SAMPLES, np.float64) for _ in range(3)]
    groups = [buffer.new_reader_group() for buffer in buffers]
    writers = [buffer.new_writer() for buffer in buffers]
    jobs = [
        (_sink, (opened, Reader, groups[2], first)),
        (_pass_on, (opened, Reader, Writer, groups[1], writers[2])),
        (_pass_on, (opened, Reader, Writer, groups[0], writers[1])),
        (_pass_on, (opened, Reader, Writer, groups[0], writers[1])),
        (_source, (opened, Writer, writers[0])),
    ]
    processes = [context.Process(target=target, args=args) for target, args in jobs]
    for process in processes:
        process.start()
    first.wait()
    started_s = time.monotonic()
    for _ in processes:  # the second filter may still be starting, and is not to be stopped then
        opened.acquire()
    time.sleep(RUNNING_S)
    stop_s = time.monotonic()
    for buffer in buffers:
        buffer.shutdown()
    for process in processes:
        process.join()
    for buffer in buffers:
        buffer.close()
    return {
        "start_ms": 1e3 * (started_s - begin_s),
        "stop_ms": 1e3 * (time.monotonic() - stop_s),
    }


def _source(opened, Writer, writer: dict) -> None:
    sink = Writer(writer)
    opened.release()
    number = 0
    while True:
        sink.get_new_buffer()[0] = number
        sink.process_buffer()
        number += 1
        time.sleep(0.001)


def _pass_on(opened, Reader, Writer, group: dict, writer: dict) -> None:
    source, sink = Reader(group), Writer(writer)
    opened.release()
    while True:
        event = source.get()
        sink.get_new_buffer()[0] = event[0]
        sink.process_buffer()


def _sink(opened, Reader, group: dict, first) -> None:
    source = Reader(group)
    opened.release()
    source.get()
    first.set()
    while True:
        source.get()
