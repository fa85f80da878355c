"""Child processes that several threads may wait for, and that do not run the user's program again.

:mod:`multiprocessing` collects the exit code of a child in whichever thread asks first; another
thread that waits at the same moment gets none, or a wrong one. Programs that use ``buffer_control``
call ``join()`` while the supervisor's thread waits for the same process. Here all threads wait for
the death without collecting it, and the exit code is collected under one lock.

A worker does not import the program of its parent, see
:func:`mimocorb.checks.trial.program_left_out`.

Children are one kind, however they are started: see :mod:`mimocorb.run.workers.one_kind`.
"""

from __future__ import annotations

import os
import threading
from multiprocessing import forkserver, popen_forkserver
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess, ForkServerProcess, SpawnProcess
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from mimocorb.checks.trial import program_left_out
from mimocorb.run.workers.one_kind import be_of_one_kind, leave
from mimocorb.run.workers.processes import ends_within, open_pidfd

__all__ = ["CHILDREN", "EXIT_UNKNOWN"]

EXIT_UNKNOWN = 256
"""In the place of an exit code that was not passed on; no process can have it."""
PASSING_ON_S = 5.0
"""How long a fork server may take to pass an exit code on, which is a moment if it runs at all."""

# One for all: a starting process collects those that have ended, too.
_collecting = threading.RLock()

if TYPE_CHECKING:
    _Process = BaseProcess
else:
    _Process = object


class _Child(_Process):
    """What all children have in common; to be mixed into a process class.

    Waiting for it is safe in several threads.
    """

    def start(self) -> None:
        """Start the process."""
        with _collecting, program_left_out():
            super().start()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the process has ended, at most `timeout` seconds."""
        with _collecting:
            # A number that has not been collected is not used again before it is.
            pidfd = open_pidfd(self.pid) if self.pid and self.exitcode is None else None
        if pidfd is not None and not ends_within(pidfd, timeout):
            return
        with _collecting:
            super().join()

    def is_alive(self) -> bool:
        """Whether the process runs."""
        with _collecting:
            return super().is_alive()

    @property
    def exitcode(self) -> int | None:
        """Exit code, negative for a signal; None while the process runs."""
        with _collecting:
            return super().exitcode

    def run(self) -> None:
        """Do the work of the child, in the child."""
        be_of_one_kind()
        super().run()

    def _bootstrap(self, *arguments: Any, **more: Any) -> NoReturn:
        """Do all that a child does, and leave: threads have ended and output is flushed by then."""
        leave(super()._bootstrap(*arguments, **more))  # type: ignore[misc]  # not in typeshed


class ForkChild(_Child, ForkProcess):
    """Started by fork."""


class _ServedPopen(popen_forkserver.Popen):
    """Waits for a child of a fork server that may be killed, which does not end the child.

    :mod:`multiprocessing` takes the child for ended then, with an exit code that it may have. For
    that of a child that has ended it would wait as long as the fork server hangs.
    """

    answers: ClassVar = True
    """Whether there is reason to wait for the fork server, which all children have in common."""

    def _launch(self, process_obj: BaseProcess) -> None:
        super()._launch(process_obj)  # type: ignore[misc]  # not in typeshed
        _ServedPopen.answers = True

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code; None while the process runs."""
        if self.returncode is not None:
            return self.returncode
        timeout_s = 0 if flag == os.WNOHANG else None
        if timeout_s is None:
            self._wait_for_end()
        passing_on_s = PASSING_ON_S if _ServedPopen.answers else 0.0
        if wait([self.sentinel], passing_on_s if timeout_s is None else timeout_s):
            try:
                self.returncode = forkserver.read_signed(self.sentinel)
            except (OSError, EOFError):
                pidfd = open_pidfd(self.pid)
                if pidfd is None or ends_within(pidfd, timeout_s):
                    self.returncode = EXIT_UNKNOWN
        elif timeout_s is None:
            self.returncode = EXIT_UNKNOWN
            _ServedPopen.answers = False
        return self.returncode

    def _wait_for_end(self) -> None:
        """Wait until the child has ended, or an exit code has been sent, or none will be."""
        pidfd = open_pidfd(self.pid)
        if pidfd is not None:
            wait([self.sentinel, pidfd])
            os.close(pidfd)


class ForkServerChild(_Child, ForkServerProcess):
    """Started by a fork server."""

    _Popen = _ServedPopen


class SpawnChild(_Child, SpawnProcess):
    """Started afresh."""


CHILDREN: dict[str, type[BaseProcess]] = {
    "fork": ForkChild,
    "forkserver": ForkServerChild,
    "spawn": SpawnChild,
}
"""The class of child processes for each start method."""
