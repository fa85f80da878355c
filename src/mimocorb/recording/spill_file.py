"""Spill files: events that could not be processed in time, kept whole to be processed later.

A spill file is a zip archive without compression. ``index.json`` says what it holds; every other
member is a segment of a recording, see :mod:`mimocorb.recording.messages`, with events of one
buffer that were due to one worker. It appears under its name only when it is complete. Version 1
had arrays of NumPy in the place of segments.
"""

from __future__ import annotations

import json
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from mimocorb._closing import Closing
from mimocorb._files import open_regular
from mimocorb.errors import OutputError, SetupError
from mimocorb.recording.block import Block
from mimocorb.recording.old_spill import Form, events_of_array
from mimocorb.recording.segment_bytes import WholeSegments
from mimocorb.recording.segments import Segment
from mimocorb.recording.spill_place import partial_of
from mimocorb.recording.spilled_rows import block_of_rows

__all__ = [
    "SpillFile",
    "SpillIndex",
    "SpilledGroup",
    "read_index",
    "spilled_events",
    "validated",
]

_T = TypeVar("_T")

FORMAT = "mimocorb spill"
VERSION = 2
OLD_VERSION = 1
INDEX = "index.json"


@dataclass
class SpilledGroup:
    """Events that one worker did not get to process.

    Parameters
    ----------
    buffer
        The buffer they were in.
    worker
        The worker they were due to, by its name in the set-up.
    events
        How many.
    members
        The arrays that hold them, in the order of the events.
    sequences
        First and last publish number.
    """

    buffer: str
    worker: str
    events: int
    members: list[str]
    sequences: tuple[int, int]


@dataclass
class SpillIndex:
    """What a spill file holds.

    Parameters
    ----------
    setup
        Name of the set-up file of the run, which lies in the same directory.
    settings
        What was set on the command line besides, such as ``--set runevents=500``.
    groups
        The events.
    replay_of
        Directory of the run whose events the run replayed; empty if it took its own.
    """

    setup: str
    settings: list[str]
    groups: list[SpilledGroup]
    replay_of: str = ""


class SpillFile(Closing):
    """A spill file that is being written.

    Parameters
    ----------
    path
        Its name, ending in ``.zip``; there must be no such file yet.
    setup, settings, replay_of
        As in :class:`SpillIndex`.

    Raises
    ------
    OutputError
        It exists, or cannot be made.
    """

    def __init__(
        self, path: Path, setup: str, settings: Sequence[str] = (), replay_of: str = ""
    ) -> None:
        self.path = path
        self._setup = setup
        self._settings = settings
        self._replay_of = replay_of
        self._partial = partial_of(path)
        self._groups: dict[tuple[str, str], SpilledGroup] = {}
        if path.exists():
            raise OutputError(f"{path} exists already; it is not overwritten")
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC  # with the room that it has
        try:
            self._file = os.fdopen(os.open(self._partial, flags, 0o644), "r+b")
            self._zip = zipfile.ZipFile(self._file, "w")
        except OSError as error:
            raise self._failed(error) from error

    def add(self, buffer: str, worker: str, events: NDArray[Any]) -> None:
        """Write some events of a buffer that are due to a worker, at least one.

        Raises
        ------
        OutputError
            They could not be written; the file keeps what it had.
        """
        numbers = (int(events["sequence"][0]), int(events["sequence"][-1]))
        empty = SpilledGroup(buffer, worker, 0, [], numbers)
        group = self._groups.get((buffer, worker), empty)
        number = f"{len(self._groups):03d}" if group is empty else group.members[0][:3]
        member = f"{number}_{len(group.members):06d}.arrows"
        kind, shape = events.dtype["data"].subdtype or (events.dtype["data"], (1,))
        setup = {
            "name": buffer,
            "dtype": kind,
            "values_per_slot": shape[0],
            "variable": "length" in (events.dtype.names or ()),
        }
        try:
            with self._zip.open(member, "w", force_zip64=True) as file:
                segments = WholeSegments(f"{buffer}.{worker}", setup)
                file.write(segments.of(block_of_rows(events)))
        except OSError as error:
            raise self._failed(error) from error
        group.events += len(events)
        group.members.append(member)
        group.sequences = (min(group.sequences[0], numbers[0]), max(*group.sequences, numbers[1]))
        self._groups[buffer, worker] = group

    def close(self) -> None:
        """Write the index, bring all to the disk, and give the file its name. Idempotent.

        Raises
        ------
        OutputError
            That was not possible; nothing is left of it, as without an index nobody can read it.
        """
        if self._zip.fp is None:
            return
        groups = list(self._groups.values())
        index = SpillIndex(self._setup, list(self._settings), groups, self._replay_of)
        text = json.dumps({"format": FORMAT, "version": VERSION, **asdict(index)}, indent=2)
        try:
            self._zip.writestr(INDEX, text)
            self._zip.close()
            self._file.truncate()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._partial.rename(self.path)
            self._file.close()
        except OSError as error:
            for undone in (self._zip.close, self._file.close, self._partial.unlink):
                with suppress(OSError):  # the first two try to write what is left once more
                    undone()
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write {self.path}: {error.strerror or error}")


