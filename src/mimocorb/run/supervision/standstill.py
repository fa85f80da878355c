"""Workers that wait for one another in a ring: named within seconds, as it would last for ever.

A worker that puts events of several buffers together holds what has no partner yet. If that fills a
buffer, whoever writes it waits for room; and if he is also the one who has to bring the partner,
directly or not, nobody can go on. Processes say in their accounts what they wait for
(:class:`~mimocorb.components.meter_page.Activity`), the ledgers which buffers are full or empty.

Who can go on is found from the end that is sure: a process that works can. One that waits for an
event can if the event is there, or if somebody can go on who writes the buffer; one that waits for
room can if there is room, or if all can go on whose events fill the buffer. Those who are left
wait for one another. Told is only what stays so while no event moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mimocorb._words import how_many
from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.components.meter_page import Activity
from mimocorb.run.alarm import AlarmKind
from mimocorb.run.run_state import RunState, WorkerState
from mimocorb.run.supervision.escalation import ProgressWatch
from mimocorb.run.supervision.watcher import RunParts, Watcher
from mimocorb.run.workers.worker_function import WorkerFunction

__all__ = ["Standstill"]

PATIENCE_S = 3.0
AT_WORK = frozenset({WorkerState.READY, WorkerState.RUNNING})


class Standstill(Watcher):
    """Looks whether workers wait for one another, and raises an alarm for each such ring."""

    states = frozenset({RunState.RUNNING, RunState.DRAINING})
    interval_s = 1.0

    def __init__(self, run: RunParts) -> None:
        super().__init__(run)
        self._unmoved = ProgressWatch()
        self._stalled: set[str] = set()

    def look(self) -> None:
        """Tell of a ring that has been there for some seconds."""
        waiting = _Waiting(self._functions, self._buffers)
        unmoved_s = self._unmoved.unchanged_s((waiting.names, waiting.moved))
        if waiting.names and unmoved_s > PATIENCE_S:
            subject = ", ".join(sorted(waiting.names))
            self._alarms.begin(AlarmKind.STALLED, subject, waiting.told())
            self._stalled.add(subject)
        elif unmoved_s < PATIENCE_S:
            while self._stalled:
                subject = self._stalled.pop()
                self._alarms.end(AlarmKind.STALLED, subject, f"{subject}: events move again")


class _Waiting:
    """Who waits for one another at this moment."""

    def __init__(
        self, functions: Sequence[WorkerFunction], buffers: Mapping[str, NewBuffer]
    ) -> None:
        self._functions = [function for function in functions if function.must_finish]
        self._stats = {name: buffer.stats() for name, buffer in buffers.items()}
        self._doing = {
            f.spec.name: [p.account.read().page.doing for p in f.alive if p.state in AT_WORK]
            for f in self._functions
        }
        able: set[str] = set()
        while more := {
            f.spec.name for f in self._functions if f.spec.name not in able and self._can(f, able)
        }:
            able |= more
        self._stuck = self._ring([f for f in self._functions if f.spec.name not in able])

    @property
    def names(self) -> frozenset[str]:
        """Names of the workers."""
        return frozenset(function.spec.name for function in self._stuck)

    @property
    def moved(self) -> object:
        """What changes as soon as an event moves."""
        return [(s.published, [g.acknowledged for g in s.groups]) for s in self._stats.values()]

    def told(self) -> str:
        """Say who waits for whom, and what helps."""
        merging = [function for function in self._stuck if len(function.readers) > 1]
        full = [name for function in self._stuck for name in self._full(function)]
        held = [name for name in full if any(name in function.readers for function in merging)]
        timeout = f"give merge of {_listed(f.spec.name for f in merging)} a timeout_s, or "
        more = _listed(f"{name} more than {how_many(self._slots(name), 'slot')}" for name in held)
        return (
            "nothing moves, as workers wait for one another: "
            f"{'; '.join(map(self._told_of, self._stuck))}; "
            + (f"{timeout}{more}" if merging and held else "give the full buffers more slots")
        )

    def _told_of(self, function: WorkerFunction) -> str:
        if Activity.NO_ROOM in self._doing[function.spec.name]:
            full = self._full(function)
            readers = _listed(f.label for name in full for f in self._filling(name))
            return f"{function.label} waits for room in {_listed(full)}, read by {readers}"
        missing = self._missing(function)
        writers = _listed(f.label for name in missing for f in self._writing(name))
        return f"{function.label} waits for an event of {_listed(missing)}, written by {writers}"

    def _ring(self, functions: list[WorkerFunction]) -> list[WorkerFunction]:
        """Leave out who only waits for the others, or for whom nobody waits."""
        while True:
            waits_for = {f.spec.name: self._waits_for(f) for f in functions}
            awaited = {name for names in waits_for.values() for name in names}
            left = [f for f in functions if f.spec.name in awaited]
            left = [f for f in left if waits_for[f.spec.name] & {g.spec.name for g in left}]
            if len(left) == len(functions):
                return left
            functions = left

    def _waits_for(self, function: WorkerFunction) -> set[str]:
        doing = self._doing[function.spec.name]
        if Activity.NO_ROOM in doing:
            return {f.spec.name for name in self._full(function) for f in self._filling(name)}
        return {f.spec.name for name in self._missing(function) for f in self._writing(name)}

    # --- who can go on

    def _can(self, function: WorkerFunction, able: set[str]) -> bool:
        """Whether a process of the function can go on, if these workers can."""
        if len(self._doing[function.spec.name]) < len(function.processes) and not function.gone:
            return True  # one starts, or ends, or is to be started again
        return any(
            self._can_go_on(function, doing, able) for doing in self._doing[function.spec.name]
        )

    def _can_go_on(self, function: WorkerFunction, doing: Activity, able: set[str]) -> bool:
        if doing is Activity.NO_TURN:  # it waits for a colleague
            return False
        if doing is Activity.NO_ROOM:
            filling = [f for name in self._full(function) for f in self._filling(name)]
            return all(f.spec.name in able for f in filling)
        if doing not in (Activity.NO_INPUT, Activity.NO_PARTNER):
            return True
        if doing is Activity.NO_PARTNER and _waits_only_so_long(function):
            return True
        writing = [self._writing(name) for name in self._missing(function)]
        coming = [any(f.spec.name in able for f in writers) for writers in writing]
        return not coming or (all(coming) if doing is Activity.NO_PARTNER else any(coming))

    def _full(self, function: WorkerFunction) -> list[str]:
        """Buffers that it writes and that have no room."""
        return [name for name in function.writers if not self._stats[name].free_slots]

    def _missing(self, function: WorkerFunction) -> list[str]:
        """Buffers that it reads, that go on, and that have no event for it."""
        return [
            name
            for name, reader in function.readers.items()
            for group in self._stats[name].groups
            if group.group == reader["group"]
            and group.due == group.held
            and not (group.held and len(function.readers) > 1)
            and not self._stats[name].ended
        ]

    def _filling(self, buffer: str) -> list[WorkerFunction]:
        """Workers whose events keep a buffer full: those that are furthest behind."""
        groups = self._stats[buffer].groups
        most = max((group.due for group in groups), default=0)
        behind = {group.group for group in groups if group.due == most}
        return [
            function
            for function in self._functions
            if buffer in function.readers and function.readers[buffer]["group"] in behind
        ]

    def _writing(self, buffer: str) -> list[WorkerFunction]:
        return [function for function in self._functions if buffer in function.writers]

    def _slots(self, buffer: str) -> int:
        return self._stats[buffer].number_of_slots


def _waits_only_so_long(function: WorkerFunction) -> bool:
    """Whether it goes on without a partner after a while."""
    merge = function.spec.config.get("merge")
    return isinstance(merge, Mapping) and merge.get("timeout_s") is not None


def _listed(names: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(names))
