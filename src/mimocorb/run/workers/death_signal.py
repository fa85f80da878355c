"""A second tie between a worker and its supervisor, for workers that have cut the first one.

The lifeline (:mod:`mimocorb.run.workers.processes`) is a descriptor. Helpers that make daemons or
sandboxes close all descriptors, and another program in the place of a worker has none of them. What
stays, whatever a process does, is its parent: the kernel sends it a signal when that ends.

The parent counts as ended with the *thread* that has started the worker, and it may be a fork
server, which can be killed alone. Only if it was the main thread of the supervisor, the run has
surely ended with it: then the signal is SIGKILL. In all other cases it is one that lets the worker
look whether its supervisor lives.
"""

from __future__ import annotations

import ctypes
import os
import signal
import types
from functools import partial

from mimocorb.run.workers.processes import ProcessIdentity

__all__ = ["end_with"]

PR_SET_PDEATHSIG = 1
PARENT_HAS_ENDED = signal.SIGRTMAX


def end_with(supervisor: ProcessIdentity, *, started_by_main_thread: bool) -> None:
    """Let the kernel end this process, with all its group, when its supervisor has ended.

    To be called before the lifeline is held, which looks whether the supervisor has gone already.
    """
    is_certain = started_by_main_thread and os.getppid() == supervisor.pid
    if not is_certain:
        signal.signal(PARENT_HAS_ENDED, partial(_look, supervisor))
        signal.siginterrupt(PARENT_HAS_ENDED, False)
    number = signal.SIGKILL if is_certain else PARENT_HAS_ENDED
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def _look(supervisor: ProcessIdentity, _signal: int, _frame: types.FrameType | None) -> None:
    if not supervisor.lives():
        os.killpg(0, signal.SIGKILL)
