"""The room that is left on the disk of a run: little of it is an alarm, and less stops the run."""

from __future__ import annotations

import shutil

from mimocorb.run.alarm import AlarmKind
from mimocorb.run.supervision.watcher import ALIVE, RunParts, Watcher

__all__ = ["DiskWatch"]

GB = 1e9
MB = 1e6
ENOUGH = 1.1
"""By how much there has to be more room than the limit, until the alarm is over."""


class DiskWatch(Watcher):
    """Raises an alarm when there is less room than the set-up says, and ends it later.

    Attributes
    ----------
    below_floor
        What to tell while there is less room than the floor; otherwise empty.
    """

    interval_s = 1.0
    states = ALIVE

    def __init__(self, run: RunParts) -> None:
        super().__init__(run)
        self._low_gb = run.setup.disk_low_gb
        self._floor_mb = run.setup.disk_floor_mb
        self.below_floor = ""

    def look(self) -> None:
        """Look at the disk of the directory of the run."""
        try:
            free = shutil.disk_usage(self.directory).free
        except OSError:  # what writes there will tell
            return
        self._look_at_the_floor(free / MB)
        self._look_at_the_limit(free / GB)

    def _look_at_the_floor(self, free_mb: float) -> None:
        if free_mb < self._floor_mb:
            self.below_floor = (
                f"less than disk_floor_mb = {self._floor_mb:g} MB are free for {self.directory}"
            )
        elif free_mb > ENOUGH * self._floor_mb:
            self.below_floor = ""

    def _look_at_the_limit(self, free_gb: float) -> None:
        subject = str(self.directory)
        if free_gb < self._low_gb:
            text = f"{free_gb:.3g} GB are left for {subject}, disk_low_gb is {self._low_gb:g}"
            self._alarms.begin(AlarmKind.DISK_LOW, subject, text)
        elif free_gb > ENOUGH * self._low_gb:
            text = f"{free_gb:.3g} GB are free again for {subject}"
            self._alarms.end(AlarmKind.DISK_LOW, subject, text)
