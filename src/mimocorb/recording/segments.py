"""The segments of a recording: what they are called, and reading one.

``waveforms.000.arrows`` is the first. Numbers only grow; each process of a worker, and each that
takes the place of one that has failed, takes the next free one. A file is never written again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb._closing import Closing
from mimocorb._words import how_many
from mimocorb.components.worker import current_worker
from mimocorb.errors import DamagedFile
from mimocorb.recording.block import Block
from mimocorb.recording.columns import Columns
from mimocorb.recording.messages import END_MARK, Gap, Head, walk
from mimocorb.recording.plain_dtype import dtype_from_plain
from mimocorb.recording.provenance import about_of, described

__all__ = [
    "ENDING",
    "FORMAT",
    "VERSION",
    "Batch",
    "Segment",
    "describe",
    "recording_of",
    "segment_name",
    "segments_of",
]

FORMAT = "mimocorb recording"
VERSION = 1
ENDING = ".arrows"
_NAME = re.compile(r"(?P<recording>.+)\.(?P<number>\d{3,})\.arrows")


def segment_name(recording: str, number: int) -> str:
    """Return the file name of a segment."""
    return f"{recording}.{number:03d}{ENDING}"


def recording_of(path: Path) -> tuple[str, int] | None:
    """Return the recording that a file is a segment of, and its number; None if it is none."""
    found = _NAME.fullmatch(path.name)
    return (found["recording"], int(found["number"])) if found else None


def segments_of(directory: Path, recording: str) -> list[Path]:
    """Return the segments of a recording, in the order of their numbers."""
    numbered = [
        (named[1], path)
        for path in directory.glob(f"*{ENDING}")
        if (named := recording_of(path)) is not None and named[0] == recording
    ]
    return [path for _, path in sorted(numbered)]


def describe(
    name: str,
    setup: Mapping[str, Any],
    *,
    segment: int = 0,
    run: Mapping[str, Any] | None = None,
    compression: str = "none",
    continues: Sequence[Mapping[str, Any]] = (),
    about: Mapping[str, Any] | None = None,
    export: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what stands at the begin of a segment.

    Parameters
    ----------
    name, segment
        Of the recording, and its number in it.
    setup
        Set-up dictionary of the buffer that the events come from.
    run
        What identifies the run.
    compression
        Of its batches.
    continues
        Segments that it takes the place of: file, events, whole bytes.
    about
        What is known of the data besides.
    export
        What the run is to write from it at its end, see :mod:`mimocorb.run.exports`.
    """
    worker = current_worker()
    return {
        "format": FORMAT,
        "version": VERSION,
        "recording": name,
        "segment": segment,
        **described(setup, about or {}, run or {}),
        "writer": {
            "worker": worker.spec.name,
            "process": worker.process_number,
            "attempt": worker.attempt,
        },
        "compression": compression,
        "continues": [dict(each) for each in continues],
        **({"export": dict(export)} if export else {}),
    }


@dataclass
class Batch:
    """Some events of a segment that were written together.

    Parameters
    ----------
    first
        Place of its first event in the segment.
    events
        How many.
    head
        Where it is.
    """

    first: int
    events: int
    head: Head


@dataclass
class _Content:
    description: dict[str, Any] | None = None
    batches: list[Batch] = field(default_factory=list)
    events: int = 0
    closing: dict[str, Any] | None = None
    gaps: list[Gap] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    whole_bytes: int = 0
    expected: int = 0  # number of the next batch


