"""What the set-up says about the worker that this process is part of.

Set once by a worker process before it calls its function. The access classes look here for what
concerns all processes of the worker, so that no user function has to pass it on. Outside a run,
and in programs that connect buffers themselves, the defaults hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["WorkerContext", "current", "enter"]


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
    rejected_prescale
        Keep one in so many rejected events, chosen at random; ``None``: none.
    is_paused
        Returns whether the run is paused now.
    """

    name: str = ""
    process_number: int = 1
    attempt: int = 1
    number_of_processes: int = 1
    directory_prefix: str = ""
    ordered: bool = False
    rejected_prescale: int | None = None
    is_paused: Callable[[], bool] = lambda: False


_current = WorkerContext()


def current() -> WorkerContext:
    """Return the context of this process."""
    return _current


def enter(context: WorkerContext) -> None:
    """Let this be the context of this process from now on."""
    global _current  # noqa: PLW0603 - a process is one worker
    _current = context
