"""``BufferToTxtfile``, ``BufferToParquetfile`` and ``rbDrain``: the sinks of the manual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mimocorb.compat.manual.access import Started, output_directory
from mimocorb.compat.manual.assignment import Assignment
from mimocorb.components.roles.sink import Sink
from mimocorb.components.user_function import closed_at_end
from mimocorb.recording.drain import drain
from mimocorb.recording.parquet_tar import ParquetTar
from mimocorb.recording.text import Text

__all__ = ["BufferToParquetfile", "BufferToTxtfile", "rbDrain"]


class _Txtfile(Text):
    OWNER = "BufferToTxtfile"


class _Parquetfile(ParquetTar):
    OWNER = "BufferToParquetfile"


class _FileSink(Started):
    """Runs a component of :mod:`mimocorb.recording`, configured by a dictionary."""

    SOURCES = 1
    COMPONENT: ClassVar[Any]
    KEYS: ClassVar[tuple[str, ...]]

    def _open(self, assigned: Assignment) -> None:
        (setup,) = assigned.sources
        directory = output_directory(self.config_dict)
        configured = self._configured(self.config_dict)
        self._sink = self.COMPONENT(buffer=setup, directory=directory, **configured)
        self._loop = Sink(setup, self._sink, type(self).__name__)
        self.filename = str(self._sink.path)
        self.source = self._loop.reader

    @classmethod
    def _configured(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        given = {key: config[key] for key in cls.KEYS if key in config}
        return {"filename": None, **given}  # so that the component says that it is missing

    @classmethod
    def check(cls, setup: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        """Check buffer and configuration at once, without opening or loading anything."""
        cls.COMPONENT.accept(setup, **cls._configured(config))

    @classmethod
    def preview(cls, setup: Mapping[str, Any], config: Mapping[str, Any]) -> int:
        """Return the most bytes that an event takes in the file, without opening anything."""
        return int(cls.COMPONENT.check(setup, **cls._configured(config)))

    @classmethod
    def output_name(cls, config: Mapping[str, Any]) -> str:
        """Return the name of the file that a configuration makes."""
        return str(cls.COMPONENT.output_name(**cls._configured(config)))

    @property
    def event_count(self) -> int:
        """Number of events written."""
        return int(self._sink.event_count)

    def __call__(self) -> None:
        """Write events to the end of the stream.

        Raises
        ------
        OutputError
            Events could not be written, for instance because the disk is full. The file keeps the
            whole ones it had, and the events of the batch are given back.
        """
        with closed_at_end(self._sink):
            self._loop.run()


class BufferToTxtfile(_FileSink):
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

    COMPONENT = _Txtfile
    KEYS = ("filename", "header_alias")


class BufferToParquetfile(_FileSink):
    """Save data to a set of Parquet files packed as a tar archive.

    Parameters
    ----------
    source_list
        One set-up dictionary, from ``NewBuffer.new_reader_group()``.
    sink_list, observe_list
        Must be None or empty.
    config_dict
        ``filename`` : str
            name of the archive without path and without ``.tar``.
        ``units`` : dict[str, str], default {}
            field name → unit, noted in every file.
        ``compression`` : str, default "snappy"
            none, snappy, lz4, zstd or gzip.
        ``sample_time_ns`` : float, optional
            time between two samples in ns, noted in every file.
        ``pre_trigger_samples`` : int, optional
            number of samples before the trigger, noted in every file.
        ``analogue_offset`` : float, optional
            offset in V that the digitizer added, noted in every file.
        ``directory_prefix`` : str, optional
            directory of the archive, without it the current one; a run fills it in.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    event_count : int
        Number of events written.

    Raises
    ------
    SetupError
        Not exactly one source, other buffers, or a faulty configuration.
    OutputError
        The archive exists already (it is never overwritten) or cannot be created.

    Notes
    -----
    Each event is a member ``<filename>_<counter>.parquet`` with one column per field and one row
    per sample, whether the channels are interleaved or each in one piece. The n-th event with the
    same counter, such as the n-th record that a filter made of one event, is
    ``<filename>_<counter>.<n>.parquet``. The Parquet metadata hold ``counter``, ``timestamp``
    (UTC, s), ``deadtime``, and what the configuration tells about the channels; units are in the
    metadata of the columns as well.

    Every member is handed to the operating system before its event is acknowledged; events of
    up to 64 KiB together are written at once. They become visible by the header of the first,
    which is written last: an archive left by a killed process ends with its last whole event and
    opens without error. A process that takes the place of one that has failed goes on in an archive
    of its own, such as ``pulses_2.tar``, with members ``pulses_2_<counter>.parquet``.

    Examples
    --------
    >>> import tarfile, tempfile
    >>> import numpy as np
    >>> import pyarrow, pyarrow.parquet
    >>> from mimocorb.buffer_control import BufferToParquetfile, SourceToBuffer
    >>> from mimocorb.mimo_buffer import NewBuffer
    >>> buffer = NewBuffer(8, 3, [("chA", "float64"), ("chB", "float64")])
    >>> source, group = buffer.new_writer(), buffer.new_reader_group()
    >>> SourceToBuffer(sink_list=[source], data_source=[np.arange(6.0).reshape(2, 3)])()
    >>> config = {"filename": "pulses", "directory_prefix": tempfile.mkdtemp()}
    >>> sink = BufferToParquetfile(source_list=[group], config_dict=config)
    >>> sink()
    >>> with tarfile.open(sink.filename) as archive:
    ...     print(archive.getnames())
    ...     content = archive.extractfile("pulses_0.parquet").read()
    ['pulses_0.parquet']
    >>> table = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content)).read(use_threads=False)
    >>> table["chB"].to_pylist()
    [3.0, 4.0, 5.0]
    >>> buffer.close()
    """

    COMPONENT = _Parquetfile
    KEYS = (
        "filename",
        "units",
        "compression",
        "sample_time_ns",
        "pre_trigger_samples",
        "analogue_offset",
    )


class rbDrain(Started):  # noqa: N801 - the documented name
    """Read and discard events, so that a buffer without another reader does not fill up.

    Parameters
    ----------
    source_list
        One set-up dictionary, from ``NewBuffer.new_reader_group()``.
    sink_list, observe_list
        Must be None or empty.
    config_dict
        Configuration of the worker; kept as attribute, not evaluated here.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    event_count : int
        Number of events read.

    Examples
    --------
    >>> from mimocorb.buffer_control import SourceToBuffer, rbDrain
    >>> from mimocorb.mimo_buffer import NewBuffer
    >>> buffer = NewBuffer(8, 1, "int32")
    >>> source, group = buffer.new_writer(), buffer.new_reader_group()
    >>> SourceToBuffer(sink_list=[source], data_source=[3, 1, 4])()
    >>> drain = rbDrain(source_list=[group])
    >>> drain()
    >>> drain.event_count
    3
    >>> buffer.close()
    """

    SOURCES = 1

    def _open(self, assigned: Assignment) -> None:
        self._loop = Sink(assigned.sources[0], drain, "rbDrain", metadata=False)
        self.source = self._loop.reader

    @property
    def event_count(self) -> int:
        """Number of events read."""
        return int(self._loop.event_count)
