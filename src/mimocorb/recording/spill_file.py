"""Spill files: events that could not be processed in time, kept whole to be processed later.

A spill file is a zip archive, which has a checksum for each member and which :func:`numpy.load`
opens. ``index.json`` says what it holds; every other member is an array of events, one row each,
with the fields of :func:`event_dtype`. It appears under its name only when it is complete.
"""

from __future__ import annotations

import json
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mimocorb._closing import Closing
from mimocorb._files import open_regular
from mimocorb.errors import OutputError, SetupError
from mimocorb.recording.spill_place import partial_of

__all__ = [
    "SpillFile",
    "SpillIndex",
    "SpilledGroup",
    "event_dtype",
    "read_index",
    "spilled_events",
    "validated",
]

_T = TypeVar("_T")

FORMAT = "mimocorb spill"
VERSION = 1
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


def event_dtype(dtype: np.dtype[Any], values_per_slot: int) -> np.dtype[Any]:
    """Return the type of a row: an event with its metadata.

    Fields are ``sequence`` (publish number), ``delivery`` (how often it had been handed out, this
    time included), ``counter``, ``timestamp`` (UTC, s), ``deadtime``, ``time_ns`` (whole ns; the
    least int64 if the event has none), ``may_repeat`` (whether what comes of it may be there
    already) and ``data``, the array of the slot.
    """
    return np.dtype(
        [
            ("sequence", "<i8"),
            ("delivery", "<i8"),
            ("counter", "<i8"),
            ("timestamp", "<f8"),
            ("deadtime", "<f8"),
            ("time_ns", "<i8"),
            ("may_repeat", "?"),
            ("data", dtype, (values_per_slot,)),
        ]
    )


class SpillFile(Closing):
    """A spill file that is being written.

    Parameters
    ----------
    path
        Its name, ending in ``.npz``; there must be no such file yet.
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
        member = f"{len(self._groups):03d}_{len(group.members):06d}.npy"
        if group is not empty:
            member = f"{group.members[0][:3]}_{len(group.members):06d}.npy"
        try:
            with self._zip.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, events, allow_pickle=False)
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
    if found.get("format") != FORMAT or found.get("version") != VERSION:
        raise SetupError(
            f"{path} has to be a {FORMAT!r} of version {VERSION}, found "
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
    path: Path, buffer: str, worker: str, dtype: np.dtype[Any] | None = None
) -> Iterator[NDArray[Any]]:
    """Yield the arrays of events of a buffer that were due to a worker.

    Parameters
    ----------
    path
        The spill file.
    buffer, worker
        As in its index.
    dtype
        What :func:`event_dtype` says for the buffer; None: whatever the file has.

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
                array = _events_of(archive, member, dtype)
            except _DAMAGE as error:
                raise SetupError(f"{path} is damaged in {member}: {_reason(error)}") from error
            yield array


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


def _events_of(archive: zipfile.ZipFile, member: str, dtype: np.dtype[Any] | None) -> NDArray[Any]:
    """Read an array, after a look whether it is one of events and as large as its member."""
    info = _member(archive, member)
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise ValueError(f"arrays of version {version} are not read")
        shape, _, found = read_header(file)
        names = event_dtype(np.dtype("u1"), 1).names or ()
        added = ("may_repeat", "time_ns")
        older = [tuple(n for n in names if n not in added[:count]) for count in range(3)]
        if found.names not in older or found.hasobject:
            raise ValueError(f"it holds {str(found)[:80]}, which are no events")
        if dtype is not None and any(found[name] != dtype[name] for name in found.names):
            raise ValueError(f"it holds {str(found)[:200]}, the buffer takes {dtype}")
        if len(shape) != 1 or shape[0] * found.itemsize != info.file_size - file.tell():
            raise ValueError(f"it has {info.file_size} bytes, which are not {shape} events")
    with archive.open(info) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        file.read()  # to the end, where the checksum is looked at
    return array
