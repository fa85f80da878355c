"""``mimocorb run SETUP --all-local``: the parts of all hosts on this machine, to try it.

Each host is a process of its own, as it would be on its machine, and makes a directory of its own.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimocorb.cli.common import print_text
from mimocorb.setup.paths import RUNS_DIRECTORY

if TYPE_CHECKING:
    from mimocorb.model import Setup

__all__ = ["run_all"]

OWN_OPTIONS = ("events", "time", "operator", "comment", "drain_timeout", "start_method", "data")


def run_all(setup: Setup, chosen: argparse.Namespace) -> int:
    """Start an engine and a run for each host; returns the worst of their exit codes.

    A Ctrl-C asks all of them to end; the second one does not wait any longer.
    """
    from mimocorb.engine.hosts import part_of_host
    from mimocorb.engine.server import EngineServer
    from mimocorb.errors import SetupError

    if not setup.hosts:
        raise SetupError("--all-local is for a set-up with Hosts; this one runs on one machine")
    parent = (setup.output_directory or RUNS_DIRECTORY).absolute()
    with EngineServer(parent / "engine") as server:
        print_text(
            f"engine: {server.program.path} at {server.url}, its files in {server.directory}"
        )
        for host in setup.hosts:
            part_of_host(setup, host)  # whatever is wrong is told before anything starts
        commands = {
            host: [*_command(chosen, host, parent / host), "--set", f"Engine.nats={server.url}"]
            for host in setup.hosts
        }
        return _until_all_have_ended(commands)


def _command(chosen: argparse.Namespace, host: str, output: Path) -> list[str]:
    options: list[str] = []
    for name in OWN_OPTIONS:
        value: Any = getattr(chosen, name, None)
        if value is not None:
            options += [f"--{name.replace('_', '-')}", str(value)]
    for setting in chosen.settings or ():
        options += ["--set", setting]
    quiet = ["--quiet"] if chosen.quiet else ["--lines"]
    where = ["--host", host, "--output", str(output), "--no-keyboard", *quiet]
    return [sys.executable, "-m", "mimocorb.cli", "run", chosen.setup, *where, *options]


def _until_all_have_ended(commands: dict[str, list[str]]) -> int:
    width = max(map(len, commands))
    with _forwarded_signals() as processes:
        readers = []
        for host, command in commands.items():
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            processes.append(process)
            reader = threading.Thread(target=_show, args=(process, f"{host:<{width}} | "))
            reader.start()
            readers.append(reader)
        for reader in readers:
            reader.join()
        codes = [process.wait() for process in processes]
    return max((abs(code) for code in codes), default=0)


def _show(process: subprocess.Popen[str], prefix: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        print_text(prefix + line.rstrip())


@contextmanager
def _forwarded_signals() -> Iterator[list[subprocess.Popen[str]]]:
    """Let signals to this command go to those that it starts."""
    processes: list[subprocess.Popen[str]] = []

    def forward(number: int, _frame: Any) -> None:
        for process in processes:
            if process.poll() is None:
                process.send_signal(number)

    numbers: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        yield processes
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
