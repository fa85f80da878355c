"""The sink for tables of numbers: a tab-separated text file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mimocorb._access.assignment import Setups, check_assignment
from mimocorb._access.output_file import OutputFile, checked_name, output_directory
from mimocorb._buffer.reader import Reader
from mimocorb.errors import SetupError

__all__ = ["BufferToTxtfile"]

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
        ``filename``
            name of the file without path; ``.txt`` is appended unless it ends in ``.txt`` or
            ``.csv``.
        ``header_alias``
            optional mapping: field name → column heading.
        ``directory_prefix``
            directory of the file, default the current one; a run fills it in.
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
    Every row is handed to the operating system before its event is acknowledged: a killed process
    leaves whole rows, and all of them. At the end, the file is brought to the disk.

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
        _check_form(setup)
        columns = setup["dtype"].names or ("value",)
        self._as_text = _row_format(setup["dtype"])
        name = checked_name(self, self.config_dict)
        header = _header(columns, self.config_dict.get("header_alias") or {})
        if not name.endswith((".txt", ".csv")):
            name += ".txt"
        self._file = OutputFile(output_directory(self.config_dict), name, header.encode())
        self.filename = str(self._file.path)
        self.source = Reader(setup)

    @property
    def event_count(self) -> int:
        """Number of rows written."""
        return self._file.records

    def __call__(self) -> None:
        """Write rows to the end of the stream.

        Raises
        ------
        OutputError
            A row could not be written, for instance because the disk is full. The file keeps its
            whole rows and the event is given back.
        """
        append, as_text = self._file.append, self._as_text
        with self._file, self.source as reader:
            for data in reader:
                counter, timestamp, deadtime = reader.get_metadata()
                row = f"{counter}\t{timestamp!r}\t{deadtime!r}\t{as_text(data[0])}\n"
                append(row.encode())
        self.logger.info("%s: %d rows", self.filename, self.event_count)

    def start(self) -> None:
        """Do the same as calling the object."""
        self()


def _check_form(setup: Mapping[str, Any]) -> None:
    name, dtype = setup.get("name", "the buffer"), setup["dtype"]
    if setup["values_per_slot"] != 1:
        raise SetupError(
            f"BufferToTxtfile writes one row per event, but {name} has"
            f" {setup['values_per_slot']} values per slot. Save it with BufferToParquetfile, or"
            " set channel_per_slot (values_per_slot) to 1."
        )
    for column, field in _fields(dtype):
        if field.shape or field.kind not in "biufc":
            raise SetupError(
                f"BufferToTxtfile writes one number per column, but field {column!r} of {name} is"
                f" {field}. Save it with BufferToParquetfile, or give each number a field."
            )


def _fields(dtype: np.dtype[Any]) -> list[tuple[str, np.dtype[Any]]]:
    return [(name, dtype[name]) for name in dtype.names] if dtype.names else [("value", dtype)]


def _header(columns: tuple[str, ...], alias: Mapping[str, str]) -> str:
    known = (*_METADATA, *columns)
    unknown = [str(key) for key in alias if key not in known]
    if unknown:
        raise SetupError(
            f"BufferToTxtfile: header_alias names {', '.join(unknown)}, but the columns are"
            f" {', '.join(known)}."
        )
    headings = [str(alias.get(column, column)) for column in known]
    if any(character in heading for heading in headings for character in "\t\n\r"):
        raise SetupError("BufferToTxtfile: a column heading contains a tab or a line break.")
    if len(set(headings)) < len(headings):
        raise SetupError(f"BufferToTxtfile: two columns have the same heading: {headings}.")
    return "\t".join(headings) + "\n"


def _row_format(dtype: np.dtype[Any]) -> Callable[[Any], str]:
    """Return the function that writes a record, in the shortest form that reads back equal."""
    if dtype.names is None:
        return str
    if all(field.kind in "biu" or field == np.float64 for _, field in _fields(dtype)):
        return lambda record: "\t".join(map(repr, record.item()))
    # Python has no float32: as Python floats, they would show digits that they do not have
    return lambda record: "\t".join(map(str, record))
