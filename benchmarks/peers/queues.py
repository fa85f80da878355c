"""Queues that a user could pick instead: events are copied or pickled into them."""

from __future__ import annotations

import multiprocessing

import numpy as np
from loops import Seen, read_numbers, read_waveforms, write_numbers, write_waveforms
from shapes import SLOTS, Shape


class Outbox:
    """A writer's side with the methods of a ring: one array that is sent to every queue."""

    def __init__(self, shape: Shape, send) -> None:
        self.array = np.zeros(shape.values_per_slot, shape.dtype)
        self.send = send

    def get_new_buffer(self) -> np.ndarray:
        return self.array

    def process_buffer(self) -> None:
        self.send(self.array)


class QueueLink:
    """One queue per group; every writer puts each event into all of them."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.queues = [self.make_queue() for _ in range(shape.groups)]

    def make_queue(self):
        raise NotImplementedError

    def sender(self):
        puts = [queue.put for queue in self.queues]
        if len(puts) == 1:
            return puts[0]

        def send(array: np.ndarray) -> None:
            for put in puts:
                put(array)

        return send

    def receiver(self, group: int):
        return self.queues[group].get

    def write(self, writer: int) -> None:
        outbox = Outbox(self.shape, self.sender())
        if self.shape.kind == "small":
            write_numbers(outbox, self.shape)
        else:
            write_waveforms(outbox, self.shape)
        self.flush()

    def flush(self) -> None:
        pass

    def read(self, group: int, member: int) -> Seen:
        loop = read_numbers if self.shape.kind == "small" else read_waveforms
        return loop(self.receiver(group), self.shape)

    def close(self) -> None:
        pass


class MultiprocessingQueue(QueueLink):
    """``multiprocessing.Queue``: its feeder thread pickles later, so each event is a copy."""

    def make_queue(self):
        return multiprocessing.get_context("fork").Queue(SLOTS)

    def sender(self):
        send = super().sender()
        return lambda array: send(array.copy())

    def flush(self) -> None:
        for queue in self.queues:
            queue.close()
            queue.join_thread()


class FasterFifo(QueueLink):
    """faster-fifo, events as bytes."""

    def make_queue(self):
        import faster_fifo

        return faster_fifo.Queue(max_size_bytes=SLOTS * max(256, self.shape.event_bytes + 64))

    def sender(self):
        send = super().sender()
        return lambda array: send(array.tobytes(), timeout=1e6)

    def receiver(self, group: int):
        get, dtype = self.queues[group].get, self.shape.dtype
        return lambda: np.frombuffer(get(timeout=1e6), dtype)
