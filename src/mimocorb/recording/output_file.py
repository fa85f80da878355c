"""Files of whole records in the run directory.

What is true of such a file at every moment, also after a kill or on a full disk:

I1  it holds whole records only: all of every :meth:`OutputFile.append` that returned, and perhaps
    the first few, complete, of one that did not;
I2  it lies in its directory: names are checked, links are not followed;
I3  it has not replaced another file. A process that takes the place of one that has failed goes on
    in a file of its own: ``decays_2.txt`` behind ``decays.txt``;
I4  it is there: deleted, it is put back to its place; changed by somebody else, it is not written
    any more.

On a full disk the run waits for room, see :mod:`mimocorb.components.room`.

Records go to the operating system in :meth:`~OutputFile.append`, so a kill of the process loses
none that was appended; the end of the file reaches the disk in :meth:`~OutputFile.close`.

A kill ends a write at the next boundary of a page of memory, at which Linux looks for signals.
Records without a header are therefore written in pieces that begin where a record begins, and
reach over such a boundary with their first record only: whatever else a piece holds, it is either
written or not. A record that lies across a boundary can be cut by a kill in the very microsecond in
which it is written; no way of writing prevents that.
"""

from __future__ import annotations

import logging
import mmap
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mimocorb._closing import Closing
from mimocorb._words import how_many
from mimocorb.components.room import when_there_is_room
from mimocorb.components.worker import current_worker
from mimocorb.errors import OutputError, SetupError

__all__ = ["OutputFile", "as_file_name", "check_columns", "checked_name"]

logger = logging.getLogger(__name__)

_COPY_BYTES = 1 << 20
_MOST_PARTS = 1000
"""In one call; Linux takes 1024."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")

T = TypeVar("T")
Bytes = bytes | memoryview


def checked_name(owner: str, name: Any, key: str = "filename") -> str:
    """Return the file name from a configuration; refuse a missing one and any path."""
    if name is None:
        raise SetupError(f"{owner} needs the configuration key {key!r}, the name of its file.")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.strip(".") == "":
        raise SetupError(
            f"{owner}: {key} is {name!r}. A file name has 1 to 64 letters, digits, dots,"
            " underscores and hyphens, and no path: files are written into the run directory."
        )
    return name


def as_file_name(name: str) -> str:
    """Return a name of a set-up as a part of the name of a file in the directory of a run."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:48].lstrip(".") or "_"


def check_columns(owner: str, key: str, given: object, columns: Sequence[str]) -> None:
    """Refuse a value that is no mapping of columns of a file to something."""
    if not isinstance(given, Mapping):
        raise SetupError(
            f"{owner}: {key} is {given!r}. Write a mapping of columns, which are"
            f" {', '.join(columns)}."
        )
    unknown = [str(name) for name in given if name not in columns]
    if unknown:
        raise SetupError(
            f"{owner}: {key} names {', '.join(unknown)}, but the columns are {', '.join(columns)}."
        )


