"""The states of a run and of its workers, and what may be asked of a run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

__all__ = ["TRANSITIONS", "Command", "RunState", "StateChange", "WorkerState"]


class RunState(StrEnum):
    """What a run is doing, or how it ended. The value is what a user reads."""

    PREPARED = "prepared"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    DRAINING = "draining"
    ENDING = "ending now"
    ENDED = "ended"
    KILLED = "killed"
    """Its main process vanished; in records only, since a run cannot say so itself."""
    GIVEN_UP = "given up"
    """Its own program left it before its end; in records only."""

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self in (RunState.ENDED, RunState.KILLED, RunState.GIVEN_UP)


TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    **dict.fromkeys(RunState, frozenset()),
    RunState.PREPARED: frozenset({RunState.STARTING, RunState.ENDED}),
    RunState.STARTING: frozenset({RunState.RUNNING, RunState.DRAINING, RunState.ENDING}),
    RunState.RUNNING: frozenset({RunState.PAUSED, RunState.DRAINING, RunState.ENDING}),
    RunState.PAUSED: frozenset({RunState.RUNNING, RunState.DRAINING, RunState.ENDING}),
    RunState.DRAINING: frozenset({RunState.ENDING, RunState.ENDED}),
    RunState.ENDING: frozenset({RunState.ENDED}),
}
"""What may follow; nothing after the end."""


@dataclass(frozen=True)
class StateChange:
    """When a run came into a state, and why.

    Parameters
    ----------
    time_utc
        UTC time, as records have it.
    state
        The new state.
    cause
        In words, such as "the source is exhausted".
    """

    time_utc: str
    state: RunState
    cause: str


class Command(Enum):
    """What a key, a signal or a program asks of a run. The value is what a user reads."""

    PAUSE = "pause"
    RESUME = "resume"
    TOGGLE_PAUSE = "pause or resume"
    STOP = "stop"
    END = "end"


class WorkerState(StrEnum):
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
