"""Simulated instruments that wait at a port of this computer to be asked."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from mimocorb.testing.fakes.simulated import Event, SimulatedDevice

__all__ = ["InstrumentAtPort", "simulated_until_ended"]


class InstrumentAtPort(SimulatedDevice):
    """An instrument for one client at a time; a subclass says what it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.port = 0
        self.silent = threading.Event()
        self.lock = threading.Lock()
        self._server: socket.socket | None = None
        self._client: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._sent: list[Event] = []

    def begin(self) -> None:
        """Get ready for a new client."""

    def answer(self, connection: socket.socket, data: bytes) -> None:
        """Answer what has come."""
        raise NotImplementedError

    def plug_in(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(self._server,), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        for each in (self._server, self._client):
            if each is not None:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        if self._thread is not None:
            self._thread.join()
        self._server = self._client = self._thread = None

    def fall_silent(self) -> None:
        self.silent.set()

    def speak_again(self) -> None:
        self.silent.clear()

    def sent(self) -> list[Event]:
        with self.lock:
            return list(self._sent)

    def note(self, event: Event) -> None:
        """Keep an event that is on the wire now."""
        with self.lock:
            self._sent.append(event)

    def _serve(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            self._client = client
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.begin()
            with client, suppress(OSError):
                while data := client.recv(1 << 16):
                    self.answer(client, data)


def simulated_until_ended(instrument: InstrumentAtPort, port: int) -> None:
    """Let an instrument be there until Ctrl-C."""
    instrument.port = port
    with instrument:
        print(f"{type(instrument).__name__}: address: {instrument.config['address']}, until Ctrl-C")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
