"""The control server of a run, in the supervisor's own loop.

A client must not disturb the run, whatever it does:

* Nothing here waits. All sockets are non-blocking, and of each client is kept at most one request
  and one answer; from a client that does not read its answer nothing is read.
* Serving takes at most a tenth of the supervisor's time. Then all clients wait.
* In each round everybody is heard who has something to say: commands are passed on at once, and all
  who ask for the status get the same picture, made once. Nobody who asks again and again is
  answered twice before others are answered once.
* There are at most :data:`MOST_CLIENTS` of them; a further one takes the place of the one that has
  been silent longest.
* What is not a request is answered by one line that says so, and the connection is closed.

Only the user who runs the run gets in: by the permissions of directory and socket, and once more
by what the kernel says about the process at the other end.
"""

from __future__ import annotations

import os
import socket
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mimocorb.errors import OutputError
from mimocorb.run.findings import ORIGIN
from mimocorb.run.record.notes import Note
from mimocorb.run.remote.place import (
    NOTE,
    listening,
    note_socket,
    peer,
    remove_stale,
    socket_directories,
    user_name,
)
from mimocorb.run.remote.protocol import LONGEST_REQUEST, BadRequest, Request, refusal
from mimocorb.run.remote.request_handler import Awaited, RequestHandler
from mimocorb.run.supervision.supervisor import Supervisor

__all__ = ["MOST_CLIENTS", "ControlServer"]

MOST_CLIENTS = 32
SHARE_OF_TIME = 0.1
LONGEST_CREDIT_S = 0.02
LOOK_S = 0.25
CHECK_PLACE_S = 1.0
MEASURE_S = 0.5


@dataclass(eq=False)
class _Client:
    """One connection: what has been received and not answered, answered and not sent."""

    link: socket.socket
    pid: int
    heard_s: float
    received: bytes = b""
    unsent: bytes = b""
    close_when_sent: bool = False
    waits_for: Awaited | None = None
    follows: bool = False

    @property
    def idle(self) -> bool:
        """Whether no answer is to come on it."""
        return self.waits_for is None and not self.follows


