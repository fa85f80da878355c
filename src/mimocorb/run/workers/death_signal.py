"""A second way in which a worker ends with its supervisor, if it has closed the first one.

The lifeline (:mod:`mimocorb.run.workers.processes`) is a descriptor. Helpers that make daemons or
sandboxes close all descriptors, and another program in the place of a worker has none of them. What
stays, whatever a process does, is its parent: the kernel sends it a signal when that ends.

The parent counts as ended with the *thread* that has started the worker, and it may be a fork
server, which can be killed alone. So the signal lets the worker look whether its supervisor lives.
And it is not SIGKILL: a worker that dies so takes its part of the lifeline with it, before that has
ended the programs that it has started. Here the whole group is ended. A program in the place of a
worker knows nothing of this signal, and ends by it.

The handler is native code: one of Python would wait for the end of whatever native code the worker
is in. Only who has closed its descriptors *and* lets no signal in lives on.
"""

from __future__ import annotations

import signal

from mimocorb import _core
from mimocorb.run.workers.processes import ProcessIdentity

__all__ = ["end_with"]

PARENT_HAS_ENDED = signal.SIGRTMAX


def end_with(supervisor: ProcessIdentity) -> None:
    """Let this process end, with all its group, when its supervisor has ended.

    To be called before the lifeline is held, which looks whether the supervisor has gone already.
    """
    _core.end_group_with(supervisor.pid, supervisor.start_ticks, PARENT_HAS_ENDED)
