"""How to end workers that do not end by themselves: ask, wait, kill."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable

from mimocorb.run.workers.processes import ASK_TO_END
from mimocorb.run.workers.worker_process import WorkerProcess

__all__ = ["Escalation", "ProgressWatch"]


class Escalation:
    """Asks processes to end, once each, and kills those that are still there after a grace time."""

    def __init__(self, kill_grace_s: float) -> None:
        self._kill_grace_s = kill_grace_s
        self._asked_s: dict[WorkerProcess, float] = {}

    def ask(self, processes: Iterable[WorkerProcess]) -> None:
        """Ask: the worker's function gets an exception wherever it is, so that it can tidy up."""
        for process in processes:
            if process not in self._asked_s:
                self._asked_s[process] = time.monotonic()
                process.asked_to_end = True
                process.signal(ASK_TO_END)

    def waiting(self) -> str:
        """Say which processes were asked and have not ended, and how long that is waited for."""
        asked = {p: at_s for p, at_s in self._asked_s.items() if not p.gone}
        if not asked:
            return ""
        left_s = max(asked.values()) + self._kill_grace_s - time.monotonic()
        names = ", ".join(process.name for process in asked)
        return f"waiting for {names}, to be killed in {max(0.0, left_s):.1f} s"

    def kill_unresponsive(self) -> list[WorkerProcess]:
        """Kill processes that were asked too long ago; returns those that this call killed."""
        now = time.monotonic()
        unresponsive = [
            process
            for process, asked_s in self._asked_s.items()
            if not process.gone and not process.killed and now - asked_s > self._kill_grace_s
        ]
        for process in unresponsive:
            process.killed = True
            process.signal(signal.SIGKILL)
        return unresponsive


class ProgressWatch:
    """Says for how long something that should change has stayed the same."""

    def __init__(self) -> None:
        self._last: object = None
        self._since_s = time.monotonic()

    def unchanged_s(self, now: object) -> float:
        """Return the time for which the value has been what it is now."""
        if now != self._last:
            self._last = now
            self._since_s = time.monotonic()
        return time.monotonic() - self._since_s
