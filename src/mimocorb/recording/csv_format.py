"""CSV: a row of numbers for each event, for spreadsheets and every other program.

The first line is a comment that tells the dtype of each column, units and the run; then come the
names of the columns, quoted where they have to be, and a row for each event. The last line is a
comment again, with the number of events and a CRC-32C for each 1024 rows: with it, what is given
back is what was written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._closing import Completing
from mimocorb._kernels import crc32c
from mimocorb._words import how_many
from mimocorb.buffers.batch_metadata import NO_TIME, BatchMetadata
from mimocorb.errors import DamagedFile, SetupError
from mimocorb.recording.block import Block, metadata_from_parts
from mimocorb.recording.formats import EventFile, FileFormat
from mimocorb.recording.output_file import OutputFile
from mimocorb.recording.plain_dtype import dtype_from_plain
from mimocorb.recording.provenance import about_of, described, this_run

__all__ = ["CSV", "METADATA", "SEPARATORS", "CsvTable", "check_numbers", "fields_of"]

_BEGIN = b"# mimocorb csv "
_END = b"# end "
_VERSION = 1
_ROWS = 1024
"""Of a block, which has a checksum of its own."""
METADATA = ("counter", "timestamp", "deadtime", "time_ns", "may_repeat")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_LONGEST_HEADING = 1 << 20


class CsvFormat(FileFormat):
    """A row of numbers for each event, separated by commas, with a checksum for each 1024 rows."""

    name = "csv"
    endings = (".csv",)
    magic = _BEGIN
    cannot: Mapping[str, str] = {
        "lengths": "it has a row for each event, and the same columns in each row",
        "notes": "it has no place for them",
        "part": "a damaged row takes 1024 with it, a damaged first line all of them, which is said",
    }

    def check(self, buffer: Mapping[str, Any]) -> None:
        """Raise a SetupError if the events of a buffer are no rows of numbers."""
        check_numbers(self.name, buffer)

    def open(self, path: Path) -> EventFile:
        """Open a table."""
        return CsvFile(path)

    def create(
        self,
        directory: Path,
        name: str,
        buffer: Mapping[str, Any],
        about: Mapping[str, Any],
        **options: Any,
    ) -> CsvTable:
        """Make a table."""
        return CsvTable(self.name, directory, f"{name}.csv", buffer, about, **options)


CSV = CsvFormat()


def fields_of(dtype: np.dtype[Any]) -> list[tuple[str, np.dtype[Any]]]:
    """Return the fields of records with their types; ``value`` is the one that has no name."""
    return [(name, dtype[name]) for name in dtype.names] if dtype.names else [("value", dtype)]


def check_numbers(owner: str, buffer: Mapping[str, Any]) -> None:
    """Raise a SetupError if the events of a buffer are no rows of numbers."""
    name, dtype = buffer.get("name", "the buffer"), buffer["dtype"]
    if buffer["values_per_slot"] != 1:
        most = " up to" if buffer.get("variable") else ""
        raise SetupError(
            f"{owner} writes one row per event, but {name} has{most}"
            f" {how_many(buffer['values_per_slot'], 'value')} per slot: save whole events with"
            " record or parquet"
        )
    for column, field in fields_of(dtype):
        if field.shape or field.kind not in "biuf" or field.itemsize > 8:
            raise SetupError(
                f"{owner} writes one number per column, but field {column!r} of {name} is {field}:"
                " save such events with record or parquet"
            )
    if dtype.shape:
        raise SetupError(f"{owner} writes one number per column, but an event of {name} is {dtype}")


class CsvTable(Completing):
    """A file with one row for each event, being written.

    Parameters
    ----------
    owner
        Named in messages.
    directory, name
        Where the file is made; it must not exist.
    buffer
        Set-up dictionary of a buffer with one value per slot and numbers in its fields.
    about
        What is known of the data besides.
    separator
        What stands between two columns.
    decimal_comma
        Whether numbers have a decimal comma.
    """

    def __init__(
        self,
        owner: str,
        directory: Path,
        name: str,
        buffer: Mapping[str, Any],
        about: Mapping[str, Any] | None = None,
        *,
        separator: str = ",",
        decimal_comma: bool = False,
    ) -> None:
        check_numbers(owner, buffer)
        if decimal_comma and separator == ",":
            raise SetupError(f"{owner}: decimal commas need another separator than a comma")
        self._separator, self._decimal_comma = separator, decimal_comma
        self._dtype = buffer["dtype"]
        known = described(buffer, about or {}, this_run(directory))
        known |= {"separator": separator, "decimal_comma": decimal_comma}
        names = [*METADATA, *(field for field, _ in fields_of(self._dtype))]
        heading = separator.join(_quoted(each, separator) for each in _free(names))
        text = json.dumps(known)
        lines = f"{_BEGIN.decode()}{_VERSION} {_crc(text)} {text}\n{heading}\n"
        self._file = OutputFile(directory, name, lines.encode())
        self._heading_crc = crc32c(lines.encode())
        self.path = self._file.path
        self._crcs: list[int] = []
        self._crc, self._rows = 0, 0

    @property
    def event_count(self) -> int:
        """Number of rows written."""
        return self._file.records

    def append(self, events: Any, metadata: BatchMetadata) -> None:
        """Append events of shape ``(k, 1)`` with their metadata, all or none."""
        rows = [f"{row}\n".encode() for row in self._texts(events, metadata)]
        self._file.append(rows)
        for row in rows:
            self._crc = crc32c(row, self._crc)
            self._rows += 1
            if self._rows == _ROWS:
                self._crcs.append(self._crc)
                self._crc = self._rows = 0

    def _texts(self, events: NDArray[Any], metadata: BatchMetadata) -> Iterator[str]:
        count = len(events)
        times = [""] * count
        if metadata.time_ns is not None:
            times = ["" if each == NO_TIME else str(each) for each in metadata.time_ns.tolist()]
        marks = np.zeros(count, np.bool_) if metadata.may_repeat is None else metadata.may_repeat
        columns = [
            metadata.counter.astype(np.int64).astype(str).tolist(),
            list(map(repr, metadata.timestamp.tolist())),
            list(map(repr, metadata.deadtime.tolist())),
            times,
            [str(int(each)) for each in marks.tolist()],
        ]
        for name, field in fields_of(self._dtype):
            values = events[:, 0] if self._dtype.names is None else events[name][:, 0]
            columns.append(_written(values, field))
        for row in zip(*columns, strict=True):
            cells = [cell.replace(".", ",") for cell in row] if self._decimal_comma else row
            yield self._separator.join(cells)

    def close(self) -> None:
        """Write the last line, and bring the file to the disk. Idempotent."""
        crcs = [*self._crcs, *([self._crc] if self._rows else [])]
        text = json.dumps(
            {
                "events": self.event_count,
                "rows_of_a_checksum": _ROWS,
                "heading": f"{self._heading_crc:08x}",
                "crc32c": [f"{each:08x}" for each in crcs],
            }
        )
        self._file.close(f"{_END.decode()}{_crc(text)} {text}\n".encode())

    def abandon(self) -> None:
        """Close the file as it is, without the last line. Idempotent."""
        self._file.close()


def _crc(text: str) -> str:
    return f"{crc32c(text.encode()):08x}"


def _free(names: Sequence[str]) -> list[str]:
    """Return names of columns: a field that is called as a part of the metadata gets ``data.``."""
    found: list[str] = []
    for name in names:
        found.append(f"data.{name}" if name in found else name)
    return found


def _quoted(name: str, separator: str) -> str:
    """Return a heading as CSV has it, RFC 4180."""
    name = name.replace("\n", " ").replace("\r", " ")
    must = set(name) & {'"', separator, "#"}
    return '"' + name.replace('"', '""') + '"' if must else name


def _written(values: NDArray[Any], field: np.dtype[Any]) -> list[str]:
    """Return numbers in the shortest form that reads back equal."""
    if field.kind == "b":
        return [str(int(each)) for each in values.tolist()]
    if field.kind in "iu" or field.itemsize == 8:
        return list(map(repr, values.tolist()))
    # Python has no float32: as Python floats, they would show digits that they do not have
    return [str(each) for each in values.astype(np.float32)]


class CsvFile:
    """A table, read.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    DamagedFile
        Its first line is not what was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values_per_slot = 1
        self._file = path.open("rb")
        first = self._file.readline(_LONGEST_HEADING)
        second = self._file.readline(_LONGEST_HEADING)
        self._heading = first + second
        try:
            number, crc, text = first[len(_BEGIN) :].decode().split(" ", 2)
            text = text.removesuffix("\n")
            if int(number) != _VERSION or _crc(text) != crc:
                raise ValueError("its checksum is another")  # noqa: TRY301
            known = json.loads(text)
            self.dtype = dtype_from_plain(known["dtype"])
            self._separator: str = known["separator"]
            self._decimal_comma: bool = known["decimal_comma"]
            self.about: Mapping[str, Any] = about_of(known)
        except Exception as error:
            self._file.close()
            raise DamagedFile(f"{path}: its first line is not what was written: {error}") from error
        self._offsets: list[int] = []
        self._rows = 0
        self._end = self._begin = len(self._heading)
        self._closing: Mapping[str, Any] | None = None
        self._trouble: list[str] = []
        self.look_again()

    def look_again(self) -> None:
        """Find the whole rows that have been written since."""
        self._file.seek(self._end)
        for line in self._file:
            if self._closing is not None or not line.endswith(b"\n"):
                break
            if line.startswith(_END):
                self._closing = self._understood(line)
                if self._closing is None:
                    self._trouble = ["its last line is not what was written"]
                    self._closing = {}
                self._end += len(line)
                continue
            if self._rows % _ROWS == 0:
                self._offsets.append(self._end)
            self._rows += 1
            self._end += len(line)

    def _understood(self, line: bytes) -> Mapping[str, Any] | None:
        crc, _, text = line[len(_END) :].decode("utf-8", "replace").rstrip("\n").partition(" ")
        if crc != _crc(text):
            return None
        closing: Mapping[str, Any] = json.loads(text)
        return closing

    @property
    def counts(self) -> Sequence[int]:
        """How many rows each block has."""
        whole, rest = divmod(self._rows, _ROWS)
        return [_ROWS] * whole + [rest] * bool(rest)

    def read_block(self, number: int) -> Block:
        """Return the rows of a block; DamagedFile if they are not what was written."""
        count = self.counts[number]
        self._file.seek(self._offsets[number])
        lines = [self._file.readline() for _ in range(count)]
        first = number * _ROWS
        told = (self._closing or {}).get("crc32c")
        if told is not None:
            crc = 0
            for line in lines:
                crc = crc32c(line, crc)
            if number >= len(told) or f"{crc:08x}" != told[number]:
                raise DamagedFile(
                    f"{self.path}: rows {first} to {first + count - 1} are not what was written"
                )
        fields = fields_of(self.dtype)
        rows = []
        for at, line in enumerate(lines):
            cells = line.decode("utf-8", "replace").rstrip("\n").split(self._separator)
            if len(cells) != len(METADATA) + len(fields):
                raise DamagedFile(f"{self.path}: row {first + at} has {len(cells)} columns")
            rows.append(
                [each.replace(",", ".") for each in cells] if self._decimal_comma else cells
            )
        columns = list(zip(*rows, strict=True))
        data = np.zeros((count, 1), self.dtype)
        try:
            parts: dict[str, Any] = {
                "counter": np.array(list(map(int, columns[0])), np.int64),
                "timestamp": np.array(list(map(float, columns[1]))),
                "deadtime": np.array(list(map(float, columns[2]))),
            }
            times = [int(each) if each else NO_TIME for each in columns[3]]
            if any(each != NO_TIME for each in times):
                parts["time_ns"] = np.array(times, np.int64)
            if any(each != "0" for each in columns[4]):
                parts["may_repeat"] = np.array([each == "1" for each in columns[4]])
            for (name, field), column in zip(fields, columns[len(METADATA) :], strict=True):
                read: Callable[[str], Any] = int if field.kind in "biu" else float
                target = data if self.dtype.names is None else data[name]
                target[:, 0] = np.array(list(map(read, column)), field)
        except (ValueError, OverflowError) as error:
            raise DamagedFile(
                f"{self.path}: a row from {first} to {first + count - 1} is no row of numbers:"
                f" {error}"
            ) from error
        return Block(data, metadata_from_parts(parts))

    def damage(self) -> Iterator[str]:
        """Yield what is wrong."""
        yield from self._trouble
        for number in range(len(self.counts)):
            try:
                self.read_block(number)
            except DamagedFile as error:
                yield str(error).removeprefix(f"{self.path}: ")
        if self._closing is None:
            yield "its last line is missing: nothing says that these are all events"
        elif self._closing:
            if self._closing["events"] != self._rows:
                yield f"it has {self._rows} of {how_many(self._closing['events'], 'event')}"
            if self._closing["heading"] != f"{crc32c(self._heading):08x}":
                yield "the names of its columns are not what was written"
        if left := self.path.stat().st_size - self._end:
            yield f"it ends with {left} bytes that are no whole row"

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        if file := getattr(self, "_file", None):
            file.close()

    def __del__(self) -> None:
        self.close()
