"""The sink for a recording: segments of an Arrow stream, each batch with its checksum."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

from mimocorb._words import how_many
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.components.form import sink
from mimocorb.errors import SetupError
from mimocorb.recording.block import Data
from mimocorb.recording.columns import Columns
from mimocorb.recording.output_file import check_scales, checked_name
from mimocorb.recording.segments import segment_name
from mimocorb.recording.write_recording import RecordingWriter, check_compression
from mimocorb.registry import offered

__all__ = ["Record"]

logger = logging.getLogger(__name__)

_SYNC_S = {"none": None, "1s": 1.0, "each": 0.0}
_OF_A_BATCH = 4096
"""Bytes that a batch of one event takes besides its data, at most, for each of its columns."""


@sink
class Record:
    """Record events of any kind, waveforms or numbers: the sink to take unless another is needed.

    The files ``<filename>.000.arrows`` and so on are streams of Apache Arrow. ``mimocorb.open``
    reads them, while the run goes on as well, and so do pandas, Polars, DuckDB, R and Julia. Events
    are written in batches of about 1 MB or 1 s, each with a checksum: what a file gives back is
    what was written, or it says what is missing. After a kill of the process, every batch is whole;
    an event that was written and comes again, because it was not acknowledged yet, is not written
    twice. What a disk fails to take is written anew into the next file. Several processes each
    write files of their own, which are read as one recording.

    Parameters
    ----------
    filename
        Name of the recording without path.
    compression
        How batches are compressed: ``lz4`` is quickest, ``zstd`` smallest.
    units
        Field → unit, noted in the files.
    scale
        Field → what one count of the digitizer means in that unit.
    offset
        Field → value at count 0 in that unit.
    sample_time_ns
        Time between two samples, in ns, noted in the files.
    pre_trigger_samples
        Number of samples before the trigger, noted in the files.
    analogue_offset
        Offset that the digitizer added, in V, noted in the files.
    segment_mb
        A new file is begun when one has so many megabytes.
    segment_s
        A new file is begun after so many seconds.
    sync
        What a power cut may take: ``none`` leaves to the system when it writes to the disk, ``1s``
        is at most about one second, ``each`` nothing that was acknowledged.
    export
        Write all of it in another format as well when the run has ended: ``parquet``, ``csv`` or
        another one that ``mimocorb files export`` knows.
    keep_recording
        Keep the recording beside that. It is kept in any case if something went wrong.
    buffer, directory
        Given by mimocorb.

    Raises
    ------
    SetupError
        A faulty configuration.
    OutputError
        There is such a recording already (it is never overwritten), or it cannot be created.
    """

    OWNER: ClassVar[str] = "record"
    """What messages call it."""

    batch_bytes: ClassVar[int] = 1 << 20
    """How much it wants to have together."""
    gather_s: ClassVar[float] = 1.0
    """How long events may wait for others."""
    output_in_parts: ClassVar[bool] = True
    """Several processes write segments of one recording."""
    wants_sequences: ClassVar[bool] = True
    """It has to know which events it has written already."""

    def __init__(
        self,
        *,
        filename: str,
        compression: Literal["lz4", "zstd", "none"] = "lz4",
        units: dict[str, str] | None = None,
        scale: dict[str, float] | None = None,
        offset: dict[str, float] | None = None,
        sample_time_ns: float | None = None,
        pre_trigger_samples: int | None = None,
        analogue_offset: float | None = None,
        segment_mb: float = 256.0,
        segment_s: float = 600.0,
        sync: Literal["none", "1s", "each"] = "1s",
        export: str | None = None,
        keep_recording: bool = True,
        buffer: Mapping[str, Any],
        directory: Path,
    ) -> None:
        about = {
            "units": units,
            "scale": scale,
            "offset": offset,
            "sample_time_ns": sample_time_ns,
            "pre_trigger_samples": pre_trigger_samples,
            "analogue_offset": analogue_offset,
        }
        self.accept(
            buffer,
            filename=filename,
            compression=compression,
            units=units,
            scale=scale,
            offset=offset,
            segment_mb=segment_mb,
            segment_s=segment_s,
            sync=sync,
            export=export,
            keep_recording=keep_recording,
        )
        self._recording = RecordingWriter(
            self.OWNER,
            directory,
            filename,
            buffer,
            about={name: value for name, value in about.items() if value is not None},
            compression=compression,
            segment_bytes=segment_mb * 1e6,
            segment_s=segment_s,
            sync_s=_SYNC_S[sync],
        )

    @classmethod
    def output_name(cls, *, filename: str, **_others: Any) -> str:
        """Return the name of the first file that this configuration makes."""
        return segment_name(checked_name(cls.OWNER, filename), 0)

    @classmethod
    def check(cls, buffer: Mapping[str, Any], **config: Any) -> int:
        """Return the most bytes that an event takes; SetupError if it cannot be recorded."""
        cls.accept(buffer, **config)
        columns = Columns(
            buffer["dtype"], buffer["values_per_slot"], variable=buffer.get("variable", False)
        )
        event_bytes: int = buffer["dtype"].itemsize * buffer["values_per_slot"]
        return event_bytes + _OF_A_BATCH + 64 * len(columns.schema)

    @classmethod
    def accept(
        cls,
        buffer: Mapping[str, Any],
        *,
        filename: str,
        compression: str = "lz4",
        segment_mb: float = 256.0,
        segment_s: float = 600.0,
        sync: str = "1s",
        export: str | None = None,
        keep_recording: bool = True,
        **about: Any,
    ) -> None:
        """Raise a SetupError if it cannot work with its buffer; loads and opens nothing."""
        cls.output_name(filename=filename)
        check_compression(cls.OWNER, compression)
        if sync not in _SYNC_S:
            raise SetupError(f"{cls.OWNER}: sync is {sync!r}; choose one of {', '.join(_SYNC_S)}.")
        for name, value in (("segment_mb", segment_mb), ("segment_s", segment_s)):
            if not value > 0:
                raise SetupError(f"{cls.OWNER}: {name} is {value!r}; it has to be above 0.")
        if export is not None:
            cls._check_export(buffer, filename, export)
        elif not keep_recording:
            raise SetupError(
                f"{cls.OWNER}: keep_recording is for a recording that is exported; name a format"
                " under export, such as parquet"
            )
        check_scales(cls.OWNER, buffer, about)

    @classmethod
    def _check_export(cls, buffer: Mapping[str, Any], filename: str, export: str) -> None:
        """Ask the sink of another format whether it would take the events."""
        from mimocorb.recording.copying import writable_format

        format_ = writable_format(export, cls.OWNER)
        if format_.name == cls.OWNER:
            raise SetupError(f"{cls.OWNER}: export names another format than its own")
        entry = offered("components").get(export)
        sink_of_it: Any = entry.load() if entry is not None else None
        if hasattr(sink_of_it, "check"):
            sink_of_it.check(buffer, filename=filename)

    @property
    def event_count(self) -> int:
        """Number of events written."""
        return self._recording.event_count

    def __call__(self, events: Data, metadata: BatchMetadata) -> None:
        """Write a batch.

        Raises
        ------
        OutputError
            It could not be written. The recording keeps the batches it had, and the events are
            given back.
        """
        self._recording.append(events, metadata)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._recording.__exit__(kind, error, trace)
        repeated = self._recording.repeat_count
        again = (
            f"; {how_many(repeated, 'event')} came again and stand there once" if repeated else ""
        )
        logger.info(
            "%s in %s%s", how_many(self.event_count, "event"), self._recording.path.name, again
        )
