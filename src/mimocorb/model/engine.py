"""The engine that connects the hosts of a set-up, and the part that one host runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from mimocorb.model.keys import part_config
from mimocorb.model.kinds import Number, Text, WholeNumber

__all__ = ["EngineSpec", "HostPart", "ReadBuffer"]


@dataclass(frozen=True)
class EngineSpec:
    """Where the engine is, and what it keeps."""

    __pydantic_config__: ClassVar[Any] = part_config()

    nats: Annotated[str, Text("nats://daq:4222")]
    """Address of the NATS server; those of a cluster with commas between them."""
    credentials: Annotated[str | None, Text("daq.creds")] = None
    """File with user and password, or an nkey, or certificates; only its owner may read it."""
    project: Annotated[str, Text("muons")] = "lab"
    """Set-ups with the same project and the same buffer share its events."""
    replicas: Annotated[int, WholeNumber(1, 5)] = 1
    """How many servers of a cluster keep each event; take 3 where there are three."""
    outbox_mb: Annotated[float, Number("MB", above_zero=True)] = 1000.0
    """How much a host keeps of what the engine or the far side does not have yet, in MB; when that
    is full, it waits."""

    def beside(self, directory: Path) -> EngineSpec:
        """Return it with the absolute path of the file with credentials, seen from a directory."""
        if self.credentials is None:
            return self
        return replace(self, credentials=str((directory / self.credentials).absolute()))


@dataclass(frozen=True)
class ReadBuffer:
    """A buffer that a host receives.

    Parameters
    ----------
    buffer
        Its name for all hosts.
    reader
        The name under which this host takes events of it, perhaps with others.
    senders
        Hosts that write it; none: as many as there are.
    """

    buffer: str
    reader: str
    senders: Sequence[str]


@dataclass(frozen=True)
class HostPart:
    """Of which set-up a host runs a part, and which.

    Parameters
    ----------
    host
        Name of this host.
    hosts
        All hosts of the set-up; none if it names none.
    engine
        Where the engine is; the file with credentials absolute.
    writes
        Buffers that this host sends, each with those who read it: the name under which they take
        its events, and their hosts.
    reads
        Buffers that this host receives: the ring here, and what is known of it.
    offset_s
        How far the clocks of hosts may be apart, by what is merged; None: nothing is.
    """

    host: str
    hosts: Sequence[str]
    engine: EngineSpec
    writes: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    reads: Mapping[str, ReadBuffer] = field(default_factory=dict)
    offset_s: float | None = None

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> HostPart:
        """Return it from plain values, as records have them."""
        reads = {ring: ReadBuffer(**each) for ring, each in plain["reads"].items()}
        return cls(**{**plain, "engine": EngineSpec(**plain["engine"]), "reads": reads})
