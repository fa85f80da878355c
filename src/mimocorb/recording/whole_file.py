"""What Parquet, HDF5, ROOT and npz files have in common: columns, and a description with checksums.

Such a file is a container that other programs read. What makes it a file of events that prove
themselves is a text in it, the *description*: the dtype of the buffer, units and whatever else is
known of the data, from which run they are, and for each block how many events it has, and the
CRC-32C of its columns as they are in memory. So it does not matter what the container checks
itself: a block is given out only if its columns are those that were written.

The end of such a file holds its table of contents, so it is whole or it cannot be read. It is
written under another name, ``waveforms.parquet.part``, and gets its own when it is complete and on
the disk. A sink of a set-up that writes one keeps its events in a recording until the end, see
:mod:`mimocorb.recording.converted`.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from mimocorb._kernels import crc32c
from mimocorb.buffers.batch_metadata import NO_TIME, BatchMetadata
from mimocorb.errors import DamagedFile, OutputError, SetupError
from mimocorb.recording.block import PARTS, Block
from mimocorb.recording.columns import Columns, dtype_from_plain, dtype_to_plain
from mimocorb.recording.formats import EventFile, Joined, Part
from mimocorb.recording.write_recording import this_run

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

__all__ = [
    "DESCRIPTION",
    "Container",
    "Target",
    "WholeFile",
    "WholeFileFormat",
    "WholeFileWriter",
    "arrays_of",
    "batch_of",
]

DESCRIPTION = "mimocorb"
"""What the description is called in its container."""
UNFINISHED = ".part"

_FORMAT = "mimocorb blocks"
_VERSION = 1
_BLOCK_BYTES = 4 << 20
_ATTEMPT = re.compile(r"(.+)_(\d+)")
_OF_THE_FILE = ("run", "buffer", "began_utc_s", "versions")

T = TypeVar("T")
Arrays = Mapping[str, NDArray[Any]]


class Target(Protocol):
    """A container that is being written."""

    def write(self, arrays: Arrays) -> None:
        """Append to each column."""

    def finish(self, description: str) -> None:
        """Add the description, and close."""

    def abandon(self) -> None:
        """Close as it is. Idempotent."""


class Container(Protocol):
    """A container that is read."""

    description: str | None
    """None: it is none of ours."""
    names: Collection[str]
    """Of its columns."""

    def read(self, number: int, first: int, count: int) -> Arrays:
        """Return the columns of a block: its number, its first event, and how many it has."""

    def close(self) -> None:
        """Let go of the file. Idempotent."""


class WholeFileFormat:
    """What the formats of this kind share; each says how its container is written and read."""

    name = ""
    endings: tuple[str, ...] = ("",)
    """Of its files; the first is that of those which are written."""
    needs: tuple[str, ...] = ()
    """Packages that are not always installed, the first of them named as its extra is."""
    extra = ""
    compressions: tuple[str, ...] = ("none",)
    """What a file may be compressed with; the first is usual."""
    of_others = False
    cannot: Mapping[str, str] = {
        "grow": "it can be read when it is complete; until then, its events are in a recording",
        "kill": "its table of contents stands at the end; a sink keeps its events in a recording",
        "part": "a damaged table of contents makes all of it unreadable, which is said",
        "every bit": "a flipped bit that changes no event may not be told",
    }

    def target(self, path: Path, columns: Columns, about: Mapping[str, Any]) -> Target:
        """Begin a container, with `compression`, `units` and what else is known."""
        raise NotImplementedError

    def container(self, path: Path) -> Container:
        """Open a container; whatever it raises makes the file a damaged one."""
        raise NotImplementedError

    def open_foreign(self, path: Path) -> EventFile:
        """Open one that other programs have written."""
        raise NotImplementedError

    def begins_as_it_should(self, head: bytes) -> bool:
        """Whether the first bytes are those of the container."""
        raise NotImplementedError

    def check_packages(self) -> None:
        """Raise a SetupError if a package is missing that it needs; imports nothing."""
        missing = [each for each in self.needs if find_spec(each) is None]
        if missing:
            raise SetupError(
                f"{self.name} files need {' and '.join(missing)}, which"
                f" {'is' if len(missing) == 1 else 'are'} not installed:"
                f' pip install "mimocorb[{self.extra}]"'
            )

    @property
    def ending(self) -> str:
        """Of the files that are written."""
        return self.endings[0]

    # --- as a format

    def part(self, path: Path) -> Part | None:
        """Return which recording a file is."""
        ending = next((each for each in self.endings if path.name.lower().endswith(each)), None)
        if ending is None:
            return None
        with path.open("rb") as file:
            head = file.read(16)
        if not self.begins_as_it_should(head):
            return None
        name = path.name[: -len(ending)]
        later = _ATTEMPT.fullmatch(name)
        if later and path.with_name(f"{later[1]}{ending}").exists():
            return Part(later[1], int(later[2]))
        return Part(name, 1)

    def open(self, path: Path) -> EventFile:
        """Open a file, one of ours or one of others."""
        self.check_packages()
        container = reading(path, lambda: self.container(path))
        if container.description is None:
            container.close()
            if set(PARTS) <= set(container.names):
                raise DamagedFile(f"{path}: the description of what is in it is missing")
            return reading(path, lambda: self.open_foreign(path))
        return WholeFile(path, container)

    def join(self, files: Mapping[Path, EventFile]) -> EventFile:
        """Return several files as one."""
        return Joined(files) if len(files) > 1 else next(iter(files.values()))

    def create(
        self,
        directory: Path,
        name: str,
        buffer: Mapping[str, Any],
        about: Mapping[str, Any],
        **options: Any,
    ) -> WholeFileWriter:
        """Begin a file; it is there when it is closed."""
        self.check_packages()
        return WholeFileWriter(self, directory, name, buffer, about, options)


class WholeFileWriter:
    """A file that is there when it is complete.

    Parameters
    ----------
    format_
        How its container is written.
    directory, name
        Where it is made; its ending is that of the format.
    buffer
        Set-up dictionary of the buffer that the events come from.
    about
        What is known of the data besides.
    options
        For the container, such as the compression.

    Raises
    ------
    SetupError
        The format cannot hold these events, or does not know an option.
    OutputError
        There is such a file, or it cannot be created.
    """

    def __init__(  # noqa: PLR0917 - as `create` is called
        self,
        format_: WholeFileFormat,
        directory: Path,
        name: str,
        buffer: Mapping[str, Any],
        about: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> None:
        self.path = directory / f"{name}{format_.ending}"
        self._unfinished = self.path.with_name(self.path.name + UNFINISHED)
        if self.path.exists() or self.path.is_symlink():
            raise OutputError(f"{self.path} exists already and is not overwritten")
        self._buffer = buffer
        self._about = dict(about)
        options = {"compression": format_.compressions[0], **options}
        self._columns = Columns(
            buffer["dtype"], buffer["values_per_slot"], self._about.get("units") or {}
        )
        self._blocks: list[tuple[int, int]] = []
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = 0
        self._run = this_run(directory)
        self.event_count = 0
        with self._errors_are_told():
            self._new_file()
            self._target: Target | None = format_.target(
                self._unfinished, self._columns, {**self._about, **options}
            )

    def _new_file(self) -> None:
        """Make the place for the file; what was left unfinished there before is replaced."""
        self._unfinished.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(self._unfinished, flags, 0o644))

    def append(self, events: NDArray[Any], metadata: BatchMetadata) -> None:
        """Append events."""
        batch = self._columns.batch(Block(events, metadata))
        self._waiting.append(batch)
        self._waiting_bytes += batch.nbytes
        self.event_count += len(events)
        if self._waiting_bytes >= _BLOCK_BYTES:
            self._write_block()

    def _write_block(self) -> None:
        import pyarrow as pa

        joined = pa.Table.from_batches(self._waiting).combine_chunks().to_batches()
        self._waiting, self._waiting_bytes = [], 0
        for batch in joined:
            arrays = arrays_of(batch)
            self._blocks.append((batch.num_rows, checksum(arrays)))
            with self._errors_are_told():
                assert self._target is not None
                self._target.write(arrays)

    def close(self) -> None:
        """Complete the file, bring it to the disk, and give it its name. Idempotent."""
        if self._target is None:
            return
        if self._waiting:
            self._write_block()
        with self._errors_are_told():
            self._target.finish(self._description())
            self._target = None
            _to_disk(self._unfinished)
            os.link(self._unfinished, self.path)  # other than rename(), it replaces nothing
            self._unfinished.unlink()
            _to_disk(self.path.parent)

    def abandon(self) -> None:
        """Leave nothing of the file. Idempotent."""
        if self._target is not None:
            self._target.abandon()
            self._target = None
            self._unfinished.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _description(self) -> str:
        about = {
            "format": _FORMAT,
            "version": _VERSION,
            "run": self._run,
            "buffer": self._buffer.get("name", ""),
            "dtype": dtype_to_plain(self._columns.dtype),
            "values_per_slot": self._columns.values_per_slot,
            "began_utc_s": time.time(),
            "about": self._about,
            "versions": {name: version(name) for name in ("mimocorb", "numpy", "pyarrow")},
            "blocks": self._blocks,
        }
        text = json.dumps(about)
        return f"{crc32c(text.encode()):08x} {text}"

    def _errors_are_told(self) -> _ToldAsOutputError:
        return _ToldAsOutputError(self.path)


class _ToldAsOutputError:
    """Makes an OSError of a container one of ours."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, OSError) and not isinstance(error, OutputError):
            told = OutputError(f"cannot write {self._path}: {error.strerror or error}")
            told.errno = error.errno
            raise told from error


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- reading


