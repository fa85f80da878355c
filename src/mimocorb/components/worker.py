"""One process of a worker, as its loop, its sinks and the user's function see it.

It is made by the run, travels to the process, and is announced there with :func:`become` before the
function is called. What concerns all processes of a worker is looked up with
:func:`current_worker`, so that no user function has to pass it on. Outside a run, and in programs
that connect buffers themselves, the defaults hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mimocorb.model import FunctionReference, WorkerSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mimocorb.buffers.batch_metadata import BatchMetadata

__all__ = ["Buffers", "RejectedEvents", "Work", "Worker", "become", "current_worker"]

Work = Callable[[], None]
"""What a process does after it has been prepared; returns at the end of the data."""

Buffers = Sequence[Mapping[str, Any]]
"""Set-up dictionaries of the buffers of one role, in the order of the set-up."""


class RejectedEvents(Protocol):
    """Keeps a sample of the events that a filter rejects."""

    def chosen(self, count: int) -> Sequence[int]:
        """Return which of the next `count` rejected events are to be kept, counted from 0."""

    def keep(self, data: NDArray[Any], metadata: BatchMetadata, reason: str) -> None:
        """Keep an event, with its metadata as those of a batch of one."""

    def close(self) -> None:
        """Write what is left. Idempotent."""


_OUTSIDE_A_RUN = WorkerSpec("", FunctionReference("", ""))


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Worker:
    """One process of a worker.

    Parameters
    ----------
    spec
        The worker in the set-up.
    reads, writes, observes
        Set-up dictionaries of its buffers.
    directory
        Directory of the run, to write into.
    process_number
        Which of the worker's processes this is, from 1.
    attempt
        1, or more if it takes the place of processes that have failed.
    new_sample
        Makes what keeps a sample of rejected events, from the set-up dictionary of their buffer and
        the configuration; ``None``: none is asked for.
    is_paused
        Returns whether the run is paused now.
    """

    spec: WorkerSpec = _OUTSIDE_A_RUN
    reads: Buffers = ()
    writes: Buffers = ()
    observes: Buffers = ()
    directory: Path = Path()
    process_number: int = 1
    attempt: int = 1
    new_sample: Callable[[Mapping[str, Any], Mapping[str, Any]], RejectedEvents] | None = None
    is_paused: Callable[[], bool] = _never


_current = Worker()


def current_worker() -> Worker:
    """Return the worker that this process is part of."""
    return _current


def become(worker: Worker) -> None:
    """Let this process be part of a worker from now on."""
    global _current  # noqa: PLW0603 - a process is one worker
    _current = worker
