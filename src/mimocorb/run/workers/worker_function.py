"""One worker function of a set-up with its processes and its places at the buffers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.buffers.setup_dict import SetupDict
from mimocorb.components.worker import Worker
from mimocorb.model import OnFailure, WorkerSpec
from mimocorb.run.accounts.process_account import ProcessAccount
from mimocorb.run.run_log import utc
from mimocorb.run.run_state import WorkerState
from mimocorb.run.run_view import ProcessView, WorkerView
from mimocorb.run.workers.worker import WorkerChannel, WorkerTask
from mimocorb.run.workers.worker_process import WorkerProcess

__all__ = ["WorkerFunction"]


class WorkerFunction:
    """A worker function, the set-up dictionaries it works with and the processes that run it.

    All processes share one dictionary for each buffer: one reader group, one writer. Besides, the
    supervisor promises a writer of its own for each sink and takes the promise back when the last
    process has gone. So the stream behind a function stays open while a process starts slowly, or
    dies and is still being looked into, and ends exactly when no process can write any more.
    """

    def __init__(self, spec: WorkerSpec, buffers: Mapping[str, NewBuffer]) -> None:
        self.spec = spec
        self.processes: list[WorkerProcess] = []
        self.predecessors: list[WorkerProcess] = []
        self.accounts: list[ProcessAccount] = []
        self._warnings = 0
        self._last_warning = ""
        self._has_left = False
        self.readers = {name: buffers[name].new_reader_group() for name in spec.reads}
        self.writers = {name: buffers[name].new_writer() for name in spec.writes}
        self.observers = {name: buffers[name].new_observer() for name in spec.observes}
        self._buffers = {name: buffers[name] for name in spec.roles}
        self._promises = {name: buffers[name].new_writer() for name in spec.writes}
        for name, writer in self.writers.items():
            # One promise comes with the dictionary; each further process is one more.
            buffers[name].promise_writer(writer, spec.number_of_processes - 1)

    @property
    def label(self) -> str:
        """What messages call the function: its name in the set-up and in Python."""
        return f"{self.spec.name} {self.spec.function.name}"

    def process_label(self, number: int) -> str:
        """Return what messages call a process of the function, counted from 1."""
        return self._numbered(self.label, number)

    def process_name(self, number: int) -> str:
        """Return what a set-up would call a process of the function, counted from 1."""
        return self._numbered(self.spec.name, number)

    def _numbered(self, name: str, number: int) -> str:
        return name if self.spec.number_of_processes == 1 else f"{name}[{number}]"

    def new_account(self, number: int) -> ProcessAccount:
        """Return an account for a process about to be started; it is kept after its death."""
        self.accounts.append(ProcessAccount(self.process_label(number), number))
        return self.accounts[-1]

    @property
    def must_finish(self) -> bool:
        """Whether the run waits for it: it reads or writes, so data depend on it."""
        return bool(self.spec.reads or self.spec.writes)

    @property
    def gone(self) -> bool:
        """Whether all processes have ended."""
        return bool(self.processes) and all(process.gone for process in self.processes)

    @property
    def alive(self) -> list[WorkerProcess]:
        """Processes that have not ended."""
        return [process for process in self.processes if not process.gone]

    @property
    def on_failure(self) -> OnFailure:
        """What happens when a process fails: as the set-up says, or what is usual."""
        usual = OnFailure("end_run" if self.must_finish else "go_on")
        return self.spec.on_failure or usual

    def replace(self, process: WorkerProcess, successor: WorkerProcess) -> None:
        """Put a new process into the place of one that has failed."""
        process.state = WorkerState.FAILED
        self.processes[self.processes.index(process)] = successor
        self.predecessors.append(process)

    def task(
        self,
        channel: WorkerChannel,
        directory: Path,
        code: Mapping[Path, Path],
        log_level: int,
        *,
        begun: bool,
    ) -> WorkerTask:
        """Return what one process of the function is started with.

        A source that takes the place of another one goes on with the number of the event that
        comes next in the buffer, so that no number comes twice.
        """
        sinks = {
            name: SetupDict(setup, first_counter=self._buffers[name].stats().published)
            for name, setup in self.writers.items()
        }
        number = channel.process_number
        return WorkerTask(
            worker=Worker(
                self.spec,
                reads=tuple(self.readers.values()),
                writes=tuple(sinks.values()),
                observes=tuple(self.observers.values()),
                directory=directory,
                process_number=number,
                attempt=sum(account.number == number for account in self.accounts),
            ),
            code=code,
            waits_for_gate=self.spec.is_source and not begun,
            log_level=log_level,
            channel=channel,
        )

    def recover(self, process: WorkerProcess) -> None:
        """Let the buffers take back what a process that has just died held, and note why."""
        for buffer in self._buffers.values():
            if process.pid is not None:
                buffer.note_death(process.pid, process.how_it_ended())
            buffer.reap()

    def release_writers(self) -> None:
        """Take back every promise to write: the last process has gone."""
        for name, promise in self._promises.items():
            buffer = self._buffers[name]
            buffer.release_writer(self.writers[name], self.spec.number_of_processes)
            buffer.release_writer(promise)
        self._promises.clear()

    def unread(self) -> dict[str, int]:
        """Return the buffers that still have, or may still get, events for this function.

        The value counts the events due now.
        """
        found: dict[str, int] = {}
        if self._has_left:
            return found
        for name, reader in self.readers.items():
            stats = self._buffers[name].stats()
            due = sum(group.due for group in stats.groups if group.group == reader["group"])
            if due or not stats.ended:
                found[name] = due
        return found

    @property
    def acknowledged(self) -> int:
        """Events that it has finished with, of all its inputs."""
        stats = {name: self._buffers[name].stats() for name in self.readers}
        return sum(
            group.acknowledged
            for name, reader in self.readers.items()
            for group in stats[name].groups
            if group.group == reader["group"]
        )

    @property
    def is_finishing(self) -> bool:
        """Whether its processes have got all that there is, and end their work."""
        return (
            bool(self.spec.reads)
            and not self.unread()
            and all(process.state is not WorkerState.ENDING for process in self.alive)
        )

    def leave(self) -> None:
        """Give up reading, so that no writer waits for it any more; the events left are counted.

        Idempotent.
        """
        if self._has_left:
            return
        self._has_left = True
        for name, reader in self.readers.items():
            self._buffers[name].remove_reader_group(reader)

    def note_warning(self, text: str) -> None:
        """Count a warning, or worse, that one of its processes has logged."""
        self._warnings += 1
        self._last_warning = text

    def view(self) -> WorkerView:
        """Return the present state for displays and records."""
        return WorkerView(
            name=self.spec.name,
            function=self.spec.function.name,
            processes=tuple(map(self._view_of, self.processes))
            or tuple(
                ProcessView(
                    self.process_label(number),
                    self.spec.name,
                    self.must_finish,
                    None,
                    WorkerState.STARTING,
                )
                for number in range(1, self.spec.number_of_processes + 1)
            ),
            replaced=tuple(map(self._view_of, self.predecessors)),
            warnings=self._warnings,
            last_warning=self._last_warning,
        )

    def _view_of(self, process: WorkerProcess) -> ProcessView:
        has_ended = process.ended_s is not None
        return ProcessView(
            name=process.name,
            worker=self.spec.name,
            handles_data=self.must_finish,
            pid=process.pid,
            state=process.state,
            exit_code=process.exit_code,
            how=process.how_it_ended() if has_ended else "",
            ended_utc=None if process.ended_s is None else utc(process.ended_s),
        )