class OutputFile(Closing):
    """A new file that grows record by record.

    Parameters
    ----------
    directory
        An existing directory.
    name
        File name, already checked; see I3 for what becomes of it after a restart.
    heading
        Written at the beginning; not counted as a record.
    least_bytes
        As long as there are fewer records, zeros follow up to this size.
    waits
        Whether the run waits for a full disk.
    of_the_attempt
        Whether the name gets the number of the process, see I3; else it has one already.

    Raises
    ------
    OutputError
        The file exists, or cannot be created.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        heading: bytes = b"",
        *,
        least_bytes: int = 0,
        waits: bool = True,
        of_the_attempt: bool = True,
    ) -> None:
        self.path = directory / name
        if of_the_attempt:
            self.path = _of_this_process(self.path)
        self.records = 0
        self.size_bytes = 0
        self._least_bytes = least_bytes
        self._waits = waits
        self._fd = -1
        self._make()
        self._cut_back()
        if heading:
            self.append([heading])
            self.records = 0

    @property
    def descriptor(self) -> int:
        """The open file, to bring it to the disk."""
        return self._fd

    def _make(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._fd = self._try(lambda: os.open(self.path, flags, 0o644))
        except FileExistsError as error:
            raise _output_error(
                f"{self.path} exists already and is not overwritten. Choose another filename, or"
                " another run directory; each process needs a file of its own.",
                error,
            ) from None
        except OSError as error:
            raise _output_error(f"cannot create {self.path}: {error.strerror}", error) from error

    def _try(self, attempt: Callable[[], T]) -> T:
        return when_there_is_room(attempt, self.path.name) if self._waits else attempt()

    def replace_heading(self, heading: bytes) -> None:
        """Write another heading, no shorter, in place of that of a file without records.

        Raises
        ------
        OutputError
            It could not be written; a part of it may be there.
        """
        if self.records:
            raise ValueError(f"{self.path} has records, so its heading stays")
        self._extend([(0, [heading])], 0)

    def append(self, records: Sequence[bytes]) -> None:
        """Append records, all or none.

        Raises
        ------
        OutputError
            They could not be written; the file was cut back to where it was.
        """
        self._extend(_pieces(records, self.size_bytes), len(records))

    def append_behind_header(self, header: bytes, rest: Sequence[Bytes], count: int) -> None:
        """Append `count` records, of which the header of the first is written last.

        A kill in between leaves zeros in the place of the header.

        Parameters
        ----------
        header
            How the first record begins.
        rest
            Everything behind, that is the body of the first record and further records, in pieces.
        count
            Number of records.

        Raises
        ------
        OutputError
            They could not be written; the file was cut back to where it was.
        """
        start = self.size_bytes
        self._extend(((start + len(header), rest), (start, [header])), count)

    def _extend(self, pieces: Iterable[tuple[int, Sequence[Bytes]]], count: int) -> None:
        all_pieces = list(pieces)
        self._look_whether_it_is_ours()
        try:
            self._try(lambda: self._write_all(all_pieces))
        except OSError as error:
            raise _output_error(
                f"cannot write {_records(count)} to {self.path}: {error.strerror}. The file keeps"
                f" its {how_many(self.records, 'whole record')} ({self.size_bytes} bytes). Make"
                " room, or write to another disk, and start a new run.",
                error,
            ) from error
        self.size_bytes = max(offset + sum(map(len, parts)) for offset, parts in all_pieces)
        self.records += count

    def _write_all(self, pieces: Iterable[tuple[int, Sequence[Bytes]]]) -> None:
        """Write these pieces, or leave the file as it was."""
        try:
            for offset, parts in pieces:
                self._write_at(offset, parts)
        except BaseException:  # also if it is interrupted: then the events are given back
            self._cut_back()
            raise

    def _look_whether_it_is_ours(self) -> None:
        """Put the file back to its place if it was deleted; fail if somebody else changed it.

        A file that was given another name is still written: its data are there.
        """
        found = os.fstat(self._fd)
        expected_bytes = max(self.size_bytes, self._least_bytes)
        if found.st_size != expected_bytes:
            raise OutputError(
                f"{self.path} was changed by somebody else: it has {found.st_size} bytes instead"
                f" of {expected_bytes}, so that some of its {how_many(self.records, 'record')} may"
                " be gone. Only one worker may write a file, and nobody else while a run goes on."
            )
        if found.st_nlink == 0:
            self._restore()

    def _restore(self) -> None:
        """Copy what was deleted, and is still there for whoever has it open, to its place."""
        deleted, name = self._fd, self.path.name
        if self.path.exists():  # it is another one by now
            self.path = self.path.with_stem(f"{self.path.stem}_recovered")
        self._make()
        try:
            self._try(lambda: self._copy_from(deleted))
        finally:
            os.close(deleted)
        logger.warning(
            "%s was deleted or replaced while it was written; its %s so far: put back into %s",
            name,
            how_many(self.records, "record"),
            self.path.name,
        )

    def _copy_from(self, descriptor: int) -> None:
        os.ftruncate(self._fd, 0)
        offset, size = 0, max(self.size_bytes, self._least_bytes)
        while offset < size:
            self._write_at(offset, [os.pread(descriptor, _COPY_BYTES, offset)])
            offset = min(size, offset + _COPY_BYTES)
        os.fsync(self._fd)  # what was known to be on the disk was so in the file that is gone

    def _write_at(self, offset: int, parts: Sequence[Bytes]) -> None:
        """Write these parts, one behind the other; nothing is copied to join them."""
        left: list[Bytes] = [part for part in parts if len(part)]
        while left:
            written = os.pwritev(self._fd, left[:_MOST_PARTS], offset)
            offset += written
            while left and written >= len(left[0]):
                written -= len(left.pop(0))
            if (
                written
            ):  # a short write: the rest either fits now or raises the error that stopped it
                left[0] = memoryview(left[0])[written:]

    def _cut_back(self) -> None:
        """Leave what is in the file beside its whole records; zeros need no room on the disk."""
        os.ftruncate(self._fd, max(self.size_bytes, self._least_bytes))

    def close(self, trailer: bytes = b"", *, syncs: bool = True) -> None:
        """Append `trailer`, wait until all is on disk, and close. Idempotent.

        Parameters
        ----------
        trailer
            Behind the last record.
        syncs
            Whether it waits; else somebody else brings the file to the disk.

        Raises
        ------
        OutputError
            Not everything could be brought to the disk.
        """
        if self._fd < 0:
            return
        try:
            self._look_whether_it_is_ours()
            self._finish(trailer, syncs=syncs)
            if not self.path.exists():
                logger.warning("%s is not in its place any more: moved?", self.path.name)
        finally:
            os.close(self._fd)
            self._fd = -1

    def _finish(self, trailer: bytes, *, syncs: bool) -> None:
        try:
            if trailer:
                self._try(lambda: self._write_all([(self.size_bytes, [trailer])]))
            if syncs:
                os.fsync(self._fd)  # once: what it could not write is not known the next time
        except OSError as error:
            raise _output_error(f"cannot finish {self.path}: {error.strerror}", error) from error


def _of_this_process(path: Path) -> Path:
    attempt = current_worker().attempt
    return path if attempt == 1 else path.with_name(f"{path.stem}_{attempt}{path.suffix}")


def _pieces(records: Sequence[bytes], start: int) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Join records into pieces that cross a page boundary with their first record only."""
    piece: list[bytes] = []
    offset = end = start
    for record in records:
        if piece and end // mmap.PAGESIZE != (end + len(record) - 1) // mmap.PAGESIZE:
            yield offset, [b"".join(piece)]
            piece, offset = [], end
        piece.append(record)
        end += len(record)
    yield offset, [b"".join(piece)]


def _records(count: int) -> str:
    return "a record" if count == 1 else how_many(count, "record")


def _output_error(message: str, cause: OSError) -> OutputError:
    error = OutputError(message)
    error.errno = cause.errno
    return error
