"""The sink that sends a buffer to other hosts."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import count, how_many
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.components.form import sink
from mimocorb.components.worker import current_worker
from mimocorb.engine.connection import Connection, check_engine, reason_of
from mimocorb.engine.outbox import Outbox, Parcel, left_outboxes
from mimocorb.engine.server import MAX_PAYLOAD_BYTES
from mimocorb.engine.stream import STREAM_NOT_FOUND, Link, ensure_stream
from mimocorb.errors import EngineError, SetupError
from mimocorb.model.engine import EngineSpec
from mimocorb.recording.block import Block

if TYPE_CHECKING:
    from nats.js import JetStreamContext

__all__ = ["EngineSend"]

logger = logging.getLogger(__name__)

WINDOW = 16
"""Messages on their way at once: enough that the engine never waits for us."""
AGAIN_S = 0.05
LOOK_S = 0.5
TOLD_AFTER_S = 2.0
"""An engine that is away for longer is told."""
HEAD_BYTES = 64 << 10
_FULL = (10077, 10047)
"""The stream holds as much as it may; the engine has no room."""


@sink
class EngineSend:
    """Send all events of a buffer to other hosts, over the engine.

    Events are acknowledged as soon as they are in the outbox on the disk of this host. They stay
    there until every reading host has booked them. While the engine cannot be reached, or its
    stream is full, they wait there, and are sent in order when it is back.

    A set-up with ``Hosts`` gets this sink by itself.

    Parameters
    ----------
    nats, credentials, project, replicas, outbox_mb
        As under ``Engine``.
    host
        Name of this host.
    connects
        Name of the buffer for all hosts.
    readers
        Who reads it, one name for each host, or group of hosts that share the events.
    slot_count
        How many events the stream holds.
    buffer, directory
        Given by mimocorb.
    """

    batch_bytes: ClassVar[int] = 1 << 20
    gather_s: ClassVar[float] = 0.01
    wants_sequences: ClassVar[bool] = True

    def __init__(
        self,
        *,
        nats: str,
        credentials: str | None = None,
        project: str = "lab",
        replicas: int = 1,
        outbox_mb: float = 1000.0,
        host: str,
        connects: str,
        readers: list[str],
        slot_count: int,
        buffer: Mapping[str, Any],
        directory: Path,
    ) -> None:
        engine = EngineSpec(nats, credentials, project, replicas, outbox_mb)
        check_engine(engine)
        self._link = Link(engine, connects, host, readers, slot_count)
        self._setup = buffer
        place = directory.parent / "outbox" / connects
        self._outbox = Outbox(place / directory.name, buffer, host)
        earlier = [Outbox(path, buffer, host) for path in left_outboxes(place, directory.name)]
        self._all = [*earlier, self._outbox]
        self.event_count = 0
        self._changed = threading.Condition()
        self._to_send: deque[Parcel] = deque()
        self._accepted: deque[Parcel] = deque()
        for outbox in earlier:
            self._to_send += [*outbox.parcels, outbox.end(more=True)]
        self._to_send += self._outbox.parcels
        self._error: BaseException | None = None
        self._full_since_s: float | None = None
        self._told = False
        self._created: Any = None
        self._connection = Connection(engine, f"{host} {current_worker().spec.name}")
        self._connection.start(self._guarded())
        left = sum(outbox.events for outbox in earlier)
        if left:
            logger.info("%s of earlier runs in the outbox: sent first", how_many(left, "event"))

    @classmethod
    def check(cls, buffer: Mapping[str, Any], **config: Any) -> int:
        """Return the most bytes that an event takes; SetupError if it cannot be sent."""
        if current_worker().spec.number_of_processes > 1:
            raise SetupError("engine_send: events are sent in order, by one process")
        engine = EngineSpec(
            config["nats"],
            config.get("credentials"),
            config.get("project", "lab"),
            config.get("replicas", 1),
            config.get("outbox_mb", 1000.0),
        )
        check_engine(engine)
        event_bytes: int = buffer["dtype"].itemsize * buffer["values_per_slot"]
        most = MAX_PAYLOAD_BYTES - HEAD_BYTES
        if event_bytes > most:
            raise SetupError(
                f"{config['connects']}: an event has {count(event_bytes)} bytes, and a message of"
                f" the engine at most {count(most)}: make data_length smaller, or reduce the events"
                " on their host before they are sent"
            )
        return event_bytes

    def __call__(self, events: NDArray[Any], metadata: BatchMetadata) -> None:
        """Put a batch into the outbox; waits while that is full."""
        block = Block(events, metadata)
        sequence = metadata.sequence
        if sequence is not None and sequence[0] <= self._outbox.last_sequence:
            new = np.flatnonzero(sequence > self._outbox.last_sequence)
            block = Block(events[new], metadata.at(new))
        if not len(block.data):
            return
        self._wait_for_room()
        parcel = self._outbox.add(block)
        with self._changed:
            self._to_send.append(parcel)
        self.event_count += len(block.data)
        self._tell()
        self._fail()

    def _wait_for_room(self) -> None:
        most = self._link.engine.outbox_mb * 1e6
        with self._changed:
            while sum(outbox.size_bytes for outbox in self._all) >= most and self._error is None:
                self._changed.wait(LOOK_S)
                self._tell()
        self._fail()

    def _tell(self) -> None:
        """Say once that the far side is away, and once that it is back."""
        lost_s = self._connection.lost_since_s or self._full_since_s
        is_away = lost_s is not None and time.monotonic() - lost_s > TOLD_AFTER_S
        if is_away and not self._told:
            waiting = sum(parcel.label.events for parcel in list(self._to_send))
            why = (
                f"cannot be reached: {self._connection.reason}"
                if self._connection.lost_since_s
                else "takes no more: its stream is full, the reading side is away or too slow"
                if self._created is None or self._link.readers or self._accepted
                else "has no reader of it yet: start the set-up that reads it"
            )
            logger.warning(
                "the engine at %s %s; %s of %s wait in the outbox",
                self._link.engine.nats,
                why,
                how_many(waiting, "event"),
                self._link.buffer,
            )
        if self._told and lost_s is None:
            logger.warning("the engine at %s is back", self._link.engine.nats)
        self._told = is_away

    def _fail(self) -> None:
        if self._error is not None:
            raise self._error

    # --- in the thread of the client

    async def _guarded(self) -> None:
        try:
            await self._work()
        except (EngineError, OSError) as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()

    async def _work(self) -> None:
        stream = await self._connection.connected()
        await self._prepare(stream)
        looker = asyncio.ensure_future(self._look(stream))
        try:
            await self._send(stream)
        finally:
            looker.cancel()

    async def _prepare(self, stream: JetStreamContext) -> None:
        from nats.errors import Error

        while True:
            try:
                found = await ensure_stream(stream, self._link, self._setup, self._link.readers)
            except (Error, OSError, TimeoutError) as error:
                if isinstance(error, EngineError):
                    raise
                self._connection.reason = reason_of(error)
                await asyncio.sleep(AGAIN_S)
            else:
                self._created = found.created
                if self._link.readers or found.state.consumer_count:
                    self._full_since_s = None
                    return
                # The engine keeps nothing that nobody reads; a reader of another set-up makes
                # itself known when it is started.
                if self._full_since_s is None:
                    self._full_since_s = time.monotonic()
                await asyncio.sleep(AGAIN_S)

    async def _send(self, stream: JetStreamContext) -> None:
        under_way: deque[tuple[Parcel, asyncio.Task[Any]]] = deque()
        while True:
            while self._to_send and len(under_way) < WINDOW:
                with self._changed:
                    parcel = self._to_send.popleft()
                under_way.append((parcel, asyncio.ensure_future(self._publish(stream, parcel))))
            if not under_way:
                await asyncio.sleep(0.002)
                continue
            parcel, task = under_way[0]
            try:
                accepted = await task
            except Exception as error:  # whatever it is, it is sent again
                await self._take_back(under_way)
                self._note(error)
                await asyncio.sleep(AGAIN_S)
                continue
            under_way.popleft()
            self._full_since_s = None
            parcel.accepted_as = accepted.seq
            with self._changed:
                self._accepted.append(parcel)
                self._changed.notify_all()

    async def _publish(self, stream: JetStreamContext, parcel: Parcel) -> Any:
        return await stream.publish(
            self._link.subject(parcel.label.run),
            parcel.payload(),
            stream=self._link.stream,
            headers=parcel.label.headers(),
        )

    async def _take_back(self, under_way: deque[tuple[Parcel, asyncio.Task[Any]]]) -> None:
        """Put what was under way back in front, in order: the engine drops what it has already."""
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)
        with self._changed:
            self._to_send.extendleft(parcel for parcel, _ in reversed(under_way))
        under_way.clear()

    def _note(self, error: Exception) -> None:
        code = getattr(error, "err_code", None)
        if code in _FULL:
            if self._full_since_s is None:
                self._full_since_s = time.monotonic()
        else:
            self._connection.reason = reason_of(error)

    async def _look(self, stream: JetStreamContext) -> None:
        """Forget what the far side has booked; send again what the engine has lost."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                found = await stream.stream_info(self._link.stream)
            except Exception as error:  # asked again
                self._connection.reason = reason_of(error)
                if getattr(error, "err_code", None) == STREAM_NOT_FOUND:
                    await self._prepare(stream)
                continue
            await self._compare(found)

    async def _compare(self, found: Any) -> None:
        is_new = found.created != self._created
        self._created = found.created
        with self._changed:
            lost = [
                parcel
                for parcel in self._accepted
                if is_new or (parcel.accepted_as or 0) > found.state.last_seq
            ]
            for parcel in lost:
                self._accepted.remove(parcel)
                parcel.accepted_as = None
            self._to_send.extendleft(reversed(lost))
            while self._accepted and (self._accepted[0].accepted_as or 0) < found.state.first_seq:
                self._forget(self._accepted.popleft(), all_of_it=False)
            self._changed.notify_all()
        if lost:
            logger.warning(
                "the engine has lost %s that it had accepted: sent again",
                how_many(sum(parcel.label.events for parcel in lost), "event"),
            )

    def _forget(self, parcel: Parcel, *, all_of_it: bool) -> None:
        for outbox in self._all:
            if outbox.run == parcel.label.run:
                is_old = outbox is not self._outbox
                outbox.forget(parcel, all_of_it=all_of_it or is_old)
                if is_old:
                    outbox.remove_if_empty()

    # --- the end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._end()
        finally:
            self._connection.close()

    def _end(self) -> None:
        """Say that no more comes, and wait until the engine has all of it."""
        with self._changed:
            self._to_send.append(self._outbox.end())
            end = self._outbox.last + 1
            while self._error is None and not any(
                parcel.label.run == self._outbox.run and parcel.label.block == end
                for parcel in self._accepted
            ):
                self._changed.wait(LOOK_S)
                self._tell()
        self._fail()
        logger.info(
            "%s sent in %s",
            how_many(self.event_count, "event"),
            how_many(self._outbox.last, "message"),
        )
