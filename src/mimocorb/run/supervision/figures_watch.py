"""Whether the figures of a run can be believed: counts are complete, the live time is sure.

Summary and quality say it at the end. Somebody should know while the run goes on, when it can still
be mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mimocorb._words import how_many
from mimocorb.run.alarm import AlarmKind
from mimocorb.run.run_state import RunState
from mimocorb.run.run_view import RunView
from mimocorb.run.supervision.watcher import RunParts, Watcher

__all__ = ["FiguresWatch"]

LIVE_TIME = "live time"


class FiguresWatch(Watcher):
    """Raises an alarm for events that nobody has processed, and for doubts about the live time.

    Parameters
    ----------
    run
        What it looks at.
    view
        Returns a picture of the run.
    """

    states = frozenset({RunState.RUNNING, RunState.PAUSED, RunState.DRAINING})
    interval_s = 5.0

    def __init__(self, run: RunParts, view: Callable[[], RunView]) -> None:
        super().__init__(run)
        self._view = view
        self._doubted = False

    def look(self) -> None:
        """Look at the counts, and at the doubts; a doubt counts if it is still there next time."""
        view = self._view()
        for subject, text in _lost(view):
            self._alarms.begin(AlarmKind.INCOMPLETE, subject, text)
        doubts = view.accounts.doubts if view.accounts else []
        if doubts and self._doubted:
            self._alarms.begin(AlarmKind.DOUBTFUL, LIVE_TIME, "; ".join(doubts))
        elif not doubts:
            self._alarms.end(AlarmKind.DOUBTFUL, LIVE_TIME, "the checks of the live time agree")
        self._doubted = bool(doubts)


def _lost(view: RunView) -> Iterator[tuple[str, str]]:
    for buffer in view.buffers:
        for group in buffer.groups:
            if group.lost:
                events = how_many(group.lost, "event")
                yield buffer.name, f"{events} of {buffer.name} not processed by {group.reader}"
