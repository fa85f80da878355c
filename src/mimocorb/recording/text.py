"""The sink for tables of numbers: a tab-separated text file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mimocorb._closing import Closing
from mimocorb._words import how_many
from mimocorb.buffers.batch_metadata import NO_TIME, BatchMetadata
from mimocorb.buffers.layout import contiguous_samples
from mimocorb.components.form import sink
from mimocorb.errors import OutputError, SetupError
from mimocorb.recording.output_file import OutputFile, check_columns, checked_name

__all__ = ["REPEAT_MARK", "Text", "TextTable"]

logger = logging.getLogger(__name__)

_WIDEST = -float(np.finfo(np.float64).tiny)  # one of the numbers with the most digits
_METADATA = ("counter", "timestamp", "deadtime")
REPEAT_MARK = " # may be a repeat"
"""Behind the last number of a row; NumPy and others can leave out what stands behind a #."""
_TIME = "time_ns"


@sink
class Text:
    """Save numbers to a text file, one row for each event, separated by tabs.

    The first line names the columns: counter, timestamp (UTC, s), deadtime, then the fields in
    their order. Numbers are written with the digits that give back the same number when read. If
    the first event has a time in whole ns, ``time_ns`` is a column behind
    these three, with the least int64 for events without one.

    Rows are handed to the operating system before their events are acknowledged: a killed process
    leaves whole rows, and all of them. Killed in between, the rows of a batch are in the file
    although its events are delivered again to whoever reads on. A row that may be a repeat for such
    a reason, here or in a filter before, ends in ``# may be a repeat``. At the end, the file is
    brought to the disk. A process that takes the place of one that has failed goes on in a file of
    its own, such as ``pulses_2.txt``.

    Parameters
    ----------
    filename
        Name of the file without path; ``.txt`` is appended unless it ends in ``.txt`` or ``.csv``.
    header_alias
        Field → heading of its column, where that is not the name.
    buffer, directory
        Given by mimocorb. The buffer must have ``values_per_slot`` 1 and numbers in its fields.

    Raises
    ------
    SetupError
        Several values per slot, fields that are no numbers, or a faulty configuration.
    OutputError
        The file exists already (it is never overwritten) or cannot be created.
    """

    OWNER: ClassVar[str] = "text"
    """What messages call it."""

    def __init__(
        self,
        *,
        filename: str,
        header_alias: dict[str, str] | None = None,
        buffer: Mapping[str, Any],
        directory: Path,
    ) -> None:
        name = self.output_name(filename=filename)
        self._table = TextTable(self.OWNER, buffer, directory, name, alias=header_alias)
        self.path = self._table.path

    @classmethod
    def output_name(cls, *, filename: str, **_others: Any) -> str:
        """Return the name of the file that this configuration makes."""
        name = checked_name(cls.OWNER, filename)
        return name if name.endswith((".txt", ".csv")) else f"{name}.txt"

    @classmethod
    def check(
        cls, buffer: Mapping[str, Any], *, filename: str, header_alias: dict[str, str] | None = None
    ) -> int:
        """Return the most bytes that a row takes; SetupError if it cannot work with its buffer."""
        cls.accept(buffer, filename=filename, header_alias=header_alias)
        dtype = buffer["dtype"]
        metadata = "\t".join(map(repr, (np.iinfo(np.int64).max, _WIDEST, _WIDEST, NO_TIME)))
        return len(metadata) + len(next(iter(_row_format(dtype, "\t")(_widest_row(dtype))))) + 2

    @classmethod
    def accept(
        cls, buffer: Mapping[str, Any], *, filename: str, header_alias: dict[str, str] | None = None
    ) -> None:
        """Raise a SetupError if it cannot work with its buffer; loads and opens nothing."""
        cls.output_name(filename=filename)
        _check_form(cls.OWNER, buffer)
        _headings(cls.OWNER, buffer["dtype"].names or ("value",), header_alias or {})

    @property
    def event_count(self) -> int:
        """Number of rows written."""
        return self._table.rows

    def __call__(self, events: NDArray[Any], metadata: BatchMetadata) -> None:
        """Write a row for each event.

        Raises
        ------
        OutputError
            Rows could not be written, for instance because the disk is full. The file keeps the
            whole rows it had, and the events of the batch are given back.
        """
        self._table.append(events, metadata)

    def close(self) -> None:
        """Bring the file to the disk. Idempotent."""
        self._table.close()
        logger.info("%s in %s", how_many(self.event_count, "row"), self.path.name)


