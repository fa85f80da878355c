"""What came out of a run that has ended: closed books, ends of workers, results, failures.

The part ``result`` of the record of a run, described in ``docs/reference/run-record.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mimocorb.run.accounts.live_time import Rate

__all__ = ["BufferResult", "GroupResult", "RunResult", "WorkerEnd"]


@dataclass(frozen=True)
class WorkerEnd:
    """How one worker process ended.

    Parameters
    ----------
    name
        Name in the set-up, function, and number of the process if there are several.
    worker
        Name in the set-up.
    handles_data
        Whether it reads or writes events; displays only observe them.
    pid
        Process number; None if it was never started.
    state
        The last state, such as ``"ended"`` or ``"failed"``.
    exit_code
        Negative for a signal; None if nobody has seen it.
    how
        In words.
    ended_utc
        UTC time; None if that was not seen.
    """

    name: str
    worker: str
    handles_data: bool
    pid: int | None
    state: str
    exit_code: int | None
    how: str
    ended_utc: str | None


@dataclass(frozen=True)
class GroupResult:
    """What became of the events of a buffer for one group of readers.

    Parameters
    ----------
    reader
        Name of the function that reads.
    first_sequence
        Publish number of the first event that the group got.
    offered
        Events that were ever due to it.
    acknowledged
        Events it has processed.
    quarantined
        Events that failed every time and were set aside.
    saved
        Events that are in the spill file instead.
    due
        Events that were still to be processed.
    lost
        Events that nobody processed, because the readers had gone.
    abandoned
        Those of them that were due when the readers went.
    redelivered
        How often an event was delivered again.
    waiting_s
        Time that its readers, all together, have waited for data, in seconds.
    """

    reader: str
    first_sequence: int
    offered: int
    acknowledged: int
    quarantined: int
    saved: int
    due: int
    lost: int
    abandoned: int
    redelivered: int
    waiting_s: float


@dataclass(frozen=True)
class BufferResult:
    """The closed books of one buffer: ``claimed == published + aborted + torn + in_hand``.

    Parameters
    ----------
    name
        In the set-up.
    claimed
        Slots that were handed to writers.
    published
        Events.
    aborted, torn
        Slots that writers gave back, and left behind by dying.
    in_hand
        Slots in writers' hands at the end: 0, or the books are open.
    live_time_doubtful
        Whether the run doubts the live time that `rate_hz` and `dead_fraction` come from.
    rate_hz, rate_sigma_hz
        Events per second of live time and the uncertainty of that, from the number of events; None
        where there is not one source upstream.
    dead_fraction
        Part of the time in which the sources could take no event; None where no source writes.
    waiting_full_s, waiting_paused_s
        Time that its writers, all together, have waited for a slot, by cause, in seconds.
    refused_full, refused_paused
        Claims that writers gave up after a time-out, by cause; they are not among `claimed`. None
        in records that were written before they were counted.
    groups
        One for each worker that reads.
    """

    name: str
    claimed: int
    published: int
    aborted: int
    torn: int
    in_hand: int
    rate_hz: float | None
    rate_sigma_hz: float | None
    dead_fraction: float | None
    waiting_full_s: float
    waiting_paused_s: float
    groups: list[GroupResult]
    refused_full: int | None = None
    refused_paused: int | None = None
    live_time_doubtful: bool = False

    @property
    def rate(self) -> Rate | None:
        """Events per second of live time; None if that was not measured."""
        if self.rate_hz is None or self.rate_sigma_hz is None:
            return None
        return Rate(self.rate_hz, self.rate_sigma_hz, self.live_time_doubtful)


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
        The closed books.
    workers
        How each process ended, replaced ones included.
    results
        What workers have reported, by worker and name; processes of one worker are ``fit[1]``
        and so on.
    accounts
        Live time and where the time went.
    failures, warnings
        What went wrong, in words.
    """

    reason: str
    exit_code: int
    elapsed_s: float | None
    active_s: float | None
    events: int
    buffers: list[BufferResult]
    workers: list[WorkerEnd]
    results: dict[str, dict[str, float]]
    accounts: dict[str, Any]
    failures: list[str]
    warnings: list[str]
