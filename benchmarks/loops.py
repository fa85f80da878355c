"""The loops that writers and readers run, the same for every peer with the interface of a ring.

``get_new_buffer`` and ``process_buffer`` of a writer and ``get`` of a reader are all they need, so
mimocorb, its predecessor and queues behind a small adapter run the very same code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from shapes import CHANNELS, END, Shape


@dataclass(frozen=True)
class Seen:
    """What one reader saw."""

    count: int
    total: int
    first_s: float
    last_s: float


def write_numbers(writer, shape: Shape) -> None:
    """Write the events of a shape of small records, then the end marks."""
    get_new_buffer, process_buffer = writer.get_new_buffer, writer.process_buffer
    for number in range(shape.events):
        get_new_buffer()[0] = number
        process_buffer()
    for _ in range(shape.readers):
        get_new_buffer()[0] = END
        process_buffer()


def write_waveforms(writer, shape: Shape, copy: Callable[..., None] = np.copyto) -> None:
    """Copy waveforms into the ring, then the end marks."""
    template = shape.template()
    first = (
        template.reshape(-1)[:1] if shape.kind == "plain" else template[CHANNELS[0]].reshape(-1)[:1]
    )
    for number in [*range(shape.events), *[END] * shape.readers]:
        first[0] = number
        copy(writer.get_new_buffer(), template)
        writer.process_buffer()


def read_numbers(get: Callable[[], np.ndarray], shape: Shape) -> Seen:
    """Read small records until every writer has ended."""
    count = total = 0
    writers = shape.writers
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


def read_waveforms(get: Callable[[], np.ndarray], shape: Shape) -> Seen:
    """Sum one channel of each waveform; all values but the number are zero."""
    count = total = 0
    event = get()
    first_s = time.monotonic()
    while True:
        number = int(
            np.sum(
                event[: shape.values_per_slot // 4] if shape.kind == "plain" else event[CHANNELS[0]]
            )
        )
        if number == END:
            return Seen(count, total, first_s, time.monotonic())
        count += 1
        total += number
        event = get()
