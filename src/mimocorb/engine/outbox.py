"""What a host keeps of its events until the far side has booked them.

One file for each message, a whole segment of a recording: ``mimocorb.open`` reads them. They lie
beside the directories of the runs, in ``outbox/<buffer>/<run>``, and what a run leaves there is
sent by the next one, before its own events. The newest file of a run stays until that has ended: it
tells a process that takes the place of another which events are in the outbox already.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mimocorb.components.room import when_there_is_room
from mimocorb.engine.messages import Label, form_of, unpack
from mimocorb.errors import DamagedFile
from mimocorb.recording.block import Block
from mimocorb.recording.segment_bytes import WholeSegments
from mimocorb.recording.segments import segment_name

__all__ = ["Outbox", "Parcel", "left_outboxes"]

_NUMBER = re.compile(r".*\.(\d+)\.arrows")


@dataclass
class Parcel:
    """A message that waits to be sent, or to be booked by the far side."""

    label: Label
    path: Path | None
    """Its file; None for the last message of a run, which has no events."""
    size_bytes: int
    accepted_as: int | None = None
    """Its number in the stream, once the engine has it."""

    def payload(self) -> bytes:
        """Return its content."""
        return self.path.read_bytes() if self.path else b""


class Outbox:
    """The messages of one run for one buffer.

    Parameters
    ----------
    directory
        For its files; made if it is not there.
    setup
        Set-up dictionary of the buffer.
    host
        Name of this host.
    """

    def __init__(self, directory: Path, setup: Mapping[str, Any], host: str) -> None:
        self._host = host
        self._directory = directory
        self._name = str(setup.get("name") or directory.parent.name)
        self._form = form_of(setup)
        self._segments = WholeSegments(self._name, setup)
        directory.mkdir(parents=True, exist_ok=True)
        self.parcels = deque(self._found())
        """In the order of their numbers; what is booked is taken out."""
        self.last = max((p.label.block for p in self.parcels), default=0)
        """Number of the newest message."""
        self.last_sequence = self._last_sequence()
        """Number of the newest event in the ring."""
        self.events = sum(p.label.events for p in self.parcels)
        """In all of them."""
        self.size_bytes = sum(p.size_bytes for p in self.parcels)
        """Of all of them."""

    def _found(self) -> Iterator[Parcel]:
        for path in sorted(self._directory.glob("*.arrows")):
            number = _NUMBER.fullmatch(path.name)
            if number is None:
                continue
            try:
                block = self._read(path)
            except DamagedFile:  # cut off when its process was killed: its events come again
                path.unlink()
                continue
            yield self._parcel(int(number[1]), path, block, path.stat().st_size)

    def _read(self, path: Path) -> Block:
        return unpack(path.read_bytes(), self._segments.columns)

    def _parcel(self, number: int, path: Path, block: Block, size_bytes: int) -> Parcel:
        sequence = block.metadata.sequence
        first = int(sequence[0]) if sequence is not None else 0
        label = Label(self._host, self.run, number, first, len(block.data), self._form)
        return Parcel(label, path, size_bytes)

    def _last_sequence(self) -> int:
        newest = self.parcels[-1].path if self.parcels else None
        if newest is None:
            return 0
        sequence = self._read(newest).metadata.sequence
        return int(sequence[-1]) if sequence is not None else 0

    @property
    def run(self) -> str:
        """What the run is called in its messages."""
        return self._directory.name

    def add(self, block: Block) -> Parcel:
        """Keep events as the next message; OSError if the disk does not take them."""
        number = self.last + 1
        path = self._directory / segment_name(self._name, number)
        content = self._segments.of(block)

        def write() -> None:
            part = path.with_suffix(".part")
            part.write_bytes(content)
            part.replace(path)

        when_there_is_room(write, f"the outbox of {self._name}")
        parcel = self._parcel(number, path, block, len(content))
        self.last = number
        self.last_sequence = parcel.label.first + parcel.label.events - 1
        self.parcels.append(parcel)
        self.events += parcel.label.events
        self.size_bytes += parcel.size_bytes
        return parcel

    def end(self, *, more: bool = False) -> Parcel:
        """Return the message that says that no more comes of this run, but of another one."""
        first = self.last_sequence + 1
        label = Label(self._host, self.run, self.last + 1, first, 0, self._form, int(more))
        return Parcel(label, None, 0)

    def forget(self, parcel: Parcel, *, all_of_it: bool) -> None:
        """Remove a message that the far side has booked."""
        if parcel.path is None or (parcel.label.block == self.last and not all_of_it):
            return
        parcel.path.unlink(missing_ok=True)
        self.parcels.remove(parcel)
        self.events -= parcel.label.events
        self.size_bytes -= parcel.size_bytes

    def remove_if_empty(self) -> None:
        """Remove the directory when nothing waits in it."""
        if not self.parcels:
            shutil.rmtree(self._directory, ignore_errors=True)


def left_outboxes(directory: Path, but_not: str) -> list[Path]:
    """Return what earlier runs have left for a buffer, oldest first."""
    found = [
        Path(entry.path)
        for entry in (os.scandir(directory) if directory.is_dir() else ())
        if entry.is_dir() and entry.name != but_not
    ]
    return sorted(found, key=lambda path: path.stat().st_mtime)
