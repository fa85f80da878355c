"""Queues that a user could pick instead: events are copied or pickled into them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from loops import Link, Source
from shapes import SLOTS, Shape


class Outbox:
    """A writer's side with the methods of a ring: one array that is sent to every queue."""

    def __init__(self, shape: Shape, send: Callable[[np.ndarray], None]) -> None:
        self.array = np.zeros(shape.values_per_slot, shape.dtype)
        self.send = send

    def get_new_buffer(self) -> np.ndarray:
        return self.array

    def process_buffer(self) -> None:
        self.send(self.array)


def to_all(sends: list[Callable[[np.ndarray], None]]) -> Callable[[np.ndarray], None]:
    """Return a function that sends to each; no detour if there is only one."""
    if len(sends) == 1:
        return sends[0]

    def send(array: np.ndarray) -> None:
        for one in sends:
            one(array)

    return send


class MultiprocessingQueue(Link):
    """``multiprocessing.Queue``: its feeder thread pickles later, so each event is a copy."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        context = multiprocessing.get_context("fork")
        self.queues = [context.Queue(SLOTS) for _ in range(shape.groups)]

    @contextmanager
    def sink(self, writer: int) -> Iterator[Outbox]:
        put = to_all([queue.put for queue in self.queues])
        yield Outbox(self.shape, lambda array: put(array.copy()))
        for queue in self.queues:
            queue.close()
            queue.join_thread()

    @contextmanager
    def source(self, group: int, member: int) -> Iterator[Source]:
        yield self.queues[group].get


class FasterFifo(Link):
    """faster-fifo, events as bytes."""

    def __init__(self, shape: Shape) -> None:
        import faster_fifo

        super().__init__(shape)
        size = SLOTS * max(256, shape.event_bytes + 64)
        self.queues = [faster_fifo.Queue(max_size_bytes=size) for _ in range(shape.groups)]

    @contextmanager
    def sink(self, writer: int) -> Iterator[Outbox]:
        put = to_all([lambda data, put=queue.put: put(data, timeout=1e6) for queue in self.queues])
        yield Outbox(self.shape, lambda array: put(array.tobytes()))

    @contextmanager
    def source(self, group: int, member: int) -> Iterator[Source]:
        get, dtype = self.queues[group].get, self.shape.dtype
        yield lambda: np.frombuffer(get(timeout=1e6), dtype)
