"""Latency of single events from a Poisson source, and what waiting for them costs."""

from __future__ import annotations

import time

import numpy as np
from measure import Workers
from shapes import END, SLOTS

RATE_HZ = 1000.0
EVENTS = 3000
IDLE_S = 2.0


def measure(NewBuffer, Reader, Writer) -> dict[str, float]:
    """Return p50, p99 and p99.9 in µs, and the processor use of an idle reader in percent."""
    buffer = NewBuffer(SLOTS, 5, np.int64)
    group, writer = buffer.new_reader_group(), buffer.new_writer()
    workers = Workers()
    workers.start(_read, Reader, group)
    workers.start(_write, Writer, writer)
    (latency_us, idle_percent), _ = workers.results()
    buffer.shutdown()
    buffer.close()
    p50, p99, p999 = np.percentile(latency_us, [50, 99, 99.9])
    return {"p50_us": p50, "p99_us": p99, "p999_us": p999, "idle_percent": idle_percent}


def _write(Writer, setup: dict) -> None:
    sink = Writer(setup)
    pauses_s = np.random.default_rng(1).exponential(1 / RATE_HZ, EVENTS)
    time.sleep(0.5 + IDLE_S)  # meanwhile the reader measures what waiting costs
    for pause_s in [*pauses_s, 0.0]:
        time.sleep(pause_s)
        now_ns = time.monotonic_ns()
        sink.get_new_buffer()[0] = now_ns if pause_s else END
        sink.process_buffer()


def _read(Reader, setup: dict) -> tuple[np.ndarray, float]:
    source = Reader(setup)
    latency_ns = []
    before, before_s = time.process_time(), time.monotonic()
    sent_ns = source.get().item(0)
    idle_percent = 100 * (time.process_time() - before) / (time.monotonic() - before_s)
    while sent_ns != END:
        latency_ns.append(time.monotonic_ns() - sent_ns)
        sent_ns = source.get().item(0)
    return np.array(latency_ns[1:]) / 1000, idle_percent
