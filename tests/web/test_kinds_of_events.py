"""Events of every kind in the scope: many channels, several units, any length."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import Page
from gateways import begun
from web_runs import of_all_kinds

PLOT = "window.mimocorbPage.parts.scope.plot"


@pytest.fixture
def page(browser, serve, tmp_path) -> Iterator[Page]:
    run = begun(of_all_kinds(tmp_path))
    try:
        web = serve(run.directory, "web", str(run.directory))
        shown = browser.open(web.link)
        shown.waits("document.getElementById('state').textContent === 'running'")
        shown.waits("!document.getElementById('controls').hidden")
        shown.click("tab-scope")
        yield shown
        assert [text for text in shown.complaints if "WebSocket" not in text] == []
        shown.close()
        run.interrupt()
        assert run.finish().code == 0
    finally:
        run.kill()


def choose(page: Page, buffer: str) -> None:
    page(f"document.getElementById('scope-buffer').value = {buffer!r}")
    page("document.getElementById('scope-buffer').dispatchEvent(new Event('change'))")
    page.waits(f"window.mimocorbPage.parts.scope.frame?.head.buffer === {buffer!r}")


def test_events_of_every_kind_are_shown_as_what_they_are(page):
    for _ in range(3):  # a frame of the buffer before is never drawn as one of the next
        choose(page, "many")
        assert page.text("scope-channels").split() == [f"c{number:02}" for number in range(16)]
        assert page(f"new Set({PLOT}.series.map((one) => {PLOT}.colour(one))).size") == 16
        choose(page, "hits")
        assert page.text("scope-channels").split() == ["x", "charge"]

    # Hits have no order in time, and no unit that is known; nothing moves with their number.
    page.waits("window.mimocorbPage.parts.scope.longest === 8")
    assert page(f"{PLOT}.series.map((one) => one.kind)") == ["points", "points"]
    assert page(f"[{PLOT}.options.xLabel, {PLOT}.options.yLabel]") == ["number in the event", ""]
    page.waits("window.mimocorbPage.parts.scope.frame.head.samples === 0")
    assert page(f"{PLOT}.x") == [-0.5, 7.5]
    assert not page("document.getElementById('scope-plot').hidden"), "no event is a table"

    choose(page, "counts")
    assert page.text("scope-channels").split("\n") == ["chA (mV)", "chB (V)"]
    tops = f"{PLOT}.series.map((one) => {PLOT}.py(Math.max(...one.values), one.range))"
    assert page(tops)[0] == pytest.approx(page(tops)[1], abs=1), "each unit has a scale of its own"
    assert page(f"[{PLOT}.options.xLabel, {PLOT}.options.yLabel]") == [
        "samples after trigger",
        "mV",
    ]
    trigger, level = page(f"{PLOT}.marks")
    assert (trigger["x"], level["y"]) == (0, 200)
    assert page(f"{PLOT}.x") == [-20, 79]

    page.click("tab-histograms")
    drawn = "window.mimocorbPage.parts.histograms.plot"
    page.waits(f"{drawn}.series[0]?.kind === 'means'")
    page.waits(f"{drawn}.series[0].known.join(' ').startsWith('true true true true false')")
    assert page(f"{drawn}.options.yLabel") == "mean of charge"
