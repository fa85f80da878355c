"""What the sinks have in common that record: ``record``, and those whose file is made at the end.

The table of contents of Parquet, HDF5, ROOT and npz stands at the end of the file: a process that
is killed would leave nothing that can be read. So the events go into a recording, with all that it
promises. It says which other format is wanted, and :mod:`mimocorb.run.exports` writes that when the
run has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mimocorb._words import how_many
from mimocorb.errors import OutputError, SetupError
from mimocorb.recording.channel_notes import described
from mimocorb.recording.columns import Columns
from mimocorb.recording.file_sink import FileSink
from mimocorb.recording.formats import Format
from mimocorb.recording.write_recording import RecordingWriter

__all__ = ["RecordingSink", "check_export", "exported"]

_OF_A_BATCH = 4096
"""Bytes that a batch of one event takes besides its data, at most, for each of its columns."""


class RecordingSink(FileSink):
    """A sink that records."""

    writer: RecordingWriter

    batch_bytes: ClassVar[int] = 1 << 20
    """How much it wants to have together."""
    gather_s: ClassVar[float] = 1.0
    """How long events may wait for others."""
    output_in_parts: ClassVar[bool] = True
    """Several processes write segments of one recording."""
    wants_sequences: ClassVar[bool] = True
    """It has to know which events it has written already."""

    def _begin(
        self,
        directory: Path,
        name: str,
        buffer: Mapping[str, Any],
        about: Mapping[str, Any],
        *,
        export: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Begin the recording; what becomes of it is told by :func:`exported`."""
        if (
            export is not None
            and (made := directory / (export["stem"] + export["ending"])).exists()
        ):
            raise OutputError(
                f"{made} exists already and is not overwritten. Choose another filename, or"
                " another run directory."
            )
        known = {
            key: value
            for key, value in described(self.OWNER, buffer, about).items()
            if value is not None
        }
        self.writer = RecordingWriter(
            self.OWNER, directory, name, buffer, about=known, export=export, **options
        )

    @classmethod
    def _event_bytes(cls, buffer: Mapping[str, Any], files: int) -> int:
        """Return the most bytes that an event takes in so many files."""
        columns = Columns(
            buffer["dtype"], buffer["values_per_slot"], variable=buffer.get("variable", False)
        )
        event_bytes: int = buffer["dtype"].itemsize * buffer["values_per_slot"]
        return files * event_bytes + _OF_A_BATCH + 64 * len(columns.schema)

    def _told(self) -> str:
        repeated = self.writer.repeat_count
        again = f"; {how_many(repeated, 'event')} came again and stand there once"
        return super()._told() + (again if repeated else "")


def exported(
    format_: Format, filename: str, compression: str | None, *, keep: bool
) -> dict[str, Any]:
    """Return what a recording says of the file that is to be made of it."""
    ending = getattr(format_, "endings", ("",))[0]
    return {
        "format": format_.name,
        "stem": filename.removesuffix(ending),
        "ending": ending,
        "compression": compression,
        "keep": keep,
    }


def check_export(
    owner: str, buffer: Mapping[str, Any], format_: Format, compression: str | None, key: str
) -> None:
    """Raise a SetupError if the events of a buffer cannot be written in a format like this."""
    format_.check(buffer)
    known = getattr(format_, "compressions", ())
    if compression is not None and compression not in known:
        raise SetupError(
            f"{owner}: {key} is {compression!r}; choose one of {', '.join(known) or 'none'}."
        )
