"""What hosts tell each other: how their runs are, once a second, and what they have at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, TypeVar

from mimocorb._json import to_json
from mimocorb.model.engine import HostPart
from mimocorb.run.host_view import OVER, HostBuffer, HostView
from mimocorb.run.record.connected import Range
from mimocorb.run.remote.protocol import RunStatus
from mimocorb.run.run_view import RunView

__all__ = ["Asked", "Ledger", "Told", "decoded", "encoded", "host_view", "sent_of"]

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """What somebody has asked of the run of a host, for the others.

    Parameters
    ----------
    name
        Different for each request.
    command
        ``"pause"``, ``"resume"`` or ``"stop"``.
    by
        Who has asked.
    ago_s
        How long ago.
    """

    name: str
    command: str
    by: str
    ago_s: float = 0.0


@dataclass(frozen=True)
class Told:
    """What the run of a host tells of itself.

    Parameters
    ----------
    view
        How it is.
    hosts
        All hosts of its set-up.
    writes
        Buffers that it sends, with those who read them.
    reads
        Buffers that it receives, with the name under which it does.
    published
        Events in each buffer that it sends.
    came
        Events that came of each buffer, by ``HOST/RUN`` of the run that has sent them.
    setup_hash
        Of the text of its set-up file.
    asked
        What was asked of it last.
    """

    view: HostView
    hosts: tuple[str, ...] = ()
    writes: dict[str, list[str]] = field(default_factory=dict)
    reads: dict[str, list[str]] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=dict)
    came: dict[str, dict[str, int]] = field(default_factory=dict)
    setup_hash: str = ""
    asked: Asked | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Which host of which set-up."""
        return self.view.title, self.view.host


@dataclass(frozen=True)
class Ledger:
    """What is kept of a run in the engine, so that other hosts can list and compare it.

    Parameters
    ----------
    host, run
        Where it is, and the name of its directory.
    directory
        Of the run, on its host.
    record
        Its record, as it was written last.
    readers
        Buffers that it has sent, with those who read them.
    sent
        Numbers of the events in these buffers.
    reads
        Rings into which it received: the buffer, and the name under which it was read.
    came
        Numbers of the events that came into each ring, by ``HOST/RUN``.
    """

    host: str
    run: str
    directory: str
    record: dict[str, Any]
    readers: dict[str, list[str]] = field(default_factory=dict)
    sent: dict[str, list[Range]] = field(default_factory=dict)
    reads: dict[str, tuple[str, str]] = field(default_factory=dict)
    came: dict[str, dict[str, list[Range]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How others call this run."""
        return f"{self.host}/{self.run}"

    @property
    def number(self) -> int | None:
        """Its number."""
        return self.record.get("number")

    @property
    def has_ended(self) -> bool:
        """Whether it says that it has ended."""
        return self.record.get("state") in OVER


def encoded(value: Any) -> bytes:
    """Return what is sent."""
    return to_json(asdict(value)).encode()


@cache
def _reader(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def decoded(kind: type[T], content: bytes | str | Mapping[str, Any]) -> T:
    """Return what was sent; ValueError if it is something else."""
    value = json.loads(content) if isinstance(content, bytes | str) else content
    reader: Any = _reader(kind)  # type: ignore[arg-type]
    return reader.validate_python(value)  # type: ignore[no-any-return]


def host_view(status: RunStatus, part: HostPart, machine: str) -> HostView:
    """Return how a run is, for other hosts."""
    view = status.view
    return HostView(
        host=part.host,
        title=view.title,
        run=status.name,
        number=status.number,
        machine=machine,
        pid=status.pid,
        state=str(view.state),
        cause=view.reason or view.cause,
        events=view.events,
        elapsed_s=view.elapsed_s,
        buffers=tuple(
            HostBuffer(each.name, each.published, each.throughput_hz, each.dead_fraction, each.due)
            for each in view.buffers
        ),
        alarms=tuple(f"{each.kind}: {each.text}" for each in view.alarms if each.goes_on),
    )


def sent_of(view: RunView, part: HostPart) -> dict[str, int]:
    """Return how many events were written into each buffer that a host sends."""
    return {each.name: each.published for each in view.buffers if each.name in part.writes}