def read_index(path: Path) -> SpillIndex:
    """Return what a spill file holds.

    Raises
    ------
    SetupError
        There is no such file, or it is not a whole spill file of this version.
    """
    try:
        with _opened(path) as archive, archive.open(_member(archive, INDEX)) as file:
            index = json.load(file)
    except FileNotFoundError as error:
        raise SetupError(f"there is no spill file {path}") from error
    except _DAMAGE as error:
        raise SetupError(f"{path} is not a whole spill file: {_reason(error)}") from error
    found = index if isinstance(index, dict) else {}
    if found.get("format") != FORMAT or found.get("version") not in (OLD_VERSION, VERSION):
        raise SetupError(
            f"{path} has to be a {FORMAT!r} of version {OLD_VERSION} or {VERSION}, found "
            f"{repr(found.get('format'))[:40]} of version {repr(found.get('version'))[:40]}; use "
            "the mimocorb that wrote it"
        )
    return validated(path, SpillIndex, index)


def validated(path: Path, kind: type[_T], content: object) -> _T:
    """Return what was read from a file as an object of its kind; SetupError if it is none."""
    from pydantic import TypeAdapter, ValidationError  # who writes such files does without

    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SetupError(f"{path} is damaged: {place}: {first['msg']}") from error


def spilled_events(
    path: Path, buffer: str, worker: str, form: Form | None = None
) -> Iterator[Block]:
    """Yield the events of a buffer that were due to a worker, block by block.

    Parameters
    ----------
    path
        The spill file.
    buffer, worker
        As in its index.
    form
        dtype and values_per_slot of the buffer, and whether events may be shorter; None: whatever
        the file has.

    Raises
    ------
    SetupError
        The file is damaged: the events before have been yielded, and are whole.
    """
    groups = read_index(path).groups
    members = [m for g in groups if (g.buffer, g.worker) == (buffer, worker) for m in g.members]
    with _opened(path) as archive:
        for member in members:
            try:
                blocks = list(_blocks_of(path, archive, member, form))
            except _DAMAGE as error:
                raise SetupError(f"{path} is damaged in {member}: {_reason(error)}") from error
            yield from blocks


_DAMAGE = (
    *(OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError, NotImplementedError),
    *(SyntaxError, TypeError, RecursionError, MemoryError, zlib.error, tokenize.TokenError),
)
"""What the libraries raise for damaged files, each for its kind of damage."""


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return f"{type(error).__name__}: {text[:200]}"


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        yield archive


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Find a member; it is as long as it says, as spill files are not compressed."""
    found = archive.getinfo(name)
    if found.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    return found


def _blocks_of(
    path: Path,
    archive: zipfile.ZipFile,
    member: str,
    form: Form | None,
) -> Iterator[Block]:
    info = _member(archive, member)
    if member.endswith(".npy"):
        yield events_of_array(archive, info, form)
        return
    with Segment(path, (_begin_of(archive, info), info.file_size)) as segment:
        found = segment.dtype, segment.values_per_slot, segment.variable
        if form is not None and found != form:
            raise ValueError(f"it holds {str(found)[:200]}, the buffer takes {form}")
        for sentence in segment.damage():
            raise ValueError(sentence)
        for batch in segment.batches:
            yield segment.read_batch(batch)


def _begin_of(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Return where the bytes of a member begin, which are as they were written."""
    with archive.open(info):  # looks whether there is a header that belongs to it
        pass
    file = archive.fp
    assert file is not None
    file.seek(info.header_offset + _LENGTHS_AT)
    name_bytes, more_bytes = _LENGTHS.unpack(file.read(_LENGTHS.size))
    begin: int = info.header_offset + _LENGTHS_AT + _LENGTHS.size + name_bytes + more_bytes
    return begin


_LENGTHS_AT = 26
_LENGTHS = struct.Struct("<HH")
