"""What makes worker processes one kind, whether forked, from a fork server or started afresh.

A forked process begins with everything that its parent has: the state of its random numbers, the
functions that are to run at its exit, its objects. One that is started afresh begins with nothing.
And a forked one ends without running what was registered for its exit, the other one does, and
takes its interpreter apart besides, which with NumPy takes longer than all the rest of its end.

Here all of them begin with nothing of these, and end in the same way. What their functions start by
:mod:`multiprocessing` is forked unless they choose otherwise: it belongs to the process group of
its worker, ends with it, and knows the functions of the user's modules.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
from contextlib import suppress
from typing import NoReturn

from mimocorb.run.workers.last_things import begin_afresh, last_things
from mimocorb.run.workers.worker_link import flush_output

__all__ = ["be_of_one_kind", "leave", "leave_at_once"]

LAST_STANDARD_STREAM = 2

_leaving = False


def be_of_one_kind() -> None:
    """Take leave of what this process has from the one that it comes from."""
    begin_afresh()
    _keep_descriptors()
    random.seed()
    if "numpy.random" in sys.modules:  # else it takes a seed of its own when it is imported
        import numpy as np

        np.random.seed()
    multiprocessing.set_start_method("fork", force=True)


def _keep_descriptors() -> None:
    """Let no program in the place of this process have descriptors of the run.

    Those from a fork server would go to it, and one of them keeps the fork server alive.
    """
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are all that is wanted
        if int(name) > LAST_STANDARD_STREAM:
            with suppress(OSError):  # the one with which this was listed
                os.set_inheritable(int(name), False)


def leave(code: int) -> NoReturn:
    """End this process as a program ends, see :mod:`mimocorb.run.workers.last_things`."""
    global _leaving  # noqa: PLW0603 - a process leaves once
    _leaving = True
    last_things.do()
    os._exit(code or int(last_things.failed))


def leave_at_once(code: int) -> NoReturn:
    """End this process without what still holds it up; it loses no files for that."""
    if not _leaving:
        leave(code)
    last_things.close_files()
    flush_output()
    os._exit(code)
