"""The page in a browser: what a user sees and does there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pytest
from chromium import Page
from running import eventually
from web_functions import BEGIN, HEIGHT_MV, WIDTH
from web_runs import SAMPLE_TIME_NS

import mimocorb

PLOT = "window.mimocorbPage.parts.scope.plot"
FRAMES = "Number(document.getElementById('scope-plot').dataset.frames ?? 0)"
ENTRIES = "Number(document.getElementById('histogram-plot').dataset.entries)"
RUNNING = "document.getElementById('state').textContent === 'running'"


def number(text: str) -> int:
    """Return a number that is written with narrow spaces."""
    return int(re.sub(r"\D", "", text))


@pytest.fixture
def web(daq, serve):
    """A gateway for the run that goes on."""
    return serve(daq.directory, "web", str(daq.directory))


@pytest.fixture
def page(browser, web) -> Iterator[Page]:
    """The page of the run, as its operator has it."""
    shown = browser.open(web.link)
    shown.waits(RUNNING)
    yield shown
    assert [text for text in shown.complaints if "WebSocket" not in text] == []
    shown.close()


@pytest.fixture
def scope(page) -> Page:
    page.click("tab-scope")
    page.waits(f"{FRAMES} > 2")
    return page


def test_the_page_comes_up_and_says_what_the_run_does(page, daq):
    page.waits("document.getElementById('buffers').tBodies[0].rows.length === 3")
    assert "Pulses <b>of a test</b> · run 1" in page.text("title")
    assert page("document.querySelector('h1 b') === null")
    page.waits("document.getElementById('age').textContent.startsWith('as of')")
    assert "#" not in page("location.href"), "the token is not shown"
    with mimocorb.connect(daq.directory) as run:
        published = run.status().buffers["waveforms"].published
    page.waits(
        f"Number(document.getElementById('events').textContent.replace(/\\D/g, '')) >= {published}"
    )
    for name in ("pulser", "search", "spectrum"):
        assert name in page.text("workers")
    page.waits("document.getElementById('flow').textContent.includes('waveforms')")
    assert "data taking begins" in page.text("log")


def test_the_scope_moves_and_shows_all_channels(scope):
    seen = scope("document.getElementById('scope-plot').dataset.counter")
    scope.waits(f"document.getElementById('scope-plot').dataset.counter !== {seen!r}")
    frames = scope(FRAMES)
    scope.waits(f"{FRAMES} >= {frames + 20}")
    assert scope.text("scope-channels").split() == ["chA", "chB", "chC", "chD"]
    assert scope(f"{PLOT}.series.map((one) => one.width > 1)") == [True] * 4, "reduced"
    assert scope(f"{PLOT}.options.xLabel") == "time after first sample (µs)"
    greatest = scope(f"{PLOT}.series.map((one) => Math.max(...one.values))")
    expected = [HEIGHT_MV * (1 - channel / 4) for channel in range(4)]
    assert greatest == pytest.approx(expected, abs=4)


def put_cursor(page: Page, which: int, value: float) -> None:
    left, top, _, height = page.place("scope-plot")
    start = page(f"{PLOT}.px({PLOT}.cursors[{which}])")
    end = page(f"{PLOT}.px({value})")
    y = top + height / 2
    page.drag((left + start, y), (left + end, y))


def test_cursors_measure_a_known_pulse(scope):
    scope.click("scope-cursors")
    scope.waits(f"{PLOT}.cursors !== null")
    begin_us, end_us = ((BEGIN + n) * SAMPLE_TIME_NS / 1000 for n in (0, WIDTH))
    put_cursor(scope, 0, begin_us)
    put_cursor(scope, 1, end_us)
    pixel_us = scope(f"{PLOT}.xAt(101) - {PLOT}.xAt(100)")
    rows = (
        "[...document.getElementById('scope-measured').tBodies[0].rows]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    time, *_ = scope(rows)
    assert time[0] == "time"
    assert time[4] == "µs"
    assert float(time[3]) == pytest.approx(WIDTH * SAMPLE_TIME_NS / 1000, abs=2 * pixel_us)
    put_cursor(scope, 0, begin_us / 2)
    put_cursor(scope, 1, (begin_us + end_us) / 2)
    scope.waits(f"{PLOT}.series[0].width === 0", "every sample to be there")
    for row, channel in zip(scope(rows)[1:5], range(4), strict=True):
        assert row[0] == "ch" + "ABCD"[channel]
        assert float(row[3]) == pytest.approx(HEIGHT_MV * (1 - channel / 4), abs=6)
        assert row[4] == "mV"


def test_zooming_in_brings_every_sample(scope):
    left, top, width, height = scope.place("scope-plot")
    assert scope(f"{PLOT}.series[0].width") > 1
    scope.mouse("mouseWheel", left + width / 2, top + height / 2, deltaX=0, deltaY=-900)
    scope.waits(f"{PLOT}.zoomed && {PLOT}.series[0].width === 0")
    span = scope(f"{PLOT}.x[1] - {PLOT}.x[0]")
    assert span < scope(f"{PLOT}.home.x[1] - {PLOT}.home.x[0]") / 2
    before = scope(f"{PLOT}.x[0]")
    scope.drag((left + 300, top + 100), (left + 400, top + 100))
    assert scope(f"{PLOT}.x[0]") < before
    scope.click("scope-reset")
    scope.waits(f"!{PLOT}.zoomed && {PLOT}.series[0].width > 1")


def test_hold_keeps_an_event_and_an_event_is_found_by_its_number(scope):
    scope.click("scope-hold")
    held = int(scope("document.getElementById('scope-plot').dataset.counter"))
    left, top, width, height = scope.place("scope-plot")
    scope.mouse("mouseWheel", left + width / 2, top + height / 2, deltaX=0, deltaY=-900)
    scope.waits(f"{PLOT}.series[0].width === 0", "every sample of the event that is held")
    assert int(scope("document.getElementById('scope-plot').dataset.counter")) == held
    scope("document.getElementById('scope-buffer').value = 'selected'")
    scope("document.getElementById('scope-buffer').dispatchEvent(new Event('change'))")
    scope.waits("document.getElementById('scope-plot').dataset.counter !== undefined")
    scope("document.getElementById('scope-number').value = 3")
    # Recordings are written in batches: the event is there after about a second.
    find = "document.getElementById('scope-find').requestSubmit()"
    eventually(
        lambda: (
            (scope(find), scope("document.getElementById('scope-plot').dataset.counter"))[1] == "3"
        )
    )
    assert scope("document.getElementById('scope-hold').textContent") == "Go on"


def test_pulses_that_a_filter_has_found_are_drawn_on_the_event(scope):
    scope.waits("Number(document.getElementById('scope-plot').dataset.pulses) === 1")
    mark = scope(f"{PLOT}.marks.find((one) => one.kind === 'pulse')")
    assert mark["text"] == "chA"
    assert mark["x"] == pytest.approx(BEGIN * SAMPLE_TIME_NS / 1000)
    assert mark["y"] == pytest.approx(HEIGHT_MV, abs=1)


def test_a_histogram_fills_with_the_right_counts(page, daq):
    page.clicks_until("pause", "document.getElementById('state').textContent === 'paused'")
    with mimocorb.connect(daq.directory) as run:

        def acknowledged() -> int:
            (spectrum, *_) = run.status().buffers["times"].groups
            return spectrum.acknowledged

        eventually(lambda: run.status().buffers["times"].due == 0)
        page.click("tab-histograms")
        page.waits(f"{ENTRIES} === {acknowledged()}")
        found = run.histograms()["spectrum"]
    shown = page("window.mimocorbPage.parts.histograms.data")
    assert shown["values"] == found.values().tolist()
    assert sum(shown["values"]) + shown["underflow"] + shown["overflow"] == acknowledged()
    assert "all that were acknowledged" in page.text("histogram-numbers")


def test_a_fit_agrees_with_that_of_the_run_and_is_drawn(page, daq):
    page.click("tab-histograms")
    fits = "(window.mimocorbPage.parts.histograms.data?.fits ?? [])"
    page.waits(f"{ENTRIES} > 200 && {fits}.some((one) => one.parameters.length)")
    page.click("pause")
    with mimocorb.connect(daq.directory) as run:
        eventually(lambda: run.status().buffers["times"].due == 0)
        (found,) = run.histograms()["spectrum"].fits
    shown = page(f"{fits}[0]")
    assert (shown["name"], shown["model"]) == ("lifetime", "exponential")
    tau = next(each for each in shown["parameters"] if each["name"].startswith("tau"))
    assert abs(tau["value"] - 200.0) < 5 * tau["error"]
    again = next(each for each in found.parameters if each.name == tau["name"])
    assert tau["value"] == pytest.approx(again.value, abs=3 * again.error)
    assert "±" in page.text("histogram-fit")
    kinds = page("window.mimocorbPage.parts.histograms.plot.series.map((one) => one.kind)")
    assert kinds == ["steps", "line"]


def test_a_range_of_a_histogram_is_counted(page):
    page.click("tab-histograms")
    page.waits(f"{ENTRIES} > 50")
    page.click("histogram-range")
    left, top, width, _ = page.place("histogram-plot")
    page.drag((left + 100, top + 50), (left + width - 100, top + 50))
    assert "in the range" in page.text("histogram-numbers")
    low, high = page("window.mimocorbPage.parts.histograms.plot.selection")
    assert low < high
    inside = page(f"window.mimocorbPage.parts.histograms._inside([{low}, {high}]).sum")
    assert f"{inside}"[:2] in page.text("histogram-numbers")
    rebinned = "window.mimocorbPage.parts.histograms.shown.values.length"
    bins = page(rebinned)
    page("document.getElementById('histogram-rebin').value = '4'")
    page("document.getElementById('histogram-rebin').dispatchEvent(new Event('change'))")
    assert page(rebinned) == bins // 4
    page.click("histogram-log")
    assert page("window.mimocorbPage.parts.histograms.plot.options.yLog") is True


def test_pause_stops_the_counts_and_resume_goes_on(page, daq):
    page.clicks_until("pause", "document.getElementById('state').textContent === 'paused'")
    page.waits("document.getElementById('pause').textContent === 'Resume'")
    with mimocorb.connect(daq.directory) as run:
        assert run.status().state.value == "paused"
        before = run.status().view.events
        page.waits(f"window.mimocorbPage.page.run.events === {before}")
        assert run.status().view.events == before
        page.clicks_until("pause", RUNNING)
        eventually(lambda: run.status().view.events > before)


def test_a_viewer_sees_everything_and_cannot_pause(browser, web, daq):
    page = browser.open(web.viewer_link)
    page.waits(RUNNING)
    page.click("tab-scope")
    page.waits(f"{FRAMES} > 2")
    assert page("document.getElementById('controls').hidden") is True
    status = page(
        "fetch('/api/pause', {method: 'POST',"
        " headers: {authorization: 'Bearer ' + sessionStorage.getItem('mimocorb token')}})"
        ".then((answer) => answer.status)"
    )
    assert status == 403
    with mimocorb.connect(daq.directory) as run:
        assert run.status().state.value == "running"
    page.close()


def test_a_note_is_kept_with_the_run(page, daq):
    page.click("write-note")
    page("document.getElementById('note-kind').value = 'doubtful'")
    page("document.getElementById('note-text').value = 'lights were <i>on</i>'")
    page("document.querySelector('#note-form [value=keep]').click()")
    page.waits("document.getElementById('notes').textContent.includes('lights were <i>on</i>')")
    with contextlib.suppress(FileNotFoundError):
        text = (daq.directory / "run.json").read_text()
        assert "lights were <i>on</i>" in text


def test_it_connects_again_after_the_gateway_was_started_again(browser, serve, daq):
    first = serve(daq.directory, "web", str(daq.directory))
    page = browser.open(first.link)
    page.click("tab-scope")
    page.waits(f"{FRAMES} > 2")
    first.end()
    page.waits("document.getElementById('banner').textContent.includes('No connection')")
    second = serve(daq.directory, "web", str(daq.directory), "--port", first.port)
    assert second.link == first.link, "the same token opens the page of the same run"
    frames = page(FRAMES)
    page.waits(f"document.getElementById('banner').hidden && {FRAMES} > {frames + 2}")
    page.close()


def test_eight_viewers_all_see_the_newest(browser, web):
    pages = [browser.open(web.viewer_link) for _ in range(8)]
    for page in pages:
        page.click("tab-scope")
    for page in pages:
        before = page.waits(FRAMES)
        page.waits(f"{FRAMES} > {before + 5}")
    for page in pages:
        page.close()


def test_it_fits_on_a_phone_and_two_fingers_zoom(browser, web):
    page = browser.open(web.link, 390, 844, ratio=3, touch=True)
    page.waits(RUNNING)
    for tab in ("tab-run", "tab-scope", "tab-histograms", "tab-runs"):
        page.click(tab)
        assert page("document.documentElement.scrollWidth <= window.innerWidth"), tab
    page.click("tab-scope")
    page.waits(f"{FRAMES} > 2")
    left, top, width, height = page.place("scope-plot")
    y, middle = top + height / 2, left + width / 2
    page.touch("touchStart", (middle - 20, y), (middle + 20, y))
    for away in (40, 70, 100):
        page.touch("touchMove", (middle - away, y), (middle + away, y))
    page.touch("touchEnd")
    page.waits(f"{PLOT}.zoomed")
    home, now = (page(f"{PLOT}.{name}[1] - {PLOT}.{name}[0]") for name in ("home.x", "x"))
    assert now < home / 2
    page.close()


def test_the_view_follows_the_keyboard(page):
    for key, view in (("2", "scope"), ("3", "histograms"), ("4", "runs"), ("1", "run")):
        page.key(key)
        page.waits(f"!document.getElementById('view-{view}').hidden")
    page.key("2")
    page.key("c")
    page.waits(f"{PLOT}.cursors !== null")


def test_dark_and_large_are_kept(page):
    light = page("getComputedStyle(document.body).backgroundColor")
    page.click("theme")
    assert page("getComputedStyle(document.body).backgroundColor") != light
    page.click("size")
    page("location.reload()")
    page.waits("document.documentElement?.dataset.theme === 'dark'")
    assert page("document.documentElement.dataset.size") == "large"
    page.waits(RUNNING)
    page("localStorage.clear()")