class _Known(NamedTuple):
    count: int
    crc: int


class WholeFile:
    """A file with a description, read.

    Parameters
    ----------
    path
        The file.
    container
        What reads it.

    Raises
    ------
    DamagedFile
        The description is not what was written.
    """

    def __init__(self, path: Path, container: Container) -> None:
        self.path = path
        self._container = container
        try:
            about = _described(container.description or "")
            self.dtype = dtype_from_plain(about["dtype"])
            self.values_per_slot: int = about["values_per_slot"]
            self._blocks = [_Known(*each) for each in about["blocks"]]
            self.about: Mapping[str, Any] = {
                **about["about"],
                **{name: about[name] for name in _OF_THE_FILE},
            }
            self._columns = Columns(self.dtype, self.values_per_slot, self.about.get("units") or {})
        except Exception as error:
            container.close()
            raise DamagedFile(f"{path}: its description is damaged: {error}") from error
        self._firsts = np.cumsum([0, *(each.count for each in self._blocks)]).tolist()

    @property
    def counts(self) -> Sequence[int]:
        """How many events each block has."""
        return [each.count for each in self._blocks]

    def read_block(self, number: int) -> Block:
        """Return the events of a block; DamagedFile if they are not what was written."""
        known = self._blocks[number]
        first = self._firsts[number]
        arrays = reading(
            self.path,
            lambda: self._container.read(number, first, known.count),
            f"events {first} to {first + known.count - 1}",
        )
        names = self._columns.schema.names
        if (
            set(names) - set(arrays)
            or checksum({name: arrays[name] for name in names}) != known.crc
        ):
            raise DamagedFile(
                f"{self.path}: events {first} to {first + known.count - 1} are not what was written"
            )
        return self._columns.block(batch_of(arrays, self._columns.schema))

    def look_again(self) -> None:
        """Do nothing: a complete file does not grow."""

    def damage(self) -> Iterator[str]:
        """Yield which blocks are not what was written."""
        for number in range(len(self._blocks)):
            try:
                self.read_block(number)
            except DamagedFile as error:
                yield str(error).removeprefix(f"{self.path}: ")

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._container.close()


