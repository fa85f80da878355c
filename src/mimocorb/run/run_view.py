"""A picture of a run at one moment, for displays and records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

# At run time as well: clients read these classes from what a run answers, by their annotations.
from mimocorb.buffers.stats import BufferStats, GroupStats
from mimocorb.run.accounts.live_time import Rate
from mimocorb.run.accounts.run_account import RunAccount
from mimocorb.run.alarm import Alarm
from mimocorb.run.host_view import HostView
from mimocorb.run.run_state import RunState, WorkerState

__all__ = ["BufferView", "Goal", "GroupView", "ProcessView", "RunView", "WorkerView"]


@dataclass(frozen=True, slots=True)
class GroupView(GroupStats):
    """The ledger of one reader group, with what a run knows of it besides.

    Of the events that its readers have finished with, those that were only taken out of the buffer
    to be saved are no longer among `acknowledged`, but in `taken`.

    Attributes
    ----------
    reader
        Name of the function that reads.
    taken
        Events taken out of the buffer for the spill file instead of being processed.
    saved
        Those of them that are in the file.
    lost
        Events that were not processed: due when the readers went and not saved, or published later.
    """

    reader: str = ""
    taken: int = 0
    saved: int = 0
    lost: int = 0

    @classmethod
    def of(
        cls, stats: GroupStats, published: int, reader: str, taken: int = 0, saved: int = 0
    ) -> Self:
        """Return the ledger of a group of a buffer into which so many events were published."""
        missed = published - (stats.first_sequence - 1) - stats.offered
        values = _values_of(stats) | {
            "acknowledged": stats.acknowledged - taken,
            "reader": reader,
            "taken": taken,
            "saved": saved,
            "lost": stats.abandoned + taken - saved + missed,
        }
        return cls(**values)

    @property
    def settled(self) -> int:
        """Events of which is known what became of them, or which are still due."""
        return self.acknowledged + self.taken + self.quarantined + self.due + self.abandoned

    @property
    def expected(self) -> int:
        """Events published from the first one on that the group got."""
        return self.acknowledged + self.quarantined + self.saved + self.due + self.lost


@dataclass(frozen=True, slots=True)
class BufferView(BufferStats):
    """The ledger of one buffer, with what a run knows of it besides: the same in every place.

    Attributes
    ----------
    groups
        One for each worker that reads.
    throughput_hz
        Events published per second over the last seconds, after the run over all of data taking;
        None before it has been measured. Not the rate of the experiment, which is one of live time.
    rate_hz, rate_sigma_hz
        Events per second of live time and the uncertainty of that, from the number of events; None
        where there is not one source upstream, or its events do not come at random.
    live_time_doubtful
        Whether the run doubts the live time that `rate_hz` and `dead_fraction` come from.
    recorded_rate_hz
        Events per second of the recorded times, where a source plays recorded events back.
    dead_fraction
        Part of the time in which the sources of this buffer could take no event; None where no
        source writes or nothing has been measured.
    dead_time
        `dead_fraction` by cause: ring_full, paused, reading_out, device_lost; what is not known is
        missing.
    to_drain
        Events that were due when the run began to drain, and those that have come since; None
        before.
    """

    groups: tuple[GroupView, ...]
    throughput_hz: float | None = None
    rate_hz: float | None = None
    rate_sigma_hz: float | None = None
    live_time_doubtful: bool = False
    recorded_rate_hz: float | None = None
    dead_fraction: float | None = None
    dead_time: Mapping[str, float] = field(default_factory=dict)
    to_drain: int | None = None

    @classmethod
    def of(cls, stats: BufferStats, groups: tuple[GroupView, ...], **more: Any) -> Self:
        """Return the ledger with what is known besides."""
        return cls(**(_values_of(stats) | {"groups": groups} | more))

    @property
    def stats(self) -> BufferStats:
        """The ledger itself."""
        return self

    @property
    def readers(self) -> dict[int, str]:
        """Names of the functions that read, by group number."""
        return {group.group: group.reader for group in self.groups}

    @property
    def due(self) -> int:
        """Events that some group still has to process."""
        return sum(group.due for group in self.groups)

    @property
    def rate(self) -> Rate | None:
        """Events per second of live time; None if that was not measured or has no meaning."""
        if self.rate_hz is None or self.rate_sigma_hz is None:
            return None
        return Rate(self.rate_hz, self.rate_sigma_hz, self.live_time_doubtful)


def _values_of(stats: Any) -> dict[str, Any]:
    """Return the fields of a ledger by name, as they are."""
    return {each.name: getattr(stats, each.name) for each in fields(stats)}


@dataclass(frozen=True)
class ProcessView:
    """One worker process at one moment, or how it ended.

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
        What it is doing, or the last state.
    exit_code
        Negative for a signal; None if it has not ended, or that was not seen.
    how
        How it ended, in words; empty before.
    ended_utc
        UTC time; None if that was not seen.
    """

    name: str
    worker: str
    handles_data: bool
    pid: int | None
    state: WorkerState
    exit_code: int | None = None
    how: str = ""
    ended_utc: str | None = None


@dataclass(frozen=True)
class WorkerView:
    """One worker function at one moment, with its processes.

    Parameters
    ----------
    name, function
        Name in the set-up, and of the Python function.
    processes
        One for each that works, or is to work.
    replaced
        Those that have failed and been replaced.
    warnings, last_warning
        How many warnings, or worse, its functions have logged, and the text of the last one.
    """

    name: str
    function: str
    processes: tuple[ProcessView, ...]
    replaced: tuple[ProcessView, ...] = ()
    warnings: int = 0
    last_warning: str = ""

    @property
    def states(self) -> tuple[WorkerState, ...]:
        """What its processes are doing."""
        return tuple(process.state for process in self.processes)

    @property
    def pids(self) -> tuple[int | None, ...]:
        """Numbers of its processes."""
        return tuple(process.pid for process in self.processes)

    @property
    def restarts(self) -> int:
        """How many processes have been replaced."""
        return len(self.replaced)

    @property
    def alive(self) -> int:
        """Processes that have started and not ended."""
        gone = (
            WorkerState.ENDED,
            WorkerState.FAILED,
            WorkerState.RESTARTING,
            WorkerState.STOPPED,
        )
        return sum(process.state not in gone for process in self.processes)


@dataclass(frozen=True)
class Goal:
    """Something at which the run ends, and how far it is on the way there.

    Parameters
    ----------
    kind
        ``"time"`` in seconds, ``"events"`` of a buffer, or ``"result"`` that a worker reports.
    name
        Of the buffer; for a result the condition in words.
    value
        What has been reached so far; None: nothing has been reported yet.
    limit
        At which value the run ends.
    reached
        Why the run ends because of it, in words; empty as long as it does not.
    """

    kind: Literal["time", "events", "result"]
    name: str
    value: float | None
    limit: float
    reached: str = ""

    @property
    def fraction(self) -> float | None:
        """Part of the way, 0 to 1; None for results, which need not grow."""
        if self.kind == "result" or self.value is None:
            return None
        return min(1.0, self.value / self.limit)


@dataclass(frozen=True)
class RunView:
    """A run at one moment.

    Parameters
    ----------
    elapsed_s
        Time since the sources were let go, pauses included; None before.
    active_s
        The same without pauses; ``runtime`` counts this.
    events
        Events published in the first source buffer.
    goals
        At what the run ends.
    results
        What workers have reported, by worker and name; processes of one worker are ``fit[1]``
        and so on.
    accounts
        Live time, decisions, and where the time goes; None before anything runs.
    cause
        Why the run came into its present state, and by whom.
    alarms
        What alarms there have been, and those that go on.
    hosts
        Runs on other hosts that this one is connected with.
    """

    title: str
    state: RunState
    reason: str
    elapsed_s: float | None
    active_s: float | None
    events: int
    goals: tuple[Goal, ...]
    results: Mapping[str, Mapping[str, float]]
    buffers: tuple[BufferView, ...]
    workers: tuple[WorkerView, ...]
    cause: str = ""
    accounts: RunAccount | None = None
    alarms: tuple[Alarm, ...] = ()
    hosts: tuple[HostView, ...] = ()

    @property
    def due(self) -> int:
        """Events that some group still has to process."""
        return sum(buffer.due for buffer in self.buffers)

    @property
    def progress(self) -> float | None:
        """Part of the way to the nearest end, 0 to 1; None where that cannot be said."""
        parts = [goal.fraction for goal in self.goals if goal.fraction is not None]
        return max(parts) if parts else None
