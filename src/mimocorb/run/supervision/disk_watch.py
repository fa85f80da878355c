"""The room that is left on the disk of a run: little of it is an alarm, and less stops the run."""

from __future__ import annotations

import shutil
from pathlib import Path

from mimocorb.errors import OutputError
from mimocorb.run.alarms import Alarms
from mimocorb.run.run_state import AlarmKind
from mimocorb.run.supervision.watcher import ALIVE, Watcher

__all__ = ["DiskWatch", "check_floor"]

GB = 1e9
MB = 1e6
ENOUGH = 1.1
"""By how much there has to be more room than the limit, until the alarm is over."""


class DiskWatch(Watcher):
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
