"""The room that is left on the disk of a run: little of it is an alarm, before there is none."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from mimocorb.run.alarms import Alarms
from mimocorb.run.run_state import AlarmKind

__all__ = ["DiskWatch"]

INTERVAL_S = 2.0
GB = 1e9
ENOUGH = 1.1
"""By how much there has to be more room than the limit, until the alarm is over."""


class DiskWatch:
    """Raises an alarm when there is less room than the set-up says, and ends it later.

    Parameters
    ----------
    limit_gb
        So much has to be free; 0: nothing is watched.
    alarms
        Where it is told.
    """

    def __init__(self, limit_gb: float, alarms: Alarms) -> None:
        self._limit_gb = limit_gb
        self._alarms = alarms
        self._next_s = 0.0

    def look(self, directory: Path) -> None:
        """Look at the disk of this directory, if it is time."""
        now_s = time.monotonic()
        if not self._limit_gb or now_s < self._next_s:
            return
        self._next_s = now_s + INTERVAL_S
        try:
            free_gb = shutil.disk_usage(directory).free / GB
        except OSError:  # what writes there will tell
            return
        subject = str(directory)
        if free_gb < self._limit_gb:
            text = f"{free_gb:.3g} GB are left for {directory}, disk_low_gb is {self._limit_gb:g}"
            self._alarms.begin(AlarmKind.DISK_LOW, subject, text)
        elif free_gb > ENOUGH * self._limit_gb:
            text = f"{free_gb:.3g} GB are free again for {directory}"
            self._alarms.end(AlarmKind.DISK_LOW, subject, text)
