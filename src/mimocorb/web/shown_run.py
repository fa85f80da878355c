"""The run that is shown: one that goes on, asked by its control socket, or one that has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from mimocorb.analysis.histograms.files import read_histograms
from mimocorb.analysis.histograms.run_histogram import RunHistogram
from mimocorb.errors import (
    CommandRefused,
    MimocorbError,
    RunRecordError,
    RunUnreachable,
    SetupError,
)
from mimocorb.run.record.catalogue import add_note, look_at
from mimocorb.run.record.notes import Note, checked_kind, checked_text
from mimocorb.run.record.run_record import RunRecord, read_record
from mimocorb.run.remote.running_runs import connect
from mimocorb.run.run_log import utc
from mimocorb.web import picture
from mimocorb.web.axes import axes_of
from mimocorb.web.buffer_watch import BufferWatch
from mimocorb.web.flow import flow_of_record
from mimocorb.web.found_pulses import pulse_buffers
from mimocorb.web.frames import SeenEvent
from mimocorb.web.recorded_events import RecordedEvents

__all__ = ["EndedRun", "LiveRun", "ShownRun"]

LOG_LINES = 200
BY = "the page"

Publish = Callable[[SeenEvent, bytes, bytes | None], None]


def _nobody_looks(_event: SeenEvent, _reduced: bytes, _full: bytes | None) -> None:
    """Take a frame before there is a gateway."""


class ShownRun(Protocol):
    """What the page shows.

    Attributes
    ----------
    directory
        Of the run.
    record
        Its record, as it was read last.
    can_be_steered
        Whether it takes commands.
    publish
        Is given each new event of a buffer that is watched, with its frame as all see it, and with
        that of every sample if somebody wants it; from a thread of the watch.
    """

    directory: Path
    record: RunRecord
    can_be_steered: bool
    publish: Publish

    def about(self) -> dict[str, Any]:
        """Return what does not change: data flow, buffers and their axes."""

    def look(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return a picture of the run, and the newest lines of its log."""

    def watch(self, buffer: str) -> BufferWatch | None:
        """Return the watch of a buffer; None if nothing new will come there."""

    def event(self, buffer: str, counter: int | None) -> SeenEvent:
        """Return an event by its counter, or the newest one; SetupError if there is none."""

    def histograms(self) -> dict[str, RunHistogram]:
        """Return the histograms of the run by name."""

    def steer(self, command: str, **more: Any) -> None:
        """Carry out a command."""

    def close(self) -> None:
        """Let go of it."""


class _Common:
    """What both have."""

    directory: Path
    record: RunRecord
    recorded: RecordedEvents
    publish: Publish = staticmethod(_nobody_looks)

    def about(self) -> dict[str, Any]:
        """Return what does not change: data flow, buffers and their axes."""
        setup = self.record.setup
        return {
            "flow": flow_of_record(setup),
            "buffers": [
                {
                    "name": name,
                    "length": spec.get("data_length"),
                    "variable": bool(spec.get("variable")),
                    "axes": axes_of(setup, name),
                    "fields": _field_names(spec.get("channels") or spec.get("data_dtype")),
                }
                for name, spec in setup.get("Buffers", {}).items()
            ],
            "recordings": self.recorded.summary(),
            "number": self.record.number,
            "title": self.record.title,
        }


def _field_names(dtype: Any) -> list[str]:
    return list(dtype) if isinstance(dtype, dict) else []