class ControlServer:
    """Lets other processes of this user look at a run and steer it.

    Parameters
    ----------
    supervisor
        Of the run; its loop serves the socket.
    directory
        Of the run; the place of the socket is noted in it.
    number
        Of the run, if it has one.
    keep_note
        Keeps a note with the run; None: the run has no record.

    Notes
    -----
    All methods belong to the thread that turns the loop. A run without a place for a socket goes
    on without; its log has a warning.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        directory: Path,
        number: int | None = None,
        keep_note: Callable[[Note], None] | None = None,
    ) -> None:
        self._handler = RequestHandler(supervisor, directory, number, keep_note)
        self._loop = supervisor.loop
        self._log = supervisor.log
        self._look = supervisor.view
        self._directory = directory
        self._owner_pid = os.getpid()
        self._listener: socket.socket | None = None
        self._path: Path | None = None
        self._clients: list[_Client] = []
        self._resting = False
        self._credit_s = LONGEST_CREDIT_S
        self._credit_at_s = time.monotonic()
        self._check_place_s = 0.0
        self._measure_s = 0.0
        self._listen()
        _OPEN.add(self)

    # --- the place

    def _listen(self) -> None:
        """Make the socket in the best directory that there is, and note where it is."""
        self._check_place_s = time.monotonic() + CHECK_PLACE_S
        remove_stale()
        problems = []
        for directory in socket_directories():
            try:
                self._listener, self._path = listening(directory, self._directory.name)
                break
            except OSError as error:
                problems.append(str(error))
        else:
            self._warn(f"there is no place for its control socket: {'; '.join(problems)}")
            return
        self._watch(self._listener, self._accept)
        try:
            note_socket(self._directory, self._path)
        except OutputError as error:
            self._warn(f"it is found by its name only: {error}")

    def _warn(self, why: str) -> None:
        text = f"this run may be hard to steer from elsewhere: {why}"
        self._log.add("WARNING", ORIGIN, text)

    def _check_place(self) -> None:
        """Make the socket again if it has gone: a logout removes the user's runtime directory."""
        if self._path is None or time.monotonic() < self._check_place_s:
            return
        self._check_place_s = time.monotonic() + CHECK_PLACE_S
        if self._path.is_socket():
            return
        self._stop_listening()
        self._listen()

    def _stop_listening(self) -> None:
        listener, self._listener, self._path = self._listener, None, None
        if listener is not None:
            self._loop.unwatch(listener.fileno())
            listener.close()

    # --- the run's loop

    def next_look_s(self) -> float:
        """Return the time after which :meth:`update` has something to do at the latest."""
        if self._resting:
            return min(LOOK_S, max(0.0, -self._credit_s / SHARE_OF_TIME))
        now = time.monotonic()
        waiting = [c.waits_for.deadline_s - now for c in self._clients if c.waits_for is not None]
        return max(0.0, min([LOOK_S, *waiting]))

    def update(self) -> None:
        """Answer those whose time has come; to be called each turn of the loop."""
        self._timed(self._settle_all)
        self._check_place()
        self._keep_measuring()
        self._add_credit()
        if self._credit_s < 0 and not self._resting:
            self._rest()
        elif self._credit_s >= 0 and self._resting:
            self._rest_is_over()

    def _keep_measuring(self) -> None:
        """Look at the run now and then, as rates are measured from one look to the next."""
        now = time.monotonic()
        if now >= self._measure_s:
            self._measure_s = now + MEASURE_S
            self._look()

    def close(self, failures: Sequence[str] | None = None) -> None:
        """Send the last status to clients that wait for it, and take the socket away. Idempotent.

        Parameters
        ----------
        failures
            Those that came to light in the end, and before; None: none has been added.
        """
        if os.getpid() != self._owner_pid:
            self.abandon()
            return
        self._hear_the_last()
        self._settle_all()
        last = self._handler.status(failures=failures) if self._clients else b""
        for client in tuple(self._clients):
            if client.follows:
                with self._harmless(client):
                    self._send(client, last, last=True)
        if self._path is not None:
            for file in (self._path, self._directory / NOTE):
                with suppress(OSError):
                    file.unlink(missing_ok=True)
        for client in tuple(self._clients):
            self._drop(client)
        self._stop_listening()

    def abandon(self) -> None:
        """Close the descriptors and nothing else: for a forked child, whose run it is not."""
        for client in self._clients:
            client.link.close()
        self._clients.clear()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    # --- sharing the time

    def _watch(
        self, link: socket.socket, action: Callable[[], None], *, to_write: bool = False
    ) -> None:
        if not self._resting:
            self._loop.watch(link.fileno(), partial(self._timed, action), to_write=to_write)

    def _timed(self, action: Callable[[], None]) -> None:
        """Do something for clients; at the end of the round all wait if it took too much time."""
        began_s = time.monotonic()
        action()
        self._credit_s -= time.monotonic() - began_s

    def _rest(self) -> None:
        self._resting = True
        for link in self._links():
            self._loop.unwatch(link.fileno())

    def _add_credit(self) -> None:
        now = time.monotonic()
        earned_s = (now - self._credit_at_s) * SHARE_OF_TIME
        self._credit_s = min(LONGEST_CREDIT_S, self._credit_s + earned_s)
        self._credit_at_s = now

    def _rest_is_over(self) -> None:
        self._resting = False
        if self._listener is not None:
            self._watch(self._listener, self._accept)
        for client in self._clients:
            self._watch_client(client)

    def _links(self) -> list[socket.socket]:
        links = [client.link for client in self._clients]
        return links if self._listener is None else [self._listener, *links]

    # --- clients

    def _accept(self) -> None:
        """Accept those who wait to be connected, but not more than there is room for."""
        for _ in range(MOST_CLIENTS):
            if self._listener is None:
                return
            try:
                link, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # no descriptor left: the same client would be reported at once again
                self._credit_s -= LONGEST_CREDIT_S
                return
            self._let_in(link)

    def _let_in(self, link: socket.socket) -> None:
        link.setblocking(False)
        pid, uid = peer(link)
        client = _Client(link, pid, time.monotonic())
        self._make_room()
        self._clients.append(client)
        self._watch_client(client)
        if uid != os.geteuid():
            owner = user_name(os.geteuid())
            self._send(client, refusal("request", f"this run belongs to {owner}"), last=True)

    def _make_room(self) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            self._drop(min(self._clients, key=lambda client: (not client.idle, client.heard_s)))

    def _watch_client(self, client: _Client) -> None:
        """Wait for what comes next: room for the rest of an answer, or else a request."""
        if client.unsent:
            self._watch(client.link, partial(self._send_rest, client), to_write=True)
        else:
            self._watch(client.link, partial(self._receive, client))

    def _drop(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            self._loop.unwatch(client.link.fileno())
            client.link.close()

    def _receive(self, client: _Client) -> None:
        try:
            data = client.link.recv(LONGEST_REQUEST + 1 - len(client.received))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(client)
            return
        client.heard_s = time.monotonic()
        client.received += data
        with self._harmless(client):
            try:
                request = self._next_request(client)
                if request is not None:
                    self._take(client, request)
            except BadRequest as error:
                self._send(client, refusal("request", str(error)), last=True)

    def _take(self, client: _Client, request: Request) -> None:
        if request.command == "follow":
            client.follows = True
            return
        reply = self._handler.take(request, client.pid)
        if isinstance(reply, bytes):
            self._send(client, reply)
        else:
            client.waits_for = reply

    def _hear_the_last(self) -> None:
        """Hear those who came before the end of the run and have not been heard."""
        self._accept()
        for client in tuple(self._clients):
            if not client.unsent and client.idle:
                self._receive(client)

    def _settle_all(self) -> None:
        """Answer all who want the status, and the commands whose outcome is known now."""
        self._handler.begin_round()
        for client in tuple(self._clients):
            if client.waits_for is None:
                continue
            with self._harmless(client):
                reply = client.waits_for.outcome()
                if reply is not None:
                    client.waits_for = None
                    self._send(client, reply)

    @contextmanager
    def _harmless(self, client: _Client) -> Iterator[None]:
        """Let a fault in here cost a client its connection, and not end the run."""
        try:
            yield
        except Exception as error:
            self._log.add("ERROR", ORIGIN, f"a request could not be answered: {error!r}")
            self._drop(client)

    @staticmethod
    def _next_request(client: _Client) -> Request | None:
        line, end, rest = client.received.partition(b"\n")
        if rest or not client.idle:
            raise BadRequest("one request at a time: wait for the answer before the next one")
        if not end:
            if len(client.received) > LONGEST_REQUEST:
                raise BadRequest(f"a request has at most {LONGEST_REQUEST} bytes")
            return None
        client.received = b""
        return Request.parse(line)

    def _send(self, client: _Client, data: bytes, *, last: bool = False) -> None:
        client.unsent, client.close_when_sent = data, last
        self._loop.unwatch(client.link.fileno())
        self._send_rest(client)

    def _send_rest(self, client: _Client) -> None:
        try:
            client.unsent = client.unsent[client.link.send(client.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
            return
        if not client.unsent and client.close_when_sent:
            self._drop(client)
            return
        self._loop.unwatch(client.link.fileno())
        self._watch_client(client)


# A forked worker would hold the sockets open when its supervisor has gone, so that clients wait.
_OPEN: weakref.WeakSet[ControlServer] = weakref.WeakSet()


def _abandon_all() -> None:
    for control in tuple(_OPEN):
        control.abandon()


os.register_at_fork(after_in_child=_abandon_all)
