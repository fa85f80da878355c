"""How hosts of a project reach each other through the engine: told, asked, kept.

What is told goes to whoever listens, and is told again a second later: nothing of it is stored.
What is to be there when a host has ended, its ledger, is kept in a bucket of the engine.
"""

from __future__ import annotations

import asyncio
import json
import queue
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from mimocorb._closing import Closing
from mimocorb.engine.connection import Connection, reason_of
from mimocorb.engine.messages import plain_name, stream_of
from mimocorb.errors import EngineError
from mimocorb.model.engine import EngineSpec
from mimocorb.run.hosts.told import Ledger, Told, decoded, encoded
from mimocorb.run.record.connected import Clock

if TYPE_CHECKING:
    from nats.aio.msg import Msg

__all__ = ["Answers", "Network", "reachable"]

CALL_S = 3.0
LOOK_FOR_S = 0.6
"""How long to wait for the answers of other hosts; they come within some milliseconds."""
REACH_S = 1.0
CLOCK_S = 1.0

T = TypeVar("T")


class Answers(NamedTuple):
    """What a host answers to others.

    Parameters
    ----------
    told
        Returns how its run is now, and its whole status.
    setup_text
        Of its set-up file.
    """

    told: Callable[[], tuple[Told, str] | None]
    setup_text: str


