"""The source that receives a buffer from other hosts."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mimocorb._words import how_many
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.buffers.setup_dict import open_observer_port
from mimocorb.components.form import source
from mimocorb.components.worker import current_worker
from mimocorb.engine.booking import Arrivals, Journal, journal_name
from mimocorb.engine.connection import Connection, check_engine, reason_of
from mimocorb.engine.messages import Label, unpack
from mimocorb.engine.stream import ACK_WAIT_S, MOST_IN_HAND, Link, ensure_stream
from mimocorb.errors import EngineError, MimocorbError, SetupError
from mimocorb.model.engine import EngineSpec
from mimocorb.recording.block import Block
from mimocorb.recording.columns import Columns

if TYPE_CHECKING:
    from nats.js import JetStreamContext

__all__ = ["engine_receive"]

logger = logging.getLogger(__name__)

FETCH = 8
"""Messages asked for at once, about 8 MB."""
AHEAD = 16
"""Messages that wait here for room in the ring."""
LOOK_S = 0.05
FETCH_TIMEOUT_S = 0.5
TOLD_AFTER_S = 2.0
LAST_ACKS_S = 5.0
OUT_OF_TURN_S = 1.5 * ACK_WAIT_S
"""A message waits so long for those before it: until the engine has given these out again."""


@source(batch=True)
def engine_receive(
    *,
    nats: str,
    credentials: str | None = None,
    project: str = "lab",
    replicas: int = 1,
    host: str,
    connects: str,
    reader: str,
    senders: list[str],
    shared: bool = False,
    slot_count: int,
    buffer: Mapping[str, Any],
    directory: Path,
) -> Iterator[tuple[Any, BatchMetadata]]:
    """Receive the events that other hosts write into a buffer, over the engine.

    The far side is told that events are booked when every worker of this host has finished with
    them. What comes twice is dropped: each message has the number that its run gave it. Events of
    a message that another run of this host had in hand before are marked as possible repeats. The
    source ends when every host that writes the buffer has said that no more comes.

    A set-up with ``Hosts`` gets this source by itself.

    Parameters
    ----------
    nats, credentials, project, replicas
        As under ``Engine``.
    host
        Name of this host.
    connects
        Name of the buffer for all hosts.
    reader
        Under which the engine keeps what this host has not booked.
    senders
        Hosts that write it; none: as many as there are.
    shared
        Whether other hosts take events under the same name, so that each gets a part of them.
    slot_count
        How many events the stream holds.
    buffer, directory
        Given by mimocorb.

    Raises
    ------
    EngineError
        The stream holds something else.
    """
    if current_worker().spec.number_of_processes > 1:
        raise SetupError("engine_receive: events are received by one process")
    engine = EngineSpec(nats, credentials, project, replicas)
    check_engine(engine)
    link = Link(engine, connects, host, [reader], slot_count)
    receiver = _Receiver(link, buffer, directory, senders, shared=shared)
    try:
        yield from receiver.blocks()
    finally:
        receiver.close()


class _Message(NamedTuple):
    """A message of the engine with what it says."""

    label: Label
    message: Any

    @property
    def is_redelivered(self) -> bool:
        return int(self.message.metadata.num_delivered) > 1


class _Receiver:
    """Takes messages from the stream, and acknowledges them when the ring has finished with them.

    The client runs in a thread of its own: it fetches, acknowledges, and says of what waits that it
    is still worked on, also while the source waits for room in the ring.
    """

    def __init__(
        self,
        link: Link,
        setup: Mapping[str, Any],
        directory: Path,
        senders: list[str],
        *,
        shared: bool,
    ) -> None:
        self._link = link
        self._setup = setup
        self._columns = Columns(
            setup["dtype"], setup["values_per_slot"], variable=setup.get("variable", False)
        )
        self._ring = open_observer_port({**setup, "kind": "observer"})
        self._journal = Journal(directory / journal_name(str(setup["name"])))
        self._arrivals: Arrivals[_Message] = Arrivals(
            senders, self._journal.entries, in_order=not shared
        )
        self._come: queue.Queue[_Message | Exception] = queue.Queue(AHEAD)
        self._lock = threading.Lock()
        self._booked_at: deque[tuple[int, _Message]] = deque()
        """Messages whose events are in the ring up to this number, not acknowledged yet."""
        self._in_hand: dict[int, _Message] = {}
        self._told_s: float | None = None
        name = f"{link.host} {current_worker().spec.name}"
        self._connection = Connection(link.engine, name)
        self._connection.start(self._guarded())

    def blocks(self) -> Iterator[tuple[Any, BatchMetadata]]:
        """Yield the events of all messages, each once, until all senders have ended."""
        self._arrivals.forget_what_is_not_in(self._ring.newest())
        while not self._arrivals.all_ended:
            try:
                come = self._come.get(timeout=LOOK_S)
            except queue.Empty:
                self._tell()
                for message in self._arrivals.overdue(OUT_OF_TURN_S):
                    yield from self._put(message)
                continue
            if isinstance(come, Exception):
                raise come
            for message in self._arrivals.in_turn(come.label, come):
                yield from self._put(message)
        for sentence in self._arrivals.missing():
            logger.error("%s", sentence)
        logger.info("%s", self._arrivals.told())

    def _put(self, message: _Message) -> Iterator[tuple[Any, BatchMetadata]]:
        label = message.label
        if label.is_end or not self._arrivals.is_new(label):
            self._book(self._ring.newest(), message)
            self._arrivals.came(label)
            return
        block = unpack(message.message.data, self._columns)
        if len(block.data) != label.events:
            raise EngineError(
                f"message {label.block} of {label.host} says {how_many(label.events, 'event')}"
                f" and has {len(block.data)}"
            )
        before, done = self._ring.newest(), self._arrivals.part_in_ring(label)
        if not done:
            self._journal.note(label, before)
        if message.is_redelivered and self._arrivals.may_be_repeated(label):
            block.metadata.may_repeat = np.ones(len(block.data), np.bool_)
        rest = Block(block.data[done:], block.metadata.at(slice(done, None)))
        rest.metadata.sequence = None
        yield rest.data, rest.metadata
        self._arrivals.came(label)
        self._book(before + len(rest.data), message)

    def _book(self, number: int, message: _Message) -> None:
        with self._lock:
            self._booked_at.append((number, message))

    def _tell(self) -> None:
        """Say once that the engine is away, and once that it is back."""
        lost_s = self._connection.lost_since_s
        is_away = lost_s is not None and time.monotonic() - lost_s > TOLD_AFTER_S
        if is_away and self._told_s is None:
            self._told_s = time.monotonic()
            logger.warning(
                "the engine at %s cannot be reached: %s; no events of %s come",
                self._link.engine.nats,
                self._connection.reason,
                self._link.buffer,
            )
        elif lost_s is None and self._told_s is not None:
            self._told_s = None
            logger.warning("the engine at %s is back", self._link.engine.nats)

    # --- in the thread of the client

    async def _guarded(self) -> None:
        try:
            await self._work()
        except (MimocorbError, OSError) as error:
            self._come.put(error)

    async def _work(self) -> None:
        stream = await self._connection.connected()
        acknowledger = asyncio.ensure_future(self._acknowledge())
        try:
            await self._fetch(stream)
        finally:
            acknowledger.cancel()

    async def _fetch(self, stream: JetStreamContext) -> None:
        from nats.errors import Error, TimeoutError

        pull = None
        while True:
            try:
                if pull is None:
                    readers = list(self._link.readers)
                    await ensure_stream(stream, self._link, self._setup, readers)
                    await self._give_back_what_others_had()
                    pull = await stream.pull_subscribe_bind(readers[0], self._link.stream)
                messages = await pull.fetch(FETCH, timeout=FETCH_TIMEOUT_S)
            except TimeoutError:
                continue
            except (Error, OSError) as error:
                if isinstance(error, EngineError):
                    raise
                self._connection.reason = reason_of(error)
                pull = None
                await asyncio.sleep(LOOK_S)
                continue
            for message in messages:
                found = _Message(Label.read(message.headers), message)
                self._journal.take(message.reply)
                with self._lock:
                    self._in_hand[message.metadata.sequence.stream] = found
                while True:
                    try:
                        self._come.put_nowait(found)
                        break
                    except queue.Full:
                        await asyncio.sleep(LOOK_S / 10)

    async def _give_back_what_others_had(self) -> None:
        """Let what a killed process had in hand come again at once, not after the time-out."""
        for reply in self._journal.taken[-MOST_IN_HAND:]:
            await _quietly(self._connection.client.publish(reply, b"-NAK"))
        self._journal.taken.clear()

    async def _acknowledge(self) -> None:
        """Book what every group has finished with; say of the rest that it is worked on."""
        worked_on_s = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_S)
            await self._book_what_is_done(self._ring.oldest_unfinished())
            if time.monotonic() - worked_on_s > ACK_WAIT_S / 4:
                worked_on_s = time.monotonic()
                with self._lock:
                    waiting = list(self._in_hand.values())
                for each in waiting:
                    await _quietly(each.message.in_progress())

    async def _book_what_is_done(self, unfinished: int) -> None:
        while True:
            with self._lock:
                if not self._booked_at or self._booked_at[0][0] >= unfinished:
                    return
                _, done = self._booked_at.popleft()
                self._in_hand.pop(done.message.metadata.sequence.stream, None)
            await _quietly(done.message.ack())

    def close(self) -> None:
        """Book what is finished, give the rest back to the engine, and leave.

        What is in the ring is the run's from now on: it processes it, or saves it.
        """
        try:
            end_s = time.monotonic() + LAST_ACKS_S
            while time.monotonic() < end_s and self._waits_for_its_group():
                time.sleep(LOOK_S)
            if self._connection.is_there:
                self._connection.call(self._last(), LAST_ACKS_S)
        except TimeoutError:
            pass  # these messages come again, and are dropped by their numbers
        finally:
            self._connection.close()
            self._ring.close()
            self._journal.close()

    def _waits_for_its_group(self) -> bool:
        with self._lock:
            last = self._booked_at[-1][0] if self._booked_at else 0
        return last >= self._ring.oldest_unfinished()

    async def _last(self) -> None:
        await self._book_what_is_done(self._ring.newest() + 1)
        with self._lock:
            given_back, self._in_hand = list(self._in_hand.values()), {}
        for each in given_back:
            await _quietly(each.message.nak())
        await self._connection.client.flush()


async def _quietly(sent: Any) -> None:
    """Send something to the engine; if it does not arrive, the message comes again."""
    from nats.errors import Error

    try:
        await sent
    except (Error, OSError) as error:
        logger.debug("not sent: %s", reason_of(error))
