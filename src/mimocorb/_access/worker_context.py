"""What the set-up says about the worker that this process is part of.

Set once by a worker process before it calls its function. The access classes look here for what
concerns all processes of the worker, so that no user function has to pass it on. Outside a run,
and in programs that connect buffers themselves, the defaults hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mimocorb.model import FunctionReference, WorkerSpec

__all__ = ["WorkerContext", "current", "enter"]


NO_WORKER = WorkerSpec("", FunctionReference("", ""))


@dataclass(frozen=True)
class WorkerContext:
    """What one process of a worker knows of itself.

    Parameters
    ----------
    spec
        The worker in the set-up.
    process_number
        Which of its processes this is, from 1.
    attempt
        1, or more if it takes the place of processes that have failed.
    directory_prefix
        Directory of the run, with a slash at the end.
    is_paused
        Returns whether the run is paused now.
    """

    spec: WorkerSpec = NO_WORKER
    process_number: int = 1
    attempt: int = 1
    directory_prefix: str = ""
    is_paused: Callable[[], bool] = lambda: False


_current = WorkerContext()


def current() -> WorkerContext:
    """Return the context of this process."""
    return _current


def enter(context: WorkerContext) -> None:
    """Let this be the context of this process from now on."""
    global _current  # noqa: PLW0603 - a process is one worker
    _current = context
