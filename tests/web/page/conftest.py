"""One run and its page in a browser, for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Page
from gateways import WebPage, started
from own_places import own_places
from page_parts import FRAMES, RUNNING
from running import RunningDaq


@pytest.fixture(scope="module", autouse=True)
def places(tmp_path_factory) -> Iterator[list[Path]]:
    """Places for the sockets of the one run that all tests here look at."""
    tmp_path_factory.getbasetemp()  # not in these places, which end with this module
    with own_places() as found:
        yield found


@pytest.fixture(autouse=True)
def no_run_outlives_its_test() -> None:
    """The run outlives each single test, and ends with them all."""


@pytest.fixture(scope="module")
def daq(tmp_path_factory, places) -> Iterator[RunningDaq]:
    """One run for all: a test that pauses it lets it go on."""
    run = started(tmp_path_factory.mktemp("seen"))
    try:
        yield run
        run.interrupt()
        assert run.finish().code == 0
    finally:
        run.kill()


@pytest.fixture(scope="module")
def web(daq) -> Iterator[WebPage]:
    """The gateway of this run."""
    gateway = WebPage(daq.directory, "web", str(daq.directory))
    yield gateway
    gateway.end()


@pytest.fixture
def page(browser, web) -> Iterator[Page]:
    """The page of the run, as its operator has it."""
    shown = browser.open(web.link)
    shown.waits(RUNNING)
    shown.waits("!document.getElementById('controls').hidden")
    yield shown
    assert [text for text in shown.complaints if "WebSocket" not in text] == []
    shown.close()


@pytest.fixture
def scope(page) -> Page:
    page.click("tab-scope")
    page.waits(f"{FRAMES} > 2")
    return page
