"""mimoCoRB 1.0.2, the predecessor. Runs only in an interpreter that has it (same import name)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import lifecycle
from loops import Link, Source
from shapes import SLOTS, Shape

from mimocorb.mimo_buffer import NewBuffer, Reader, Writer


class Ring(Link):
    """One event per call; waveforms with ``np.copyto`` by the user."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.buffer = NewBuffer(SLOTS, shape.values_per_slot, shape.dtype)
        self.groups = [self.buffer.new_reader_group() for _ in range(shape.groups)]
        self.writer = self.buffer.new_writer()

    @contextmanager
    def sink(self, writer: int) -> Iterator[Writer]:
        yield Writer(self.writer)

    @contextmanager
    def source(self, group: int, member: int) -> Iterator[Source]:
        yield Reader(self.groups[group]).get

    def close(self) -> None:
        self.buffer.shutdown()
        self.buffer.close()


def start_fork() -> dict[str, float]:
    """Start-up and stop of 3 buffers and 5 processes."""
    return lifecycle.measure(NewBuffer, Reader, Writer, "fork")
