"""Processes whose function has ended and that do not end: told at once, and ended after a while.

All their events have been dealt with by then, so that is no failure. What they wait for would keep
the run from ending otherwise.
"""

from __future__ import annotations

import time

from mimocorb.run.supervision.escalation import Escalation
from mimocorb.run.supervision.watcher import RunParts, Watcher
from mimocorb.run.workers.worker_function import WorkerFunction
from mimocorb.run.workers.worker_process import WorkerProcess

__all__ = ["HeldUp"]


class HeldUp(Watcher):
    """Looks for processes that are held up in their end.

    Parameters
    ----------
    run
        What it looks at, and where it tells.
    escalation
        Ends the processes: after ``end_grace_s`` those that only write or look on, after the time
        for draining without progress those that read.
    """

    def __init__(self, run: RunParts, escalation: Escalation) -> None:
        super().__init__(run)
        self._escalation = escalation
        self._end_grace_s = run.options.end_grace_s
        self._drain_timeout_s = run.drain_timeout_s
        self._told_s: dict[WorkerProcess, float] = {}

    def look(self) -> None:
        """Tell of new ones, and end those whose time is over."""
        for function in self._functions:
            for process in function.alive:
                if process.held_up_by and not process.waits_for_disk:
                    self._deal_with(process, self._grace_s(function))

    def _grace_s(self, function: WorkerFunction) -> float:
        if function.readers:
            return self._drain_timeout_s
        return min(self._end_grace_s, self._drain_timeout_s)

    def _deal_with(self, process: WorkerProcess, grace_s: float) -> None:
        told_s = self._told_s.get(process)
        if told_s is None:
            self._told_s[process] = time.monotonic()
            self._findings.tell(
                f"the function of {process.name} has ended, but {process.held_up_by} goes on: in "
                f"{grace_s:g} s it is ended together with its process",
                "WARNING",
            )
        elif time.monotonic() - told_s > grace_s:
            self._escalation.ask([process])
