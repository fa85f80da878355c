"""The sink for tables of numbers: a tab-separated text file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._access.assignment import Setups, check_assignment
from mimocorb._access.batches import batch_limit
from mimocorb._access.layout import contiguous_samples
from mimocorb._access.output_file import OutputFile, checked_name, output_directory
from mimocorb._buffer.reader import Reader
from mimocorb.errors import SetupError

__all__ = ["BufferToTxtfile"]

_ROWS_AT_ONCE = 256
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
    Rows are written in batches of what has come meanwhile, up to 256, and handed to the operating
    system before their events are acknowledged: a killed process leaves whole rows, and all of
    them. Killed in between, the rows of a batch are in the file although its events are delivered
    again to whoever reads on. At the end, the file is brought to the disk.

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
        self._batch = batch_limit(setup, _ROWS_AT_ONCE)
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
            Rows could not be written, for instance because the disk is full. The file keeps the
            whole rows it had, and the events of the batch are given back.
        """
        append, as_text = self._file.append, self._as_text
        with self._file, self.source as reader:
            for events in reader.batches(self._batch):
                metadata = (part.tolist() for part in reader.get_metadata_batch())
                append(
                    [
                        f"{counter}\t{timestamp!r}\t{deadtime!r}\t{columns}\n".encode()
                        for counter, timestamp, deadtime, columns in zip(
                            *metadata, as_text(events[:, 0]), strict=True
                        )
                    ]
                )
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
    samples = contiguous_samples(dtype, 1)
    if samples is not None:
        raise SetupError(
            f"BufferToTxtfile writes one number per column, but the fields of {name} are whole"
            f" channels of {samples} samples. Save it with BufferToParquetfile."
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


def _row_format(dtype: np.dtype[Any]) -> Callable[[NDArray[Any]], Iterable[str]]:
    """Return the function that writes records, in the shortest form that reads back equal."""
    if dtype.names is None:
        return lambda records: map(str, records)
    if all(field.kind in "biu" or field == np.float64 for _, field in _fields(dtype)):
        return lambda records: ("\t".join(map(repr, record)) for record in records.tolist())
    # Python has no float32: as Python floats, they would show digits that they do not have
    return lambda records: ("\t".join(map(str, record)) for record in records)
