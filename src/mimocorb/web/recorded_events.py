"""What a run has recorded, found by buffer and event number; while it goes on as well."""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb._files import open_regular
from mimocorb.buffers.units import in_units
from mimocorb.errors import DamagedFile, MimocorbError, SetupError
from mimocorb.recording.events import Events
from mimocorb.run.record.run_record import RunRecord
from mimocorb.run.recorded import RecordedRun
from mimocorb.run.run_log import JSON_LOG, LogLine
from mimocorb.web.found_pulses import pulse_buffers, pulses_in
from mimocorb.web.frames import SeenEvent, columns_of

__all__ = ["RecordedEvents"]

LOG_BYTES = 256 << 10


class RecordedEvents:
    """The recordings of a run.

    Parameters
    ----------
    directory, record
        Of the run.
    """

    def __init__(self, directory: Path, record: RunRecord) -> None:
        self._directory = directory
        self._setup = record.setup
        self._run = RecordedRun(directory)
        self._lock = threading.Lock()

    def _of_buffer(self, buffer: str) -> list[Events]:
        """Return the recordings of the events of a buffer, opened and up to date."""
        found = []
        workers: Mapping[str, Any] = self._setup.get("Workers", {})
        names = {
            str((worker.get("config") or {}).get("filename"))
            for worker in workers.values()
            if buffer in (worker.get("sources") or ())
        }
        for name in self._run:
            try:
                events = self._run[name].look_again()
            except (MimocorbError, OSError):
                continue
            if events.about.get("buffer", buffer if name in names else None) == buffer:
                found.append(events)
        return found

    def summary(self) -> list[dict[str, Any]]:
        """Return what there is: name, number of events, buffer if known."""
        rows = []
        with self._lock:
            for name in self._run:
                try:
                    events = self._run[name]
                    rows.append(
                        {"name": name, "events": len(events), "buffer": events.about.get("buffer")}
                    )
                except (MimocorbError, OSError) as error:
                    rows.append({"name": name, "trouble": str(error)})
        return rows

    def has(self, buffer: str) -> bool:
        """Whether events of this buffer have been recorded."""
        with self._lock:
            return bool(self._of_buffer(buffer))

    def event(self, buffer: str, counter: int | None) -> SeenEvent:
        """Return an event by its counter, or the last one.

        Raises
        ------
        SetupError
            It has not been recorded.
        """
        with self._lock:
            places = self._of_buffer(buffer)
            for events in places:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    place = _place_of(events, counter)
                if place is not None:
                    return self._seen(buffer, events, place)
        if not places:
            raise SetupError(f"no sink of this run has recorded the events of {buffer}")
        what = "no event" if counter is None else f"no event {counter}"
        raise SetupError(f"{what} of {buffer} is in {', '.join(each.name for each in places)}")

    def _seen(self, buffer: str, events: Events, place: int) -> SeenEvent:
        event = events[place]
        channels = list(columns_of(event.data))
        pulses = []
        for name in pulse_buffers(self._setup, buffer):
            for beside in self._of_buffer(name):
                at = _place_of(beside, event.metadata.counter)
                if at is not None:
                    pulses += pulses_in(beside[at].data, channels)
        counter, timestamp, deadtime = event.metadata[:3]
        return SeenEvent(
            buffer,
            place + 1,
            (counter, timestamp, deadtime),
            event.metadata.time_ns,
            0,
            timestamp if timestamp > 0 else None,
            in_units(event.data, events),
            pulses,
        )

    def log(self, lines: int) -> list[dict[str, Any]]:
        """Return the last lines of the log."""
        try:
            with open_regular(self._directory / JSON_LOG) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES))
                texts = file.read().splitlines()[-lines:]
        except OSError:
            return []
        found = []
        for text in texts:
            try:
                content = json.loads(text)
                line = LogLine(
                    float(content["time_s"]),
                    str(content["level"]),
                    str(content["origin"]),
                    str(content["text"]),
                )
            except (ValueError, KeyError, TypeError):
                continue  # the first one is cut
            found.append(vars(line) | {"clock": line.clock})
        return found

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for name in list(self._run):
                try:
                    self._run[name].close()
                except (MimocorbError, OSError):
                    continue


def _place_of(events: Events, counter: int | None) -> int | None:
    """Return the place of an event in a recording; None if it is not there."""
    if not len(events):
        return None
    if counter is None:
        return len(events) - 1
    first = 0
    for number, count in enumerate(events.file.counts):
        try:
            counters = events.file.read_block(number).metadata.counter
        except DamagedFile:
            counters = np.empty(0, np.int64)
        at = np.flatnonzero(counters == counter)
        if len(at):
            return first + int(at[0])
        first += count
    return None
