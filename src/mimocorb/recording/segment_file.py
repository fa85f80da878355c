"""A segment that is being written, and what of it is not known to be on the disk yet."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mimocorb.errors import DamagedFile
from mimocorb.recording.block import Block
from mimocorb.recording.messages import END_MARK
from mimocorb.recording.output_file import OutputFile
from mimocorb.recording.sealing import Sealed, Sealing
from mimocorb.recording.segment_bytes import closing_words
from mimocorb.recording.segments import Segment
from mimocorb.recording.syncing import OnDisk

__all__ = ["SegmentFile"]

MOST_KEPT_BYTES = 64 << 20
"""Of batches that are not on the disk yet, for a writer."""


class _Written(NamedTuple):
    """A batch in the file."""

    begin: int
    events: int
    message: Sealed | None  # None: only the file has it


class SegmentFile:
    """A segment that grows batch by batch.

    Batches are kept in memory, up to 64 MiB, until they are on the disk: if they cannot be brought
    there, they are written anew into another segment. What is not in memory any more is read back
    from the file; the operating system has it in most cases, and its checksum proves it.

    Parameters
    ----------
    path
        The file, which must not exist.
    sealing
        Makes its messages.
    description
        What stands at its begin.
    keeps
        Whether batches are kept.
    waits
        Whether the run waits for a full disk.
    """

    def __init__(
        self,
        path: Path,
        sealing: Sealing,
        description: dict[str, Any],
        *,
        keeps: bool,
        waits: bool = True,
    ) -> None:
        self._sealing = sealing
        self._description = description
        self._keeps = keeps
        self._kept_bytes = 0
        self._pending: deque[_Written] = deque()
        self._events_on_disk = 0
        self.batches = 0
        self.events = 0
        self.began_s = time.monotonic()
        self._file = OutputFile(path.parent, path.name, waits=waits, of_the_attempt=False)
        self.disk = OnDisk(self._file.descriptor, path.parent)
        try:
            self._file.append_behind_header(sealing.schema(description), [], 0)
        except BaseException:
            self.remove()
            raise
        self._has_grown()

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return self._file.size_bytes

    @property
    def is_on_disk(self) -> bool:
        """Whether all of it is."""
        return self.disk.is_complete

    def append(self, block: Block) -> None:
        """Append events as one batch, all or none; OutputError if they cannot be written."""
        count = len(block.data)
        says: dict[str, Any] = {"batch": self.batches, "first": self.events, "events": count}
        says["run"] = self._description["run"].get("name")
        sequence = block.metadata.sequence
        if sequence is not None:
            says["sequence"] = [int(sequence[0]), int(sequence[-1])]
        if not self.batches:
            says["about"] = self._description
        begin = self._file.size_bytes
        message = self._sealing.batch(block, says)
        try:
            self._file.append_behind_header(message.head, message.body, count)
        except BaseException:
            self._sealing.take_back(message)
            raise
        self.batches += 1
        self.events += count
        self._has_grown()
        self._keep(_Written(begin, count, message))

    def end(self, what: str, events_of_process: int) -> None:
        """Write that nothing follows, and close the file; it still has to reach the disk."""
        says = {
            **closing_words(self.batches, self.events, what),
            "run": self._description["run"].get("name"),
            "events_of_process": events_of_process,
        }
        message = self._sealing.nothing(says)
        self._file.append_behind_header(message.head, message.body, 0)
        self._sealing.take_back(message)
        self._has_grown(len(END_MARK))
        self._file.close(END_MARK, syncs=False)

    def forget_what_is_on_disk(self) -> None:
        """Keep no batches any more that are safe."""
        while self._pending and self._end_of_first() <= self.disk.bytes:
            written = self._pending.popleft()
            self._events_on_disk += written.events
            self._release(written)

    def unsaved(self, tell_lost: Callable[[int], None]) -> Iterator[Block]:
        """Yield the batches that are not known to be on the disk.

        Parameters
        ----------
        tell_lost
            Called with a number of events that are neither in memory nor in the file any more.
        """
        self.forget_what_is_on_disk()
        for written in self._pending:
            try:
                if written.message is not None:
                    yield self._sealing.opened(written.message)
                else:
                    yield self._read_back(written.begin)
            except (DamagedFile, OSError):
                tell_lost(written.events)

    def _read_back(self, begin: int) -> Block:
        with Segment(self.path) as segment:
            for batch in segment.batches:
                if batch.head.at == begin:
                    return segment.read_batch(batch)
        raise DamagedFile(f"{self.path}: there is no batch at byte {begin} any more")

    @property
    def left(self) -> dict[str, Any]:
        """What a segment says of this one that takes its place from what is not on the disk on."""
        return {
            "file": self.path.name,
            "events": self._events_on_disk,
            "whole_bytes": self._end_on_disk(),
        }

    def cut_back(self) -> None:
        """Leave in the file what is on the disk: the rest is written elsewhere."""
        end = self._end_on_disk()
        self.close()
        os.truncate(self.path, end)

    def remove(self) -> None:
        """Take away the file: all that is in it is still elsewhere."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file as it is. Idempotent."""
        for written in self._pending:
            self._release(written)
        self._pending.clear()
        self.disk.close()
        self._file.close(syncs=False)

    def _has_grown(self, more: int = 0) -> None:
        self.disk.written(self._file.descriptor, self._file.size_bytes + more)

    def _end_of_first(self) -> int:
        return self._pending[1].begin if len(self._pending) > 1 else self._file.size_bytes

    def _end_on_disk(self) -> int:
        self.forget_what_is_on_disk()
        begin = self._pending[0].begin if self._pending else self.size_bytes
        return min(begin, self.disk.bytes)

    def _keep(self, written: _Written) -> None:
        message = written.message
        self._pending.append(written)
        if message is None:
            return
        self._kept_bytes += message.size_bytes
        if not self._keeps or self._kept_bytes > MOST_KEPT_BYTES:
            self._pending[-1] = written._replace(message=None)
            self._release(written)

    def _release(self, written: _Written) -> None:
        if written.message is not None:
            self._kept_bytes -= written.message.size_bytes
            self._sealing.take_back(written.message)
