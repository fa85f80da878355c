"""Recordings of a run in other formats, written when all of its events have been recorded.

A recording says itself what is wanted: the sink ``record`` by its key ``export``, and sinks such as
``parquet`` that have a file in the place of the recording. It is done here and not by the sink,
whose process may fail in between, or take too long for those that wait for its end. The recording
is only read; it is deleted afterwards if that was asked for, and only if all that it holds is in
the new file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mimocorb._words import count as in_groups
from mimocorb._words import how_many
from mimocorb.errors import DamagedFile, MimocorbError
from mimocorb.recording.copying import copy_events, writable_format
from mimocorb.recording.events import Events
from mimocorb.recording.segments import ENDING, Segment, recording_of, segments_of
from mimocorb.run import recorded

__all__ = ["Exports"]

_TELL_EVERY_S = 10.0


class Exports:
    """What a run has exported.

    Parameters
    ----------
    directory
        Of the run.
    tell
        Is told what is being done, as it may take long.

    Attributes
    ----------
    done, failures
        What was written, and what was not, one sentence each.
    """

    def __init__(self, directory: Path, tell: Callable[[str], None]) -> None:
        self._directory = directory
        self._tell = tell
        self.done: list[str] = []
        self.failures: list[str] = []

    def make(self) -> None:
        """Write what the recordings of the run ask for; blocks until all is written."""
        wanted: dict[str, tuple[Mapping[str, Any], list[Path]]] = {}
        for path in sorted(self._directory.glob(f"*{ENDING}")):
            named = recording_of(path)
            if named is None or named[0] in wanted:
                continue
            with suppress(DamagedFile, OSError), Segment(path) as segment:
                if export := (segment.description or {}).get("export"):
                    wanted[named[0]] = export, segments_of(self._directory, named[0])
        for name, (export, segments) in wanted.items():
            self._export(name, export, segments)

    def _export(self, name: str, export: Mapping[str, Any], segments: list[Path]) -> None:
        wanted, stem = export["format"], export["stem"]
        made = f"{stem} as {wanted}"
        self._tell(f"writing {made}; the recording is complete")
        options = {"compression": export["compression"]} if export["compression"] else {}
        try:
            format_ = writable_format(wanted)
            with _opened(self._directory / name) as events:
                progress = self._progress(made, len(events))
                count, damage = copy_events(
                    events, format_, self._directory, stem, progress, **options
                )
        except (MimocorbError, OSError) as error:
            self.failures.append(
                f"{name} was not written as {wanted}: {error}; the recording is as it was, try"
                f" mimocorb files export {self._directory / name} --format {wanted} --to DIR"
            )
            return
        self.done.append(f"{how_many(count, 'event')} of {made}")
        if damage:
            self.failures.append(f"{made} lacks events: {'; '.join(damage)}")
        elif not export["keep"]:
            for segment in segments:
                segment.unlink()
            self.done[-1] += ", in the place of the recording"

    def _progress(self, made: str, count: int) -> Callable[[int], None]:
        """Return a function that tells every some seconds how much has been written."""
        told_s = time.monotonic()

        def progress(written: int) -> None:
            nonlocal told_s
            if time.monotonic() - told_s > _TELL_EVERY_S:
                told_s = time.monotonic()
                self._tell(f"writing {made}: {in_groups(written)} of {how_many(count, 'event')}")

        return progress


def _opened(place: Path) -> Events:
    events = recorded.open(place)
    assert isinstance(events, Events)
    return events
