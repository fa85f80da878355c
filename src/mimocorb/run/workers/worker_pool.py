"""The processes of a run: started in the order of the graph, listened to, seen to end."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from multiprocessing import Pipe, resource_tracker
from pathlib import Path

from mimocorb.checks.trial import start_method_now
from mimocorb.errors import HandleMisuse, RunFailed
from mimocorb.run.alarm import AlarmKind
from mimocorb.run.alarms import Alarms
from mimocorb.run.event_loop import EventLoop
from mimocorb.run.options import SupervisorOptions
from mimocorb.run.run_log import RunLog
from mimocorb.run.run_state import WorkerState
from mimocorb.run.workers.pause_flag import PauseFlag
from mimocorb.run.workers.processes import ASK_TO_END, SUPERVISOR_SIGNALS, Lifeline
from mimocorb.run.workers.worker import BEGIN, DO_NOT_BEGIN
from mimocorb.run.workers.worker_function import WorkerFunction
from mimocorb.run.workers.worker_link import Message, printable
from mimocorb.run.workers.worker_process import PoolLinks, WorkerProcess

__all__ = ["WorkerPool"]


# What about every worker needs, imported once and not in each of them.
SHARED_IMPORTS = (
    "mimocorb.run.workers.worker",
    "mimocorb.compat.manual.functions",
    "mimocorb.components.binding",
    "mimocorb.mimo_buffer",
    "mimocorb.buffer_control",
)


WARNING_LEVELS = ("WARNING", "ERROR", "CRITICAL")


class WorkerPool:
    """All worker processes of a run.

    Sources load their functions and then wait at a gate, until :meth:`begin` opens it.

    Parameters
    ----------
    functions
        Those of the run, in the order of the set-up.
    loop
        Waits for what the processes say and for their deaths.
    log
        Gets what they print and log.
    options
        Gives the start method and what is logged.
    results
        Gets what user functions report, by process and name.
    alarms
        Gets what they say about their devices.
    on_exit
        Called with each process that has ended, and its function.
    """

    def __init__(
        self,
        functions: Sequence[WorkerFunction],
        loop: EventLoop,
        log: RunLog,
        options: SupervisorOptions,
        results: dict[str, dict[str, float]],
        *,
        alarms: Alarms,
        on_exit: Callable[[WorkerFunction, WorkerProcess], None],
    ) -> None:
        self._functions = functions
        self._loop = loop
        self._log = log
        self._options = options
        self._results = results
        self._alarms = alarms
        self._on_exit = on_exit
        self._links: PoolLinks | None = None
        self._directory = Path()
        self._code: Mapping[Path, Path] = {}
        self._gate_open = False

    def start(
        self, order: Sequence[str], directory: Path, code: Mapping[Path, Path]
    ) -> list[WorkerProcess]:
        """Start all processes, function by function in this order; returns them in this order.

        They write into `directory`, and import modules of the user as copied in `code`.

        Raises
        ------
        RunFailed
            The system gives no more processes, memory or descriptors.
        SetupError
            There is no such start method.
        """
        start_method_now(self._options.start_method)  # an unknown one is refused at once
        self._directory, self._code = directory, code
        by_name = {function.spec.name: function for function in self._functions}
        ordered = [by_name[name] for name in order]
        for function in ordered:
            function.processes = [
                self._new_process(function, number)
                for number in range(1, function.spec.number_of_processes + 1)
            ]
        try:
            self._links = PoolLinks(Lifeline(), Pipe(duplex=False), PauseFlag())
            self._start(process for function in ordered for process in function.processes)
        except OSError as error:
            raise RunFailed(
                f"not all worker processes could be started: {error}; fewer processes or buffers "
                "may help, or a higher limit (ulimit -n for files, -u for processes)"
            ) from error
        for function in ordered:
            for process in function.processes:
                self._watch(function, process)
        return [process for function in ordered for process in function.processes]

    @property
    def start_method(self) -> str:
        """How a process would be started now: other threads may have come since the last one."""
        return start_method_now(self._options.start_method)

    @property
    def not_ready(self) -> list[WorkerProcess]:
        """Processes that data depend on and that have not said yet that they are ready.

        One that is about to end counts as well: it may have failed, which its end will tell.
        """
        needed = [f for f in self._functions if f.must_finish]
        not_yet = (WorkerState.STARTING, WorkerState.RESTARTING, WorkerState.ENDING)
        return [p for f in needed for p in f.processes if p.state in not_yet]

    def begin(self) -> None:
        """Let the sources begin."""
        self._gate_open = True
        self._open_gate(BEGIN)
        for process in (p for function in self._functions for p in function.processes):
            if process.state is WorkerState.READY:
                process.state = WorkerState.RUNNING

    def tell(self, *, paused: bool) -> None:
        """Tell all workers whether the run is paused."""
        if self._links is not None:
            self._links.pause_flag.write(paused=paused)

    def call_off(self) -> None:
        """Let the sources end before they have begun."""
        self._gate_open = True
        self._open_gate(DO_NOT_BEGIN)

    def replace(self, function: WorkerFunction, process: WorkerProcess) -> None:
        """Start a new process in the place of one that has ended.

        Raises
        ------
        OSError
            The system gives no more processes, memory or descriptors.
        """
        successor = self._new_process(function, process.number)
        self._start([successor])
        function.replace(process, successor)
        self._keep_results(function, process)
        self._watch(function, successor)

    def close(self) -> None:
        """Kill the processes that still run. Idempotent."""
        for function in self._functions:
            for process in function.alive:
                process.signal(signal.SIGKILL)
                process.finish()
        if self._links is not None:
            self._links.close()

    def _start(self, processes: Iterable[WorkerProcess]) -> None:
        """Start the processes in this order; OSError if the system gives no more of them.

        Signals are held back meanwhile: until a worker has its handlers, a Ctrl-C must wait.
        """
        if self._links is None:
            raise HandleMisuse("there is no process to replace before the start")
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
                process.start(start_method, self._links)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _open_gate(self, word: bytes) -> None:
        """Give the word to each source process; it is opened once."""
        if self._links is None or self._links.gate[1].closed:
            return
        sources = [f for f in self._functions if f.spec.is_source]
        # One that failed before it came to the gate leaves its word to its successor.
        words = word * sum(len(f.processes) for f in sources)
        os.write(self._links.gate[1].fileno(), words)
        self._links.gate[1].close()

    def _new_process(self, function: WorkerFunction, number: int) -> WorkerProcess:
        level = logging.DEBUG if self._options.debug else logging.INFO
        return WorkerProcess(
            function.process_label(number),
            number,
            lambda channel: function.task(
                channel, self._directory, self._code, level, begun=self._gate_open
            ),
            partial(self._on_message, function),
            self._on_output,
            account=function.new_account(number),
        )

    # --- listening

    def _watch(self, function: WorkerFunction, process: WorkerProcess) -> None:
        for descriptor in process.descriptors:
            self._loop.watch(descriptor, partial(self._listen, process, descriptor))
        if process.pidfd is None:
            self._finish(function, process)
        else:
            self._loop.watch(process.pidfd, partial(self._finish, function, process))

    def _listen(self, process: WorkerProcess, descriptor: int) -> None:
        if process.read(descriptor) == 0:
            self._loop.unwatch(descriptor)

    def _finish(self, function: WorkerFunction, process: WorkerProcess) -> None:
        for descriptor in (*process.descriptors, process.pidfd):
            if descriptor is not None:
                self._loop.unwatch(descriptor)
        process.finish()
        self._alarms.end(AlarmKind.DEVICE_LOST, process.name, f"{process.name} has ended")
        self._on_exit(function, process)

    def _on_message(
        self, function: WorkerFunction, process: WorkerProcess, message: Message
    ) -> None:
        if message.kind == "log":
            self._log.add_said(message.level, process.name, message.text, message.time_s)
            if message.of_function and message.level in WARNING_LEVELS:
                function.note_warning(message.text)
        elif message.kind == "device lost":
            self._alarms.begin(
                AlarmKind.DEVICE_LOST, process.name, f"{process.name}: {message.text}"
            )
        elif message.kind == "device back":
            text = f"{process.name} has its device again"
            self._alarms.end(AlarmKind.DEVICE_LOST, process.name, text)
        elif message.kind == "result":
            name = function.process_name(process.number)
            reported = {printable(key): value for key, value in json.loads(message.text).items()}
            self._results.setdefault(name, {}).update(reported)
        elif message.kind == "held up":
            process.held_up_by = message.text
        elif message.kind == "disk":
            process.waits_for_disk = message.text
        elif message.kind == "ready":
            process.state = WorkerState.RUNNING if self._gate_open else WorkerState.READY
        elif not process.gone:
            process.state = WorkerState.ENDING

    def _keep_results(self, function: WorkerFunction, process: WorkerProcess) -> None:
        """Let what a process has reported stand beside what its successor, which begins anew, will.

        Only the user knows whether these are counts, which add up, or a fit.
        """
        name = function.process_name(process.number)
        if name in self._results:
            restarts = sum(each.number == process.number for each in function.predecessors)
            self._results[f"before restart {restarts} of {name}"] = self._results.pop(name)

    def _on_output(self, process: WorkerProcess, stream: str, line: str) -> None:
        self._log.add_said("INFO" if stream == "stdout" else "WARNING", process.name, line)
