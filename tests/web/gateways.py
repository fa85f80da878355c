"""Runs that are looked at, and gateways as a user starts them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from running import RunningDaq, run_directories
from web_runs import pulses


def started(directory: Path, **keys: Any) -> RunningDaq:
    """Start a run with waveforms, pulses found in them, and a histogram; it goes on by itself."""
    return begun(pulses(directory, **keys))


def begun(setup: Path) -> RunningDaq:
    """Start the run of a set-up."""
    run = RunningDaq(setup)
    run.wait_for("data taking begins")
    (run.directory,) = run_directories(setup.parent / "target")
    return run


class WebPage:
    """A gateway as a user starts it, and its links."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mimocorb.cli", *arguments],
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(3)]
        found = [re.search(r"(http://\S+)#(\w+)", line) for line in lines[1:]]
        if None in found:
            said = self.process.stderr and self.process.stderr.read()
            self.end()
            raise AssertionError(said)
        (self.address, self.operator), (_, self.viewer) = (each.groups() for each in found if each)

    @property
    def link(self) -> str:
        return f"{self.address}#{self.operator}"

    @property
    def viewer_link(self) -> str:
        return f"{self.address}#{self.viewer}"

    @property
    def port(self) -> str:
        return self.address.rstrip("/").rpartition(":")[2]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
