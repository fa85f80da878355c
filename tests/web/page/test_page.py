"""The page in a browser: what a user sees and does there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from chromium import Page
from page_parts import ENTRIES, FRAMES, PLOT, RUNNING
from running import eventually

import mimocorb
from mimocorb.engine.server import free_port


@contextlib.contextmanager
def paused(page: Page) -> Iterator[None]:
    """Pause the run by the button of the page, and let it go on."""
    page.clicks_until("pause", "document.getElementById('state').textContent === 'paused'")
    try:
        yield
    finally:
        page.clicks_until("pause", RUNNING)


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


def test_a_histogram_fills_with_the_right_counts(page, daq):
    with paused(page), mimocorb.connect(daq.directory) as run:

        def acknowledged() -> int:
            (spectrum, *_) = run.status().buffers["times"].groups
            return spectrum.acknowledged

        eventually(lambda: run.status().buffers["times"].due == 0)
        page.click("tab-histograms")
        expected = acknowledged()
        page.waits(f"{ENTRIES} === {expected}")
        found = run.histograms()["spectrum"]
    shown = page("window.mimocorbPage.parts.histograms.data")
    assert shown["values"] == found.values().tolist()
    assert sum(shown["values"]) + shown["underflow"] + shown["overflow"] == expected
    assert "all that were acknowledged" in page.text("histogram-numbers")


def test_a_fit_agrees_with_that_of_the_run_and_is_drawn(page, daq):
    page.click("tab-histograms")
    fits = "(window.mimocorbPage.parts.histograms.data?.fits ?? [])"
    page.waits(f"{ENTRIES} > 200 && {fits}.some((one) => one.parameters.length)")
    with mimocorb.connect(daq.directory) as run:
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


def test_a_dialog_that_is_left_with_escape_does_nothing_of_the_last_time(page):
    notes = "window.mimocorbPage.page.run.notes.length"
    before = page(notes)
    page.click("write-note")
    page("document.getElementById('note-kind').value = 'good'")
    page("document.querySelector('#note-form [value=keep]').click()")
    kept = page.waits(f"{notes} > {before} && {notes}")
    page.click("write-note")
    page.key("Escape")
    page.waits("!document.getElementById('note-dialog').open")
    seen = page("window.mimocorbPage.page.run.seen_s")
    page.waits(f"window.mimocorbPage.page.run.seen_s > {seen} + 1")
    assert page(notes) == kept


def test_it_connects_again_after_the_gateway_was_started_again(browser, serve, daq):
    port = str(free_port())
    first = serve(daq.directory, "web", str(daq.directory), "--port", port)
    page = browser.open(first.link)
    page.waits("!document.getElementById('controls').hidden")
    page.click("tab-scope")
    page.waits(f"{FRAMES} > 2")
    first.end()
    page.waits("document.getElementById('banner').textContent.includes('No connection')")
    second = serve(daq.directory, "web", str(daq.directory), "--port", port)
    assert second.link == first.link, "the same token opens the page of the same run"
    frames = page(FRAMES)
    page.waits(f"document.getElementById('banner').hidden && {FRAMES} > {frames + 2}")
    page.close()


def test_eight_viewers_all_see_the_newest(browser, web):
    pages = [browser.open(web.viewer_link, 480, 360) for _ in range(8)]
    for page in pages:
        page.waits(RUNNING)  # until its head line has its height, the tabs may move
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
    page.waits("document.documentElement.dataset.size === 'large'")
    page("window.isBeforeTheReload = true")
    page("location.reload()")
    page.waits(f"window.isBeforeTheReload === undefined && {RUNNING}")
    assert page("document.documentElement.dataset.theme") == "dark"
    assert page("document.documentElement.dataset.size") == "large"
    page("localStorage.clear()")


def test_a_link_that_is_not_right_says_so_and_the_right_one_opens_the_page(browser, web):
    page = browser.open(f"{web.address}#{web.viewer[:-2]}")
    page.waits("document.getElementById('banner').textContent.includes('token in this link')")
    assert page("document.getElementById('controls').hidden")
    page.go(f"{web.address}#({web.viewer}).")
    page.waits(RUNNING)
    page.waits("document.getElementById('banner').hidden")
    page.close()
