"""The sink for a recording: segments of an Arrow stream, each batch with its checksum."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mimocorb.components.form import sink
from mimocorb.errors import SetupError
from mimocorb.recording.channel_notes import described
from mimocorb.recording.copying import writable_format
from mimocorb.recording.output_file import checked_name
from mimocorb.recording.recording_sink import RecordingSink, check_export, exported
from mimocorb.recording.segments import segment_name
from mimocorb.recording.write_recording import check_compression

__all__ = ["Record"]

_SYNC_S = {"none": None, "1s": 1.0, "each": 0.0}


@sink
class Record(RecordingSink):
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
        Field → unit, noted in the files. What the buffer knows of its channels needs no repetition.
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
    export_compression
        How that is compressed, if it can be; without it as usual.
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

    OWNER = "record"

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
        export_compression: str | None = None,
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
            segment_mb=segment_mb,
            segment_s=segment_s,
            sync=sync,
            export=export,
            export_compression=export_compression,
            keep_recording=keep_recording,
            **about,
        )
        made = None
        if export is not None:
            made = exported(
                writable_format(export), filename, export_compression, keep=keep_recording
            )
        self._begin(
            directory,
            filename,
            buffer,
            about,
            export=made,
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
        return cls._event_bytes(buffer, 1 if config.get("export") is None else 2)

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
        export_compression: str | None = None,
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
            format_ = writable_format(export, cls.OWNER)
            if format_.name == cls.OWNER:
                raise SetupError(f"{cls.OWNER}: export names another format than its own")
            check_export(cls.OWNER, buffer, format_, export_compression, "export_compression")
        elif export_compression is not None or not keep_recording:
            key = "export_compression" if keep_recording else "keep_recording"
            raise SetupError(
                f"{cls.OWNER}: {key} is for a recording that is exported; name a format under"
                " export, such as parquet"
            )
        described(cls.OWNER, buffer, about)
