"""The loops that writers and readers run, the same for every peer.

A peer is a `Link`: it says how a writer's and a reader's side are opened. A *sink* has
``get_new_buffer`` and ``process_buffer``; a *source* is a function that returns the next event. So
mimocorb, its predecessor, queues and sockets run the very same code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from shapes import CHANNELS, END, Shape

Source = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Seen:
    """What one reader saw."""

    count: int
    total: int
    first_s: float
    last_s: float


class Link:
    """A way for events of one shape from writers to groups of readers."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def sink(self, writer: int) -> AbstractContextManager[Any]:
        """Open the side of a writer in this process."""
        raise NotImplementedError

    def source(self, group: int, member: int) -> AbstractContextManager[Source]:
        """Open the side of a reader in this process."""
        raise NotImplementedError

    def write(self, writer: int) -> None:
        """Write all events and the end marks of one writer."""
        with self.sink(writer) as sink:
            if self.shape.kind == "small":
                write_numbers(sink, self.shape)
            else:
                write_waveforms(sink, self.shape)

    def read(self, group: int, member: int) -> Seen:
        """Read until every writer has ended."""
        with self.source(group, member) as source:
            loop = read_numbers if self.shape.kind == "small" else read_waveforms
            return loop(source, self.shape.writers)

    def close(self) -> None:
        """Check what the peer can check, and free everything."""


def write_numbers(sink, shape: Shape) -> None:
    """Write the events of a shape of small records, then the end marks."""
    get_new_buffer, process_buffer = sink.get_new_buffer, sink.process_buffer
    for number in range(shape.events):
        get_new_buffer()[0] = number
        process_buffer()
    for _ in range(shape.readers):
        get_new_buffer()[0] = END
        process_buffer()


def numbered(template: np.ndarray) -> np.ndarray:
    """Return the view of a waveform that holds its number."""
    return template[CHANNELS[0]].reshape(-1)[:1]


def write_waveforms(sink, shape: Shape) -> None:
    """Copy waveforms into the ring, then the end marks."""
    template = shape.template()
    first = numbered(template)
    for number in [*range(shape.events), *[END] * shape.readers]:
        first[0] = number
        np.copyto(sink.get_new_buffer(), template)
        sink.process_buffer()


def read_numbers(get: Source, writers: int) -> Seen:
    """Read small records until every writer has ended."""
    count = total = 0
    number = get().item(0)
    first_s = time.monotonic()
    while True:
        if number == END:
            writers -= 1
            if writers == 0:
                return Seen(count, total, first_s, time.monotonic())
        else:
            count += 1
            total += number
        number = get().item(0)


def read_waveforms(get: Source, writers: int) -> Seen:
    """Sum one channel of each waveform; all values but the number are zero."""
    count = total = 0
    event = get()
    first_s = time.monotonic()
    while True:
        number = int(np.sum(event[CHANNELS[0]]))
        if number == END:
            writers -= 1
            if writers == 0:
                return Seen(count, total, first_s, time.monotonic())
        else:
            count += 1
            total += number
        event = get()
