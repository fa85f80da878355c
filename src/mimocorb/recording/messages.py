"""Messages of an Arrow stream that prove themselves.

A recording is a stream of Apache Arrow, which any of its readers understands. Arrow has no
checksums: of 150 flipped bits in such a file, its own reader notices none. So every message, that
is the schema and each batch, carries a *seal* in its metadata, under the key ``mimocorb``::

    mimocorb seal: head=1e2d3c4b body=9a8b7c6d at=00000152 bytes=000000136064 {"batch": 3, ...}

``body``
    CRC-32C (RFC 3720) of the body of the message, as it is in the file, compressed or not.
``head``
    CRC-32C of the head: the 8 bytes before the metadata (``FF FF FF FF`` and their length) and the
    metadata themselves, with the eight digits of this number taken as ``00000000``.
``at``
    Where this text begins, counted from the begin of the message.
``bytes``
    Length of the body.

What follows is JSON. All bytes of the message are covered by one of the two. As the head has a
checksum of its own, one can walk through a file and know what is in it without reading all of it;
and as the text says where its message begins and ends, each whole message is found again in
whatever is left of a file, by looking for the text and proving what it says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from mimocorb._kernels import crc32c
from mimocorb.errors import SetupError

__all__ = ["END_MARK", "KEY", "Bytes", "Gap", "Head", "Readable", "seal", "unsealed", "walk"]

KEY = "mimocorb"
END_MARK = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""With which an Arrow stream ends."""

_CONTINUED = END_MARK[:4]
_PREFIX = b"mimocorb seal: head="
_SEAL = re.compile(
    rb"mimocorb seal: head=([0-9a-f]{8}) body=([0-9a-f]{8}) at=([0-9]{8}) bytes=([0-9]{12}) "
)
_BLANK = "mimocorb seal: head=00000000 body=00000000 at=00000000 bytes=000000000000 "
_NO_DIGITS = b"00000000"
Bytes = Any
"""Bytes, or another object with the buffer protocol and a length, such as a buffer of Arrow's."""
_as_json = json.JSONEncoder(separators=(",", ":")).encode
_MOST_HEAD_BYTES = 8 << 20
_WINDOW_BYTES = 4 << 20


class Readable(Protocol):
    """A file, as far as it is needed here."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes, fewer at the end."""


class Head(NamedTuple):
    """A message whose head is proven.

    Parameters
    ----------
    at
        Where it begins in the file.
    head_bytes, body_bytes
        How long its two parts are.
    head_crc, body_crc
        The checksums of both parts, as they were when the head was proven.
    says
        The JSON in its seal.
    """

    at: int
    head_bytes: int
    body_bytes: int
    head_crc: int
    body_crc: int
    says: dict[str, Any]

    @property
    def end(self) -> int:
        """Where the next message begins."""
        return self.at + self.head_bytes + self.body_bytes

    def proves(self, message: bytes) -> bool:
        """Return whether this is the message that was written, head and body.

        A file may change between the reading of its heads and that of a body.
        """
        head = memoryview(message)[: self.head_bytes]
        body = memoryview(message)[self.head_bytes :]
        return (
            len(body) == self.body_bytes
            and crc32c(head) == self.head_crc
            and crc32c(body) == self.body_crc
        )


class Gap(NamedTuple):
    """A stretch of a file that is no message of ours, or not a whole one any more."""

    at: int
    end: int


def unsealed(says: dict[str, Any]) -> str:
    """Return the text that is to stand in the metadata of a message before it is sealed."""
    return _BLANK + _as_json(says)


def seal(head: bytearray, body: Sequence[Bytes] = ()) -> None:
    """Write the checksums of a message into its head.

    Parameters
    ----------
    head
        The 8 bytes before the metadata, and the metadata.
    body
        What follows, in pieces.

    Raises
    ------
    SetupError
        A unit or another text of the user looks like a seal.
    """
    at = head.find(_PREFIX)
    if head.count(_PREFIX) != 1:
        raise SetupError(f"no text in a recording may contain {_PREFIX.decode()!r}")
    body_crc, body_bytes = 0, 0
    for piece in body:
        body_crc, body_bytes = crc32c(piece, body_crc), body_bytes + len(piece)
    text = f"{_PREFIX.decode()}00000000 body={body_crc:08x} at={at:08d} bytes={body_bytes:012d} "
    head[at : at + len(text)] = text.encode()
    digits = at + len(_PREFIX)
    head[digits : digits + 8] = f"{crc32c(head):08x}".encode()


def walk(file: Readable, start: int = 0) -> Iterator[Head | Gap]:
    """Yield what a file holds, one message behind the other, without reading the bodies.

    The mark at the end of a stream is passed over only where it is the end of the file: data may
    look like it.
    """
    at = start
    while at < file.size:
        if at == file.size - len(END_MARK) and file.read(at, len(END_MARK)) == END_MARK:
            return
        head = _head_at(file, at)
        if head is None:
            found = _next_head(file, at + 1)
            yield Gap(at, file.size if found is None else found.at)
            if found is None:
                return
            head = found
        yield head
        at = head.end


def _head_at(file: Readable, at: int) -> Head | None:
    """Return the message that begins here, if there is one, whole in length."""
    begin = file.read(at, 8)
    length = int.from_bytes(begin[4:8], "little")
    if begin[:4] != _CONTINUED or not 0 < length <= min(_MOST_HEAD_BYTES, file.size - at - 8):
        return None
    content = file.read(at, 8 + length)
    found = _SEAL.search(content)
    if found is None or int(found[3]) != found.start():
        return None
    body_bytes = int(found[4])
    blank = content[: found.start(1)] + _NO_DIGITS + content[found.end(1) :]
    if crc32c(blank) != int(found[1], 16) or at + len(content) + body_bytes > file.size:
        return None
    text = content[found.end() :].decode("latin-1")  # JSON of ours is ASCII; other bytes follow
    try:
        says, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return None
    return Head(at, len(content), body_bytes, crc32c(content), int(found[2], 16), says)


def _next_head(file: Readable, start: int) -> Head | None:
    """Return the first message that begins at `start` or behind."""
    window = start
    while window < file.size:
        content = file.read(window, _WINDOW_BYTES + len(_BLANK))
        for found in _SEAL.finditer(content):
            at = window + found.start() - int(found[3])
            head = _head_at(file, at) if at >= start else None
            if head is not None:
                return head
        window += _WINDOW_BYTES
    return None
