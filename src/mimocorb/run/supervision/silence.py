"""Sources and buffers that have had no event for longer than the set-up finds normal.

What is watched has a ``silent_after_s``. Pauses do not count: the time is that of data taking. Each
process of a source is watched for itself, if its account counts its events: of two devices one may
have gone. A source that writes by itself is watched by what comes into its buffers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.components.meter_page import Activity, Capability
from mimocorb.run.alarm import AlarmKind
from mimocorb.run.run_state import RunState
from mimocorb.run.supervision.watcher import RunParts, Watcher
from mimocorb.run.wording import time_taken
from mimocorb.run.workers.worker_function import WorkerFunction

__all__ = ["SilenceWatch"]

COARSE_LOOK_S = 1.0
LOOKS_PER_LIMIT = 5


class _Watched(NamedTuple):
    """Something that should have events: what it is, what it has had, whether it waits for room."""

    name: str
    limit_s: float
    events: int
    is_held_up: bool


class SilenceWatch(Watcher):
    """Raises an alarm for what is silent, and ends it with the next event."""

    def __init__(self, run: RunParts) -> None:
        super().__init__(run)
        self._limits_s = {
            spec.name: spec.silent_after_s for spec in run.setup.buffers if spec.silent_after_s
        }
        limits_s = [*self._limits_s.values(), *(w.silent_after_s or 0.0 for w in run.setup.workers)]
        shortest_s = min((each for each in limits_s if each), default=0.0)
        self.states = frozenset({RunState.RUNNING} if shortest_s else ())
        self.interval_s = min(COARSE_LOOK_S, shortest_s / LOOKS_PER_LIMIT)
        self._seen: dict[str, tuple[int, float]] = {}

    def look(self) -> None:
        """Look at everything that is watched."""
        active_s = self._clock.active_s() or 0.0
        before, self._seen = self._seen, {}
        for watched in self._watched():
            events, since_s = before.get(watched.name, (-1, 0.0))
            if watched.events != events:
                said = f"{watched.name} has an event again, after {time_taken(active_s - since_s)}"
                self._alarms.end(AlarmKind.SILENT, watched.name, said)
                since_s = active_s
            elif (silent_s := active_s - since_s) > watched.limit_s:
                text = _text(watched)
                self._alarms.begin(AlarmKind.SILENT, watched.name, text, already_s=silent_s)
            self._seen[watched.name] = (watched.events, since_s)
        for name in before.keys() - self._seen.keys():
            self._alarms.end(AlarmKind.SILENT, name, f"{name} has ended")

    def data_taking_ends(self) -> None:
        """Watch no longer."""
        for name in self._seen:
            self._alarms.end(AlarmKind.SILENT, name, f"data taking is over, {name} had no event")
        self._seen.clear()

    def _watched(self) -> Iterator[_Watched]:
        for name, limit_s in self._limits_s.items():
            stats = self._buffers[name].stats()
            yield _Watched(name, limit_s, stats.published, is_held_up=not stats.free_slots)
        for function in self._functions:
            if function.spec.silent_after_s:
                yield from _processes_of(function, function.spec.silent_after_s, self._buffers)


def _processes_of(
    function: WorkerFunction, limit_s: float, buffers: Mapping[str, NewBuffer]
) -> Iterator[_Watched]:
    """Yield each process of a source, or the source as a whole where they count no events."""
    pages = [
        (process, [each.read().page for each in function.accounts if each.number == process.number])
        for process in function.alive
    ]
    if all(Capability.ARRIVALS in accounts[-1].knows for _, accounts in pages):
        for process, accounts in pages:
            events = sum(page.events for page in accounts)
            held_up = accounts[-1].doing is Activity.NO_ROOM
            yield _Watched(process.name, limit_s, events, held_up)
    else:
        stats = [buffers[name].stats() for name in function.spec.writes]
        events = sum(each.published for each in stats)
        held_up = not all(each.free_slots for each in stats)
        yield _Watched(function.label, limit_s, events, held_up)


def _text(watched: _Watched) -> str:
    why = ": there is no room, those who read do not go on" if watched.is_held_up else ""
    return f"{watched.name} has had no event for more than {time_taken(watched.limit_s)}{why}"
