"""Starting the processes of a run, and what all of them hang on."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterable
from importlib import import_module
from multiprocessing import Pipe, resource_tracker

from mimocorb._access.run_notice import RunNotice
from mimocorb._functions.trial import start_method_now
from mimocorb.run.workers.process import ASK_TO_END, SUPERVISOR_SIGNALS, Lifeline
from mimocorb.run.workers.worker_process import Ties, WorkerProcess

__all__ = ["Crew"]


# What about every worker needs, imported once and not in each of them.
SHARED_IMPORTS = (
    "mimocorb.run.workers.worker",
    "mimocorb._functions.manual",
    "mimocorb._functions.plain",
    "mimocorb.mimo_buffer",
    "mimocorb.buffer_control",
)


class Crew:
    """The lifeline of all workers, the gate that sources wait at, and the notice for everybody.

    Parameters
    ----------
    start_method
        ``"fork"``, ``"forkserver"`` or ``"spawn"``; None: :func:`start_method_now` decides.
    """

    def __init__(self, start_method: str | None) -> None:
        start_method_now(start_method)  # an unknown one is refused at once
        self._asked_for = start_method
        self._ties = Ties(Lifeline(), Pipe(duplex=False), RunNotice())

    @property
    def start_method(self) -> str:
        """How a process would be started now: other threads may have come since the last one."""
        return start_method_now(self._asked_for)

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
                multiprocessing.set_forkserver_preload(list(SHARED_IMPORTS))
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
