"""Tables of numbers as a file format: a heading, then one row for each event."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.errors import DamagedFile
from mimocorb.recording.block import PARTS, Block, metadata_from_parts
from mimocorb.recording.formats import EventFile, FileFormat
from mimocorb.recording.text import REPEAT_MARK, TextTable

__all__ = ["TEXT"]

_ROWS_OF_A_BLOCK = 4096
_METADATA = ("counter", "timestamp", "deadtime")
_TIME = "time_ns"
_MOST_HEADING_BYTES = 1 << 20
_WHOLE_NUMBER = re.compile(r"[+-]?\d+")
_LONG_NUMBER = re.compile(rb"(?<![\d.eE+-])\d{19,}(?![\d.])")
_INT64 = np.iinfo(np.int64)
_TRUTH = {"True": True, "False": False}


class TextFormat(FileFormat):
    """Numbers separated by tabs."""

    name = "text"
    endings = (".txt", ".csv")
    magic = "\t".join(_METADATA).encode()
    cannot: Mapping[str, str] = {
        "lengths": "it has a row for each event, and the same columns in each row",
        "notes": "it has no place for them",
        "about": "it has the names of its columns, and nothing else",
        "types": "it has digits only: whole numbers are int64, all others float64",
        "prove": "a text has no checksum: a wrong digit is not told",
        "every bit": "as nothing proves a digit",
        "end": "a text that ends behind a row looks whole",
    }

    def check(self, buffer: Mapping[str, Any]) -> None:
        """Raise a SetupError if the events of a buffer are no rows of numbers."""
        TextTable.check(self.name, buffer)

    def open(self, path: Path) -> EventFile:
        """Open a table."""
        return TextFile(path)

    def create(
        self,
        directory: Path,
        name: str,
        buffer: Mapping[str, Any],
        about: Mapping[str, Any],
        **options: Any,
    ) -> TextTable:
        """Make a table; of what is known of the data it holds nothing."""
        del about
        return TextTable(self.name, buffer, directory, f"{name}.txt", **options)


TEXT = TextFormat()


def _heading(path: Path) -> list[str]:
    with path.open("rb") as file:
        line = file.readline(_MOST_HEADING_BYTES)
    return line.decode("utf-8", "replace").rstrip("\r\n").split("\t")


class TextFile:
    """A table, read.

    Whether a column has whole numbers, truth values or real numbers, its first row says.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values_per_slot = 1
        self.about: Mapping[str, Any] = {}
        self._file = path.open("rb")
        self._headings: list[str] = []
        self._end = 0
        self._offsets: list[int] = []
        self._rows = 0
        self.dtype: np.dtype[Any] = np.dtype([])
        self.look_again()
        self.dtype = self._find_dtype()

    def _find_dtype(self) -> np.dtype[Any]:
        self._file.seek(self._offsets[0] if self._offsets else self._end)
        row = self._cells(self._file.readline()) if self._rows else []
        fields = []
        for index, name in enumerate(self._headings):
            if index in self._parts:
                continue
            cell = row[index] if index < len(row) else ""
            kind = "?" if cell in _TRUTH else "i8" if _WHOLE_NUMBER.fullmatch(cell) else "f8"
            kind = "c16" if "j" in cell else kind
            fields.append((name, kind))
        if any(kind == "i8" for _, kind in fields):
            beyond = {self._headings[index] for index in self._beyond_int64()}
            fields = [(n, "u8" if n in beyond and k == "i8" else k) for n, k in fields]
        return np.dtype(fields)

    def _beyond_int64(self) -> set[int]:
        """Return the columns with numbers that only uint64 holds, wherever they come first."""
        found: set[int] = set()
        if not self._rows:
            return found
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            for each in _LONG_NUMBER.finditer(text):
                if int(each[0]) > _INT64.max:
                    begin = text.rfind(b"\n", 0, each.start()) + 1
                    found.add(text[begin : each.start()].count(b"\t"))
        return found

    def look_again(self) -> None:
        """Find the whole rows that have been written since."""
        if not self._rows:  # until there are rows, the heading may become longer
            self._headings = _heading(self.path)
            self._parts = dict(enumerate(_METADATA))
            if self._headings[3:4] in ([_TIME], [f"event_{_TIME}"]):
                self._parts[3] = _TIME
            self._file.seek(0)
            self._end = len(self._file.readline())
        self._file.seek(self._end)
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            if self._rows % _ROWS_OF_A_BLOCK == 0:
                self._offsets.append(self._end)
            self._rows += 1
            self._end += len(line)
        if not self.dtype.names:
            self.dtype = self._find_dtype()

    @property
    def counts(self) -> Sequence[int]:
        """How many rows each block has."""
        whole, rest = divmod(self._rows, _ROWS_OF_A_BLOCK)
        return [_ROWS_OF_A_BLOCK] * whole + [rest] * bool(rest)

    def read_block(self, number: int) -> Block:
        """Return the rows of a block; DamagedFile if one of them is no row of numbers."""
        first = number * _ROWS_OF_A_BLOCK
        count = self.counts[number]
        self._file.seek(self._offsets[number])
        lines = [self._file.readline() for _ in range(count)]
        rows = []
        for at, line in enumerate(lines):
            cells = self._cells(line)
            if len(cells) != len(self._headings):
                raise self._damaged(first + at, f"it has {len(cells)} columns", line)
            rows.append(cells)
        parts: dict[str, Any] = {}
        data = np.zeros((count, 1), self.dtype)
        for index, column in enumerate(zip(*rows, strict=True)):
            part = self._parts.get(index)
            name = self._headings[index]
            kind = np.dtype(PARTS[part]) if part is not None else self.dtype[name]
            values = self._numbers(column, kind, first, lines)
            if part is not None:
                parts[part] = values
            else:
                data[name][:, 0] = values
        if any(REPEAT_MARK.encode() in line for line in lines):
            parts["may_repeat"] = np.array([REPEAT_MARK.encode() in line for line in lines])
        return Block(data, metadata_from_parts(parts))

    def _cells(self, line: bytes) -> list[str]:
        text = line.decode("utf-8", "replace").rstrip("\r\n").removesuffix(REPEAT_MARK)
        return text.split("\t")

    def _numbers(
        self, cells: Sequence[str], kind: np.dtype[Any], first: int, lines: Sequence[bytes]
    ) -> NDArray[Any]:
        readers: dict[str, Any] = {"b": _TRUTH.__getitem__, "i": int, "u": int, "c": complex}
        read = readers.get(kind.kind, float)
        try:
            return np.array([read(cell) for cell in cells], kind)
        except (ValueError, KeyError, OverflowError):
            for at, cell in enumerate(cells):
                try:
                    np.array(read(cell), kind)
                except (ValueError, KeyError, OverflowError):
                    raise self._damaged(first + at, f"{cell!r} is no {kind}", lines[at]) from None
            raise

    def _damaged(self, row: int, why: str, line: bytes) -> DamagedFile:
        shown = line[:60].decode("utf-8", "replace")
        return DamagedFile(f"{self.path}: line {row + 2}: {why}; found {shown!r}")

    def damage(self) -> Iterator[str]:
        """Yield what is wrong. A text has no checksum: a wrong digit is not found."""
        for number in range(len(self.counts)):
            try:
                self.read_block(number)
            except DamagedFile as error:
                yield str(error).removeprefix(f"{self.path}: ")
        if left := self.path.stat().st_size - self._end:
            yield f"the last line is not whole: {left} bytes from byte {self._end} on"

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        if file := getattr(self, "_file", None):
            file.close()

    def __del__(self) -> None:
        self.close()
