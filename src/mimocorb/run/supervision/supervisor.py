"""The supervisor: one loop that starts, watches and ends everything in a run.

It waits at once for the death of workers (pidfds), for what they say (pipes), and for commands.
There is no thread and no queue. What each part of that needs stands in a module of its own: the
processes (:mod:`~mimocorb.run.workers.worker_pool`), what follows from the end of one of them
(:mod:`~mimocorb.run.supervision.exits`), when to end the run
(:mod:`~mimocorb.run.supervision.ending`), and the way there
(:mod:`~mimocorb.run.supervision.draining`). Here is what holds them together: the state of the
run.

How a run ends. Every stream ends by itself: when the last process that can write a buffer has
gone, its readers drain it and end, which ends what they write, and so on down the graph. The
supervisor only starts this: it ends the writers of the *source buffers*, those written by workers
that read nothing, when the end condition is reached, on request, or when a worker has
failed. Then it waits as long as there is progress.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from mimocorb._words import how_many
from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.errors import HandleMisuse
from mimocorb.model import Setup
from mimocorb.run.alarm import AlarmKind
from mimocorb.run.alarms import Alarms
from mimocorb.run.event_loop import EventLoop
from mimocorb.run.findings import ORIGIN, Findings
from mimocorb.run.host_view import HostView
from mimocorb.run.ledger import audit
from mimocorb.run.options import SupervisorOptions
from mimocorb.run.run_log import RunLog, utc
from mimocorb.run.run_state import TRANSITIONS, Command, RunState, StateChange
from mimocorb.run.run_view import RunView
from mimocorb.run.supervision.disk_watch import DiskWatch
from mimocorb.run.supervision.draining import Drain, DrainStep
from mimocorb.run.supervision.ending import EndCondition
from mimocorb.run.supervision.escalation import Escalation, ProgressWatch
from mimocorb.run.supervision.exits import ExitHandler
from mimocorb.run.supervision.figures_watch import FiguresWatch
from mimocorb.run.supervision.full_disk import FullDisk
from mimocorb.run.supervision.hang_watch import HangWatch
from mimocorb.run.supervision.held_up import HeldUp
from mimocorb.run.supervision.measuring import Measuring
from mimocorb.run.supervision.pending_events import PendingEvents
from mimocorb.run.supervision.quarantine_files import QuarantineFiles
from mimocorb.run.supervision.silence import SilenceWatch
from mimocorb.run.supervision.standstill import Standstill
from mimocorb.run.supervision.unreported import UnreportedResults
from mimocorb.run.supervision.watcher import RunParts, Watcher
from mimocorb.run.workers.worker_function import WorkerFunction
from mimocorb.run.workers.worker_pool import WorkerPool
from mimocorb.run.workers.worker_process import WorkerProcess
from mimocorb.setup.graph import Graph
from mimocorb.setup.paths import shown
from mimocorb.setup.user_code.recorded_code import edited

__all__ = ["Supervisor"]

TICK_S = 0.25
SLOW_START_S = 10.0
TO_END_AT_ONCE = "a second Ctrl-C, or mimocorb stop --now, gives up what is in the buffers"


class Supervisor:
    """Everything of one run that lives: its buffers, its workers, its state.

    Parameters
    ----------
    setup
        What to run; has passed the checks.
    log
        Gets every event.
    options
        See :class:`SupervisorOptions`.

    Notes
    -----
    :meth:`post` may be called from anywhere, also from a signal handler. Everything else belongs to
    the thread that calls :meth:`turn`.
    """

    def __init__(self, setup: Setup, log: RunLog, options: SupervisorOptions | None = None) -> None:
        self.setup = setup
        self.log = log
        self.options = options or SupervisorOptions()
        self.state = RunState.PREPARED
        self.changes = [
            StateChange(utc(time.time()), RunState.PREPARED, "the set-up has been checked")
        ]
        self.reason = ""
        self.asked_to_end = False
        self.findings = Findings(log)
        self.alarms = Alarms(setup, self.findings, self.options.alarm_timeout_s)
        self._parts = parts = RunParts(setup, self.options, self.findings, self.alarms)
        self.buffers, self.functions = parts.buffers, parts.functions
        self.results, self.clock = parts.results, parts.clock
        self.loop = EventLoop()
        self._graph = Graph(setup)
        self._directory = Path()
        self._code: Mapping[Path, Path] = {}
        self._told_edited: set[Path] = set()
        self._commands: deque[tuple[Command, str]] = deque()
        # What is known of other hosts, where there are any.
        self.hosts: tuple[HostView, ...] = ()
        self.on_asked: Callable[[Command, str], None] = lambda _command, _by: None
        """Is told what has been asked, and by whom, when it is done."""
        self.ends_by_itself: Callable[[str], bool] = lambda _buffer: False
        """Whether the end of a stream comes into this buffer from elsewhere."""
        self._open_streams: list[str] = []
        self._measuring = Measuring(parts)
        self._end_condition: EndCondition | None = None
        # The processes, and what follows from their exits.
        self._slow_start = ProgressWatch()
        self._pool = WorkerPool(
            self.functions,
            self.loop,
            log,
            self.options,
            self.results,
            alarms=self.alarms,
            on_exit=self._on_exit,
        )
        self._exits = ExitHandler(
            parts,
            log,
            state=lambda: self.state,
            replace=self._replace,
            give_up=self._fail,
            on_function_gone=self._on_function_gone,
        )
        self._hang_watch = HangWatch(parts)
        # The way to the end, and what is left then.
        self._escalation = Escalation(self.options.kill_grace_s)
        self._drain = Drain(parts, self._escalation, self._waits_for_elsewhere)
        self._pending = PendingEvents(setup, self.findings)
        self.quarantine_files = QuarantineFiles(parts)
        self._watchers = self._make_watchers(parts)

    # --- setting up

    def _make_watchers(self, parts: RunParts) -> tuple[Watcher, ...]:
        disk = DiskWatch(parts)
        return (
            self._exits,
            UnreportedResults(parts),
            SilenceWatch(parts),
            self._hang_watch,
            disk,
            Standstill(parts),
            FiguresWatch(parts, self.view),
            HeldUp(parts, self._escalation),
            FullDisk(
                parts,
                state=lambda: self.state,
                pause=self._pause,
                below_floor=lambda: disk.below_floor,
            ),
            self.quarantine_files,
        )

    def create_buffers(self, make: type[NewBuffer] = NewBuffer) -> dict[str, NewBuffer]:
        """Create the ring buffers of the set-up, of the class `make`."""
        for spec in self.setup.buffers:
            self.buffers[spec.name] = make(
                spec.slot_count,
                spec.data_length,
                spec.data_dtype,
                debug=self.options.debug,
                name=spec.name,
                channels={each.name: each.about() for each in spec.channels},
                backend=spec.backend,
                variable=spec.variable,
            )
        return self.buffers

    def prepare_workers(self) -> None:
        """Connect the worker functions to the buffers; nothing runs yet."""
        self.functions += [WorkerFunction(spec, self.buffers) for spec in self.setup.workers]
        self._measuring.connect()
        self._end_condition = EndCondition(self._parts, self.source_buffers)

    @property
    def source_buffers(self) -> list[str]:
        """Names of the buffers that sources write; the first one's events are counted."""
        return list(self._graph.entries)

    def start(
        self, directory: Path, number: int | None = None, code: Mapping[Path, Path] | None = None
    ) -> list[BaseProcess]:
        """Start all processes, readers before writers; returns them in this order.

        The sources load their functions and then wait until all other workers that handle data are
        ready. Workers write their output into `directory`, and import the user's modules as they
        are in `code`: the copy of each. The run may have a number.
        """
        self.alarms.about_run(directory, number)
        self._change(RunState.STARTING, "the directory of the run is ready")
        self._directory = directory
        for watcher in self._watchers:
            watcher.directory = directory
        self._code = code or {}
        self._pending.reserve(directory, self.functions)
        processes = self._pool.start(self._graph.start_order, directory, self._code)
        self.findings.tell(
            f"started {how_many(len(processes), 'worker')} by {self._pool.start_method}"
        )
        return [process.process for process in processes if process.process is not None]

    # --- the loop

    def post(self, command: Command, by: str = "request") -> None:
        """Ask for something; done by the loop as soon as it comes round.

        `by` names the origin in the log, and in the reason for the end.
        """
        self._commands.append((command, by))
        self.loop.wake()

    def turn(self, longest_s: float = TICK_S) -> None:
        """Wait until something happens, at most so long, and deal with it."""
        if self.state is RunState.RUNNING and self._end_condition is not None:
            longest_s = min(longest_s, self._end_condition.next_look_s())
        self.loop.turn(min(longest_s, *(each.next_look_s(self.state) for each in self._watchers)))
        while self._commands:
            self._run_command(*self._commands.popleft())
        self._look_around()

    @property
    def ended(self) -> bool:
        """Whether the run is over and all its processes have gone."""
        return self.state is RunState.ENDED

    def close(self) -> None:
        """Kill whatever still runs and release all memory. Idempotent."""
        self.alarms.close()
        self._pool.close()
        for buffer in self.buffers.values():
            buffer.close()
        self.loop.close()

    # --- commands

    def _run_command(self, command: Command, by: str) -> None:
        if command is Command.TOGGLE_PAUSE:
            paused = self.state is RunState.PAUSED
            command = Command.RESUME if paused else Command.PAUSE
        elif command in (Command.STOP, Command.END):
            self.asked_to_end = True
        if command is Command.PAUSE and self.state is RunState.RUNNING:
            self._pause(True, f"paused by {by}")
            self.on_asked(command, by)
        elif command is Command.RESUME and self.state is RunState.PAUSED:
            self._pause(False, f"resumed by {by}")
            self.on_asked(command, by)
        elif command is Command.STOP and RunState.DRAINING in TRANSITIONS[self.state]:
            self._open_streams = [n for n in self.source_buffers if self.ends_by_itself(n)]
            self.on_asked(command, by)
            self.stop(f"stopped by {by}")
        elif command is Command.STOP and self.state is RunState.DRAINING:
            self.findings.tell(f"{by}: draining already; {TO_END_AT_ONCE}")
        elif command is Command.END and RunState.ENDING in TRANSITIONS[self.state]:
            self._pending.are_unwanted()
            self.end_now(f"ended at once by {by}")
        elif command is Command.END and self.state is RunState.ENDING:
            for function in self.functions:
                self._escalation.ask(function.alive)
            doing = (self._escalation.waiting(), self._pending.asked_to_hurry())
            self.findings.tell("; ".join(filter(None, (f"{by}: ending already", *doing))))

    def _pause(self, paused: bool, cause: str) -> None:
        for name in self.source_buffers:
            buffer = self.buffers[name]
            if paused:
                buffer.pause()
            else:
                buffer.resume()
        self.clock.pause() if paused else self.clock.resume()
        self._change(RunState.PAUSED if paused else RunState.RUNNING, cause)
        self.findings.tell(cause)

    def stop(self, reason: str) -> None:
        """Take no more data, then process everything that has been taken."""
        not_begun = self.state is RunState.STARTING
        self._change(RunState.DRAINING, reason)
        self.reason = self.reason or reason
        self._end_data_taking()
        self._measuring.begin_drain()
        self._drain.begin()
        for name in self.source_buffers:
            if name in self._open_streams:
                self.buffers[name].resume()
            else:
                self.buffers[name].end_writers()
        if not_begun:
            self._pool.call_off()
        due = sum(g.due for buffer in self.buffers.values() for g in buffer.stats().groups)
        self.findings.tell(f"{reason}: draining, {how_many(due, 'event')} still due")

    def end_streams(self) -> None:
        """End the streams whose end does not come any more from elsewhere: hosts have gone."""
        for name in [name for name in self._open_streams if not self.ends_by_itself(name)]:
            self._open_streams.remove(name)
            self.buffers[name].end_writers()

    def end_now(self, reason: str, spared: Sequence[WorkerProcess] = ()) -> None:
        """Interrupt all workers but those that are spared."""
        self._change(RunState.ENDING, reason)
        self.reason = f"{self.reason}; {reason}" if self.reason else reason
        self._end_data_taking()
        self.log.add("WARNING", ORIGIN, reason)
        for function in self.functions:
            self._escalation.ask(process for process in function.alive if process not in spared)

    def _end_data_taking(self) -> None:
        """Let no more time count; the first call rules."""
        self._measuring.end(self._end_condition.limits if self._end_condition else {})
        for watcher in self._watchers:
            watcher.data_taking_ends()

    def _change(self, state: RunState, cause: str) -> None:
        if state not in TRANSITIONS[self.state]:
            raise HandleMisuse(f"a run that is {self.state.value} cannot become {state.value}")
        self.state = state
        self._pool.tell(paused=state is RunState.PAUSED)
        self.changes.append(StateChange(utc(time.time()), state, cause))

    # --- what workers do

    def _on_exit(self, function: WorkerFunction, process: WorkerProcess) -> None:
        self._exits.on_exit(function, process)

    def _replace(self, function: WorkerFunction, process: WorkerProcess) -> None:
        """Start a new process in the place of one, and tell whose edited code it does not run."""
        self._pool.replace(function, process)
        for path in set(edited(self._code)) - self._told_edited:
            self._told_edited.add(path)
            self.findings.warn(
                f"{shown(path)} has been edited since the run began; new processes go on with what "
                "it was then, as in the directory of the run: start the run again to use it"
            )

    def _fail(self, text: str, reason: str) -> None:
        """Note a failure, and end the run in order with this reason, which need not repeat it."""
        self.findings.fail(text)
        self.alarms.tell(AlarmKind.WORKER_FAILED, reason, text, level=None)
        if RunState.DRAINING in TRANSITIONS[self.state]:
            self.stop(reason)

    def _on_function_gone(self, function: WorkerFunction) -> None:
        self._pending.take_over(function)
        function.release_writers()
        sources = [f for f in self.functions if f.spec.is_source]
        if all(f.gone for f in sources) and RunState.DRAINING in TRANSITIONS[self.state]:
            # A source whose buffer has taken all events asked for ends like one without more.
            exhausted = "sources are" if len(sources) > 1 else "source is"
            self.stop(self._reached() or f"the {exhausted} exhausted")

    def _waits_for_elsewhere(self, function: WorkerFunction) -> bool:
        """Whether a source goes on until the end of the stream comes from another host."""
        return any(name in self._open_streams for name in function.spec.writes)

    # --- looking around, each turn

    def _look_around(self) -> None:
        if self.state is RunState.STARTING:
            self._begin_if_ready()
        if self.state is RunState.RUNNING:
            reached = self._reached()
            if reached:
                self.stop(reached)
        for watcher in self._watchers:
            watcher.turn(self.state)
        self.alarms.look()
        if self.state in (RunState.DRAINING, RunState.ENDING):
            self._look_at_drain()
        self._kill_unresponsive()

    def _reached(self) -> str:
        """Return which end has been reached, in words; an empty text if none."""
        return self._end_condition.reached() if self._end_condition else ""

    def _begin_if_ready(self) -> None:
        waiting = self._pool.not_ready
        if waiting:
            if self._slow_start.unchanged_s(len(waiting)) > SLOW_START_S:
                self._slow_start = ProgressWatch()
                names = ", ".join(process.name for process in waiting)
                self.findings.tell(f"still waiting for {names} to get ready")
            return
        self._change(RunState.RUNNING, "all workers are ready")
        self._measuring.begin()
        self._pool.begin()
        self.findings.tell("all workers are ready, data taking begins")

    def _look_at_drain(self) -> None:
        if self._pending.save_some(self._directory):
            self.loop.wake()  # the next turn goes on at once
        step = self._drain.step(patient=self.state is RunState.DRAINING)
        if step is DrainStep.STUCK:
            self._on_drain_timeout()
        elif step is DrainStep.DONE and not self._pending.pending:
            self._pending.finish(self._directory)
            self._change(RunState.ENDED, "all workers have ended")
            self.alarms.run_ends()
            for watcher in self._watchers:
                self.findings.warnings += watcher.finish()
            view = self.view()
            self.findings.warnings += view.accounts.repeats() if view.accounts else []
            self.findings.failures += audit(view)

    def _on_drain_timeout(self) -> None:
        """End the workers; the events that were not processed in time are saved."""
        disk = [p.waits_for_disk for p in self._drain.at_work if p.waits_for_disk]
        if disk:
            text = f"not everything could be written at the end: {', '.join(dict.fromkeys(disk))}"
        else:
            # The rest only waits, for what these have in hand or for room behind them.
            names = self._hang_watch.holders() or [p.name for p in self._drain.at_work]
            timeout_s = self._drain.timeout_s
            text = f"no progress for {timeout_s:g} s while draining: {', '.join(names)}"
        self.findings.failures.append(text)
        self.alarms.tell(AlarmKind.WORKER_FAILED, "draining", text, level=None)
        self.end_now(text, spared=self._drain.finishing)

    def _kill_unresponsive(self) -> None:
        for process in self._escalation.kill_unresponsive():
            self.findings.warn(f"{process.name} did not end when asked, killed")

    # --- looking in from outside

    def view(self) -> RunView:
        """Return a picture of the present moment."""
        return self._measuring.view(
            self.state,
            self.reason,
            self.changes[-1].cause,
            goals=self._end_condition.goals() if self._end_condition else (),
            spilled=self._pending.groups,
            hosts=self.hosts,
        )
