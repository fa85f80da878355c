"""Events that fail again and again, set aside with their payload and the reasons.

The quarantine of a buffer is a file in memory that the process which made the buffer holds; it
lives as long as that process. Readers append *records*: a note when they give an event back, the
whole event when it has been handed out too often. A reader may be killed while it appends, so each
record carries a checksum, and one that is not whole is skipped: its event was not counted as
quarantined yet and the next reader writes it again.

A record is: magic (4 bytes), CRC-32 of the rest (4), length of the header (4) and of the payload
(8, little-endian), the header as JSON, the payload as it was in the slot.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import known_time
from mimocorb.buffers.lengths import event_in

__all__ = ["Quarantine", "QuarantinedEvent", "write_event", "write_note"]

_MAGIC = b"mcQ1"
_FRAME = struct.Struct("<4sIIQ")


@dataclass(frozen=True)
class QuarantinedEvent:
    """An event that was set aside.

    Attributes
    ----------
    group
        Reader group that could not process it.
    sequence
        Its publish number in the buffer, from 1.
    counter, timestamp, deadtime
        Its metadata.
    reasons
        What was said each time it was given back; empty for readers that died without a word.
    data
        The event: shape ``(values_per_slot,)``, or as long as it is in a buffer of variable
        length; the dtype of the buffer.
    time_ns
        Its time in whole ns; None if it has none.
    most
        ``values_per_slot`` of a buffer of variable length; None: events are as long as that.
    """

    group: int
    sequence: int
    counter: int
    timestamp: float
    deadtime: float
    reasons: tuple[str, ...]
    data: NDArray[Any]
    time_ns: int | None = None
    most: int | None = None


class Quarantine:
    """The quarantine of a buffer, as the process that made the buffer holds it."""

    def __init__(self) -> None:
        self._file = os.memfd_create("mimocorb-quarantine", os.MFD_CLOEXEC)
        os.fchmod(self._file, 0o600)

    def address(self) -> tuple[int, int]:
        """Return what a reader of another process needs to append."""
        return os.getpid(), self._file

    def events(
        self, dtype: np.dtype[Any], values_per_slot: int, variable: bool
    ) -> list[QuarantinedEvent]:
        """Return what is in quarantine, in publish order."""
        reasons: dict[tuple[int, int], list[str]] = {}
        found: dict[tuple[int, int], QuarantinedEvent] = {}
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        for header, payload in _records(content):
            key = header["group"], header["sequence"]
            if "reason" in header:
                reasons.setdefault(key, []).append(header["reason"])
                continue
            # read-only, as bytes are
            data = event_in(payload, dtype, values_per_slot, variable)
            metadata = header["counter"], header["timestamp"], header["deadtime"]
            reason = tuple(reasons.get(key, ()))
            most = values_per_slot if variable else None
            found[key] = QuarantinedEvent(*key, *metadata, reason, data, header["time_ns"], most)
        return [found[key] for key in sorted(found, key=lambda key: (key[1], key[0]))]

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def write_note(address: Mapping[str, Any], group: int, sequence: int, reason: str) -> None:
    """Note why an event was given back.

    Without memory for the note the event still has to go back, so that is no error.
    """
    with contextlib.suppress(OSError):
        _append(address, {"group": group, "sequence": sequence, "reason": reason}, b"")


def write_event(
    address: Mapping[str, Any],
    group: int,
    sequence: int,
    metadata: tuple[int, float, float, int],
    payload: bytes,
) -> None:
    """Write an event that is about to be set aside."""
    counter, timestamp, deadtime, time_ns = metadata
    header = {
        "group": group,
        "sequence": sequence,
        "counter": counter,
        "timestamp": timestamp,
        "deadtime": deadtime,
        "time_ns": known_time(time_ns),
    }
    _append(address, header, payload)


def _append(address: Mapping[str, Any], header: Mapping[str, Any], payload: bytes) -> None:
    pid, descriptor = address["quarantine"]
    text = json.dumps(header).encode()
    lengths = struct.pack("<IQ", len(text), len(payload))
    checksum = zlib.crc32(payload, zlib.crc32(text, zlib.crc32(lengths)))
    record = _MAGIC + struct.pack("<I", checksum) + lengths + text + payload
    file = os.open(f"/proc/{pid}/fd/{descriptor}", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        while record:
            record = record[os.write(file, record) :]
    finally:
        os.close(file)


def _records(content: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    at = content.find(_MAGIC)
    while at >= 0:
        record = _record(content, at)
        if record is not None:
            header, payload, end = record
            yield header, payload
        at = content.find(_MAGIC, at + 1 if record is None else end)


def _record(content: bytes, at: int) -> tuple[dict[str, Any], bytes, int] | None:
    if len(content) < at + _FRAME.size:
        return None
    _, checksum, header_bytes, payload_bytes = _FRAME.unpack_from(content, at)
    begin = at + _FRAME.size
    end = begin + header_bytes + payload_bytes
    if end > len(content) or zlib.crc32(content[at + 8 : end]) != checksum:
        return None
    header = json.loads(content[begin : begin + header_bytes])
    return header, content[begin + header_bytes : end], end
