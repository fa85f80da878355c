"""Latency of single events from a Poisson source, and what waiting for them costs."""

from __future__ import annotations

import time

import numpy as np
from loops import Link
from measure import Workers, WrongResult
from shapes import END, Shape

RATE_HZ = 1000.0
EVENTS = 5000
IDLE_S = 2.0


def measure(link_class: type[Link], events: int = EVENTS) -> dict[str, float]:
    """Return p50, p99 and p99.9 in µs, and the processor use of an idle reader in percent.

    From before the data are copied into the slot until the reader has the event.
    """
    link = link_class(Shape("1 kHz Poisson source, 40 B", 1, 1, 1, events, "stamps"))
    workers = Workers()
    workers.start(_read, link)
    workers.start(_write, link, events)
    (latency_us, idle_percent), _ = workers.results()
    link.close()
    if len(latency_us) != events:
        raise WrongResult(f"{len(latency_us)} events, not {events}")
    p50, p99, p999 = np.percentile(latency_us, [50, 99, 99.9])
    return {"p50_us": p50, "p99_us": p99, "p999_us": p999, "idle_percent": idle_percent}


def _write(link: Link, events: int) -> None:
    pauses_s = np.random.default_rng(1).exponential(1 / RATE_HZ, events)
    with link.sink(0) as sink:
        time.sleep(0.5 + IDLE_S)  # meanwhile the reader measures what waiting costs
        for pause_s in pauses_s:
            time.sleep(pause_s)
            now_ns = time.monotonic_ns()
            sink.get_new_buffer()[0] = now_ns
            sink.process_buffer()
        sink.get_new_buffer()[0] = END
        sink.process_buffer()


def _read(link: Link) -> tuple[np.ndarray, float]:
    latency_ns = []
    with link.source(0, 0) as get:
        before, before_s = time.process_time(), time.monotonic()
        sent_ns = get().item(0)
        idle_percent = 100 * (time.process_time() - before) / (time.monotonic() - before_s)
        while sent_ns != END:
            latency_ns.append(time.monotonic_ns() - sent_ns)
            sent_ns = get().item(0)
    return np.array(latency_ns) / 1000, idle_percent
