"""Conditions on results that no worker reports: most often the name is misspelt, on either side."""

from __future__ import annotations

from mimocorb.model import StopCondition
from mimocorb.run.run_state import RunState
from mimocorb.run.supervision.ending import reported_by
from mimocorb.run.supervision.watcher import RunParts, Watcher
from mimocorb.setup.nearest import slip_of

__all__ = ["UnreportedResults"]

PATIENCE_S = 30.0


class UnreportedResults(Watcher):
    """Tells of results that a run waits for and that have not come, and at its end never came.

    A name that is clearly a slip of one that is reported is told at once, any other after half a
    minute of data taking: some results need many events.
    """

    states = frozenset({RunState.RUNNING})

    def __init__(self, run: RunParts) -> None:
        super().__init__(run)
        buffers = [spec.name for spec in run.setup.buffers]
        self._waiting = [each for each in run.setup.stop_when if each.subject not in buffers]
        self._told: set[StopCondition] = set()

    def look(self) -> None:
        """Tell what is not there, each condition once."""
        for condition in self._unreported():
            if condition in self._told:
                continue
            is_slip = slip_of(condition.quantity, self._names(condition)) is not None
            if is_slip or (self._clock.active_s() or 0.0) >= PATIENCE_S:
                self._told.add(condition)
                self._findings.tell(self._text(condition, "has not been"), "WARNING")

    def finish(self) -> list[str]:
        """Return what was never reported, in words, for the summary.

        That a worker reported nothing at all is told only where it had a chance: not if no event
        came to it, or if the run failed.
        """
        excused = {f.spec.name for f in self._functions if f.readers and not f.acknowledged}
        return [
            self._text(condition, "was never")
            for condition in self._unreported()
            if self._names(condition)
            or not (self._findings.failures or condition.subject in excused)
        ]

    def _unreported(self) -> list[StopCondition]:
        self._waiting = [each for each in self._waiting if each.quantity not in self._names(each)]
        return self._waiting

    def _names(self, condition: StopCondition) -> list[str]:
        """Return what the processes of the worker have reported so far."""
        return sorted(set().union(*reported_by(condition.subject, self._results).values()))

    def _text(self, condition: StopCondition, was: str) -> str:
        names = self._names(condition)
        guess = slip_of(condition.quantity, names)
        text = f"stop_when {condition}: {condition.quantity!r} {was} reported by"
        text += f" {condition.subject}, which reports {', '.join(names) or 'nothing'}"
        return f"{text}; did you mean {guess!r}?" if guess else text
