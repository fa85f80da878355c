"""The engine that connects the hosts of a set-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from mimocorb.model.keys import part_config
from mimocorb.model.kinds import Number, Text, WholeNumber

__all__ = ["EngineSpec"]


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
