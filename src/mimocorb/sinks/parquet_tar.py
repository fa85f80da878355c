"""The sink for whole events: Parquet files packed into one tar archive."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from mimocorb._access.assignment import Setups, check_assignment
from mimocorb._access.batches import batch_limit
from mimocorb._access.event_archive import EventArchive, check_archive, size_of_noise
from mimocorb._access.output_file import checked_name, output_directory
from mimocorb._words import how_many
from mimocorb.buffers.reader import Reader

__all__ = ["BufferToParquetfile"]

_MEMBERS_AT_ONCE = 64


class BufferToParquetfile:
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
        path = output_directory(self.config_dict) / self.output_name(self.config_dict)
        self._batch = batch_limit(setup, _MEMBERS_AT_ONCE)
        self._archive = EventArchive(type(self).__name__, path, setup, self.config_dict)
        self.filename = str(self._archive.path)
        self.source = Reader(setup)

    @classmethod
    def output_name(cls, config: Mapping[str, Any]) -> str:
        """Return the name of the file that a configuration asks for, in its directory."""
        return checked_name(cls, config).removesuffix(".tar") + ".tar"

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
            The class cannot work with these. Whether Parquet can hold the types, only PyArrow
            knows, which is not asked here.
        """
        cls.output_name(config)
        check_archive(cls.__name__, setup, config)

    @classmethod
    def preview(cls, setup: Mapping[str, Any], config: Mapping[str, Any]) -> int:
        """Return the bytes that an event of noise takes in the archive, without opening anything.

        Noise cannot be compressed, so this is the most.

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
        return size_of_noise(cls.__name__, setup, config)

    @property
    def event_count(self) -> int:
        """Number of events written."""
        return self._archive.event_count

    def __call__(self) -> None:
        """Write events to the end of the stream.

        Raises
        ------
        OutputError
            Events could not be written, for instance because the disk is full. The archive keeps
            the whole events it had, can be read, and the events of the batch are given back.
        """
        with self._archive, self.source as reader:
            for events in reader.batches(self._batch):
                metadata = (part.tolist() for part in reader.get_metadata_batch())
                self._archive.append(zip(events, zip(*metadata, strict=True), strict=True))
        self.logger.info("%s in %s", how_many(self.event_count, "event"), self._archive.path.name)

    def start(self) -> None:
        """Do the same as calling the object."""
        self()
