"""The way from the end of data taking to the end of the last process.

Every stream ends by itself: when the last process that can write a buffer has gone, its readers
drain it and end, which ends what they write, and so on down the graph. All that is left to do is
to interrupt sources that do not notice, to see whether there is progress, and to close the
displays when there is nothing more to show.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import Enum

from mimocorb.run.run_state import WorkerState
from mimocorb.run.supervision.escalation import Escalation, ProgressWatch
from mimocorb.run.supervision.watcher import RunParts
from mimocorb.run.workers.worker_function import WorkerFunction
from mimocorb.run.workers.worker_process import WorkerProcess

__all__ = ["Drain", "DrainStep"]

SAY_AGAIN_S = 10.0
DISK_PATIENCE_S = 5.0
"""For a full disk, while a run drains; then what cannot be written is saved for later."""


class DrainStep(Enum):
    """How far a run has come with draining."""

    GOING_ON = "events are being processed"
    STUCK = "no progress within the drain timeout"
    DONE = "every process has ended"


class Drain:
    """Watches over a run that takes no more data.

    Parameters
    ----------
    run
        What it looks at, and where it tells.
    escalation
        Interrupts processes that do not end by themselves.
    goes_on
        Whether a source is still to get events, from another host.
    """

    def __init__(
        self,
        run: RunParts,
        escalation: Escalation,
        goes_on: Callable[[WorkerFunction], bool] = lambda _function: False,
    ) -> None:
        self._goes_on = goes_on
        self._functions, self._buffers = run.functions, run.buffers
        self._options, self._findings = run.options, run.findings
        self._escalation = escalation
        self.timeout_s = run.drain_timeout_s
        self._progress = ProgressWatch()
        self._begun_s = 0.0
        self._data_done_s: float | None = None
        self._say_next_s, self._say_again_s = 0.0, SAY_AGAIN_S

    def begin(self) -> None:
        """Note the moment at which the sources were told to end."""
        self._begun_s = time.monotonic()

    @property
    def at_work(self) -> list[WorkerProcess]:
        """Processes that handle data and have not ended."""
        return [process for f in self._functions if f.must_finish for process in f.alive]

    @property
    def finishing(self) -> list[WorkerProcess]:
        """Those of them that have got all events and end their work: that has no time limit."""
        functions = [f for f in self._functions if f.must_finish and f.is_finishing]
        return [p for f in functions for p in f.alive if not p.waits_for_disk]

    def _say_who_is_finishing(self, processes: Sequence[WorkerProcess], now: float) -> None:
        if now < self._say_next_s:
            return
        if self._say_next_s:
            names = ", ".join(process.name for process in processes)
            verb = "has" if len(processes) == 1 else "have"
            self._findings.tell(
                f"waiting for {names}, which {verb} got all events and not ended yet;"
                " mimocorb stop --now, or a second Ctrl-C, ends the run at once"
            )
            self._say_again_s *= 2
        self._say_next_s = now + self._say_again_s

    def step(self, *, patient: bool) -> DrainStep:
        """Look around, and ask those to end who should have.

        Parameters
        ----------
        patient
            Whether events are still to be processed; not if all have been asked to end already.
        """
        now = time.monotonic()
        if not self.at_work:
            return self._end_displays(now)
        finishing = self.finishing
        if len(finishing) == len(self.at_work):
            self._say_who_is_finishing(finishing, now)
            return DrainStep.GOING_ON
        if not patient:
            return DrainStep.GOING_ON
        if now - self._begun_s > self._options.source_grace_s:
            functions = self._functions
            sources = [f for f in functions if f.spec.is_source and not self._goes_on(f)]
            self._escalation.ask(process for f in sources for process in f.alive)
        patience_s = self.timeout_s
        if any(process.waits_for_disk for process in self.at_work):
            patience_s = min(patience_s, DISK_PATIENCE_S)
        stuck = self._progress.unchanged_s(self._progress_made()) > patience_s
        return DrainStep.STUCK if stuck else DrainStep.GOING_ON

    def _progress_made(self) -> object:
        """Return what changes as long as anybody works on the events that are left."""
        stats = [buffer.stats() for buffer in self._buffers.values()]
        alive = [len(function.alive) for function in self._functions]
        # The pause before a new process is short and meant so; what holds a process up in its end
        # has its own time.
        paused = any(
            p.state is WorkerState.RESTARTING or (p.held_up_by and not p.waits_for_disk)
            for p in self.at_work
        )
        groups = [(g.acknowledged, g.quarantined, g.abandoned) for s in stats for g in s.groups]
        return [s.published for s in stats], groups, alive, time.monotonic() if paused else None

    def _end_displays(self, now: float) -> DrainStep:
        """After the last worker that handles data, end what only looks on."""
        if self._data_done_s is None:
            self._data_done_s = now
        left = [process for f in self._functions for process in f.alive]
        if not left:
            return DrainStep.DONE
        if now - self._data_done_s > self._options.display_grace_s:
            self._escalation.ask(left)
        return DrainStep.GOING_ON
