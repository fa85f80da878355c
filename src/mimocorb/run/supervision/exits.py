"""What follows from the exit of a worker process: nothing, a new one, or the end of the run."""

from __future__ import annotations

from collections.abc import Callable

from mimocorb.checks.trial import innermost_place
from mimocorb.run.run_log import RunLog
from mimocorb.run.run_state import RunState, WorkerState
from mimocorb.run.supervision.hang_watch import what_is_held
from mimocorb.run.supervision.restarts import Restarts
from mimocorb.run.supervision.watcher import RunParts, Watcher
from mimocorb.run.workers.processes import ASK_TO_END, ENDED_AS_ASKED
from mimocorb.run.workers.worker_function import WorkerFunction
from mimocorb.run.workers.worker_process import WorkerProcess

__all__ = ["ExitHandler"]

NO_COMPLAINT = (0, ENDED_AS_ASKED, -ASK_TO_END, None)
"""Exit codes of a process that was asked to end; None is one that was not seen."""


class ExitHandler(Watcher):
    """Judges the exit of each process and draws the consequences that the set-up asks for.

    Parameters
    ----------
    run
        What it looks at, and where it tells.
    log
        Gets what is not to be shown.
    state
        Returns what the run is doing.
    replace
        Starts a new process in the place of one; OSError if that cannot be done.
    give_up
        Notes a failure and ends the run in order: ``(what happened, why the run ends)``.
    on_function_gone
        Called when the last process of a function has gone.
    """

    def __init__(
        self,
        run: RunParts,
        log: RunLog,
        *,
        state: Callable[[], RunState],
        replace: Callable[[WorkerFunction, WorkerProcess], None],
        give_up: Callable[[str, str], None],
        on_function_gone: Callable[[WorkerFunction], None],
    ) -> None:
        super().__init__(run)
        self._log = log
        self._state = state
        self._replace = replace
        self._give_up = give_up
        self._on_function_gone = on_function_gone
        self._restarts = Restarts(run.alarms)
        self._fork_server_missed = False

    def on_exit(self, function: WorkerFunction, process: WorkerProcess) -> None:
        """Deal with a process that has ended."""
        process.circumstances = self._circumstances(function, process)
        function.recover(process)
        process.state = _judged(function, process)
        how = process.how_it_ended()
        if process.exit_is_unknown and not self._fork_server_missed:
            self._fork_server_missed = True
            self._findings.warn(
                "the fork server of the workers has been killed, perhaps by the kernel for lack of "
                "memory, or hangs: how a worker ends is known only from what it says itself"
            )
        is_failure = process.state is WorkerState.FAILED
        ending = "failed" if is_failure else f"{process.state.value}: {how}"
        self._log.add("INFO", process.name, ending, show=False)
        if process.crash:  # if it is no failure, of a process that the function had forked
            self._log.add("ERROR", process.name, process.crash, show=not is_failure)
        if is_failure:
            if process.last and process.last.kind == "failed" and process.last.detail:
                self._log.add("ERROR", process.name, process.last.detail, show=False)
            self._on_failure(function, process, how)
        elif process.exit_code not in NO_COMPLAINT and not process.killed:
            self._findings.warn(f"{process.name}, asked to end: {how}")
        if process.held_up_by and process.asked_to_end:
            self._findings.warn(
                f"the end of {process.name} was held up by {process.held_up_by}, which went on and "
                "was ended with it; all that it had done before counts"
            )
        if process.left_behind:
            programs = ", ".join(process.left_behind)
            self._findings.tell(f"{process.name} had left programs running, killed: {programs}")
        self._look_at_function(function)

    def _circumstances(self, function: WorkerFunction, process: WorkerProcess) -> str:
        """Say in which line a process was, and with which event: it could not say so itself."""
        place = innermost_place(function.spec.function, process.crash)
        text = f" [{place}]" if place else ""
        held = [
            (holding.number, what_is_held(name, holding))
            for name in function.spec.reads
            for holding in self._buffers[name].held()
            if holding.pid == process.pid
        ]
        if held:
            more = f" and {len(held) - 1} more" if len(held) > 1 else ""
            text += f", with {min(held)[1]}{more} in its hands"
        elif function.must_finish and function.is_finishing and not function.spec.writes:
            text += ", behind all its events: what it does at its end is cut off"
        return text

    def next_look_s(self, state: RunState) -> float:  # noqa: ARG002
        """Return the time until the next process is to be started again."""
        return self._restarts.next_look_s()

    def finish(self) -> list[str]:
        """Return which processes were started again."""
        return self._restarts.listed()

    def look(self) -> None:
        """Start the new processes whose time has come; drop those that have nothing left to do."""
        for function, process in self._restarts.planned():
            if not self._has_work(function):
                self._restarts.drop(process)
                process.state = WorkerState.FAILED
                self._findings.tell(f"{process.name} is not started again, as the run ends")
                self._look_at_function(function)
        for function, process in self._restarts.take_due():
            try:
                self._replace(function, process)
            except OSError as error:
                process.state = WorkerState.FAILED
                self._on_failure(function, process, f"no new process: {error}")
                self._look_at_function(function)

    def _on_failure(self, function: WorkerFunction, process: WorkerProcess, how: str) -> None:
        text = f"{process.name} failed: {how}"
        chosen = function.on_failure
        if chosen.action == "restart" and self._has_work(function):
            if process.last is not None and process.last.permanent:
                text += "; a new process would fail in the same way"
            elif self._restarts.plan(function, process, how):
                return
            else:
                text += f"; its limit of {chosen.limit} new processes is used up"
        elif chosen.action == "restart" and self._has_done_all(function):
            self._findings.warn(f"{text}; nothing was left to do for a new process")
            return
        if chosen.action == "end_run":
            self._give_up(text, f"{process.name} failed")
        elif not function.must_finish:
            self._findings.warn(f"{text}; data taking goes on without it")
        elif not function.alive:
            self._give_up(text, f"{process.name} failed")
        elif chosen.action == "go_on":
            self._findings.warn(f"{text}; its colleagues go on without it")
        else:
            self._findings.fail(f"{text}; its colleagues go on without it")

    def _has_work(self, function: WorkerFunction) -> bool:
        """Whether a new process of the function would find anything to do."""
        if self._state() is RunState.DRAINING:
            return bool(function.unread())
        return self._state() in (RunState.STARTING, RunState.RUNNING, RunState.PAUSED)

    def _has_done_all(self, function: WorkerFunction) -> bool:
        """Whether all that a filter had to do has been done, so that no process is missed.

        Of a sink that is not known: its last work may be to complete a file.
        """
        is_filter = bool(function.spec.reads and function.spec.writes)
        return is_filter and self._state() is RunState.DRAINING and not function.unread()

    def _look_at_function(self, function: WorkerFunction) -> None:
        """Deal with a function that has ended as a whole."""
        if not function.gone:
            return
        unread = function.unread()
        orderly = all(process.state is WorkerState.ENDED for process in function.processes)
        if unread and orderly:
            places = " and ".join(f"{name} ({count} unread)" for name, count in unread.items())
            ways = " and ".join(dict.fromkeys(p.how_it_ended() for p in function.processes))
            self._give_up(
                f"{function.label} ended before its input did ({ways}): {places}; a function that "
                "reads has to go on until the buffer ends, and an access object has to be called: "
                "BufferToBuffer(...)()",
                f"{function.label} ended before its input did",
            )
        if function.spec.is_source and orderly and self._state() is RunState.RUNNING:
            self._warn_of_silence(function)
        self._on_function_gone(function)

    def _warn_of_silence(self, source: WorkerFunction) -> None:
        """Warn of a source that ended without an event, which is seldom meant so."""
        empty = [n for n in source.spec.writes if not self._buffers[n].stats().published]
        if empty:
            self._findings.warn(
                f"{source.label} ended without an event for {', '.join(empty)}; is there nothing "
                "to read, or is its access object not called: SourceToBuffer(...)()?"
            )


def _judged(function: WorkerFunction, process: WorkerProcess) -> WorkerState:
    """Say whether this was an end, a failure, or our own doing."""
    if process.ended_in_order:
        return WorkerState.ENDED
    # What it has said by itself is its own failure, also if it was asked to end later, as something
    # held it up.
    has_said_so = process.last is not None and process.last.kind == "failed"
    if has_said_so or not process.asked_to_end:
        return WorkerState.FAILED
    # User code may have turned the interruption into an error of its own: not its fault.
    is_display = not function.must_finish and process.exit_code in NO_COMPLAINT
    return WorkerState.ENDED if is_display else WorkerState.STOPPED
