r"""The page of a histogram: the file into which one process publishes its counts.

.. code-block:: text

    byte     0  magic[16]      "mimocorb hist 1\n"
            16  newest   u64   number of the newest copy, from 1; 0: none yet
            24  about    u32   bytes of the text that follows
            28  copy     u32   bytes that one copy may take
            32  closed   u32   1 when the process has ended in order: nothing more will come
            40  axes, storage (as UHI describes them, in JSON) and names
    then, each beginning at a multiple of 4096 bytes, two copies; number n is in copy n % 2:
             0  crc      u32   CRC32C of the rest of the copy
             4  held     u32   events of the last batch
             8  number   u64
            16  time_ns  i64   UTC, when it was published
            24  events   u64   events that have been filled
            32  entries  u64   values that have been filled
            40  no_numbers u64 values that were no numbers, and are in no bin
            48  counts of all bins, under- and overflow included
                then i64[held]: publish numbers of the events of the last batch

What is true at every moment, also after a kill:

P1  The copy with the newest number is whole: it was written before the number was.
P2  An event is acknowledged only after the counts with it have been published. So what a process
    has counted and not published is delivered again, to it or to a colleague.
P3  An event that has been counted, published and not acknowledged stands among those of the last
    batch. Whoever gets it again finds it there, and does not count it twice.

Files are written and read, not mapped: a full disk is an error of the system and no signal that
kills. The room for both copies is taken when the file is made.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from mimocorb._kernels import crc32c
from mimocorb.components.roles.batches import EVENTS_OF_A_BATCH_FUNCTION
from mimocorb.components.room import when_there_is_room
from mimocorb.errors import DamagedFile, OutputError

__all__ = ["DIRECTORY", "Copy", "HistogramPage", "Tally", "pages_of", "read_page"]

DIRECTORY = "histograms"
"""Of the pages, in the directory of a run."""
SUFFIX = ".page"
MOST_HELD = EVENTS_OF_A_BATCH_FUNCTION
"""Events in a batch."""

_MAGIC = b"mimocorb hist 1\n"
_HEAD = struct.Struct("<16sQIII4x")
_COPY = struct.Struct("<IIQqQQQ")
_ALIGNED = 4096
_ATTEMPTS = 20
_MOST_ABOUT = 64 << 20


@dataclass(frozen=True)
class Tally:
    """How much a process has filled.

    Attributes
    ----------
    events
        Events it was given.
    entries
        Values that it filled; an event may give many, or none.
    no_numbers
        Values that were no numbers; they are in no bin.
    """

    events: int = 0
    entries: int = 0
    no_numbers: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.events + other.events,
            self.entries + other.entries,
            self.no_numbers + other.no_numbers,
        )


@dataclass(frozen=True)
class Copy:
    """What a process has published last.

    Attributes
    ----------
    about
        Axes and storage in the form of UHI, without the counts, and names.
    number
        How often it has published; 0: not yet.
    updated_s
        UTC when that was.
    tally
        How much is in it.
    counts : bytes
        Of all bins, as boost-histogram has them in memory.
    held
        Publish numbers of the events of the last batch.
    is_final
        Whether nothing more will come.
    """

    about: Mapping[str, Any]
    number: int
    updated_s: float
    tally: Tally
    counts: bytes
    held: NDArray[np.int64]
    is_final: bool = False


def page_name(name: str, process: int, attempt: int) -> str:
    """Return the file name of the page of a process; names of workers may be any text."""
    return f"{quote(name, safe=' ')}.{process}.{attempt}{SUFFIX}"


def pages_of(directory: Path, name: str | None = None) -> list[Path]:
    """Return the pages in the directory of a run, of one histogram or of all."""
    start = "" if name is None else quote(name, safe=" ")
    try:
        found = sorted((directory / DIRECTORY).iterdir())
    except FileNotFoundError:
        return []
    return [
        path
        for path in found
        if path.suffix == SUFFIX and (name is None or path.name.rsplit(".", 3)[0] == start)
    ]


class HistogramPage:
    """The page of this process.

    Parameters
    ----------
    path
        Where to make it.
    about
        See :class:`Copy`.
    counts_bytes
        Bytes of all counts.

    Raises
    ------
    OutputError
        It cannot be made.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], counts_bytes: int) -> None:
        self.path = path
        self._number = 0
        text = json.dumps(about).encode()
        copy_bytes = _aligned(_COPY.size + counts_bytes + 8 * MOST_HELD)
        self._first = _aligned(_HEAD.size + len(text))
        self._copy_bytes = copy_bytes
        try:
            path.parent.mkdir(exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o644)
            when_there_is_room(
                lambda: os.posix_fallocate(self._file, 0, self._first + 2 * copy_bytes), path.name
            )
            head = _HEAD.pack(_MAGIC, 0, len(text), copy_bytes, 0)
            when_there_is_room(lambda: os.pwrite(self._file, head + text, 0), path.name)
        except OSError as error:
            raise OutputError(f"cannot make {path}: {error.strerror or error}") from error

    def publish(self, tally: Tally, counts: NDArray[Any], held: NDArray[np.int64]) -> None:
        """Publish a copy of the counts; the one before stays whole until this one is.

        Raises
        ------
        OutputError
            It could not be written, and the run cannot wait for a better time.
        """
        number = self._number + 1
        rest = bytearray(_COPY.size)
        _COPY.pack_into(
            rest, 0, 0, len(held), number, time.time_ns(), tally.events, tally.entries,
            tally.no_numbers,
        )  # fmt: skip
        rest += counts.tobytes()
        rest += held.astype("<i8").tobytes()
        struct.pack_into("<I", rest, 0, crc32c(memoryview(rest)[4:]))
        place = self._first + (number % 2) * self._copy_bytes
        try:
            when_there_is_room(lambda: os.pwrite(self._file, rest, place), self.path.name)
            newest = struct.pack("<Q", number)
            when_there_is_room(lambda: os.pwrite(self._file, newest, 16), self.path.name)
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error
        self._number = number

    def finish(self) -> None:
        """Say that nothing more will come."""
        with contextlib.suppress(OSError):  # those who wait for it do so for some time only
            os.pwrite(self._file, struct.pack("<I", 1), 32)

    def close(self) -> None:
        """Close the file, which stays. Idempotent."""
        descriptor, self._file = self._file, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def read_page(path: Path) -> Copy:
    """Read what a process has published last; it may go on publishing meanwhile.

    Raises
    ------
    FileNotFoundError
        There is no such page.
    DamagedFile
        It is no page, or has been changed by somebody else.
    """
    with path.open("rb", buffering=0) as file:
        for _ in range(_ATTEMPTS):
            found = _read(file.fileno(), path)
            if found is not None:
                return found
    raise DamagedFile(f"{path} is damaged: the checksum of the counts is wrong")