class TextTable(Closing):
    """A text file with one row for each event: its metadata, then its fields.

    Parameters
    ----------
    owner
        Named in messages.
    setup
        Set-up dictionary of a buffer with ``values_per_slot`` 1 and numbers in its fields.
    directory, name
        Where the file is made; it must not exist.
    alias
        Heading of a column, where it is not the name of the field.
    separator
        What stands between two columns.
    """

    def __init__(
        self,
        owner: str,
        setup: Mapping[str, Any],
        directory: Path,
        name: str,
        *,
        alias: Mapping[str, str] | None = None,
        separator: str = "\t",
    ) -> None:
        _check_form(owner, setup)
        self._separator = separator
        self._as_text = _row_format(setup["dtype"], separator)
        self._headings = _headings(
            owner, setup["dtype"].names or ("value",), alias or {}, separator
        )
        self._with_time = False
        self._file = OutputFile(directory, name, self._heading())
        self.path = self._file.path

    @classmethod
    def check(cls, owner: str, setup: Mapping[str, Any]) -> None:
        """Raise a SetupError if the events of a buffer are no rows of a table."""
        _check_form(owner, setup)
        _headings(owner, setup["dtype"].names or ("value",), {})

    @property
    def rows(self) -> int:
        """Number of rows written."""
        return self._file.records

    def append(self, events: NDArray[Any], metadata: BatchMetadata) -> None:
        """Append events of shape ``(k, 1)`` with their metadata.

        Raises
        ------
        OutputError
            They could not be written, or have a time in ns and rows before them have none; the file
            keeps the whole rows it had.
        """
        between = self._separator
        times = metadata.time_ns
        if times is not None and not self._with_time:
            self._add_time_column(metadata)
        numbers = [map(repr, part.tolist()) for part in metadata]
        if self._with_time:
            numbers.append(map(repr, [NO_TIME] * len(events) if times is None else times.tolist()))
        each = zip(*numbers, self._as_text(events[:, 0]), strict=True)
        rows = [between.join(columns) for columns in each]
        if metadata.may_repeat is not None:
            marks = (REPEAT_MARK if marked else "" for marked in metadata.may_repeat)
            rows = [row + mark for row, mark in zip(rows, marks, strict=True)]
        self._file.append([f"{row}\n".encode() for row in rows])

    def _heading(self) -> bytes:
        names = self._headings
        if self._with_time:
            name = _TIME if _TIME not in names else f"event_{_TIME}"
            names = [*names[: len(_METADATA)], name, *names[len(_METADATA) :]]
        return f"{self._separator.join(names)}\n".encode()

    def _add_time_column(self, metadata: BatchMetadata) -> None:
        if self.rows:
            first = next(i for i, time_ns in enumerate(metadata.times()) if time_ns is not None)
            raise OutputError(
                f"event {metadata.counter[first]} has a time_ns, but the events before it had none,"
                f" so {self.path.name} has no column for it. Give a time to every event, from the"
                " first one on."
            )
        self._with_time = True
        self._file.replace_heading(self._heading())

    def close(self) -> None:
        """Bring the file to the disk. Idempotent."""
        self._file.close()


