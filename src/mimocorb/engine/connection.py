"""A connection to the engine, for programs that wait: the client of NATS runs in a thread."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from mimocorb._closing import Closing
from mimocorb.errors import EngineError, SetupError
from mimocorb.model.engine import EngineSpec

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

__all__ = ["INSTALL", "LOCAL", "Connection", "check_engine"]

INSTALL = "pip install 'mimocorb[engine]'"
CONNECT_TIMEOUT_S = 5.0
RECONNECT_WAIT_S = 0.25
PING_INTERVAL_S = 2
"""A peer whose cable is cut does not say so: two pings without an answer, and it is gone."""
LOCAL = ("127.0.0.1", "localhost", "::1")

T = TypeVar("T")


class Connection(Closing):
    """A client of the engine that connects again, for ever, when the connection is lost.

    Parameters
    ----------
    engine
        Where it is.
    name
        By which the engine knows this client.
    """

    def __init__(self, engine: EngineSpec, name: str) -> None:
        self._engine = engine
        self._name = name
        self._loop = asyncio.new_event_loop()
        self._client: Client | None = None
        self.stream: JetStreamContext | None = None
        """What speaks to JetStream, once a first connection was there."""
        self.lost_since_s: float | None = time.monotonic()
        """When the connection was lost, by the monotonic clock; None while it is there."""
        self.reason = "not connected yet"
        """Why it is not there."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Let a coroutine run in the thread of the client, until the connection is closed."""

        def begin() -> None:
            task = self._loop.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._loop.call_soon_threadsafe(begin)

    def call(self, awaited: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Return what a coroutine returns that runs in the thread of the client."""
        return asyncio.run_coroutine_threadsafe(awaited, self._loop).result(timeout_s)

    async def connected(self) -> JetStreamContext:
        """Return what speaks to JetStream; connects, as often as it takes."""
        while self.stream is None:
            try:
                await self._connect()
            except _errors() as error:
                self.reason = reason_of(error)
                await asyncio.sleep(RECONNECT_WAIT_S)
        return self.stream

    async def _connect(self) -> None:
        import nats

        async def lost() -> None:
            if self.lost_since_s is None:
                self.lost_since_s = time.monotonic()

        async def found() -> None:
            self.lost_since_s = None

        async def wrong(error: Exception) -> None:
            self.reason = reason_of(error)

        client = await nats.connect(
            self._engine.nats.split(","),
            name=self._name,
            connect_timeout=CONNECT_TIMEOUT_S,
            reconnect_time_wait=RECONNECT_WAIT_S,
            max_reconnect_attempts=-1,
            ping_interval=PING_INTERVAL_S,
            disconnected_cb=lost,
            reconnected_cb=found,
            error_cb=wrong,
            allow_reconnect=True,
            **credentials_of(self._engine),
        )
        self._client = client
        self.lost_since_s = None
        self.stream = client.jetstream(timeout=CONNECT_TIMEOUT_S)

    @property
    def client(self) -> Client:
        """The client itself, once a first connection was there."""
        assert self._client is not None
        return self._client

    @property
    def is_there(self) -> bool:
        """Whether the engine can be reached, as far as is known."""
        return self.lost_since_s is None

    def close(self) -> None:
        """Leave the engine. Idempotent."""
        if not self._thread.is_alive():
            return
        with suppress(TimeoutError):  # an engine that does not answer will find out by itself
            self.call(self._leave(), CONNECT_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CONNECT_TIMEOUT_S)
        self._loop.close()

    async def _leave(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()


def _errors() -> tuple[type[Exception], ...]:
    from nats.errors import Error

    return (Error, OSError)


def reason_of(error: BaseException) -> str:
    """Return an error of the client in words."""
    text = str(error).strip() or type(error).__name__
    return text.removeprefix("nats: ")


def check_engine(engine: EngineSpec) -> None:
    """Raise a SetupError if what a set-up says about its engine cannot be.

    The engine need not be there: events wait for it.
    """
    from importlib.util import find_spec

    if find_spec("nats") is None:
        raise SetupError(f"the package nats-py is missing, which speaks to the engine: {INSTALL}")
    for url in engine.nats.split(","):
        parts = urlsplit(url.strip())
        if parts.scheme not in ("nats", "tls") or not parts.hostname:
            raise SetupError(f"the address of the engine is like nats://daq:4222, found {url!r}")
        if parts.username or parts.password:
            raise SetupError(
                "user and password of the engine do not stand in its address, as that is written"
                " into the record of every run; name a file under credentials"
            )
        if parts.hostname not in LOCAL and engine.credentials is None:
            raise SetupError(
                f"the engine at {parts.hostname} is not on this machine: everybody in its network"
                " could read and write events; name a file with user and password under credentials"
            )
    credentials_of(engine)


def credentials_of(engine: EngineSpec) -> dict[str, Any]:
    """Return what the client needs to be let in, read from a file that only its owner can read.

    The file is JSON with ``user`` and ``password``, or with ``nkey`` (a seed); ``ca`` names a file
    with the certificate of the server's authority, for TLS. A file that ends with ``.creds`` is one
    of NATS itself.
    """
    if engine.credentials is None:
        return {}
    path = Path(engine.credentials)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SetupError(f"the credentials {path} cannot be read: {error.strerror}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise SetupError(
            f"the credentials {path} may be read by others: chmod 600 {path} (they have rights"
            f" {stat.S_IMODE(mode):03o})"
        )
    if path.suffix == ".creds":
        return {"user_credentials": str(path)}
    known = {"user": "user", "password": "password", "nkey": "nkeys_seed_str", "ca": "tls"}
    try:
        content = json.loads(path.read_text())
    except (ValueError, OSError):
        content = None
    if not isinstance(content, dict) or not content or set(content) - set(known):
        raise SetupError(
            f'the credentials {path} are not as expected: {{"user": …, "password": …}} or'
            ' {"nkey": …}, and "ca" for TLS'
        )
    found: dict[str, Any] = {known[name]: value for name, value in content.items()}
    if "tls" in found:
        import ssl

        authority = path.parent / found["tls"]
        found["tls"] = ssl.create_default_context(cafile=os.fspath(authority))
    return found


def refused(what: str, error: BaseException) -> EngineError:
    """Return the error for something that the engine does not take."""
    return EngineError(f"the engine refuses {what}: {reason_of(error)}")
