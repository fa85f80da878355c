"""Files of the events in quarantine, which failed every time: to look into them later."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.buffers.quarantine import QuarantinedEvent
from mimocorb.run.alarms import Alarms
from mimocorb.run.findings import Findings
from mimocorb.run.run_state import AlarmKind
from mimocorb.run.supervision.watcher import Watcher

__all__ = ["QuarantineFiles"]

FOLDER = "set_aside"
SHARE_OF_TIME = 0.1


class QuarantineFiles(Watcher):
    """Writes a NumPy file for each event in quarantine, as soon as it is seen there.

    Parameters
    ----------
    buffers
        Those of the run.
    alarms, findings
        Get what has been written, and what could not be.

    Notes
    -----
    The files go into ``set_aside/`` in the directory of the run. Each ``.npz`` holds ``data`` as it
    was in the slot, ``counter``, ``timestamp`` (UTC, s), ``deadtime``, ``time_ns`` (if the source
    gives it), ``sequence`` (publish number in the buffer) and ``reasons``, what was said each time;
    to be opened with ``np.load(file)``, no pickle is needed. A kill in between leaves whole files,
    and perhaps one that ends in ``.part``.
    """

    interval_s = 0.25

    def __init__(
        self, buffers: Mapping[str, NewBuffer], alarms: Alarms, findings: Findings
    ) -> None:
        self._buffers = buffers
        self._alarms = alarms
        self._findings = findings
        self._seen = 0
        self._written: set[tuple[str, int, int]] = set()

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
                    path = _write(self.directory, name, event)
                    self._written.add(key)
                    text = f"an event that failed every time is in {path}"
                    self._alarms.tell(AlarmKind.SET_ASIDE, name, text, "ERROR")
        self._seen = number


def _write(directory: Path, buffer: str, event: QuarantinedEvent) -> Path:
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    stem = f"{buffer}_group{event.group}_event{event.sequence}"
    path, copy = folder / f"{stem}.npz", 1
    while path.exists():  # of another run, in a directory that a program has used before
        copy += 1
        path = folder / f"{stem}_{copy}.npz"
    part = path.with_suffix(".part")
    beside: dict[str, Any] = {} if event.time_ns is None else {"time_ns": event.time_ns}
    with part.open("xb") as file:
        np.savez(
            file,
            data=event.data,
            counter=event.counter,
            timestamp=event.timestamp,
            deadtime=event.deadtime,
            sequence=event.sequence,
            **beside,
            reasons=np.array(event.reasons, dtype=np.str_),
        )
    return part.rename(path)
