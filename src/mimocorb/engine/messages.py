"""The messages of a connecting buffer: segments of a recording, with the run that they come from.

A message is a whole segment with one batch, as files have them: it proves itself by its checksum,
and ``mimocorb.open`` reads what waits to be sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mimocorb.errors import DamagedFile, EngineError
from mimocorb.recording.block import Block
from mimocorb.recording.columns import Columns
from mimocorb.recording.messages import Head, walk

__all__ = ["Label", "form_of", "plain_name", "stream_of", "subject_of", "unpack"]

_PREFIX = "Mimocorb-"
ID = "Nats-Msg-Id"


class Label(NamedTuple):
    """What a message says about itself.

    Parameters
    ----------
    host, run
        Where the events were taken.
    block
        Number of the message of this run, from 1 without gaps.
    first
        Number of its first event in this run, from 1.
    events
        How many events; 0 in the last message of a run.
    form
        Short for dtype and length of the events.
    more
        In the last message of a run: 1 if its host has gone on with another run already.
    """

    host: str
    run: str
    block: int
    first: int
    events: int
    form: str
    more: int = 0

    @property
    def is_end(self) -> bool:
        """Whether no more comes of this run."""
        return self.events == 0

    def headers(self) -> dict[str, str]:
        """Return it as headers of a message; the engine drops what comes twice with one id."""
        words = {_PREFIX + name.title(): str(value) for name, value in self._asdict().items()}
        return {ID: f"{self.run}/{self.block}", **words}

    @classmethod
    def read(cls, headers: Mapping[str, str] | None) -> Label:
        """Return what the headers of a message say; EngineError if they are not ours."""
        try:
            found = {name: (headers or {})[_PREFIX + name.title()] for name in cls._fields}
            numbers = {name: int(found[name]) for name in ("block", "first", "events", "more")}
        except (KeyError, ValueError):
            raise EngineError("a message in the stream is not from mimocorb") from None
        return cls(found["host"], found["run"], form=found["form"], **numbers)


def form_of(setup: Mapping[str, Any]) -> str:
    """Return a short text that is the same for buffers whose events are alike."""
    lengths = "up to " if setup.get("variable") else ""
    dtype = np.lib.format.dtype_to_descr(setup["dtype"])
    text = f"1 {dtype} {lengths}{setup['values_per_slot']}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stream_of(project: str, buffer: str) -> str:
    """Return the name of the stream of a buffer."""
    return f"mimocorb_{plain_name(project)}_{plain_name(buffer)}"


def subject_of(project: str, buffer: str, host: str = "*", run: str = "*") -> str:
    """Return the subject of the messages of a run; without it, of all those of the buffer.

    Permissions can be given by it: that a host writes only what is its own.
    """
    last = [name if name == "*" else plain_name(name) for name in (host, run)]
    return f"mimocorb.{plain_name(project)}.buffers.{plain_name(buffer)}.{'.'.join(last)}"


def plain_name(name: str) -> str:
    """Return a name in letters that NATS takes, different for different names."""
    kept = "".join(c if c.isalnum() and c.isascii() else "-" for c in name)
    return kept if kept == name else f"{kept}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def unpack(payload: bytes, columns: Columns) -> Block:
    """Return the events of a message; DamagedFile if they are not what was packed."""
    for found in walk(_InMemory(payload)):
        if isinstance(found, Head) and found.says.get("events"):
            message = payload[found.at : found.end]
            if found.proves(message):
                return columns.block_of(message)
    raise DamagedFile("a message is not what was sent")


class _InMemory:
    """Bytes that are read like a file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    def read(self, offset: int, count: int) -> bytes:
        return self._content[offset : offset + count]
