"""The room that is left on the disk of a run: little of it is an alarm, and less stops the run."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from mimocorb.errors import OutputError
from mimocorb.run.alarms import Alarms
from mimocorb.run.run_state import AlarmKind

__all__ = ["DiskWatch", "check_floor"]

INTERVAL_S = 1.0
GB = 1e9
MB = 1e6
ENOUGH = 1.1
"""By how much there has to be more room than the limit, until the alarm is over."""


class DiskWatch:
    """Raises an alarm when there is less room than the set-up says, and ends it later.

    Parameters
    ----------
    low_gb
        With less room than this there is an alarm; 0: never.
    floor_mb
        With less room than this the run has to pause; 0: never.
    alarms
        Where it is told.

    Attributes
    ----------
    below_floor
        What to tell while there is less room than the floor; otherwise empty.
    """

    def __init__(self, low_gb: float, floor_mb: float, alarms: Alarms) -> None:
        self._low_gb = low_gb
        self._floor_mb = floor_mb
        self._alarms = alarms
        self._next_s = 0.0
        self.below_floor = ""

    def look(self, directory: Path) -> None:
        """Look at the disk of this directory, if it is time."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + INTERVAL_S
        try:
            free = shutil.disk_usage(directory).free
        except OSError:  # what writes there will tell
            return
        self._look_at_the_floor(free / MB, directory)
        self._look_at_the_limit(free / GB, directory)

    def _look_at_the_floor(self, free_mb: float, directory: Path) -> None:
        if free_mb < self._floor_mb:
            self.below_floor = (
                f"less than disk_floor_mb = {self._floor_mb:g} MB are free for {directory}"
            )
        elif free_mb > ENOUGH * self._floor_mb:
            self.below_floor = ""

    def _look_at_the_limit(self, free_gb: float, directory: Path) -> None:
        subject = str(directory)
        if free_gb < self._low_gb:
            text = f"{free_gb:.3g} GB are left for {directory}, disk_low_gb is {self._low_gb:g}"
            self._alarms.begin(AlarmKind.DISK_LOW, subject, text)
        elif free_gb > ENOUGH * self._low_gb:
            text = f"{free_gb:.3g} GB are free again for {directory}"
            self._alarms.end(AlarmKind.DISK_LOW, subject, text)


def check_floor(directory: Path, floor_mb: float) -> None:
    """Raise an OutputError if there is less room than a run needs to begin."""
    place = directory
    while not place.exists() and place != place.parent:  # it is made by the run
        place = place.parent
    try:
        free_mb = shutil.disk_usage(place).free / MB
    except OSError:  # what is made there will tell
        return
    if free_mb < floor_mb:
        raise OutputError(
            f"{directory} has {free_mb:.3g} MB of room, and disk_floor_mb is {floor_mb:g}: make"
            " room, choose another place with --output, or set disk_floor_mb lower"
        )
