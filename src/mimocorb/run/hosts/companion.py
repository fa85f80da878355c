"""The side of a run towards the program beside it that knows the other hosts."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mimocorb._closing import Closing
from mimocorb._json import to_json
from mimocorb.model import Setup
from mimocorb.run.alarm import AlarmKind
from mimocorb.run.host_view import HostView
from mimocorb.run.hosts.told import decoded, sent_of
from mimocorb.run.record.connected import Clock, Connected
from mimocorb.run.run_state import Command, RunState
from mimocorb.run.run_view import RunView
from mimocorb.run.supervision.supervisor import Supervisor

__all__ = ["Companion"]

AGAIN_S = 5.0
"""After so long one that has ended is started again."""
END_S = 8.0
"""How long the end of a run waits for the answer about the numbers of its events."""
GOES_S = 5.0
NOT_HEARD_S = 6.0
"""A sending host that has told nothing for so long is not waited for."""


class Companion(Closing):
    """The program beside a run.

    Parameters
    ----------
    supervisor
        Of the run; its loop hears what the program says.
    setup
        The part that this host runs.
    directory
        Of the run.
    """

    def __init__(self, supervisor: Supervisor, setup: Setup, directory: Path) -> None:
        assert setup.part is not None
        self._supervisor = supervisor
        self._part = setup.part
        self._first = {
            "directory": str(directory.absolute()),
            "title": setup.title,
            "part": asdict(setup.part),
            "setup_text": _text_of(setup.path),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._received = b""
        self._next_start_s = 0.0
        self._from_others: set[str] = set()
        self._end_is_on_its_way: set[str] = set()
        self._hosts_s = 0.0
        self._answer: dict[str, Any] | None = None
        self.clocks: dict[str, Clock] = {}
        supervisor.on_asked = self._on_asked
        supervisor.ends_by_itself = self._ends_by_itself
        self.update()

    def update(self) -> None:
        """Start the program, again if it has ended; to be called each turn of the loop."""
        if self._process is not None and self._process.poll() is not None:
            self._let_go()
        if self._process is None and time.monotonic() >= self._next_start_s:
            self._start()
        self._supervisor.end_streams()

    def _start(self) -> None:
        self._next_start_s = time.monotonic() + AGAIN_S
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mimocorb.run.hosts.beside"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for the run
            )
        except OSError as error:
            self._supervisor.findings.tell(
                f"other hosts are not told of this run: {error}", "ERROR"
            )
            return
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        os.set_blocking(descriptor, False)
        self._supervisor.loop.watch(descriptor, self._hear)
        self._say(**self._first)

    def _let_go(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdout is not None
        assert process.stdin is not None
        self._supervisor.loop.unwatch(process.stdout.fileno())
        process.stdout.close()
        with suppress(OSError):
            process.stdin.close()
        process.poll()

    def _say(self, **content: Any) -> None:
        if self._process is None or self._process.stdin is None:
            return
        with suppress(OSError):  # it has gone, and will be started again
            self._process.stdin.write(to_json(content).encode() + b"\n")
            self._process.stdin.flush()

    # --- what it says

    def _hear(self) -> None:
        process = self._process
        if process is None or process.stdout is None:
            return
        try:
            data = os.read(process.stdout.fileno(), 1 << 20)
        except BlockingIOError:
            return
        if not data:
            self._supervisor.loop.unwatch(process.stdout.fileno())
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            try:
                said = json.loads(line)
            except ValueError:  # the words of Python, of a fault
                text = line.decode(errors="replace")
                self._supervisor.findings.tell(f"other hosts: {text}", "ERROR")
            else:
                self._take(said)

    def _take(self, said: dict[str, Any]) -> None:
        if "hosts" in said:
            self._hosts_s = time.monotonic()
            self._supervisor.hosts = tuple(decoded(HostView, each) for each in said["hosts"])
        elif "alarm" in said:
            alarm = said["alarm"]
            about = (AlarmKind(alarm["kind"]), alarm["subject"], alarm["text"])
            alarms = self._supervisor.alarms
            alarms.begin(*about) if alarm["goes_on"] else alarms.end(*about)
        elif "command" in said:
            self._from_others.add(said["by"])
            if said["command"] == Command.STOP.value:
                self._end_is_on_its_way.add(said["host"])
            self._supervisor.post(Command(said["command"]), said["by"])
        elif "connected" in said:
            self._answer = said

    # --- what the run says

    def _on_asked(self, command: Command, by: str) -> None:
        """Pass on what was asked here, and not by another host."""
        if by not in self._from_others:
            self._say(asked=command.value, by=by)

    def _ends_by_itself(self, buffer: str) -> bool:
        """Whether the end of a stream is to come from other hosts.

        It comes from those that are there, and from those that have asked this one to stop: they
        send it before they end, and may have ended when it is read.
        """
        about = self._part.reads.get(buffer)
        if about is None:
            return False
        there = {each.host for each in self._supervisor.hosts if self._goes_on(each)}
        there |= self._end_is_on_its_way
        return bool(about.senders) and set(about.senders) <= there

    def _goes_on(self, view: HostView) -> bool:
        is_fresh = time.monotonic() - self._hosts_s + view.seen_ago_s < NOT_HEARD_S
        return is_fresh and bool(view.run) and view.state in _GOING_ON

    def compare(self, view: RunView) -> list[Connected]:
        """Return what came of the events at the other hosts, as far as they say so in time."""
        self._say(ending=sent_of(view, self._part))
        end_s = time.monotonic() + END_S
        process = self._process
        while self._answer is None and process is not None and time.monotonic() < end_s:
            assert process.stdout is not None
            select.select([process.stdout], [], [], 0.1)
            self._hear()
            if process.poll() is not None and self._answer is None:
                break
        answer = self._answer or {}
        with suppress(ValueError):
            clocks = answer.get("clocks", {})
            self.clocks = {host: decoded(Clock, each) for host, each in clocks.items()}
            return [decoded(Connected, each) for each in answer.get("connected", ())]
        return []

    def close(self) -> None:
        """Let it say its last words, which are not waited for very long. Idempotent."""
        process = self._process
        if process is None or process.stdin is None:
            return
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(GOES_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._let_go()


_GOING_ON = (RunState.STARTING, RunState.RUNNING, RunState.PAUSED, RunState.DRAINING)


def _text_of(path: Path | None) -> str:
    return path.read_text(errors="replace") if path is not None and path.exists() else ""