def _described(text: str) -> Mapping[str, Any]:
    crc, _, told = text.partition(" ")
    if int(crc, 16) != crc32c(told.encode()):
        raise ValueError("its checksum is another")
    about: Mapping[str, Any] = json.loads(told)
    if about["format"] != _FORMAT or about["version"] != _VERSION:
        raise ValueError(f"it is {about['format']} of version {about['version']}")
    return about


def reading(path: Path, read: Callable[[], T], what: str = "it") -> T:
    """Return what a library reads; whatever it raises for damaged bytes is a DamagedFile."""
    try:
        return read()
    except (DamagedFile, SetupError):
        raise
    except MemoryError as error:
        raise DamagedFile(f"{path}: {what} cannot be read: lengths make no sense") from error
    except Exception as error:  # of a decoder in another language, for bytes that make no sense
        why = str(error).partition("\n")[0] or type(error).__name__
        raise DamagedFile(f"{path}: {what} cannot be read: {why}") from error


# --- columns as arrays


def arrays_of(batch: pa.RecordBatch) -> dict[str, NDArray[Any]]:
    """Return the columns of a batch as arrays of numbers, one row for each event.

    What is not known of an event is NO_TIME; what Arrow holds as bytes is a matrix of bytes.
    """
    return {
        field.name: _array(column, batch.num_rows)
        for field, column in zip(batch.schema, batch.columns, strict=True)
    }


def _array(column: pa.Array, count: int) -> NDArray[Any]:
    import pyarrow as pa

    numbers = 1
    if pa.types.is_fixed_size_list(column.type):
        numbers, column = column.type.list_size, column.flatten()
    if pa.types.is_fixed_size_binary(column.type):
        width = column.type.byte_width
        raw = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * width :]
        return raw[: count * numbers * width].reshape(count, numbers * width)
    if pa.types.is_boolean(column.type):
        flat = column.to_numpy(zero_copy_only=False)
    else:
        flat = (column.fill_null(NO_TIME) if column.null_count else column).to_numpy()
    values: NDArray[Any] = flat.reshape(count) if numbers == 1 else flat.reshape(count, numbers)
    return values


def batch_of(arrays: Arrays, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch that :func:`arrays_of` has taken apart."""
    import pyarrow as pa

    columns = []
    for field in schema:
        flat = np.ascontiguousarray(arrays[field.name]).reshape(-1)
        kind, numbers = field.type, 1
        if pa.types.is_fixed_size_list(kind):
            numbers, kind = kind.list_size, kind.value_type
        if pa.types.is_fixed_size_binary(kind):
            values = pa.Array.from_buffers(
                kind, flat.size // kind.byte_width, [None, pa.py_buffer(flat.view(np.uint8))]
            )
        elif field.nullable and field.name in PARTS:
            values = pa.array(flat, kind, mask=flat == NO_TIME)
        else:
            values = pa.array(flat, kind)
        if numbers != 1:
            values = pa.FixedSizeListArray.from_arrays(values, type=field.type)
        columns.append(values)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def checksum(arrays: Arrays) -> int:
    """Return the CRC-32C of columns, as they are in memory, one behind the other."""
    crc = 0
    for name, values in arrays.items():
        crc = crc32c(name.encode(), crc)
        little = values.dtype.newbyteorder("<")
        crc = crc32c(np.ascontiguousarray(values, little).view(np.uint8).reshape(-1), crc)
    return crc
