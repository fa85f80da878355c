"""Writing a small set-up, running it as a user would, and looking at what it left."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

import mimocorb
from mimocorb.recording.events import Events
from mimocorb.recording.text import REPEAT_MARK

FUNCTIONS = tuple(
    Path(__file__).with_name(f"{kind}_functions.py")
    for kind in ("source", "filter", "sink", "direct")
)
"""The modules of worker functions; each function is in one of them."""
SHIPPED = ("text", "parquet_tar", "record", "drain", "histogram", "fit", "trigger")
"""Sinks that mimocorb has."""
WATCHDOG_S = 120.0


def buffer(name: str, slots: int = 16, values: int = 1) -> dict[str, Any]:
    dtype = {"value": "float64"}
    return {name: {"slot_count": slots, "data_length": values, "data_dtype": dtype}}


@dataclass
class Worker:
    """One entry under Workers, called after what it does with its buffers."""

    function: str
    roles: Mapping[str, str]
    config: Mapping[str, Any] | None = None
    processes: int = 1
    keys: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the entry, such as ``restart``."""

    @property
    def kind(self) -> str:
        roles = set(self.roles.values())
        kinds = {"write": "source", "read": "sink", "observe": "observer"}
        return "filter" if {"read", "write"} <= roles else kinds[min(roles, key=[*kinds].index)]

    def entry(self) -> dict[str, Any]:
        keys = {"sources": "read", "sinks": "write", "observes": "observe"}
        buffers = {
            key: [name for name, role in self.roles.items() if role == wanted]
            for key, wanted in keys.items()
        }
        return {
            **({} if self.function in SHIPPED else {"file": str(file_of(self.function))}),
            "function": self.function,
            "number_of_processes": self.processes,
            **{key: names for key, names in buffers.items() if names},
            **({"config": dict(self.config)} if self.config else {}),
            **self.keys,
        }


def file_of(function: str) -> Path:
    """Return the file of a worker function."""
    start = re.compile(rf"^(def|class) {function}\b", re.MULTILINE)
    (file,) = [file for file in FUNCTIONS if start.search(file.read_text())]
    return file


def place_of(text: str, file: Path) -> str:
    """Return file and line of a text, as messages name them."""
    (line,) = [n for n, read in enumerate(file.read_text().splitlines(), 1) if text in read]
    return f"{file}:{line}"


def write_setup(
    directory: Path,
    buffers: Sequence[dict[str, Any]],
    workers: Sequence[Worker],
    **more: Any,
) -> Path:
    """Write ``test_setup.yaml``: workers are source, filter, sink, observer; the second sink_2."""
    entries: dict[str, Any] = {}
    kinds: Counter[str] = Counter()
    for worker in workers:
        kinds[worker.kind] += 1
        number = kinds[worker.kind]
        name = worker.kind if number == 1 else f"{worker.kind}_{number}"
        entries[name] = worker.entry()
    all_buffers = {name: keys for entry in buffers for name, keys in entry.items()}
    path = directory / "test_setup.yaml"
    content = {"Buffers": all_buffers, "Workers": entries, **more}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def chain(
    directory: Path,
    *,
    source: Worker | None = None,
    middle: Worker | None = None,
    sink: Worker | None = None,
    more: Sequence[Worker] = (),
    **keys: Any,
) -> Path:
    """Write the usual set-up: numbers → RB_1 → double → RB_2 → text."""
    workers = [
        source or Worker("numbers", {"RB_1": "write"}, {"events": 100}),
        middle or Worker("double", {"RB_1": "read", "RB_2": "write"}),
        sink or Worker("text", {"RB_2": "read"}, {"filename": "values"}),
        *more,
    ]
    return write_setup(directory, [buffer("RB_1", values=4), buffer("RB_2")], workers, **keys)


def chain_with_a_file(directory: Path) -> Path:
    """Write the usual set-up; the configuration of its source is a file of its own."""
    (directory / "config.yaml").write_text("events: 100\n")
    source = Worker("numbers", {"RB_1": "write"}, keys={"config": "config.yaml"})
    return chain(directory, source=source)


def written_run(directory: Path, setup: str, code: str) -> Path:
    """Write a set-up as text, and its module ``work.py``; returns the path of the set-up."""
    (directory / "work.py").write_text(code)
    path = directory / "setup.yaml"
    path.write_text(setup)
    return path


