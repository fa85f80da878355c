"""What a run answers to its clients: its status, commands carried out, observers."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import mimocorb
from mimocorb.errors import MimocorbError
from mimocorb.run.remote.place import user_name
from mimocorb.run.remote.protocol import (
    Request,
    RunStatus,
    answer,
    observer_to_plain,
    refusal,
    status_to_plain,
)
from mimocorb.run.run_state import Command, RunState
from mimocorb.run.supervision.supervisor import Supervisor

__all__ = ["PendingCommand", "RequestHandler"]


class _Steering(NamedTuple):
    """A command: what it asks of the supervisor, from which states, and where it leads."""

    command: Command
    possible_in: frozenset[RunState]
    done_in: frozenset[RunState]


_OVER = frozenset({RunState.ENDING, RunState.ENDED})
_STEERING = {
    "pause": _Steering(Command.PAUSE, frozenset({RunState.RUNNING}), frozenset({RunState.PAUSED})),
    "resume": _Steering(
        Command.RESUME, frozenset({RunState.PAUSED}), frozenset({RunState.RUNNING})
    ),
    "stop": _Steering(
        Command.STOP,
        frozenset({RunState.STARTING, RunState.RUNNING, RunState.PAUSED}),
        _OVER | {RunState.DRAINING},
    ),
    "end": _Steering(
        Command.END,
        frozenset({RunState.STARTING, RunState.RUNNING, RunState.PAUSED, RunState.DRAINING}),
        _OVER,
    ),
}


class PendingCommand:
    """A command that has been passed on and has not come about yet.

    Attributes
    ----------
    deadline_s
        Time of the monotonic clock up to which the client waits.
    """

    def __init__(self, handler: RequestHandler, verb: str, timeout_s: float) -> None:
        self.deadline_s = time.monotonic() + timeout_s
        self._handler = handler
        self._verb = verb

    def outcome(self) -> bytes | None:
        """Return the answer if the command has come about, cannot any more, or took too long."""
        steering = _STEERING[self._verb]
        state = self._handler.state
        if state in steering.done_in:
            return self._handler.status(changed=True)
        if state not in steering.possible_in:
            return self._handler.refused(self._verb)
        if time.monotonic() >= self.deadline_s:
            return refusal(
                "timeout", f"the run is still {state.value}; the request to {self._verb} stands"
            )
        return None


class RequestHandler:
    """Carries out requests; knows nothing of sockets.

    Parameters
    ----------
    supervisor, directory, number
        Of the run; a run need not have a number.
    """

    def __init__(self, supervisor: Supervisor, directory: Path, number: int | None) -> None:
        self._supervisor = supervisor
        self._directory = directory
        self._number = number
        self._started_s = time.time()

    @property
    def state(self) -> RunState:
        """What the run is doing."""
        return self._supervisor.state

    def take(self, request: Request, pid: int) -> bytes | PendingCommand:
        """Carry out the request of a process; returns the answer, or what to wait for."""
        if request.command in _STEERING:
            return self._steer(request, pid)
        if request.command == "observe":
            return self._observer(request.buffer)
        return self.status(lines=int(request.lines))

    def _steer(self, request: Request, pid: int) -> bytes | PendingCommand:
        """Pass a command on, with the name of the client."""
        verb = request.command
        steering = _STEERING[verb]
        if self.state in steering.done_in:
            return self.status()
        if self.state not in steering.possible_in:
            return self.refused(verb)
        client = f"{request.name} (process {pid}, user {user_name(os.geteuid())})"
        self._supervisor.post(steering.command, client)
        return PendingCommand(self, verb, request.timeout_s)

    def refused(self, verb: str) -> bytes:
        """Return the answer that this cannot be done now."""
        return refusal("refused", f"a run that is {self.state.value} cannot {verb}")

    def _observer(self, name: str) -> bytes:
        buffers = self._supervisor.buffers
        if name not in buffers:
            known = ", ".join(buffers)
            return refusal("refused", f"there is no buffer {name[:80]!r}: this run has {known}")
        try:
            return answer(observer=observer_to_plain(buffers[name].new_observer()))
        except MimocorbError as error:
            return refusal("refused", str(error))

    def status(
        self, *, changed: bool = False, lines: int = 0, failures: Sequence[str] | None = None
    ) -> bytes:
        """Return the answer with the status of the run.

        Parameters
        ----------
        changed
            Whether the command that is answered has changed anything.
        lines
            How many lines of the log to give with it.
        failures
            What is known better than by the supervisor; None: nothing.
        """
        supervisor = self._supervisor
        status = RunStatus(
            name=self._directory.name,
            number=self._number,
            directory=self._directory,
            pid=os.getpid(),
            user=user_name(os.geteuid()),
            mimocorb=mimocorb.__version__,
            started_s=self._started_s,
            failures=tuple(supervisor.findings.failures if failures is None else failures),
            warnings=tuple(supervisor.findings.warnings),
            lines=tuple(supervisor.log.lines)[-lines:] if lines else (),
            view=supervisor.view(),
        )
        return answer(changed=changed, status=status_to_plain(status))
