"""New processes in the place of those that failed, each after a pause."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from mimocorb.run.alarm import AlarmKind
from mimocorb.run.alarms import Alarms
from mimocorb.run.run_state import WorkerState
from mimocorb.run.workers.worker_function import WorkerFunction
from mimocorb.run.workers.worker_process import WorkerProcess

__all__ = ["Restarts"]

LONGEST_PAUSE_S = 5.0


class Restarts:
    """Which processes are to be replaced, when, and how often that has happened.

    A process that waits for its successor is not gone: the stream behind it stays open.
    """

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._planned: dict[WorkerProcess, tuple[WorkerFunction, float]] = {}
        self._causes: dict[str, list[str]] = {}

    def plan(self, function: WorkerFunction, process: WorkerProcess, how: str) -> bool:
        """Let a new process take the place of one that failed; whether the limit allows it."""
        chosen = function.on_failure
        causes = self._causes.setdefault(process.name, [])
        if len(causes) >= chosen.limit:
            return False
        pause_s = min(LONGEST_PAUSE_S, chosen.backoff_s * 2.0 ** min(len(causes), 30))
        causes.append(how)
        process.state = WorkerState.RESTARTING
        self._planned[process] = (function, time.monotonic() + pause_s)
        self._alarms.tell(
            AlarmKind.RESTARTED,
            process.name,
            f"{process.name} failed: {how}; a new process starts in {pause_s:g} s"
            f" ({len(causes)} of {chosen.limit})",
        )
        return True

    def planned(self) -> list[tuple[WorkerFunction, WorkerProcess]]:
        """Return the processes that wait for their successors."""
        return [(function, process) for process, (function, _) in self._planned.items()]

    def take_due(self) -> Iterator[tuple[WorkerFunction, WorkerProcess]]:
        """Yield those whose pause is over, once."""
        now = time.monotonic()
        for process, (function, due_s) in tuple(self._planned.items()):
            if due_s <= now:
                del self._planned[process]
                yield function, process

    def drop(self, process: WorkerProcess) -> None:
        """Let the process have no successor after all."""
        del self._planned[process]

    def next_look_s(self) -> float:
        """Return the time until the next pause is over."""
        now = time.monotonic()
        waits = [due_s - now for _, due_s in self._planned.values()]
        return max(0.0, min(waits, default=math.inf))

    def listed(self) -> list[str]:
        """Return one sentence for each process that was replaced, for the summary."""
        return [
            f"{name} failed {len(causes)} times and was started again; at last: {causes[-1]}"
            if len(causes) > 1
            else f"{name} failed and was started again: {causes[0]}"
            for name, causes in self._causes.items()
            if causes
        ]