def _read(descriptor: int, path: Path) -> Copy | None:
    head = os.pread(descriptor, _HEAD.size, 0)
    if len(head) == 0:  # made at this moment
        return Copy({}, 0, 0.0, Tally(), b"", np.empty(0, np.int64))
    if len(head) < _HEAD.size or not head.startswith(_MAGIC):
        if not any(head):
            return Copy({}, 0, 0.0, Tally(), b"", np.empty(0, np.int64))
        raise DamagedFile(f"{path} is no page of a histogram")
    _, newest, about_bytes, copy_bytes, closed = _HEAD.unpack(head)
    try:
        about = json.loads(os.pread(descriptor, min(about_bytes, _MOST_ABOUT), _HEAD.size))
    except ValueError:
        raise DamagedFile(f"{path} is damaged: what it is about cannot be read") from None
    nothing = Copy(about, 0, 0.0, Tally(), b"", np.empty(0, np.int64))
    if not newest:
        return nothing
    place = _aligned(_HEAD.size + about_bytes) + (newest % 2) * copy_bytes
    content = memoryview(os.pread(descriptor, copy_bytes, place))
    if len(content) < _COPY.size:
        raise DamagedFile(f"{path} is damaged: its end is missing")
    crc, held, number, time_ns, *tally = _COPY.unpack(content[: _COPY.size])
    end = _COPY.size + about["counts_bytes"]
    if number != newest or held > MOST_HELD or crc32c(content[4 : end + 8 * held]) != crc:
        return None
    return replace(
        nothing,
        number=number,
        is_final=bool(closed),
        updated_s=time_ns / 1e9,
        tally=Tally(*tally),
        counts=bytes(content[_COPY.size : end]),
        held=np.frombuffer(content[end : end + 8 * held], "<i8"),
    )


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
