"""Starting the processes of a run, and what all of them hang on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable
from importlib import import_module
from multiprocessing import Pipe, resource_tracker

from mimocorb.errors import SetupError
from mimocorb.run.workers.process import ASK_TO_END, SUPERVISOR_SIGNALS, Lifeline
from mimocorb.run.workers.run_notice import RunNotice
from mimocorb.run.workers.worker_process import Ties, WorkerProcess

__all__ = ["Crew", "default_start_method"]


def default_start_method() -> str:
    """Return the start method for this process: fork unless other threads run.

    A fork copies one thread and every lock as it happens to be, so with a second Python thread (in
    a notebook, for example) a fork server is used. Without one, fork is the quickest.
    """
    return "fork" if threading.active_count() == 1 else "forkserver"


# What about every worker needs, imported once and not in each of them.
SHARED_IMPORTS = (
    "mimocorb.run.workers.worker",
    "mimocorb.compat.manual.functions",
    "mimocorb.components.binding",
    "mimocorb.mimo_buffer",
    "mimocorb.buffer_control",
)
# What has been imported to check a set-up is needed again in each worker of such a set-up.
IMPORTS_IF_USED = ("pydantic",)


class Crew:
    """The lifeline of all workers, the gate that sources wait at, and the notice for everybody.

    Parameters
    ----------
    start_method
        ``"fork"``, ``"forkserver"`` or ``"spawn"``; None: :func:`default_start_method` decides.
    """

    def __init__(self, start_method: str | None) -> None:
        known = multiprocessing.get_all_start_methods()
        if start_method not in (None, *known):
            raise SetupError(
                f"there is no start method {start_method!r}: choose one of {', '.join(known)}"
            )
        self._asked_for = start_method
        self._ties = Ties(Lifeline(), Pipe(duplex=False), RunNotice())

    @property
    def start_method(self) -> str:
        """How a process would be started now: other threads may have come since the last one."""
        return self._asked_for or default_start_method()

    def start(self, processes: Iterable[WorkerProcess]) -> None:
        """Start the processes in this order.

        Signals are held back meanwhile: until a worker has its handlers, a Ctrl-C must wait.

        Raises
        ------
        OSError
            The system gives no more processes, memory or descriptors; some may have been started.
        """
        start_method = self.start_method
        held_back = (*SUPERVISOR_SIGNALS, ASK_TO_END)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, held_back)
        try:
            if start_method == "forkserver":
                needed = [name for name in IMPORTS_IF_USED if name in sys.modules]
                multiprocessing.set_forkserver_preload([*SHARED_IMPORTS, *needed])
            if start_method == "fork":
                for name in SHARED_IMPORTS:
                    import_module(name)
            if start_method != "fork":
                resource_tracker.ensure_running()  # lets some signals in again
                signal.pthread_sigmask(signal.SIG_BLOCK, held_back)
            for process in processes:
                process.start(start_method, self._ties)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def open_gate(self, word: bytes, sources: int) -> None:
        """Give the word to as many source processes."""
        _, writing = self._ties.gate
        if not writing.closed:
            os.write(writing.fileno(), word * sources)
            writing.close()

    def tell(self, *, paused: bool) -> None:
        """Tell all workers, also those that are still to come, whether the run is paused."""
        self._ties.notice.write(paused=paused)

    def close(self) -> None:
        """Let go of the lifeline, which kills whoever still lives. Idempotent."""
        self._ties.lifeline.close()
        for connection in self._ties.gate:
            connection.close()
        self._ties.notice.close()
