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
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from mimocorb._closing import Completing
from mimocorb._kernels import crc32c
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.errors import DamagedFile, OutputError, SetupError
from mimocorb.recording.arrays import Arrays, arrays_of, checksum
from mimocorb.recording.block import Block, Data, are_ours, notes_of
from mimocorb.recording.columns import Columns
from mimocorb.recording.formats import EventFile, FileFormat, reading
from mimocorb.recording.provenance import described, this_run
from mimocorb.recording.read_whole_file import FORMAT, VERSION, Container, WholeFile

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

__all__ = ["Target", "WholeFileFormat", "WholeFileWriter"]

UNFINISHED = ".part"

_BLOCK_BYTES = 4 << 20


class Target(Protocol):
    """A container that is being written."""

    def write(self, arrays: Arrays) -> None:
        """Append to each column."""

    def finish(self, description: str) -> None:
        """Add the description, and close."""

    def abandon(self) -> None:
        """Close as it is. Idempotent."""


class WholeFileFormat(FileFormat):
    """What the formats of this kind share; each says how its container is written and read."""

    needs: tuple[str, ...] = ()
    """Packages that are not always installed, the first of them named as its extra is."""
    extra = ""
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

    def check(self, buffer: Mapping[str, Any] | None = None) -> None:
        """Raise a SetupError if a package is missing that it needs; imports nothing."""
        del buffer  # it holds events of any kind
        missing = [each for each in self.needs if find_spec(each) is None]
        if missing:
            raise SetupError(
                f"{self.name} files need {' and '.join(missing)}, which"
                f" {'is' if len(missing) == 1 else 'are'} not installed:"
                f' pip install "mimocorb[{self.extra}]"'
            )

    # --- as a format

    def open(self, path: Path) -> EventFile:
        """Open a file, one of ours or one of others."""
        self.check()
        container = reading(path, lambda: self.container(path))
        if container.description is None:
            container.close()
            if are_ours(container.names):
                raise DamagedFile(f"{path}: the description of what is in it is missing")
            return reading(path, lambda: self.open_foreign(path))
        return WholeFile(path, container)

    def create(
        self,
        directory: Path,
        name: str,
        buffer: Mapping[str, Any],
        about: Mapping[str, Any],
        **options: Any,
    ) -> WholeFileWriter:
        """Begin a file; it is there when it is closed."""
        self.check()
        return WholeFileWriter(self, directory, name, buffer, about, options)


class WholeFileWriter(Completing):
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
        self.path = directory / f"{name}{format_.endings[0]}"
        self._unfinished = self.path.with_name(self.path.name + UNFINISHED)
        if self.path.exists() or self.path.is_symlink():
            raise OutputError(f"{self.path} exists already and is not overwritten")
        self._buffer = buffer
        self._about = dict(about)
        options = {"compression": format_.compressions[0], **options}
        self._columns = Columns(
            buffer["dtype"],
            buffer["values_per_slot"],
            self._about,
            variable=buffer.get("variable", False),
        )
        self._blocks: list[tuple[int, int, list[str] | None]] = []
        self._notes: list[str] = []
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

    def append(self, events: Data, metadata: BatchMetadata) -> None:
        """Append events."""
        if metadata.notes is not None or self._notes:
            before = [""] * (sum(each.num_rows for each in self._waiting) - len(self._notes))
            self._notes += [*before, *notes_of(metadata).tolist()]
        batch = self._columns.batch(Block(events, metadata))
        self._waiting.append(batch)
        self._waiting_bytes += batch.nbytes
        self.event_count += len(events)
        if self._waiting_bytes >= _BLOCK_BYTES:
            self._write_block()

    def _write_block(self) -> None:
        import pyarrow as pa

        (batch,) = pa.Table.from_batches(self._waiting).combine_chunks().to_batches()
        notes = self._notes or None
        self._waiting, self._waiting_bytes, self._notes = [], 0, []
        arrays = arrays_of(batch)
        self._blocks.append((batch.num_rows, checksum(arrays), notes))
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

    def _description(self) -> str:
        about = {
            "format": FORMAT,
            "version": VERSION,
            **described(self._buffer, self._about, self._run),
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
