"""Runs with a page, and a browser to look at it; none outlives its test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import anyio._core._fileio  # noqa: F401  # pytest rewrites it, which fails deep in a coroutine
import pytest

sys.path.append(str(Path(__file__).parents[1] / "run"))

from chromium import Browser, chromium
from gateways import WebPage, started
from own_places import no_run_outlives_its_test, places
from running import RunningDaq

__all__ = ["no_run_outlives_its_test", "places"]


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
    return started(tmp_path)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium() is None:
        pytest.fail("these tests need Chromium: apt-get install chromium (.ci/run does that)")
    with Browser() as found:
        yield found
