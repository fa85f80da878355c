"""Read archives of events again: those of ``parquet_tar``, and those of mimoCoRB 1.0 to 1.0.2.

Both are tar files with one Parquet file for each event, one column per channel and one row per
sample. Ours tell counter, timestamp and dead time in each of these files; of mimoCoRB's, the number
in the name of a member, ``pulses_17.parquet``, is all that is known of an event.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mimocorb._files import open_regular
from mimocorb.errors import SetupError
from mimocorb.recording.channel_notes import read_notes

__all__ = [
    "ArchivedEvent",
    "archived_events",
    "check_end",
    "event_of_member",
]

LARGEST_EVENT_BYTES = 1 << 30
_OF_OTHERS = (b"pandas", b"ARROW:schema")
_MEMBER = re.compile(r"_(\d+)(?:\.\d+)?\.parquet$")


class ArchivedEvent(NamedTuple):
    """One event of an archive."""

    data: dict[str, NDArray[Any]]
    """The samples of each channel, in the order of the file."""
    metadata: dict[str, float]
    """``counter``, ``timestamp`` and ``deadtime``, as far as the archive tells them."""
    member: str
    """Name of the Parquet file in the archive."""
    about: dict[str, Any]
    """What else is noted with it, such as ``sample_time_ns``."""


def archived_events(archive: Path) -> Iterator[ArchivedEvent]:
    """Yield the events of an archive, in the order in which they were written.

    An archive that ends in the middle of an event, as mimoCoRB leaves it when it is killed, is read
    up to there, and that is an error.

    Raises
    ------
    SetupError
        It cannot be read, or something in it is no event.
    """
    member: tarfile.TarInfo | None = None
    try:
        with open_regular(archive) as file, tarfile.open(fileobj=file) as content:
            for member in content:
                if member.isfile():
                    yield event_of_member(content, member)
            check_end(content, member)
    except FileNotFoundError:
        raise SetupError(f"there is no archive {archive}") from None
    except (OSError, EOFError, tarfile.TarError) as error:
        behind = f" behind {member.name}" if member is not None else ""
        why = str(error).partition(":\n")[0] or type(error).__name__
        raise SetupError(
            f"{archive} cannot be read{behind}: {why}; it is to be a tar file with one Parquet file"
            " for each event"
        ) from error


def check_end(content: tarfile.TarFile, last: tarfile.TarInfo | None) -> None:
    """Look whether an archive ends behind its last member.

    Python takes a damaged header for the end.

    Raises
    ------
    tarfile.ReadError
        Something else follows.
    """
    if last is None or content.fileobj is None:
        return
    blocks = -(-last.size // tarfile.BLOCKSIZE)
    end = last.offset_data + blocks * tarfile.BLOCKSIZE
    content.fileobj.seek(end)
    if any(content.fileobj.read(tarfile.BLOCKSIZE)):
        raise tarfile.ReadError(f"what follows at byte {end} is damaged")


def event_of_member(content: tarfile.TarFile, member: tarfile.TarInfo) -> ArchivedEvent:
    """Return the event of one file of an archive.

    Raises
    ------
    SetupError
        It is no event.
    EOFError
        The archive ends in it.
    """
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    if member.size > LARGEST_EVENT_BYTES:
        raise EOFError(f"{member.name} has {member.size} bytes, more than an event may have")
    file = content.extractfile(member)
    raw = file.read() if file is not None else b""
    if len(raw) < member.size:
        raise EOFError(f"{member.name} ends after {len(raw)} of {member.size} bytes")
    try:
        # by this thread alone: Arrow's threads may abort a process that ends soon after
        parquet = pq.ParquetFile(pa.BufferReader(raw), page_checksum_verification=True)
        table = parquet.read(use_threads=False)
        columns = [name for name in table.column_names if not name.startswith("__index_level_")]
        data = {name: _array(table[name], table.schema.field(name)) for name in columns}
    except Exception as error:  # of Arrow's decoder, and of Python's: whatever damaged bytes give
        raise SetupError(f"{member.name} of the archive is no Parquet file: {error}") from error
    notes = table.schema.metadata or {}
    metadata = _metadata(notes, member)
    told = {
        name.decode("utf-8", "replace"): text.decode("utf-8", "replace")
        for name, text in notes.items()
        if name not in _OF_OTHERS
    }
    about: dict[str, Any] = {name: text for name, text in told.items() if name not in metadata}
    about |= read_notes({name: table.schema.field(name).metadata for name in data})
    return ArchivedEvent(data, metadata, member.name, about)


def _array(column: Any, field: Any) -> NDArray[Any]:
    """Return the samples of a column; of one with lists, a row of numbers for each."""
    array: NDArray[Any] = column.to_numpy()
    if dtype := (field.metadata or {}).get(b"dtype"):  # of texts, which have no length in Arrow
        return np.array(array.tolist(), dtype.decode())
    if not len(array):  # for NumPy an array of anything, as there are no numbers to look at
        kind: Any = field.type
        each: tuple[int, ...] = ()
        if hasattr(kind, "list_size"):
            kind, each = kind.value_type, (kind.list_size,)
        return np.empty((0, *each), kind.to_pandas_dtype())
    return np.stack(list(array)) if array.dtype == object else array


def _metadata(notes: Mapping[bytes, bytes], member: tarfile.TarInfo) -> dict[str, float]:
    kinds = {"counter": int, "timestamp": float, "deadtime": float, "time_ns": int}
    try:
        found: dict[str, float] = {
            name: kind(notes[name.encode()])
            for name, kind in kinds.items()
            if name.encode() in notes
        }
    except ValueError as error:
        raise SetupError(f"the metadata of {member.name} are no numbers: {error}") from None
    numbered = _MEMBER.search(member.name)
    if "counter" not in found and numbered:
        found["counter"] = int(numbered[1])
    return found
