"""The sink for whole events: Parquet files packed into one tar archive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mimocorb.components.form import sink
from mimocorb.recording.event_archive import EventArchive, check_archive, size_of_noise
from mimocorb.recording.file_sink import FileSink

__all__ = ["ParquetTar"]

Compression = Literal["none", "snappy", "lz4", "zstd", "gzip"]


@sink
class ParquetTar(FileSink):
    """Save whole events: one Parquet file for each, packed into a tar archive.

    Each event is a member ``<filename>_<counter>.parquet`` with one column per field and one row
    per sample, whether the channels are interleaved or each in one piece. The n-th event with the
    same counter, such as the n-th record that a filter made of one event, is
    ``<filename>_<counter>.<n>.parquet``. The Parquet metadata hold ``counter``, ``timestamp``
    (UTC, s), ``deadtime``, ``time_ns`` (whole ns) if the source gives it, ``run`` (JSON), and what
    the configuration tells about the channels; units are in the metadata of the columns as well. An
    event that may be a repeat, because a process that had worked on it before, or on what it came
    out of, was killed or failed, has ``may_repeat``, ``true``.

    Every member is handed to the operating system before its event is acknowledged; events of
    up to 64 KiB together are written at once. They become visible by the header of the first,
    which is written last: an archive left by a killed process ends with its last whole event and
    opens without error. A process that takes the place of one that has failed goes on in an archive
    of its own, such as ``pulses_2.tar``, with members ``pulses_2_<counter>.parquet``.

    Parameters
    ----------
    filename
        Name of the archive without path; ``.tar`` is appended.
    units
        Field → unit, noted in every file.
    compression
        How columns are compressed.
    sample_time_ns
        Time between two samples, in ns, noted in every file.
    pre_trigger_samples
        Number of samples before the trigger, noted in every file.
    analogue_offset
        Offset that the digitizer added, in V, noted in every file.
    buffer, directory
        Given by mimocorb.

    Raises
    ------
    SetupError
        A faulty configuration, or fields that Parquet cannot hold.
    OutputError
        The archive exists already (it is never overwritten) or cannot be created.
    """

    OWNER = "parquet_tar"
    ENDING = ".tar"

    def __init__(
        self,
        *,
        filename: str,
        units: dict[str, str] | None = None,
        compression: Compression = "snappy",
        sample_time_ns: float | None = None,
        pre_trigger_samples: int | None = None,
        analogue_offset: float | None = None,
        buffer: Mapping[str, Any],
        directory: Path,
    ) -> None:
        about = {
            "units": units,
            "compression": compression,
            "sample_time_ns": sample_time_ns,
            "pre_trigger_samples": pre_trigger_samples,
            "analogue_offset": analogue_offset,
        }
        path = directory / self.output_name(filename=filename)
        self.writer = EventArchive(self.OWNER, path, buffer, about)

    @classmethod
    def check(cls, buffer: Mapping[str, Any], *, filename: str, **about: Any) -> int:
        """Return the bytes that an event of noise takes, which is the most.

        Raises
        ------
        SetupError
            It cannot work with its buffer, or with the configuration.
        """
        cls.accept(buffer, filename=filename, **about)
        return size_of_noise(cls.OWNER, buffer, about)

    @classmethod
    def accept(cls, buffer: Mapping[str, Any], *, filename: str, **about: Any) -> None:
        """Raise a SetupError if it cannot work with its buffer; loads and opens nothing.

        Whether Parquet can hold the types, only PyArrow knows, which is not asked here.
        """
        cls.output_name(filename=filename)
        check_archive(cls.OWNER, buffer, about)
