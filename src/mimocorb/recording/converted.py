"""The sinks whose files are complete only at the end of a run: Parquet, HDF5, ROOT and npz.

They record, and ask for another format in the place of the recording, ``waveforms.parquet``; see
:mod:`mimocorb.recording.recording_sink`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mimocorb.recording.channel_notes import described
from mimocorb.recording.recording_sink import RecordingSink, check_export, exported
from mimocorb.recording.whole_file import WholeFileFormat

__all__ = ["Converted"]

_PARAMETERS = """

    Until the end of the run the events are in a recording, which can be read: nothing is lost if a
    process is killed or the disk is full. Then the file is written from it, and the recording
    deleted.

    Parameters
    ----------
    filename
        Name of the file without path; its ending is appended.
    compression
        How the file is compressed: %s.
    units
        Field → unit, noted in the file. What the buffer knows of its channels needs no repetition.
    scale
        Field → what one count of the digitizer means in that unit.
    offset
        Field → value at count 0 in that unit.
    sample_time_ns
        Time between two samples, in ns, noted in the file.
    pre_trigger_samples
        Number of samples before the trigger, noted in the file.
    analogue_offset
        Offset that the digitizer added, in V, noted in the file.
    buffer, directory
        Given by mimocorb.

    Raises
    ------
    SetupError
        A faulty configuration, or a package that the format needs is not installed.
    OutputError
        There is such a file already (it is never overwritten), or it cannot be created.
    """


class Converted(RecordingSink):
    """A sink that records; a file of its format takes the place of the recording at the end."""

    format: ClassVar[WholeFileFormat]

    def __init_subclass__(cls) -> None:
        cls.OWNER, cls.ENDING = cls.format.name, cls.format.endings[0]
        if "Parameters\n" in (cls.__doc__ or ""):
            return
        first, *others = cls.format.compressions
        told = ", ".join((f"``{first}``, which is usual", *(f"``{each}``" for each in others)))
        cls.__doc__ = (cls.__doc__ or "").rstrip() + _PARAMETERS % told

    def __init__(
        self,
        *,
        filename: str,
        compression: str | None = None,
        units: dict[str, str] | None = None,
        scale: dict[str, float] | None = None,
        offset: dict[str, float] | None = None,
        sample_time_ns: float | None = None,
        pre_trigger_samples: int | None = None,
        analogue_offset: float | None = None,
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
        self.accept(buffer, filename=filename, compression=compression, **about)
        name = self.output_name(filename=filename)
        export = exported(self.format, name, compression, keep=False)
        self._begin(directory, name, buffer, about, export=export)

    @classmethod
    def check(cls, buffer: Mapping[str, Any], **config: Any) -> int:
        """Return the most bytes that an event takes, in both files; SetupError if it cannot be."""
        cls.accept(buffer, **config)
        return cls._event_bytes(buffer, 2)

    @classmethod
    def accept(
        cls,
        buffer: Mapping[str, Any],
        *,
        filename: str,
        compression: str | None = None,
        **about: Any,
    ) -> None:
        """Raise a SetupError if it cannot work with its buffer; loads and opens nothing."""
        cls.output_name(filename=filename)
        check_export(cls.OWNER, buffer, cls.format, compression, "compression")
        described(cls.OWNER, buffer, about)
