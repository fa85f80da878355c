"""Source, link, two filters that keep one event in ten, link, sink: events of 136 kB."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from loops import Link, read_waveforms, write_waveforms
from measure import Workers, check
from shapes import CHANNELS, END, SHAPES

EVENTS = 10_000
FILTERS = 2
KEEP_ONE_IN = 10


def measure(link_class: type[Link], kind: str, events: int = EVENTS) -> dict[str, float]:
    """Return the rate of events from the source: from its start until the sink has seen the end."""
    raw = link_class(replace(SHAPES[kind], readers=FILTERS, events=events))
    kept = link_class(replace(SHAPES[kind], writers=FILTERS, events=events))
    workers = Workers()
    workers.start(_sink, kept)
    for member in range(FILTERS):
        workers.start(_filter, raw, kept, member)
    workers.start(_source, raw)
    (found, ended_s), *_, started_s = workers.results()
    for link in (raw, kept):
        link.close()
    check_end(found, events)
    return {"rate_hz": events / (ended_s - started_s)}


def check_end(found: tuple[int, int], events: int) -> None:
    """Raise WrongResult unless just the events to keep came out of the chain."""
    kept = range(0, events, KEEP_ONE_IN)
    check("end of the chain", found, (len(kept), sum(kept)))


def _source(raw: Link) -> float:
    with raw.sink(0) as sink:
        started_s = time.monotonic()
        write_waveforms(sink, raw.shape)
    return started_s


def _filter(raw: Link, kept: Link, member: int) -> None:
    with raw.source(0, member) as get, kept.sink(member) as sink:
        number = 0
        while number != END:
            event = get()
            number = int(np.sum(event[CHANNELS[0]]))
            if number == END or number % KEEP_ONE_IN == 0:
                np.copyto(sink.get_new_buffer(), event)
                sink.process_buffer()


def _sink(kept: Link) -> tuple[tuple[int, int], float]:
    with kept.source(0, 0) as get:
        seen = read_waveforms(get, kept.shape.writers)
    return (seen.count, seen.total), seen.last_s
