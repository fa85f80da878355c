"""What a run answers to its clients: its status, commands carried out, observers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import mimocorb
from mimocorb.errors import MimocorbError
from mimocorb.run.record.notes import Note, checked_kind, checked_text
from mimocorb.run.remote.place import user_name
from mimocorb.run.remote.protocol import (
    Request,
    RunStatus,
    answer,
    observer_to_plain,
    refusal,
    status_to_plain,
)
from mimocorb.run.run_log import utc
from mimocorb.run.run_state import Command, RunState
from mimocorb.run.supervision.supervisor import Supervisor

__all__ = ["Awaited", "RequestHandler"]


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


class Awaited(Protocol):
    """An answer that comes when it can be given.

    Attributes
    ----------
    deadline_s
        Time of the monotonic clock up to which the client waits.
    """

    deadline_s: float

    def outcome(self) -> bytes | None:
        """Return the answer if it can be given now."""


class WantedStatus:
    """A status, given at the end of the round."""

    def __init__(self, handler: RequestHandler, lines: int) -> None:
        self.deadline_s = time.monotonic()
        self._handler = handler
        self._lines = lines

    def outcome(self) -> bytes:
        """Return the status, the same for all who want it in this round."""
        return self._handler.status(lines=self._lines)


class PendingCommand:
    """A command that has been passed on and has not come about yet.

    Parameters
    ----------
    handler
        Knows the run.
    verb
        The command.
    timeout_s
        How long the client waits.
    changes
        Whether it has been passed on, as the run was in another state.
    """

    def __init__(
        self, handler: RequestHandler, verb: str, timeout_s: float, *, changes: bool
    ) -> None:
        self.deadline_s = time.monotonic() + timeout_s
        self._handler = handler
        self._verb = verb
        self._changes = changes

    def outcome(self) -> bytes | None:
        """Return the answer if the command has come about, cannot any more, or took too long."""
        steering = _STEERING[self._verb]
        state = self._handler.state
        if state in steering.done_in:
            return self._handler.status(changed=self._changes)
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
    keep_note
        Keeps a note with the run; None: the run has no record.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        directory: Path,
        number: int | None,
        keep_note: Callable[[Note], None] | None = None,
    ) -> None:
        self._supervisor = supervisor
        self._directory = directory
        self._number = number
        self._keep_note = keep_note
        self._started_s = time.time()
        self._answers: dict[tuple[bool, int], bytes] = {}

    @property
    def state(self) -> RunState:
        """What the run is doing."""
        return self._supervisor.state

    def begin_round(self) -> None:
        """From now on the status is one of this moment."""
        self._answers.clear()

    def take(self, request: Request, pid: int) -> bytes | Awaited:
        """Carry out the request of a process; returns the answer, or what to wait for."""
        if request.command in _STEERING:
            return self._steer(request, pid)
        if request.command == "acknowledge":
            self._supervisor.alarms.acknowledge(self._client(request, pid))
        if request.command == "observe":
            return self._observer(request.buffer)
        if request.command == "note":
            return self._note(request)
        return WantedStatus(self, int(request.lines))

    def _steer(self, request: Request, pid: int) -> bytes | Awaited:
        """Pass a command on, with the name of the client."""
        verb = request.command
        steering = _STEERING[verb]
        changes = self.state not in steering.done_in
        if changes and self.state not in steering.possible_in:
            return self.refused(verb)
        if changes:
            self._supervisor.post(steering.command, self._client(request, pid))
        return PendingCommand(self, verb, request.timeout_s, changes=changes)

    @staticmethod
    def _client(request: Request, pid: int) -> str:
        return f"{request.name} (process {pid}, user {user_name(os.geteuid())})"

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

    def _note(self, request: Request) -> bytes:
        """Keep what somebody has written about the run."""
        if self._keep_note is None:
            return refusal("refused", "this run has no record that could keep a note")
        try:
            kind = checked_kind(request.kind)
            text = checked_text(request.text, kind)
        except MimocorbError as error:
            return refusal("refused", str(error))
        self._keep_note(Note(utc(time.time()), request.name, kind, text))
        return self.status(changed=True)

    def status(
        self, *, changed: bool = False, lines: int = 0, failures: Sequence[str] | None = None
    ) -> bytes:
        """Return the answer with the status of the run; made once in a round.

        Parameters
        ----------
        changed
            Whether the command that is answered has changed anything.
        lines
            How many lines of the log to give with it.
        failures
            What is known better than by the supervisor; None: nothing.
        """
        if failures is not None:
            return self._status(changed, lines, failures)
        if (changed, lines) not in self._answers:
            known = self._supervisor.findings.failures
            self._answers[changed, lines] = self._status(changed, lines, known)
        return self._answers[changed, lines]

    def _status(self, changed: bool, lines: int, failures: Sequence[str]) -> bytes:
        supervisor = self._supervisor
        status = RunStatus(
            name=self._directory.name,
            number=self._number,
            directory=self._directory,
            pid=os.getpid(),
            user=user_name(os.geteuid()),
            mimocorb=mimocorb.__version__,
            started_s=self._started_s,
            failures=tuple(failures),
            warnings=tuple(supervisor.findings.warnings),
            lines=tuple(supervisor.log.lines)[-lines:] if lines else (),
            view=supervisor.view(),
        )
        return answer(changed=changed, status=status_to_plain(status))
