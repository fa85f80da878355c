"""Archives with one Parquet file for each event as a file format: ours, and those of mimoCoRB 1."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import NO_TIME
from mimocorb.buffers.jagged import Jagged
from mimocorb.errors import DamagedFile, SetupError
from mimocorb.recording.block import Block, metadata_from_parts
from mimocorb.recording.event_archive import COMPRESSIONS, MOST, EventArchive, size_of_noise
from mimocorb.recording.formats import EventFile, FileFormat, Part
from mimocorb.recording.read_archive import ArchivedEvent, check_end, event_of_member

__all__ = ["ARCHIVE"]

_EVENTS_OF_A_BLOCK = 32


class ArchiveFormat(FileFormat):
    """A tar file with one Parquet file for each event."""

    name = "parquet_tar"
    endings = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
    compressions = COMPRESSIONS
    cannot: Mapping[str, str] = {
        "notes": "it has no place for them",
        "types": "the layout of the channels, interleaved or each in one piece, is not kept",
        "prove": "the notes of an event, its counter and times among them, have no checksum",
        "every bit": "most are: data have checksums of their pages, names and notes have none",
    }

    def part(self, path: Path) -> Part | None:
        """Return which recording an archive is; one of a later process follows the first."""
        part = super().part(path)
        return part if part is not None and tarfile.is_tarfile(path) else None

    def check(self, buffer: Mapping[str, Any]) -> None:
        """Raise a SetupError if Parquet cannot hold the events of a buffer."""
        size_of_noise(self.name, buffer, {})

    def open(self, path: Path) -> EventFile:
        """Open an archive."""
        return ArchiveFile(path)

    def create(
        self,
        directory: Path,
        name: str,
        buffer: Mapping[str, Any],
        about: Mapping[str, Any],
        **options: Any,
    ) -> EventArchive:
        """Make an archive."""
        known = (
            "units",
            "scale",
            "offset",
            "sample_time_ns",
            "pre_trigger_samples",
            "analogue_offset",
        )
        config = {key: about[key] for key in known if key in about}
        return EventArchive(self.name, directory / f"{name}.tar", buffer, {**config, **options})


ARCHIVE = ArchiveFormat()


class ArchiveFile:
    """An archive, read.

    The events are a structure with a field for each column, one value for each row; whether their
    channels were interleaved, or each in one piece, the archive does not tell.

    Parameters
    ----------
    path
        The tar file.

    Raises
    ------
    DamagedFile
        It is no archive, or it has no event that can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dtype: np.dtype[Any] = np.dtype([])
        self.values_per_slot = 0
        self.variable = False
        self.about: Mapping[str, Any] = {}
        self._trouble = ""
        self._members: list[tarfile.TarInfo] = []
        self._tar: tarfile.TarFile | None = None
        self.look_again()

    def look_again(self) -> None:
        """Find what has been written since."""
        members: list[tarfile.TarInfo] = []
        self._trouble = ""
        self.close()
        try:
            self._tar = tarfile.open(self.path)  # noqa: SIM115 - open until close()
            everything = list(self._tar)
            members += (member for member in everything if member.isfile())
            check_end(self._tar, everything[-1] if everything else None)
        except (OSError, EOFError, tarfile.TarError) as error:
            behind = f"behind {members[-1].name}" if members else "before the first event"
            self._trouble = f"it cannot be read {behind}: {error or type(error).__name__}"
        self._members = members
        if members and not self.values_per_slot:
            self._take_form_of(self._first_whole())

    def _first_whole(self) -> ArchivedEvent:
        for member in self._members[:-1]:
            with suppress(DamagedFile):
                return self._event(member)
        return self._event(self._members[-1])

    def _take_form_of(self, event: ArchivedEvent) -> None:
        columns = event.data
        self.dtype = np.dtype(
            [(name, each.dtype, each.shape[1:]) for name, each in columns.items()]
        )
        self.values_per_slot = len(next(iter(columns.values()), ()))
        about: dict[str, Any] = dict(event.about)
        with suppress(KeyError, ValueError):  # an archive of others may have anything there
            about["run"] = json.loads(about["run"])
        most = about.pop(MOST, None)
        if most is not None:
            self.variable = True
            self.values_per_slot = max(int(most) if most.isdecimal() else 0, self.values_per_slot)
        self.about = about

    @property
    def counts(self) -> Sequence[int]:
        """How many events each block has."""
        whole, rest = divmod(len(self._members), _EVENTS_OF_A_BLOCK)
        return [_EVENTS_OF_A_BLOCK] * whole + [rest] * bool(rest)

    def read_block(self, number: int) -> Block:
        """Return the events of a block; DamagedFile if one of them cannot be read."""
        first = number * _EVENTS_OF_A_BLOCK
        members = self._members[first : first + _EVENTS_OF_A_BLOCK]
        data: list[NDArray[Any]] = []
        parts: dict[str, Any] = {
            "counter": np.arange(first, first + len(members)),
            "timestamp": np.full(len(members), -1.0),
            "deadtime": np.full(len(members), -1.0),
        }
        marks = np.zeros(len(members), np.bool_)
        for at, member in enumerate(members):
            event = self._read(member)
            data.append(np.zeros(len(next(iter(event.data.values()))), self.dtype))
            for name, values in event.data.items():
                data[at][name] = values
            for name, value in event.metadata.items():
                if name not in parts:  # not known of the first events of the block
                    parts[name] = np.full(len(members), NO_TIME)
                parts[name][at] = value
            marks[at] = event.about.get("may_repeat") == "true"
        if marks.any():
            parts["may_repeat"] = marks
        whole = Jagged.of(data, self.dtype) if self.variable else np.stack(data)
        return Block(whole, metadata_from_parts(parts))

    def _read(self, member: tarfile.TarInfo) -> ArchivedEvent:
        event = self._event(member)
        form = [(name, each.dtype, each.shape[1:]) for name, each in event.data.items()]
        lengths = {len(each) for each in event.data.values()}
        most = self.values_per_slot
        fits = len(lengths) == 1 and max(lengths) <= most if self.variable else lengths == {most}
        if np.dtype(form) != self.dtype or not fits:
            raise DamagedFile(f"{self.path}: {member.name} is of another form than the first event")
        return event

    def _event(self, member: tarfile.TarInfo) -> ArchivedEvent:
        try:
            if self._tar is None:
                raise DamagedFile(f"{self.path} is closed")
            return event_of_member(self._tar, member)
        except (SetupError, OSError, EOFError, tarfile.TarError) as error:
            raise DamagedFile(f"{self.path}: {member.name} cannot be read: {error}") from error

    def damage(self) -> Iterator[str]:
        """Yield what is wrong. Archives have few checksums: what is not found may be wrong too."""
        if self._trouble:
            yield self._trouble
        for member in self._members:
            try:
                self._read(member)
            except DamagedFile as error:
                yield str(error).removeprefix(f"{self.path}: ")
        if not self._trouble and self.path.stat().st_size < self._end_bytes():
            yield "the end of the archive is missing: nothing says that these are all events"

    def _end_bytes(self) -> int:
        """Return how long a plain archive with these members is at least."""
        if not self._members or self.path.suffix != ".tar":
            return 0
        last = self._members[-1]
        blocks = -(-last.size // tarfile.BLOCKSIZE)
        return last.offset_data + (blocks + 2) * tarfile.BLOCKSIZE

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        tar, self._tar = getattr(self, "_tar", None), None
        if tar is not None:
            tar.close()

    def __del__(self) -> None:
        self.close()