class LiveRun(_Common):
    """A run that goes on; :class:`RunUnreachable` if it does not.

    Parameters
    ----------
    run
        Its directory, number or name; None: the only one.
    """

    can_be_steered = True

    def __init__(self, run: str | None) -> None:
        self._client = connect(run, by=BY)
        self.directory = self._client.directory
        self.record = read_record(self.directory)
        self.recorded = RecordedEvents(self.directory, self.record)
        self._read_s = time.monotonic()
        self._watches: dict[str, BufferWatch] = {}
        self._lock = threading.Lock()

    def look(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return a picture of the run, and the newest lines of its log."""
        status = self._client.status(LOG_LINES)
        if status.ended or time.monotonic() - self._read_s > 1.0:
            self._read_s = time.monotonic()
            with suppress(RunRecordError):
                self.record = read_record(self.directory)
        if status.ended and self.record.result is not None:
            shown = picture.of_record(self.record, status.state.value, self.directory)
        else:
            shown = picture.of_status(status, self.record)
        shown["name"] = self.directory.name
        lines = [vars(line) | {"clock": line.clock} for line in status.lines]
        if status.ended:
            lines = self.recorded.log(LOG_LINES)
        return shown, lines

    def watch(self, buffer: str) -> BufferWatch:
        """Return the watch of a buffer, made when it is first asked for."""
        with self._lock:
            if buffer not in self._watches:
                observer = self._client.observer(buffer)
                beside = []
                for name in pulse_buffers(self.record.setup, buffer):
                    with suppress(CommandRefused):
                        beside.append(self._client.observer(name))
                self._watches[buffer] = BufferWatch(observer, beside, self._hand_on)
            return self._watches[buffer]

    def event(self, buffer: str, counter: int | None) -> SeenEvent:
        """Return an event by its counter, or the newest one.

        It is looked for among those shown lately, then in what has been recorded by now.
        """
        with suppress(RunUnreachable):
            watch = self.watch(buffer)
            found = watch.newest() if counter is None else watch.seen(counter)
            if found is not None:
                return found
            if counter is None:
                raise SetupError(f"{buffer} has had no event yet")
        return self.recorded.event(buffer, counter)

    def histograms(self) -> dict[str, RunHistogram]:
        """Return the histograms as they are now."""
        return self._client.histograms()

    def _hand_on(self, event: SeenEvent, reduced: bytes, full: bytes | None) -> None:
        self.publish(event, reduced, full)

    def steer(self, command: str, **more: Any) -> None:
        """Pause, resume, stop or end the run, or keep a note with it."""
        if command == "note":
            try:
                self._client.note(more["text"], more["kind"])
            except RunUnreachable:
                EndedRun(self.directory).steer("note", **more)
        elif command == "end":
            self._client.stop(now=True)
        else:
            getattr(self._client, command)()

    def close(self) -> None:
        """Let go of the run and its buffers."""
        for watch in self._watches.values():
            watch.close()
        self._client.close()


class EndedRun(_Common):
    """A run that is over, from its record and what it has recorded."""

    can_be_steered = False

    def __init__(self, directory: Path) -> None:
        known = look_at(directory)
        if not known.record.is_final and known.certain:
            raise MimocorbError(f"{directory}: the run goes on; mimocorb web {directory} shows it")
        self.directory = directory
        self.record = known.record
        self.recorded = RecordedEvents(directory, known.record)

    def look(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the last picture of the run, and the last lines of its log."""
        self.record = look_at(self.directory).record
        shown = picture.of_record(self.record, self.record.state.value, self.directory)
        return shown | {"name": self.directory.name}, self.recorded.log(LOG_LINES)

    def about(self) -> dict[str, Any]:
        """Return what does not change; of each buffer also whether its events can be shown."""
        found = super().about()
        for buffer in found["buffers"]:
            buffer["is_kept"] = self.recorded.has(buffer["name"])
        return found

    def watch(self, buffer: str) -> None:
        """Nothing new comes."""

    def event(self, buffer: str, counter: int | None) -> SeenEvent:
        """Return a recorded event by its counter, or the last one."""
        return self.recorded.event(buffer, counter)

    def histograms(self) -> dict[str, RunHistogram]:
        """Return the histograms as they were at the end."""
        return read_histograms(self.directory)

    def steer(self, command: str, **more: Any) -> None:
        """Keep a note; a run that is over takes no other command."""
        if command != "note":
            raise CommandRefused(f"a run that is {self.record.state.value} cannot {command}")
        kind = checked_kind(more["kind"])
        note = Note(utc(time.time()), BY, kind, checked_text(more["text"], kind))
        self.record = add_note(self.directory, note)

    def close(self) -> None:
        """Let go of its files."""
        self.recorded.close()
