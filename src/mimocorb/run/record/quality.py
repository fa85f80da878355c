"""Whether the data of a run can be trusted, in a few fixed words, each with its reasons.

===================  ==============================================================================
flag                 meaning
===================  ==============================================================================
clean                none of the others
incomplete           something accepted has not been processed, or something was not written
crashed workers      a process that handles data failed; its events were delivered again
live time doubtful   the checks of the live time disagree, or a source was stopped
merge doubtful       counters or times that events were put together by went back, or came twice
stood still          a source or a buffer was silent for too long, or a device was lost
warnings             functions that handle data have logged warnings
ledger open          the ledger of a buffer does not balance, or was never closed
killed               the main process vanished: killed, or the machine lost its power
===================  ==============================================================================

Several may hold at once; ``clean`` stands alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mimocorb.components.reporting import DISORDER
from mimocorb.run.ledger import still_open
from mimocorb.run.record.run_record import Quality
from mimocorb.run.run_state import WorkerState
from mimocorb.run.run_view import ProcessView, RunView
from mimocorb.run.wording import alarm_line, stands_still, warned_workers

__all__ = [
    "CLEAN",
    "CRASHED",
    "DISORDERED",
    "DOUBTFUL",
    "FLAGS",
    "INCOMPLETE",
    "KILLED",
    "LEDGER_OPEN",
    "STOOD_STILL",
    "WARNED",
    "judge",
]

CLEAN = "clean"
INCOMPLETE = "incomplete"
CRASHED = "crashed workers"
DOUBTFUL = "live time doubtful"
DISORDERED = "merge doubtful"
STOOD_STILL = "stood still"
WARNED = "warnings"
LEDGER_OPEN = "ledger open"
KILLED = "killed"
FLAGS = (
    CLEAN,
    INCOMPLETE,
    CRASHED,
    DOUBTFUL,
    DISORDERED,
    STOOD_STILL,
    WARNED,
    LEDGER_OPEN,
    KILLED,
)


def judge(
    view: RunView,
    workers: Iterable[ProcessView],
    failures: Sequence[str],
    doubts: Sequence[str] = (),
) -> Quality:
    """Return the flags of a run that has ended, each with its reasons.

    Parameters
    ----------
    view
        The last picture, with the closed ledger.
    workers
        How each process ended.
    failures
        What went wrong, in words; what belongs to no other flag makes the run incomplete.
    doubts
        What is wrong with the live time.
    """
    crashed = [w for w in workers if w.handles_data and w.state is WorkerState.FAILED]
    open_ones = still_open(view)
    names = tuple(worker.name for worker in crashed)
    found = {
        INCOMPLETE: [
            text for text in failures if text not in open_ones and not text.startswith(names)
        ],
        CRASHED: [f"{worker.name}: {worker.how}" for worker in crashed],
        DOUBTFUL: list(doubts),
        DISORDERED: [
            f"{worker}: in {results[DISORDER]:g} events the counter or the time went back, or the"
            " counter came twice; what was put together behind them may not belong together"
            for worker, results in view.results.items()
            if results.get(DISORDER)
        ],
        STOOD_STILL: list(map(alarm_line, stands_still(view))),
        WARNED: list(warned_workers(view, of_data=True)),
        LEDGER_OPEN: open_ones,
    }
    return {flag: reasons for flag, reasons in found.items() if reasons} or {CLEAN: []}