class Segment(Closing):
    """One file of a recording, read.

    What is given out is proven by its checksum. What is there is known from the heads of the
    batches, when it is first asked for; :meth:`look_again` finds what has been written since.

    Parameters
    ----------
    path
        The file.
    stretch
        Where it is in a file that holds more: first byte, and how many.

    Raises
    ------
    OSError
        It cannot be opened.
    DamagedFile
        It is of another version, or nothing in it says what it holds.
    """

    def __init__(self, path: Path, stretch: tuple[int, int] | None = None) -> None:
        self.path = path
        self._stretch = stretch
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._content = _Content()
        try:
            self.look_again()
        except BaseException:
            self.close()
            raise

    # --- as a file

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self._stretch[1] if self._stretch else os.fstat(self._fd).st_size

    def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes, fewer at the end."""
        begin = 0
        if self._stretch:
            begin, size = self._stretch
            count = min(count, max(0, size - offset))
        content = os.pread(self._fd, count, begin + offset)
        if len(content) == count or not content:
            return content
        return content + self.read(offset + len(content), count - len(content))

    # --- what is in it

    def look_again(self) -> None:
        """Find what has been written since the last look."""
        content = self._content
        if content.closing is not None:
            return
        content.gaps = [gap for gap in content.gaps if gap.end <= content.whole_bytes]
        for found in walk(self, content.whole_bytes):
            if isinstance(found, Gap):
                content.gaps.append(found)
            else:
                self._take(found)
        if content.description is None and content.whole_bytes:
            raise DamagedFile(f"{self.path}: nothing in it says what its batches hold")

    def _take(self, head: Head) -> None:
        content, says = self._content, head.says
        content.whole_bytes = head.end
        if "format" in says:
            self._understand(says)
            return
        if "about" in says:
            self._understand(says["about"])
        number, first, events = says["batch"], says["first"], says["events"]
        if number > content.expected:
            batches = how_many(number - content.expected, "batch")
            missing = how_many(first - content.events, "event")
            content.lost.append(f"{batches} with {missing} before byte {head.at}")
        content.expected, content.events = number + 1, first + events
        if "closes" in says:
            content.closing = says
        elif events:
            content.batches.append(Batch(first, events, head))

    def _understand(self, description: dict[str, Any]) -> None:
        if (description.get("format"), description.get("version")) != (FORMAT, VERSION):
            raise DamagedFile(
                f"{self.path} has to be a {FORMAT!r} of version {VERSION}, found"
                f" {description.get('format')!r} of version {description.get('version')!r}; read it"
                " with the mimocorb that wrote it"
            )
        if self._content.description is None:
            self._content.description = description

    @property
    def description(self) -> dict[str, Any] | None:
        """What its writer knew of the data; None as long as nothing has been written."""
        return self._content.description

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the buffer that the events were in."""
        return self.columns.dtype

    @property
    def values_per_slot(self) -> int:
        """That of the buffer that the events were in."""
        return self.columns.values_per_slot

    @property
    def variable(self) -> bool:
        """Whether its events have lengths of their own."""
        return self.columns.variable

    @property
    def about(self) -> Mapping[str, Any]:
        """What its writer knew of the data: units and so on, the run, the versions."""
        return about_of(self.description or {})

    @property
    def counts(self) -> list[int]:
        """How many events each batch has."""
        return [batch.events for batch in self.batches]

    def read_block(self, number: int) -> Block:
        """Return the events of a batch; DamagedFile if they are not what was written."""
        return self.read_batch(self.batches[number])

    @property
    def batches(self) -> list[Batch]:
        """Its batches, in the order in which they were written."""
        return self._content.batches

    @property
    def event_count(self) -> int:
        """How many events these are."""
        return sum(batch.events for batch in self.batches)

    @property
    def whole_bytes(self) -> int:
        """Where the last whole message ends."""
        return self._content.whole_bytes

    @property
    def closing(self) -> dict[str, Any] | None:
        """What the last batch says; None if its writer has not closed it."""
        return self._content.closing

    @cached_property
    def columns(self) -> Columns:
        """How its events are laid out."""
        about = self.description
        if about is None:
            raise DamagedFile(f"{self.path} is empty")
        has_notes = bool(about.get("about", {}).get("notes"))
        dtype, values = dtype_from_plain(about["dtype"]), about["values_per_slot"]
        return Columns(dtype, values, notes=has_notes, variable=about.get("variable", False))

    def read_batch(self, batch: Batch) -> Block:
        """Return the events of a batch.

        Raises
        ------
        DamagedFile
            They are not what was written.
        """
        head = batch.head
        where = f"{self.path}: batch {head.says['batch']} at byte {head.at}"
        content = self.read(head.at, head.end - head.at)
        if not head.proves(content):
            raise DamagedFile(
                f"{where} is damaged: its {how_many(batch.events, 'event')} are not what was"
                " written"
            )
        block = self.columns.block_of(content)
        if len(block.data) != batch.events:
            raise DamagedFile(f"{where} contradicts itself")
        return block

    def missing(self) -> Iterator[str]:
        """Yield which batches are not to be found, as is known without reading anything."""
        for lost in self._content.lost:
            yield f"missing: {lost}"

    def damage(self, *, ends_in_order: bool = False) -> Iterator[str]:
        """Yield what is wrong with the file, one sentence each; reads all of it.

        Parameters
        ----------
        ends_in_order
            Whether it is known that nothing follows, although the file does not say so.
        """
        size = self.size
        for gap in self._content.gaps:
            is_end = gap.end == size and self.closing is None
            if is_end and ends_in_order:
                continue
            how = "are unfinished" if is_end else "are no whole message"
            yield f"{how_many(gap.end - gap.at, 'byte')} from byte {gap.at} on {how}"
        yield from self.missing()
        for batch in self.batches:
            try:
                self.read_batch(batch)
            except DamagedFile as error:
                yield str(error).removeprefix(f"{self.path}: ")
        if self.closing is None:
            if not ends_in_order:
                yield (
                    f"the end is missing: it has {how_many(self.event_count, 'event')}, and"
                    " nothing says that these are all"
                )
        elif self.read(size - len(END_MARK), len(END_MARK)) != END_MARK:
            yield "the mark behind the last batch is missing"

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            self.close()
