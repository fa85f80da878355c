"""The program that a set-up names for alarms: started beside the run, never waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mimocorb.run.findings import Findings
from mimocorb.run.wording import time_taken

__all__ = ["AlarmCommand"]

INTERVAL_S = 60.0
"""Between two calls for the same thing: what comes in between is told together, by the second."""
MOST_OUTPUT_BYTES = 2000
PIECE_BYTES = 64 * 1024
LOOK_S = 0.02
MOMENT_S = 1.0
"""For so long the end of a run waits for the program without a word."""


class AlarmCommand:
    """Starts a program for each alarm, one at a time, and tells if it fails.

    No shell is between: the words of the command are the arguments, and what there is to tell
    stands in the environment. A thing that happens again and again is told at once, and then at
    most every minute, with how often it has happened since.

    Parameters
    ----------
    words
        The program and its arguments.
    directory
        Working directory of the program; a program with a slash in its name is looked for there.
    timeout_s
        For how long it may run before it is killed, with everything that it has started.
    findings
        Gets its failures: the first is a warning of the run, the others stand in the log.
    """

    def __init__(
        self, words: Sequence[str], directory: Path, timeout_s: float, findings: Findings
    ) -> None:
        self._words = list(words)
        self._directory = directory
        self._timeout_s = timeout_s
        self._findings = findings
        self._waiting: dict[Hashable, tuple[Mapping[str, str], int]] = {}
        self._started_s: dict[Hashable, float] = {}
        self._running: subprocess.Popen[bytes] | None = None
        self._output = b""
        self._since_s = 0.0
        self._in_haste = False
        self._failures: list[str] = []

    def post(self, key: Hashable, values: Mapping[str, str]) -> None:
        """Let the program know of something; what waits for it already is told by this as well."""
        _, count = self._waiting.get(key, ({}, 0))
        self._waiting[key] = (values, count + 1)
        self.look()

    def look(self) -> None:
        """See whether the program has ended, and start it if there is something to tell."""
        if self._running is not None:
            self._listen(self._running)
        if self._running is None:
            self._start_next()

    def finish(self) -> list[str]:
        """Tell all that is left, wait for the program, and return what it fails with meanwhile."""
        self._in_haste = True
        known = len(self._failures)
        self.look()
        told, begin_s = False, time.monotonic()
        while self._running is not None:
            time.sleep(LOOK_S)
            self.look()
            if not told and time.monotonic() - begin_s > MOMENT_S:
                told = True
                self._findings.tell(
                    f"waiting for {self._words[0]}, which on_alarm names; it is killed"
                    f" {time_taken(self._timeout_s)} after its start"
                )
        return self._failures[known:]

    def close(self) -> None:
        """Kill the program if it still runs. Idempotent."""
        self._waiting.clear()
        if self._running is not None:
            self._kill(self._running)
            self._forget(self._running)

    def _start_next(self) -> None:
        now_s = time.monotonic()
        for key, (values, count) in self._waiting.items():
            last_s = self._started_s.get(key)
            if last_s is None or self._in_haste or now_s - last_s >= INTERVAL_S:
                del self._waiting[key]
                self._started_s[key] = self._since_s = now_s
                self._start({**values, "MIMOCORB_ALARM_COUNT": str(count)})
                return

    def _start(self, values: Mapping[str, str]) -> None:
        try:
            self._running = subprocess.Popen(
                self._words,
                cwd=self._directory,
                env={**os.environ, **values},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is not for it; it can be killed as a whole
            )
        except (OSError, ValueError) as error:
            self._failed(f"it cannot be started: {getattr(error, 'strerror', None) or error}")
            return
        assert self._running.stdout is not None
        os.set_blocking(self._running.stdout.fileno(), False)

    def _listen(self, running: subprocess.Popen[bytes]) -> None:
        assert running.stdout is not None
        code = running.poll()
        with suppress(BlockingIOError):
            piece = os.read(running.stdout.fileno(), PIECE_BYTES)
            self._output = (self._output + piece)[-MOST_OUTPUT_BYTES:]
        if code is not None:
            self._forget(running)
            if code:
                how = f"exit code {code}" if code > 0 else signal.Signals(-code).name
                said = " ".join(self._output.decode(errors="backslashreplace").split())
                self._failed(f"{how}{said and f': {said}'}")
            self._output = b""
        elif time.monotonic() - self._since_s > self._timeout_s:
            self._kill(running)
            self._forget(running)
            self._output = b""
            self._failed(f"killed, it was not over after {time_taken(self._timeout_s)}")

    def _kill(self, running: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()

    def _forget(self, running: subprocess.Popen[bytes]) -> None:
        if running.stdout is not None:
            running.stdout.close()
        self._running = None

    def _failed(self, how: str) -> None:
        text = f"on_alarm, {self._words[0]} failed: {how}"
        if self._failures:
            self._findings.tell(text, "WARNING")
        else:
            self._findings.warn(text)
        self._failures.append(text)
