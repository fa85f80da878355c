"""Runs with a page, and a browser to look at it; none outlives its test."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio._core._fileio  # noqa: F401  # pytest rewrites it, which fails deep in a coroutine
import pytest

sys.path.append(str(Path(__file__).parents[1] / "run"))

from chromium import Browser, chromium
from own_places import no_run_outlives_its_test, places
from running import RunningDaq, run_directories
from web_runs import pulses

__all__ = ["no_run_outlives_its_test", "places"]


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
            raise AssertionError(self.process.stderr and self.process.stderr.read())
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


@pytest.fixture
def serve() -> Iterator[type[WebPage]]:
    """Start a gateway; all end with the test."""
    started: list[WebPage] = []

    def start(directory: Path, *arguments: str) -> WebPage:
        page = WebPage(directory, *arguments)
        started.append(page)
        return page

    yield start
    for page in started:
        page.end()


@pytest.fixture
def daq(tmp_path) -> RunningDaq:
    """A run with waveforms, pulses found in them, and a histogram; it goes on until it is ended."""
    run = RunningDaq(pulses(tmp_path))
    run.wait_for("data taking begins")
    (run.directory,) = run_directories(tmp_path / "target")
    return run


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium() is None:
        pytest.fail("these tests need Chromium: apt-get install chromium (.ci/run does that)")
    with Browser() as found:
        yield found
