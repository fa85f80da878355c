"""What the set-up says about the worker that this process is part of.

Set once by a worker process before it calls its function. The access classes look here for what
concerns all processes of the worker, so that no user function has to pass it on. Outside a run,
and in programs that connect buffers themselves, the defaults hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RejectedEvents", "WorkerContext", "current", "enter"]


class RejectedEvents(Protocol):
    """Keeps a sample of the events that a filter rejects."""

    def chosen(self, count: int) -> Sequence[int]:
        """Return which of the next `count` rejected events are to be kept, counted from 0."""

    def keep(self, data: NDArray[Any], metadata: tuple[int, float, float], reason: str) -> None:
        """Keep an event."""

    def close(self) -> None:
        """Write what is left. Idempotent."""


@dataclass(frozen=True)
class WorkerContext:
    """The settings of one worker.

    Parameters
    ----------
    name
        Name of the worker in the set-up.
    process_number
        Which of its processes this is, from 1.
    attempt
        1, or more if it takes the place of processes that have failed.
    number_of_processes
        Processes that share the events of its sources.
    directory_prefix
        Directory of the run, with a slash at the end.
    ordered
        Whether its results are published in the order of its input.
    new_sample
        Makes what keeps a sample of rejected events, from the set-up dictionary of their buffer and
        the configuration; ``None``: none is asked for.
    is_paused
        Returns whether the run is paused now.
    """

    name: str = ""
    process_number: int = 1
    attempt: int = 1
    number_of_processes: int = 1
    directory_prefix: str = ""
    ordered: bool = False
    new_sample: Callable[[Mapping[str, Any], Mapping[str, Any]], RejectedEvents] | None = None
    is_paused: Callable[[], bool] = lambda: False


_current = WorkerContext()


def current() -> WorkerContext:
    """Return the context of this process."""
    return _current


def enter(context: WorkerContext) -> None:
    """Let this be the context of this process from now on."""
    global _current  # noqa: PLW0603 - a process is one worker
    _current = context