class RunningDaq:
    """A started ``mimocorb run``, in a session of its own."""

    started: ClassVar[list[RunningDaq | Screen]] = []

    def __init__(
        self,
        setup: Path,
        *options: str,
        stdin: int | None = None,
        within: Sequence[str] = (),
        **more: Any,
    ) -> None:
        self.setup = setup
        self.text = ""
        self.process = subprocess.Popen(
            [*within, sys.executable, "-m", "mimocorb.cli", "run", setup.name, "--lines", *options],
            cwd=setup.parent,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **more,
        )
        self.started.append(self)

    def kill(self) -> None:
        """End everything that is left of it."""
        for pid in processes_of(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def wait_for(self, text: str, *, count: int = 1) -> None:
        """Read what it prints until it has said so."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        deadline = time.monotonic() + WATCHDOG_S
        while self.text.count(text) < count:
            left_s = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([descriptor], [], [], left_s)
            data = os.read(descriptor, 65536) if ready else b""
            assert data, f"it never said {text!r}:\n{self.text}"
            self.text += data.decode()

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """Signal the whole group, as a terminal does on Ctrl-C."""
        os.killpg(self.process.pid, number)

    def finish(self) -> Finished:
        """Wait for the end and collect everything."""
        try:
            rest, _ = self.process.communicate(timeout=WATCHDOG_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end:\n{self.text}") from None
        self.text += rest.decode()
        eventually(lambda: not processes_of(self.process.pid))
        return Finished(self.process.returncode, self.text, self.setup.parent / "target")


class Terminal:
    """A terminal that a run believes to be its own."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()

    def press(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def modes(self) -> object:
        return termios.tcgetattr(self.theirs)


def controlled(setup: Path, terminal: Terminal, *options: str) -> RunningDaq:
    """Start a run whose controlling terminal, and so whose keyboard, is this one."""
    return RunningDaq(
        setup,
        *options,
        stdin=terminal.theirs,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )


class Screen:
    """A run with its live view, in a terminal of its own; what it draws is read all the time."""

    def __init__(self, setup: Path, *options: str) -> None:
        self._terminal = Terminal()
        self.setup = setup
        self.modes_before = self.modes()
        self.text = ""
        command = [sys.executable, "-m", "mimocorb.cli", "run", setup.name, *options]
        self.process = subprocess.Popen(
            command,
            cwd=setup.parent,
            stdin=self._terminal.theirs,
            stdout=self._terminal.theirs,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        RunningDaq.started.append(self)

    def modes(self) -> object:
        return self._terminal.modes()

    def read(self, timeout_s: float) -> None:
        if select.select([self._terminal.ours], [], [], timeout_s)[0]:
            self.text += os.read(self._terminal.ours, 65536).decode(errors="replace")

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + WATCHDOG_S
        while text not in self.text:
            assert time.monotonic() < deadline, f"it never showed {text!r}:\n{self.text}"
            self.read(0.05)

    def finish(self) -> int:
        """Wait for the end; returns the exit code."""
        deadline = time.monotonic() + WATCHDOG_S
        while (code := self.process.poll()) is None:
            assert time.monotonic() < deadline, f"it did not end:\n{self.text}"
            self.read(0.05)
        self.read(0.0)
        return code

    @property
    def directory(self) -> Path:
        (only,) = run_directories(self.setup.parent / "target")
        return only

    def kill(self) -> None:
        """End everything that is left of it."""
        for pid in processes_of(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        for descriptor in (self._terminal.ours, self._terminal.theirs):
            os.close(descriptor)


@dataclass
class Finished:
    """What a run left behind."""

    code: int
    text: str
    parent: Path

    @property
    def directory(self) -> Path:
        (only,) = run_directories(self.parent)
        return only

    @property
    def record(self) -> Any:
        return json.loads((self.directory / "run.json").read_text())

    @property
    def summary(self) -> Any:
        """What came out of the run."""
        return self.record["result"]

    @property
    def summary_text(self) -> str:
        """All that is told to people."""
        return (self.directory / "summary.txt").read_text()

    @property
    def log(self) -> str:
        return (self.directory / "log.txt").read_text()

    def values(self, name: str = "values.txt") -> list[float]:
        """The numbers in the output of a sink, sorted."""
        lines = (self.directory / name).read_text().splitlines()
        fields = [line.removesuffix(REPEAT_MARK).split("\t")[-1] for line in lines]
        return sorted(float(field) for field in fields if field != "value")

    def published(self, name: str) -> int:
        (found,) = [b for b in self.summary["buffers"] if b["name"] == name]
        return int(found["published"])


def run_directories(parent: Path) -> list[Path]:
    """The directories of runs, which share theirs with the file that numbers them."""
    return sorted(path for path in parent.iterdir() if path.is_dir())


def run(setup: Path, *options: str, **more: Any) -> Finished:
    """Run a set-up to its end."""
    return RunningDaq(setup, *options, **more).finish()


def processes_of(session: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it is true, under a watchdog."""
    deadline = time.monotonic() + WATCHDOG_S
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.005)


def set_aside(directory: Path) -> Events:
    """Return the events that were set aside in a run, which are of one buffer."""
    (events,) = mimocorb.open(directory / "set_aside").values()
    return events