class Network(Closing):
    """The other hosts of a project.

    Parameters
    ----------
    engine
        Where they meet.
    name
        By which the engine knows this client.
    """

    def __init__(self, engine: EngineSpec, name: str) -> None:
        self._engine = engine
        project = plain_name(engine.project)
        self._root = f"mimocorb.{project}.hosts"
        self._bucket = f"mimocorb_{project}_runs"
        self._heard: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self._connection = Connection(engine, name)

    @property
    def is_there(self) -> bool:
        """Whether the engine can be reached, as far as is known."""
        return self._connection.stream is not None and self._connection.is_there

    @property
    def reason(self) -> str:
        """Why it cannot."""
        return self._connection.reason

    def connect(self, timeout_s: float = CALL_S) -> None:
        """Wait until the engine is there; EngineError if it does not come."""
        try:
            self._connection.call(self._connection.connected(), timeout_s)
        except TimeoutError:
            raise EngineError(
                f"the engine at {self._engine.nats} cannot be reached: {self.reason}"
            ) from None

    def listen(self, host: str, run: str, answers: Answers) -> None:
        """Hear what others tell, and answer what they ask, from the first connection on."""
        self._connection.start(self._listen(plain_name(f"{host} {run}"), answers))

    async def _listen(self, own: str, answers: Answers) -> None:
        await self._connection.connected()
        client = self._connection.client

        async def hear(message: Msg) -> None:
            with suppress(ValueError):
                self._heard.put(decoded(Told, message.data))

        async def say_how_it_is(message: Msg) -> None:
            now = answers.told()
            if now is not None:
                told, status = now
                content = {"told": json.loads(encoded(told)), "status": json.loads(status)}
                await message.respond(json.dumps(content).encode())

        async def say_the_time(message: Msg) -> None:
            await message.respond(str(time.time_ns()).encode())

        async def say_the_setup(message: Msg) -> None:
            await message.respond(answers.setup_text.encode(errors="replace"))

        await client.subscribe(f"{self._root}.told", cb=hear)
        await client.subscribe(f"{self._root}.who", cb=say_how_it_is)
        await client.subscribe(f"{self._root}.clock.{own}", cb=say_the_time)
        await client.subscribe(f"{self._root}.setup.{own}", cb=say_the_setup)

    def heard(self) -> Iterator[Told]:
        """Yield what others have told since the last look."""
        while True:
            try:
                yield self._heard.get_nowait()
            except queue.Empty:
                return

    def tell(self, told: Told) -> None:
        """Tell all others how this host is; while the engine is away, nobody hears it."""
        if self.is_there:
            self._quietly(self._connection.client.publish(f"{self._root}.told", encoded(told)))

    def flush(self) -> None:
        """Wait until what was told has gone."""
        if self.is_there:
            self._quietly(self._connection.client.flush())

    def clock_of(self, told: Told) -> Clock | None:
        """Compare the clock of a host with that of this one; None if it does not answer."""
        if not self.is_there:
            return None
        subject = f"{self._root}.clock.{plain_name(f'{told.view.host} {told.view.run}')}"

        async def ask() -> Clock:
            before, began = time.time_ns(), time.perf_counter_ns()
            answer = await self._connection.client.request(subject, b"", timeout=CLOCK_S)
            took = time.perf_counter_ns() - began
            there = int(answer.data)
            return Clock((there - before - took / 2) * 1e-9, took / 2 * 1e-9)

        return self._quietly(ask())

    def setup_of(self, told: Told) -> str | None:
        """Return the text of the set-up file of a host; None if it does not answer."""
        subject = f"{self._root}.setup.{plain_name(f'{told.view.host} {told.view.run}')}"

        async def ask() -> str:
            answer = await self._connection.client.request(subject, b"", timeout=CLOCK_S)
            return answer.data.decode()

        return self._quietly(ask()) if self.is_there else None

    def who_is_there(self, wait_s: float = LOOK_FOR_S) -> list[tuple[Told, dict[str, Any]]]:
        """Ask all hosts of the project how their runs are; returns what they told, and the status.

        Raises
        ------
        EngineError
            The engine cannot be reached.
        """
        found: list[tuple[Told, dict[str, Any]]] = []

        async def ask() -> None:
            client = self._connection.client
            inbox = client.new_inbox()
            answers = await client.subscribe(inbox)
            await client.publish(f"{self._root}.who", b"", reply=inbox)
            end_s = time.monotonic() + wait_s
            while (left_s := end_s - time.monotonic()) > 0:
                with suppress(ValueError, KeyError, asyncio.TimeoutError):
                    content = json.loads((await answers.next_msg(timeout=left_s)).data)
                    found.append((decoded(Told, content["told"]), content["status"]))
            await answers.unsubscribe()

        self.connect()
        with self._told():
            self._connection.call(ask(), CALL_S + wait_s)
        return sorted(found, key=lambda one: (one[0].view.title, one[0].view.host))

    # --- what is kept

    def keep(self, ledger: Ledger) -> bool:
        """Keep the ledger of a run in the engine; says whether that was possible."""
        key = plain_name(ledger.host) + "." + plain_name(ledger.run)

        async def put() -> bool:
            await (await self._runs()).put(key, encoded(ledger))
            return True

        return bool(self.is_there and self._quietly(put()))

    def kept(self) -> list[Ledger]:
        """Return the ledgers of all runs of the project.

        Raises
        ------
        EngineError
            The engine cannot be reached.
        """
        found: list[Ledger] = []

        async def get() -> None:
            watcher = await (await self._runs()).watchall()
            while (entry := await watcher.updates(timeout=CALL_S)) is not None:
                with suppress(ValueError):
                    found.append(decoded(Ledger, entry.value or b"null"))
            await watcher.stop()

        self.connect()
        with self._told():
            self._connection.call(get(), 2 * CALL_S)
        return found

    async def _runs(self) -> Any:
        from nats.js.api import KeyValueConfig
        from nats.js.errors import BucketNotFoundError

        stream = await self._connection.connected()
        try:
            return await stream.key_value(self._bucket)
        except BucketNotFoundError:
            about = "runs of the hosts of a project of mimocorb"
            return await stream.create_key_value(
                KeyValueConfig(self._bucket, about, replicas=self._engine.replicas)
            )

    def waits_for(self, buffer: str, reader: str) -> int | None:
        """Return how many messages of a buffer wait in the engine for those who read it.

        None if that is not known.
        """
        stream_name = stream_of(self._engine.project, buffer)

        async def ask() -> int:
            stream = await self._connection.connected()
            found = await stream.consumer_info(stream_name, reader)
            return int(found.num_pending or 0) + int(found.num_ack_pending or 0)

        return self._quietly(ask()) if self.is_there else None

    # --- inside

    def _quietly(self, awaited: Coroutine[Any, Any, T]) -> T | None:
        """Do something that may fail: it is done again, or told by what does not come."""
        from nats.errors import Error

        try:
            return self._connection.call(awaited, CALL_S)
        except (Error, OSError, ValueError, TimeoutError):
            return None

    @contextmanager
    def _told(self) -> Iterator[None]:
        from nats.errors import Error

        try:
            yield
        except (Error, OSError, TimeoutError) as error:
            if isinstance(error, EngineError):
                raise
            raise EngineError(
                f"the engine at {self._engine.nats} does not answer: {reason_of(error)}"
            ) from error

    def close(self) -> None:
        """Leave the engine. Idempotent."""
        self._connection.close()


def reachable(engine: EngineSpec) -> bool:
    """Whether anybody listens where the engine is said to be; found out within a second."""
    for url in engine.nats.split(","):
        parts = urlsplit(url.strip())
        with (
            suppress(OSError),
            socket.create_connection((parts.hostname or "", parts.port or 4222), timeout=REACH_S),
        ):
            return True
    return False
