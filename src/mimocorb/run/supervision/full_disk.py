"""A disk that takes nothing more: the run is paused until it does."""

from __future__ import annotations

from collections.abc import Callable

from mimocorb.run.alarm import AlarmKind
from mimocorb.run.run_state import RunState
from mimocorb.run.supervision.watcher import RunParts, Watcher

__all__ = ["FullDisk"]


class FullDisk(Watcher):
    """Pauses the run while there is no room on the disk, and lets it go on afterwards.

    There is none when processes wait for it, or when less is left than the floor of the set-up.

    A run that the operator has paused stays so. What cannot be written while a run drains is waited
    for only for a short time, see :class:`mimocorb.run.supervision.draining.Drain`.

    Parameters
    ----------
    run
        What it looks at, and where it tells.
    state
        Returns what the run is doing.
    pause
        Pauses the run (True) or lets it go on (False), for a reason.
    below_floor
        Returns what to tell while there is less room than there has to be.
    """

    def __init__(
        self,
        run: RunParts,
        *,
        state: Callable[[], RunState],
        pause: Callable[[bool, str], None],
        below_floor: Callable[[], str],
    ) -> None:
        super().__init__(run)
        self._state = state
        self._pause = pause
        self._below_floor = below_floor
        self._told: dict[str, str] = {}
        self._has_paused = False

    def look(self) -> None:
        """Deal with what processes have said since the last look."""
        waiting = {
            p.name: p.waits_for_disk for f in self._functions for p in f.alive if p.waits_for_disk
        }
        if below := self._below_floor():
            waiting[_DISK] = below
        for name, why in waiting.items():
            if self._told.get(name) != why:
                text = f"{name}: {why}; make room, the run waits"
                self._alarms.begin(AlarmKind.DISK_FULL, name, text)
        for name in self._told.keys() - waiting.keys():
            text = f"{name}: everything can be written again"
            self._alarms.end(AlarmKind.DISK_FULL, name, text)
        self._told = waiting
        if waiting and self._state() is RunState.RUNNING:
            self._has_paused = True
            self._pause(True, f"paused: {', '.join(dict.fromkeys(waiting.values()))}")
        elif self._has_paused and not waiting:
            self._has_paused = False
            if self._state() is RunState.PAUSED:
                self._pause(False, "resumed: everything can be written again")


_DISK = "disk"
