"""The recording as a file format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb._words import how_many
from mimocorb.errors import DamagedFile
from mimocorb.recording.formats import EventFile, FileFormat, Joined, Part
from mimocorb.recording.segments import Segment, recording_of, segment_name
from mimocorb.recording.write_recording import RecordingWriter

__all__ = ["RECORDING", "Recording"]


class RecordingFormat(FileFormat):
    """Segments of an Arrow stream with seals, see :mod:`mimocorb.recording.messages`."""

    name = "record"

    def part(self, path: Path) -> Part | None:
        """Return which recording a file is a segment of."""
        named = recording_of(path)
        return Part(*named) if named is not None else None

    def open(self, path: Path) -> Segment:
        """Open a segment."""
        return Segment(path)

    def join(self, files: Mapping[Path, EventFile]) -> EventFile:
        """Return segments as one recording."""
        return Recording({path: file for path, file in files.items() if isinstance(file, Segment)})

    def create(
        self,
        directory: Path,
        name: str,
        buffer: Mapping[str, Any],
        about: Mapping[str, Any],
        **options: Any,
    ) -> RecordingWriter:
        """Make a recording."""
        return RecordingWriter(self.name, directory, name, buffer, about=about, **options)


RECORDING = RecordingFormat()


class Recording(Joined):
    """All segments of a recording.

    Parameters
    ----------
    segments
        In the order of their numbers; one in which nothing has been written yet is left out.
    """

    def __init__(self, segments: Mapping[Path, Segment]) -> None:
        begun = {path: each for path, each in segments.items() if each.description is not None}
        self.not_begun = [path.name for path in segments if path not in begun]
        if not begun:
            size = sum(each.size for each in segments.values())
            why = f"no batch is whole in its {how_many(size, 'byte')}"
            raise DamagedFile(
                f"{', '.join(self.not_begun)}: {why if size else 'nothing has been written yet'}"
            )
        super().__init__(begun)
        self.segments = begun

    def missing(self) -> Iterator[str]:
        """Yield which events are known to be missing, without reading anything."""
        for path, segment in self.segments.items():
            yield from (f"{path.name}: {sentence}" for sentence in segment.missing())

    def damage(self) -> Iterator[str]:
        """Yield what is missing or is not what was written.

        That a segment has no end is no damage if a process has taken the place of its writer, and
        found in it what is in it now.
        """
        continued = self._continued()
        for path, segment in self.segments.items():
            left = continued.get(path.name)
            is_left = left == (segment.event_count, segment.whole_bytes)
            yield from (
                f"{path.name}: {sentence}" for sentence in segment.damage(ends_in_order=is_left)
            )
            if left is not None and not is_left:
                yield (
                    f"{path.name}: it had {how_many(left[0], 'event')} when its writer was"
                    f" replaced, and has {how_many(segment.event_count, 'event')} now"
                )
        yield from self._missing_segments()
        yield from self._twice()

    def _continued(self) -> dict[str, tuple[int, int]]:
        """Return how many events and bytes the segments had whose writer was replaced."""
        return {
            left["file"]: (left["events"], left["whole_bytes"])
            for segment in self.segments.values()
            for left in (segment.description or {})["continues"]
        }

    def _missing_segments(self) -> Iterator[str]:
        named = [recording_of(path) for path in self.segments]
        numbers = {each[1] for each in named if each is not None}
        (first, *_) = (each for each in named if each is not None)
        for number in sorted(set(range(max(numbers))) - numbers):
            name = segment_name(first[0], number)
            if name not in self.not_begun:
                yield f"{name} is missing"
        written: dict[tuple[Any, ...], int] = {}
        for segment in self.segments.values():
            writer = tuple((segment.description or {})["writer"].values())
            written[writer] = written.get(writer, 0) + segment.event_count
        last = {
            tuple((segment.description or {})["writer"].values()): segment.closing
            for segment in self.segments.values()
        }
        for writer, closing in last.items():
            if closing is None:
                continue
            missing = closing["events_of_process"] - written[writer]
            if closing["closes"] == "segment":
                yield f"what follows event {closing['events_of_process']} is missing"
            elif missing:
                yield f"missing: {how_many(missing, 'event')} by what the last batch says"

    def _twice(self) -> Iterator[str]:
        """Yield that events of a run stand there more than once, by their numbers in the buffer."""
        numbers = self.sequences()
        twice = len(numbers) - len(np.unique(numbers))
        if twice:
            yield f"{how_many(twice, 'event')} stand there more than once"

    def sequences(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the publish numbers of all events that are whole."""
        found = [np.empty(0, np.int64)]
        for segment in self.segments.values():
            for batch in segment.batches:
                try:
                    metadata = segment.read_batch(batch).metadata
                except DamagedFile:
                    continue
                if metadata.sequence is not None:
                    found.append(metadata.sequence)
        return np.concatenate(found)