def _check_form(owner: str, setup: Mapping[str, Any]) -> None:
    name, dtype = setup.get("name", "the buffer"), setup["dtype"]
    if setup["values_per_slot"] != 1:
        most = " up to" if setup.get("variable") else ""
        raise SetupError(
            f"{owner} writes one row per event, but {name} has{most}"
            f" {how_many(setup['values_per_slot'], 'value')} per slot."
            " Save whole events, as Parquet files, or give the buffer one value per slot."
        )
    samples = contiguous_samples(dtype, 1)
    if samples is not None:
        raise SetupError(
            f"{owner} writes one number per column, but the fields of {name} are whole"
            f" channels of {how_many(samples, 'sample')}. Save whole events, as Parquet files."
        )
    for column, field in _fields(dtype):
        if field.shape or field.kind not in "biufc":
            raise SetupError(
                f"{owner} writes one number per column, but field {column!r} of {name} is"
                f" {field}. Save whole events, as Parquet files, or give each number a field."
            )


def _fields(dtype: np.dtype[Any]) -> list[tuple[str, np.dtype[Any]]]:
    return [(name, dtype[name]) for name in dtype.names] if dtype.names else [("value", dtype)]


def _widest_row(dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return one record with the longest numbers."""
    row = np.zeros(1, dtype)
    for name, field in _fields(dtype):
        column = row[name] if dtype.names else row
        if field.kind in "iu":
            column[0] = np.iinfo(field).min or np.iinfo(field).max
        elif field.kind in "fc":
            widest = -np.finfo(field).tiny
            column[0] = complex(widest, widest) if field.kind == "c" else widest
    return row


def _headings(
    owner: str, columns: tuple[str, ...], alias: Mapping[str, str], separator: str = "\t"
) -> list[str]:
    known = (*_METADATA, *columns)
    check_columns(owner, "header_alias", alias, known)
    headings = [str(alias.get(column, column)) for column in known]
    if any(mark in heading for heading in headings for mark in "\n\r"):
        raise SetupError(f"{owner}: a column heading contains a line break.")
    if separator == ",":
        headings = [_quoted(heading) for heading in headings]
    elif any(mark in heading for heading in headings for mark in '\t"'):
        raise SetupError(f"{owner}: a column heading contains a tab or a quote.")
    if len(set(headings)) < len(headings):
        raise SetupError(f"{owner}: two columns have the same heading: {headings}.")
    return headings


def _quoted(heading: str) -> str:
    """Return a heading as CSV has it, RFC 4180."""
    return '"' + heading.replace('"', '""') + '"' if set('",') & set(heading) else heading


def _row_format(dtype: np.dtype[Any], separator: str) -> Callable[[NDArray[Any]], Iterable[str]]:
    """Return the function that writes records, in the shortest form that reads back equal."""
    shown = _shown_as(dtype)
    if shown != dtype:
        as_shown = _row_format(shown, separator)
        return lambda records: as_shown(records.astype(shown))
    if dtype.names is None:
        return lambda records: map(str, records)
    if all(field.kind in "biu" or field == np.float64 for _, field in _fields(dtype)):
        return lambda records: (separator.join(map(repr, record)) for record in records.tolist())
    # Python has no float32: as Python floats, they would show digits that they do not have
    return lambda records: (separator.join(map(str, record)) for record in records)


def _shown_as(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which numbers are written, in the same order of fields.

    NumPy cuts the digits of a float16 off by its own precision: 65504 would be 65500. Truth values
    are 0 and 1, which all programs read that read tables of numbers.
    """
    if dtype.names is None:
        return _SHOWN_AS.get(dtype, dtype)
    fields = list(_fields(dtype))
    if not any(field in _SHOWN_AS for _, field in fields):
        return dtype
    return np.dtype([(name, _SHOWN_AS.get(field, field)) for name, field in fields])


_SHOWN_AS: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype(np.float16): np.dtype(np.float32),
    np.dtype(np.bool_): np.dtype(np.uint8),
}
