"""What each trial has: a directory of its own, the command line of mimocorb, and what a run left.

A trial is a function with a sentence: what happens when all is right. It gets a :class:`Place` and
fails by an exception, most often an ``assert``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["TRIALS", "Outcome", "Place", "Trial", "do", "eventually", "no_traceback", "trial"]

WATCHDOG_S = 150.0
"""A trial that takes longer hangs."""
SHIPPED = re.compile(
    r"function: (text|parquet_tar|record|drain|oscilloscope)\b|function: [a-z_]+\."
)
"""Functions that need no file."""
IMPORTS = """
import atexit, concurrent.futures, ctypes, functools, itertools, multiprocessing, os, random
import signal, subprocess, sys, threading, time, weakref
from pathlib import Path
import numpy as np
import mimocorb as mc
from mimocorb import Reject, filter, observer, report, sink, source
from mimocorb.buffer_control import *

@source
def numbers(*, events: int = 10, pause_s: float = 0.0):
    for number in range(events):
        time.sleep(pause_s)
        yield [float(number)]

@filter
def passes(event):
    return True

@sink
def takes(events):
    pass
"""
"""What stands before the code of a trial."""


@dataclass(frozen=True)
class Trial:
    """One case.

    Parameters
    ----------
    area
        The module in which it is.
    sentence
        What happens when all is right.
    do
        Does it.
    """

    area: str
    sentence: str
    do: Callable[[Place], object]

    @property
    def name(self) -> str:
        """Area and sentence."""
        return f"{self.area}: {self.sentence}"


TRIALS: list[Trial] = []
"""All that have been imported."""
STARTED: list[subprocess.Popen[bytes]] = []
"""What this process has started: none of it outlives the trial."""


def trial(sentence: str) -> Callable[[Callable[[Place], object]], Callable[[Place], object]]:
    """Enter a function as a trial."""

    def enter(do: Callable[[Place], object]) -> Callable[[Place], object]:
        TRIALS.append(Trial(do.__module__.rpartition(".")[2], sentence, do))
        return do

    return enter


@dataclass
class Outcome:
    """What a command printed, and the run left behind."""

    code: int
    text: str
    place: Path

    @property
    def directory(self) -> Path:
        (only,) = (path.parent for path in self.place.glob("**/run.json"))
        return only

    @property
    def record(self) -> Any:
        def refused(name: str) -> None:
            raise AssertionError(f"{name} is no JSON")

        return json.loads((self.directory / "run.json").read_text(), parse_constant=refused)

    @property
    def result(self) -> Any:
        return self.record["result"]

    @property
    def summary(self) -> str:
        return (self.directory / "summary.txt").read_text()

    @property
    def told(self) -> str:
        """All that is told: on the screen, in the log and in the summary, in one line."""
        texts = (self.text, (self.directory / "log.txt").read_text(), self.summary)
        return " ".join(" ".join(texts).split())

    def file(self, name: str) -> str:
        """Return what a worker has written."""
        return (self.directory / name).read_text()

    def rows(self, name: str = "table.txt") -> list[float]:
        """Return the last column of a table."""
        return [float(line.split()[-1]) for line in self.file(name).splitlines()[1:]]

    def group(self, buffer: str) -> dict[str, Any]:
        """Return the account of the first group of a buffer."""
        (found,) = [each for each in self.result["buffers"] if each["name"] == buffer]
        return found["groups"][0]

    def complete(self) -> Outcome:
        """Insist that it ended well; returns itself."""
        assert not self.code, self.text
        assert self.summary
        return self


class Place:
    """A directory for one trial."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def write(self, workers: str, code: str = "", *, buffers: str = "", top: str = "") -> Path:
        """Write a set-up and its module; returns the path of the set-up.

        Buffers are named with their slots and their type, as in ``"raw:16:float64 out"``.
        """
        names = buffers or " ".join(
            each
            for each in ("raw", "out", "two")
            if f"[{each}" in workers or f" {each}]" in workers
        )
        lines = []
        for each in names.split():
            name, slots, dtype, length = (
                *each.split(":"),
                *("16", "float64", "1")[each.count(":") :],
            )
            typed = dtype if "=" in dtype else f"h={dtype}"
            fields = ", ".join(field.replace("=", ": ") for field in typed.split(","))
            lines.append(
                f"  {name}: {{slot_count: {slots}, data_length: {length}, data_dtype: {{{fields}}}}}"
            )
        entries = [line.strip() for line in workers.strip().splitlines()]
        entries = [
            line
            if "file:" in line or SHIPPED.search(line)
            else line.replace("function:", "file: work.py, function:")
            for line in entries
        ]
        text = "\n".join(
            ["Buffers:", *lines, "Workers:", *(f"  {entry}" for entry in entries), top]
        )
        self.path.mkdir(exist_ok=True, parents=True)
        (self.path / "setup.yaml").write_text(text)
        (self.path / "work.py").write_text(IMPORTS + code)
        return self.path / "setup.yaml"

    def command(self, *arguments: str, timeout_s: float = WATCHDOG_S, **more: Any) -> Outcome:
        """Call ``mimocorb`` to its end."""
        process = self.start(*arguments, **more)
        try:
            text, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"mimocorb {' '.join(arguments)} hangs") from None
        return Outcome(process.returncode, (text or b"").decode(errors="replace"), self.path)

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start ``mimocorb`` in the directory."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **more}
        process = subprocess.Popen(
            [sys.executable, "-m", "mimocorb.cli", *arguments],
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **options,
        )
        STARTED.append(process)
        return process

    def check(self, **more: Any) -> Outcome:
        """Check the set-up."""
        return self.command("check", "setup.yaml", **more)

    def run(self, *options: str, **more: Any) -> Outcome:
        """Run the set-up to its end."""
        return self.command("run", "--lines", *options, "setup.yaml", **more)

    def refused(self, *words: str) -> None:
        """Insist that both check and run refuse the set-up with these words, and start nothing."""
        for outcome in (self.check(), self.run()):
            assert outcome.code == 2, outcome.text
            no_traceback(outcome)
            assert all(word in outcome.text for word in words), outcome.text
        assert not [*self.path.glob("**/run.json")], "something was started"

    def python(self, code: str, *, code_is: int = 0, timeout_s: float = WATCHDOG_S) -> str:
        """Run a program of its own; returns what it prints."""
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
        text = done.stdout.decode(errors="replace")
        assert done.returncode == code_is, f"exit code {done.returncode}\n{text}"
        return text


def no_traceback(outcome: Outcome) -> None:
    """Insist that no traceback of Python is shown."""
    assert "Traceback (most recent call last)" not in outcome.text, outcome.text


def do(chosen: Trial, place: Path) -> None:
    """Do a trial, on its own: no run of another one is found, and nothing is left of it."""
    os.environ["XDG_RUNTIME_DIR"] = str(place / "sockets")
    (place / "sockets").mkdir(mode=0o700)
    try:
        chosen.do(Place(place / "trial"))
    finally:
        for process in STARTED:
            if process.poll() is None:
                process.kill()
                process.wait()


def eventually(look: Callable[[], Any]) -> Any:
    """Wait until it is true; returns what was found."""
    deadline = time.monotonic() + WATCHDOG_S
    while not (found := look()):
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.02)
    return found


def run_directory(place: Path) -> Path:
    """Wait for the directory of a run."""
    return Path(eventually(lambda: next(iter(place.glob("**/run.json")), None))).parent


def lives(pid: int) -> bool:
    """Whether a process lives."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in "ZX" and os.path.exists(f"/proc/{pid}")
