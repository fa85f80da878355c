"""pyzmq over ipc: PUSH to PULL, which deals events out round-robin."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import zmq
from loops import Seen, read_numbers, read_waveforms, write_numbers, write_waveforms
from peers.queues import Outbox
from shapes import SLOTS, Shape


class Link:
    """Each reader binds one endpoint; each writer has one PUSH socket for each group."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.directory = tempfile.TemporaryDirectory(prefix="mimocorb-benchmark-")

    def endpoint(self, group: int, member: int) -> str:
        return f"ipc://{Path(self.directory.name, f'{group}-{member}')}"

    def write(self, writer: int) -> None:
        context = zmq.Context()
        sockets = []
        for group in range(self.shape.groups):
            socket = context.socket(zmq.PUSH)
            socket.set_hwm(SLOTS)
            for member in range(self.shape.readers):
                socket.connect(self.endpoint(group, member))
            sockets.append(socket)

        def send(array: np.ndarray) -> None:
            for socket in sockets:
                socket.send(array.tobytes(), copy=False)

        loop = write_numbers if self.shape.kind == "small" else write_waveforms
        loop(Outbox(self.shape, send), self.shape)
        for socket in sockets:
            socket.close(linger=-1)
        context.term()

    def read(self, group: int, member: int) -> Seen:
        context = zmq.Context()
        socket = context.socket(zmq.PULL)
        socket.set_hwm(SLOTS)
        socket.bind(self.endpoint(group, member))
        dtype = self.shape.dtype
        loop = read_numbers if self.shape.kind == "small" else read_waveforms
        seen = loop(lambda: np.frombuffer(socket.recv(), dtype), self.shape)
        socket.close(linger=0)
        context.term()
        return seen

    def close(self) -> None:
        self.directory.cleanup()
