"""Recordings of the events in quarantine, which failed every time: to look into them later."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.buffers.quarantine import QuarantinedEvent
from mimocorb.errors import SetupError
from mimocorb.recording.block import alone
from mimocorb.recording.output_file import as_file_name
from mimocorb.recording.segments import segments_of
from mimocorb.run.alarm import AlarmKind
from mimocorb.run.supervision.watcher import RunParts, Watcher

if TYPE_CHECKING:
    from mimocorb.recording.write_recording import RecordingWriter

__all__ = ["QuarantineFiles"]

FOLDER = "set_aside"
SHARE_OF_TIME = 0.1


class QuarantineFiles(Watcher):
    """Records each event in quarantine, as soon as it is seen there.

    Notes
    -----
    ``set_aside/<buffer>_group<n>.000.arrows`` in the directory of the run are recordings, one for
    each group of readers that has failed. The note of an event is what was said each time, a line
    each. A kill in between leaves whole events.
    """

    interval_s = 0.25

    def __init__(self, run: RunParts) -> None:
        super().__init__(run)
        self._seen = 0
        self._written: set[tuple[str, int, int]] = set()
        self._recordings: dict[tuple[str, int], RecordingWriter] = {}

    def look(self) -> None:
        """Write what has come into quarantine; a disk may have room later.

        However much there is, that takes at most a tenth of the time.
        """
        began_s = time.monotonic()
        if self._number() == self._seen:
            return
        try:
            self._write_new()
        except OSError as error:
            self._findings.tell(f"events that were set aside wait in memory: {error}", "WARNING")
            began_s -= self.interval_s  # they wait for the next look or two as well
        now_s = time.monotonic()
        self._next_s = now_s + max(self.interval_s, (now_s - began_s) / SHARE_OF_TIME)

    def finish(self) -> list[str]:
        """Write what is left; what cannot be written is a failure of the run."""
        try:
            self._write_new()
        except OSError as error:
            self._findings.fail(f"events that were set aside could not be saved: {error}")
        for recording in self._recordings.values():
            try:
                recording.close()
            except OSError as error:
                self._findings.fail(f"events that were set aside may not be saved: {error}")
        self._recordings.clear()
        return []

    def _number(self) -> int:
        stats = [buffer.stats() for buffer in self._buffers.values()]
        return sum(group.quarantined for each in stats for group in each.groups)

    def _write_new(self) -> None:
        number = self._number()  # before: what comes meanwhile is for the next look
        for name, buffer in self._buffers.items():
            for event in buffer.quarantined():
                key = (name, event.group, event.sequence)
                if key not in self._written:
                    text = self._written_text(name, event)
                    self._written.add(key)
                    self._alarms.tell(AlarmKind.SET_ASIDE, name, text, "ERROR")
        self._seen = number

    def _written_text(self, buffer: str, event: QuarantinedEvent) -> str:
        try:
            return f"an event that failed every time is in {self._write(buffer, event)}"
        except SetupError as error:  # of a type that no file can describe
            self._findings.fail(f"an event of {buffer} that was set aside is not saved: {error}")
            return f"an event of {buffer} failed every time"

    def _write(self, buffer: str, event: QuarantinedEvent) -> Path:
        recording = self._recordings.get((buffer, event.group))
        if recording is None:
            recording = _new_recording(self.directory / FOLDER, buffer, event)
            self._recordings[buffer, event.group] = recording
        metadata = BatchMetadata.of((event.counter, event.timestamp, event.deadtime), event.time_ns)
        metadata.sequence = np.array([event.sequence])
        metadata.notes = np.array(["\n".join(event.reasons)], np.object_)
        recording.append(alone(event.data, event.most is not None), metadata)
        return recording.path


def _new_recording(folder: Path, buffer: str, event: QuarantinedEvent) -> RecordingWriter:
    """Make a recording beside those that are there, of another run or of a name that is alike."""
    from mimocorb.recording.write_recording import RecordingWriter  # few runs need it

    folder.mkdir(exist_ok=True)
    stem = f"{as_file_name(buffer)}_group{event.group}"
    name, copy = stem, 1
    while segments_of(folder, name):
        copy += 1
        name = f"{stem}_{copy}"
    setup = {
        "name": buffer,
        "dtype": event.data.dtype,
        "values_per_slot": event.most or len(event.data),
        "variable": event.most is not None,
    }
    return RecordingWriter(
        "set_aside",
        folder,
        name,
        setup,
        about={"notes": "what was said each time it failed, a line each", "group": event.group},
        segment_bytes=math.inf,
        segment_s=math.inf,
        sync_s=None,  # no thread, as new processes may be forked
        waits=False,
    )
