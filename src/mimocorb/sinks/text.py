"""The sink for tables of numbers: a tab-separated text file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._access.assignment import Setups, check_assignment
from mimocorb._access.batches import batch_limit
from mimocorb._access.layout import contiguous_samples
from mimocorb._access.output_file import (
    OutputFile,
    check_columns,
    checked_name,
    output_directory,
)
from mimocorb._words import how_many
from mimocorb.buffers.reader import Reader
from mimocorb.errors import SetupError

__all__ = ["BufferToTxtfile", "TextTable"]

_ROWS_AT_ONCE = 256
_WIDEST = -float(np.finfo(np.float64).tiny)  # one of the numbers with the most digits
_METADATA = ("counter", "timestamp", "deadtime")


class BufferToTxtfile:
    """Save data to a text file in CSV format, separated by tabs.

    Parameters
    ----------
    source_list
        One set-up dictionary, from ``NewBuffer.new_reader_group()``. The buffer must have
        ``values_per_slot`` 1 and numbers in its fields.
    sink_list, observe_list
        Must be None or empty.
    config_dict
        ``filename`` : str
            name of the file without path; ``.txt`` is appended unless it ends in ``.txt`` or
            ``.csv``.
        ``header_alias`` : dict[str, str], default {}
            field name → column heading, where that is not the name.
        ``directory_prefix`` : str, optional
            directory of the file, without it the current one; a run fills it in.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    event_count : int
        Number of rows written.

    Raises
    ------
    SetupError
        Not exactly one source, other buffers, several values per slot, or a faulty configuration.
    OutputError
        The file exists already (it is never overwritten) or cannot be created.

    Notes
    -----
    The first line names the columns: counter, timestamp (UTC, s), deadtime, then the fields in
    their order. Numbers are written with the digits that give back the same number when read.
    Rows are written in batches of what has come meanwhile, up to 256, and handed to the operating
    system before their events are acknowledged: a killed process leaves whole rows, and all of
    them. Killed in between, the rows of a batch are in the file although its events are delivered
    again to whoever reads on. At the end, the file is brought to the disk. A process that takes the
    place of one that has failed goes on in a file of its own, such as ``pulses_2.txt``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from mimocorb.buffer_control import BufferToTxtfile, SourceToBuffer
    >>> from mimocorb.mimo_buffer import NewBuffer
    >>> buffer = NewBuffer(8, 1, [("height", "float64"), ("channel", "int32")])
    >>> source, group = buffer.new_writer(), buffer.new_reader_group()
    >>> event = ([12.5, 3], {"timestamp": 1.5e9, "deadtime": 0.25})
    >>> SourceToBuffer(sink_list=[source], data_source=[event])()
    >>> directory = tempfile.mkdtemp()
    >>> config = {"filename": "pulses", "directory_prefix": directory}
    >>> BufferToTxtfile(source_list=[group], config_dict=config)()
    >>> print(Path(directory, "pulses.txt").read_text().expandtabs(13), end="")
    counter      timestamp    deadtime     height       channel
    0            1500000000.0 0.25         12.5         3
    >>> buffer.close()
    """

    def __init__(
        self,
        source_list: Setups = None,
        sink_list: Setups = None,
        observe_list: Setups = None,
        config_dict: dict[str, Any] | None = None,
        **rb_info: str,
    ) -> None:
        assigned = check_assignment(
            self, (source_list, sink_list, observe_list), rb_info, sources=1
        )
        self.logger = logging.getLogger(__name__)
        self.config_dict = config_dict or {}
        setup = assigned.sources[0]
        name = self.output_name(self.config_dict)
        self._table = TextTable(
            setup,
            output_directory(self.config_dict),
            name,
            alias=self.config_dict.get("header_alias") or {},
        )
        self._batch = batch_limit(setup, _ROWS_AT_ONCE)
        self.filename = str(self._table.path)
        self.source = Reader(setup)

    @classmethod
    def output_name(cls, config: Mapping[str, Any]) -> str:
        """Return the name of the file that a configuration asks for, in its directory."""
        name = checked_name(cls, config)
        return name if name.endswith((".txt", ".csv")) else f"{name}.txt"

    @classmethod
    def check(cls, setup: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        """Check buffer and configuration at once, without opening or loading anything.

        Parameters
        ----------
        setup
            ``name``, ``values_per_slot`` and ``dtype`` of the buffer.
        config
            The configuration.

        Raises
        ------
        SetupError
            The class cannot work with these.
        """
        cls.output_name(config)
        _check_form(setup)
        _headings(setup["dtype"].names or ("value",), config.get("header_alias") or {})

    @classmethod
    def preview(cls, setup: Mapping[str, Any], config: Mapping[str, Any]) -> int:
        """Return the most bytes that a row takes, without opening anything.

        Parameters
        ----------
        setup
            ``name``, ``values_per_slot`` and ``dtype`` of the buffer.
        config
            The configuration.

        Raises
        ------
        SetupError
            The class cannot work with these.
        """
        cls.check(setup, config)
        dtype = setup["dtype"]
        metadata = "\t".join(map(repr, (np.iinfo(np.int64).max, _WIDEST, _WIDEST)))
        return len(metadata) + len(next(iter(_row_format(dtype, "\t")(_widest_row(dtype))))) + 2

    @property
    def event_count(self) -> int:
        """Number of rows written."""
        return self._table.rows

    def __call__(self) -> None:
        """Write rows to the end of the stream.

        Raises
        ------
        OutputError
            Rows could not be written, for instance because the disk is full. The file keeps the
            whole rows it had, and the events of the batch are given back.
        """
        with self._table as table, self.source as reader:
            for events in reader.batches(self._batch):
                table.append(events, reader.get_metadata_batch())
        self.logger.info("%s in %s", how_many(self.event_count, "row"), self._table.path.name)

    def start(self) -> None:
        """Do the same as calling the object."""
        self()


class TextTable:
    """A text file with one row for each event: its metadata, then its fields.

    Parameters
    ----------
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
        setup: Mapping[str, Any],
        directory: Path,
        name: str,
        *,
        alias: Mapping[str, str] | None = None,
        separator: str = "\t",
    ) -> None:
        _check_form(setup)
        self._separator = separator
        self._as_text = _row_format(setup["dtype"], separator)
        header = separator.join(_headings(setup["dtype"].names or ("value",), alias or {}))
        self._file = OutputFile(directory, name, f"{header}\n".encode())
        self.path = self._file.path

    @property
    def rows(self) -> int:
        """Number of rows written."""
        return self._file.records

    def append(self, events: NDArray[Any], metadata: Sequence[NDArray[Any]]) -> None:
        """Append events of shape ``(k, 1)``; their metadata are three arrays of k entries.

        Raises
        ------
        OutputError
            They could not be written; the file keeps the whole rows it had.
        """
        between = self._separator
        each = zip(*(part.tolist() for part in metadata), self._as_text(events[:, 0]), strict=True)
        self._file.append(
            [
                f"{counter}{between}{timestamp!r}{between}{deadtime!r}{between}{columns}\n".encode()
                for counter, timestamp, deadtime, columns in each
            ]
        )

    def __enter__(self) -> TextTable:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _check_form(setup: Mapping[str, Any]) -> None:
    name, dtype = setup.get("name", "the buffer"), setup["dtype"]
    if setup["values_per_slot"] != 1:
        raise SetupError(
            f"BufferToTxtfile writes one row per event, but {name} has"
            f" {how_many(setup['values_per_slot'], 'value')} per slot. Save it with"
            " BufferToParquetfile, or give the buffer one value per slot."
        )
    samples = contiguous_samples(dtype, 1)
    if samples is not None:
        raise SetupError(
            f"BufferToTxtfile writes one number per column, but the fields of {name} are whole"
            f" channels of {how_many(samples, 'sample')}. Save it with BufferToParquetfile."
        )
    for column, field in _fields(dtype):
        if field.shape or field.kind not in "biufc":
            raise SetupError(
                f"BufferToTxtfile writes one number per column, but field {column!r} of {name} is"
                f" {field}. Save it with BufferToParquetfile, or give each number a field."
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


def _headings(columns: tuple[str, ...], alias: Mapping[str, str]) -> list[str]:
    known = (*_METADATA, *columns)
    check_columns("BufferToTxtfile", "header_alias", alias, known)
    headings = [str(alias.get(column, column)) for column in known]
    if any(character in heading for heading in headings for character in "\t\n\r"):
        raise SetupError("BufferToTxtfile: a column heading contains a tab or a line break.")
    if len(set(headings)) < len(headings):
        raise SetupError(f"BufferToTxtfile: two columns have the same heading: {headings}.")
    return headings


def _row_format(dtype: np.dtype[Any], separator: str) -> Callable[[NDArray[Any]], Iterable[str]]:
    """Return the function that writes records, in the shortest form that reads back equal."""
    if dtype.names is None:
        return lambda records: map(str, records)
    if all(field.kind in "biu" or field == np.float64 for _, field in _fields(dtype)):
        return lambda records: (separator.join(map(repr, record)) for record in records.tolist())
    # Python has no float32: as Python floats, they would show digits that they do not have
    return lambda records: (separator.join(map(str, record)) for record in records)
