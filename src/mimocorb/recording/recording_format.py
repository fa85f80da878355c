"""The recording as a file format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimocorb.recording.formats import EventFile, Part
from mimocorb.recording.segments import Segment, recording_of
from mimocorb.recording.write_recording import RecordingWriter

__all__ = ["RECORDING"]


class RecordingFormat:
    """Segments of an Arrow stream with seals, see :mod:`mimocorb.recording.messages`."""

    name = "record"

    def part(self, path: Path) -> Part | None:
        """Return which recording a file is a segment of."""
        named = recording_of(path)
        return Part(*named) if named is not None else None

    def open(self, path: Path) -> EventFile:
        """Open a segment."""
        return Segment(path)

    def create(
        self, directory: Path, name: str, buffer: Mapping[str, Any], about: Mapping[str, Any]
    ) -> RecordingWriter:
        """Make a recording."""
        return RecordingWriter(self.name, directory, name, buffer, about=about)


RECORDING = RecordingFormat()
