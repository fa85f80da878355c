"""pyzmq over ipc: PUSH to PULL. The writer deals events out to the readers in turn, as PUSH does.

One socket for each reader, because an end mark has to go to a certain one. A writer stays until the
readers have all: what is on the way when a connection ends can be lost (seen in 1 of 10 runs).
"""

from __future__ import annotations

import itertools
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import zmq
from loops import Link, Source
from shapes import SLOTS, Shape

from peers.queues import Outbox, to_all


class PushPull(Link):
    """Each reader binds one endpoint; each writer connects to all."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        context = multiprocessing.get_context("fork")
        self.finished = [context.Event() for _ in range(shape.groups * shape.readers)]
        self.directory = tempfile.TemporaryDirectory(prefix="mimocorb-benchmark-")

    def endpoint(self, group: int, member: int) -> str:
        return f"ipc://{Path(self.directory.name, f'{group}-{member}')}"

    @contextmanager
    def sink(self, writer: int) -> Iterator[Outbox]:
        context = zmq.Context()
        groups = []
        for group in range(self.shape.groups):
            sockets = []
            for member in range(self.shape.readers):
                socket = context.socket(zmq.PUSH)
                socket.set_hwm(SLOTS)
                socket.connect(self.endpoint(group, member))
                sockets.append(socket)
            groups.append(sockets)
        yield Outbox(self.shape, to_all([_in_turn(sockets) for sockets in groups]))
        for finished in self.finished:
            finished.wait()
        for socket in itertools.chain(*groups):
            socket.close(linger=-1)
        context.term()

    @contextmanager
    def source(self, group: int, member: int) -> Iterator[Source]:
        context = zmq.Context()
        socket = context.socket(zmq.PULL)
        socket.set_hwm(SLOTS)
        socket.bind(self.endpoint(group, member))
        dtype = self.shape.dtype
        yield lambda: np.frombuffer(socket.recv(), dtype)
        self.finished[group * self.shape.readers + member].set()
        socket.close(linger=0)
        context.term()

    def close(self) -> None:
        self.directory.cleanup()


def _in_turn(sockets: list[zmq.Socket]) -> Callable[[np.ndarray], None]:
    if len(sockets) == 1:
        only = sockets[0].send
        return lambda array: only(array.tobytes(), copy=False)
    turns = itertools.cycle([socket.send for socket in sockets])
    return lambda array: next(turns)(array.tobytes(), copy=False)
