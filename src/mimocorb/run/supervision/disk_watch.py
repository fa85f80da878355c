"""The room that is left on the disk of a run: little of it is an alarm, before there is none."""

from __future__ import annotations

import shutil

from mimocorb.run.alarms import Alarms
from mimocorb.run.run_state import AlarmKind
from mimocorb.run.supervision.watcher import ALIVE, Watcher

__all__ = ["DiskWatch"]

GB = 1e9
ENOUGH = 1.1
"""By how much there has to be more room than the limit, until the alarm is over."""


class DiskWatch(Watcher):
    """Raises an alarm when there is less room than the set-up says, and ends it later.

    Parameters
    ----------
    limit_gb
        So much has to be free; 0: nothing is watched.
    alarms
        Where it is told.
    """

    interval_s = 2.0

    def __init__(self, limit_gb: float, alarms: Alarms) -> None:
        self.states = ALIVE if limit_gb else frozenset()
        self._limit_gb = limit_gb
        self._alarms = alarms

    def look(self) -> None:
        """Look at the disk of the directory of the run."""
        try:
            free_gb = shutil.disk_usage(self.directory).free / GB
        except OSError:  # what writes there will tell
            return
        subject = str(self.directory)
        if free_gb < self._limit_gb:
            text = f"{free_gb:.3g} GB are left for {subject}, disk_low_gb is {self._limit_gb:g}"
            self._alarms.begin(AlarmKind.DISK_LOW, subject, text)
        elif free_gb > ENOUGH * self._limit_gb:
            text = f"{free_gb:.3g} GB are free again for {subject}"
            self._alarms.end(AlarmKind.DISK_LOW, subject, text)
