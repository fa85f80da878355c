"""The stream of a connecting buffer: bounded, and kept until every reading host has booked it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mimocorb.engine.connection import refused
from mimocorb.engine.messages import form_of, stream_of, subject_of
from mimocorb.errors import EngineError
from mimocorb.model.engine import EngineSpec

if TYPE_CHECKING:
    from nats.js import JetStreamContext

__all__ = ["ACK_WAIT_S", "LAYOUT", "MOST_IN_HAND", "STREAM_NOT_FOUND", "Link", "ensure_stream"]

LAYOUT = "2"
"""Version of what messages look like; another one is refused."""
ACK_WAIT_S = 10.0
"""After this the engine gives a message of a host that does not say that it still works on it to
another one."""
MOST_IN_HAND = 256
"""Messages that a host may have in hand: with large events, some hundred megabytes."""
LEAST_BYTES = 16 << 20
STREAM_NOT_FOUND = 10059
"""Code of the engine for a stream that is not there."""


@dataclass(frozen=True)
class Link:
    """A buffer that connects hosts, as its workers on one host see it.

    Parameters
    ----------
    engine
        Where the stream is.
    buffer
        Name of the buffer.
    host
        Name of this host.
    readers
        Names under which hosts take events from the stream: each gets all of them.
    slot_count
        How many events the stream holds.
    """

    engine: EngineSpec
    buffer: str
    host: str
    readers: Sequence[str]
    slot_count: int

    @property
    def stream(self) -> str:
        """Name of its stream."""
        return stream_of(self.engine.project, self.buffer)

    def subject(self, run: str) -> str:
        """Return the subject of what a run of this host sends."""
        return subject_of(self.engine.project, self.buffer, self.host, run)


async def ensure_stream(
    stream: JetStreamContext, link: Link, setup: Mapping[str, Any], readers: Sequence[str]
) -> Any:
    """Make the stream and those who read it, if they are not there; returns what is known of it.

    Messages stay until all readers have booked them. So the readers are made before anything is
    sent, also if their hosts have never run yet.

    Raises
    ------
    EngineError
        There is such a stream, and events of another form are in it.
    """
    from nats.js import api, errors

    form = form_of(setup)
    event_bytes = setup["dtype"].itemsize * setup["values_per_slot"]
    wanted = api.StreamConfig(
        name=link.stream,
        subjects=[subject_of(link.engine.project, link.buffer)],
        description=f"buffer {link.buffer} of mimocorb",
        retention=api.RetentionPolicy.INTEREST,
        discard=api.DiscardPolicy.NEW,
        max_bytes=max(LEAST_BYTES, link.slot_count * event_bytes),
        storage=api.StorageType.FILE,
        num_replicas=link.engine.replicas,
        metadata={"mimocorb-layout": LAYOUT, "mimocorb-form": form},
    )
    try:
        try:
            found = await stream.stream_info(link.stream)
        except errors.NotFoundError:
            found = await stream.add_stream(wanted)
        _check_form(link, found.config.metadata or {}, form)
        for reader in readers:
            await stream.add_consumer(
                link.stream,
                api.ConsumerConfig(
                    durable_name=reader,
                    ack_policy=api.AckPolicy.EXPLICIT,
                    ack_wait=ACK_WAIT_S,
                    max_ack_pending=MOST_IN_HAND,
                    max_deliver=-1,
                ),
            )
    except errors.APIError as error:
        raise refused(f"the stream of {link.buffer}", error) from error
    return found


def _check_form(link: Link, metadata: Mapping[str, str], form: str) -> None:
    layout, theirs = metadata.get("mimocorb-layout"), metadata.get("mimocorb-form")
    if layout != LAYOUT:
        raise EngineError(
            f"the stream {link.stream} is of another version of mimocorb: its messages have the"
            f" layout {layout}, this version has {LAYOUT}. Install the same version on all hosts"
        )
    if theirs != form:
        raise EngineError(
            f"the stream {link.stream} holds events of another form than the buffer {link.buffer}"
            " of this set-up: data_dtype and data_length must be the same on all hosts. For another"
            " experiment choose another project under Engine"
        )
