"""The states of a run, and a picture of a run at one moment for displays and records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

# At run time as well: clients read these classes from what a run answers, by their annotations.
from mimocorb.buffers.stats import BufferStats
from mimocorb.run.accounts.run_account import RunAccount

__all__ = [
    "TRANSITIONS",
    "BufferView",
    "Command",
    "Goal",
    "RunState",
    "RunView",
    "Spilled",
    "StateChange",
    "WorkerState",
    "WorkerView",
]


class RunState(Enum):
    """What a run is doing. The value is what a user reads."""

    PREPARED = "prepared"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    DRAINING = "draining"
    ENDING = "ending now"
    ENDED = "ended"


TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.PREPARED: frozenset({RunState.STARTING, RunState.ENDED}),
    RunState.STARTING: frozenset({RunState.RUNNING, RunState.DRAINING, RunState.ENDING}),
    RunState.RUNNING: frozenset({RunState.PAUSED, RunState.DRAINING, RunState.ENDING}),
    RunState.PAUSED: frozenset({RunState.RUNNING, RunState.DRAINING, RunState.ENDING}),
    RunState.DRAINING: frozenset({RunState.ENDING, RunState.ENDED}),
    RunState.ENDING: frozenset({RunState.ENDED}),
    RunState.ENDED: frozenset(),
}


@dataclass(frozen=True)
class StateChange:
    """When a run came into a state, and why.

    Parameters
    ----------
    time_s
        UTC time in seconds.
    state
        The new state.
    cause
        In words, such as "the source is exhausted".
    """

    time_s: float
    state: RunState
    cause: str


class Command(Enum):
    """What a key, a signal or a program asks of a run. The value is what a user reads."""

    PAUSE = "pause"
    RESUME = "resume"
    TOGGLE_PAUSE = "pause or resume"
    STOP = "stop"
    END = "end"
    INTERRUPT = "interrupt"
    """Ctrl-C and its like: the first one stops, the second one ends."""


class WorkerState(Enum):
    """What a worker process is doing. The value is what a user reads."""

    STARTING = "starting"
    READY = "ready"
    RUNNING = "running"
    ENDING = "ending"
    ENDED = "ended"
    FAILED = "failed"
    RESTARTING = "restarting"
    """It has failed, and another one is about to take its place."""
    STOPPED = "terminated"


@dataclass(frozen=True)
class Spilled:
    """Events of a reader group taken out of a buffer, and how many of them have been saved."""

    taken: int = 0
    saved: int = 0


@dataclass(frozen=True)
class BufferView:
    """One buffer at one moment.

    Parameters
    ----------
    stats
        The books of the ring.
    throughput_hz
        Events published per second over the last seconds; None before it has been measured. Not the
        rate of the experiment, which is one of live time.
    readers
        Worker names by group number.
    dead_fraction
        Part of the time in which the sources of this buffer could take no event; None where no
        source writes or nothing has been measured.
    spilled
        Events taken out for a spill file instead of being processed, by group number.
    to_drain
        Events that were due when the run began to drain, and those that have come since; None
        before.
    dead_time
        `dead_fraction` by cause: ring_full, paused, reading_out; what is not known is missing.
    """

    stats: BufferStats
    throughput_hz: float | None
    readers: dict[int, str]
    dead_fraction: float | None
    spilled: Mapping[int, Spilled] = field(default_factory=dict)
    to_drain: int | None = None
    dead_time: Mapping[str, float] = field(default_factory=dict)

    @property
    def due(self) -> int:
        """Events that some group still has to process."""
        return sum(group.due for group in self.stats.groups)


@dataclass(frozen=True)
class WorkerView:
    """One worker function at one moment, with the states of its processes."""

    name: str
    function: str
    states: tuple[WorkerState, ...]
    pids: tuple[int | None, ...]
    restarts: int = 0

    @property
    def alive(self) -> int:
        """Processes that have started and not ended."""
        gone = (
            WorkerState.ENDED,
            WorkerState.FAILED,
            WorkerState.RESTARTING,
            WorkerState.STOPPED,
        )
        return sum(state not in gone for state in self.states)


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

    @property
    def due(self) -> int:
        """Events that some group still has to process."""
        return sum(buffer.due for buffer in self.buffers)

    @property
    def progress(self) -> float | None:
        """Part of the way to the nearest end, 0 to 1; None where that cannot be said."""
        parts = [goal.fraction for goal in self.goals if goal.fraction is not None]
        return max(parts) if parts else None
