"""What came out of a run that has ended: ledger, ends of workers, results, failures.

The part ``result`` of the record of a run, described in ``docs/reference/run-record.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mimocorb.run.alarm import Alarm
from mimocorb.run.run_view import BufferView, ProcessView

__all__ = ["RunResult"]


@dataclass(frozen=True)
class RunResult:
    """What came out of a run that has ended.

    Parameters
    ----------
    reason
        Why it ended.
    exit_code
        0 if everything that was accepted has been processed and written.
    elapsed_s, active_s
        Time of data taking with and without pauses; None if it never began.
    events
        Events published in the first source buffer.
    buffers
        The closed ledgers.
    workers
        How each process ended, replaced ones included.
    results
        What workers have reported, by worker and name; processes of one worker are ``fit[1]``
        and so on.
    accounts
        Live time and where the time went.
    failures, warnings
        What went wrong, in words.
    alarms
        What alarms there were.
    """

    reason: str
    exit_code: int
    elapsed_s: float | None
    active_s: float | None
    events: int
    buffers: list[BufferView]
    workers: list[ProcessView]
    results: dict[str, dict[str, float]]
    accounts: dict[str, Any]
    failures: list[str]
    warnings: list[str]
    alarms: list[Alarm] = field(default_factory=list)
