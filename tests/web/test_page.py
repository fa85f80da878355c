"""The page in a browser: what a user sees and does there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Page
from gateways import WebPage, started
from own_places import own_places
from running import RunningDaq, eventually
from web_functions import BEGIN, HEIGHT_MV, WIDTH
from web_runs import SAMPLE_TIME_NS

import mimocorb
from mimocorb.engine.server import free_port

PLOT = "window.mimocorbPage.parts.scope.plot"
FRAMES = "Number(document.getElementById('scope-plot').dataset.frames ?? 0)"
ENTRIES = "Number(document.getElementById('histogram-plot').dataset.entries)"
RUNNING = "document.getElementById('state').textContent === 'running'"


def number(text: str) -> int:
    """Return a number that is written with narrow spaces."""
    return int(re.sub(r"\D", "", text))


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


@contextlib.contextmanager
def paused(page: Page) -> Iterator[None]:
    """Pause the run by the button of the page, and let it go on."""
    page.clicks_until("pause", "document.getElementById('state').textContent === 'paused'")
    try:
        yield
    finally:
        page.clicks_until("pause", RUNNING)


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
    scope.clicks_until(
        "scope-show", "document.getElementById('scope-plot').dataset.counter === '3'", again_s=1.0
    )
    assert scope("document.getElementById('scope-hold').textContent") == "Go on"


def test_pulses_that_a_filter_has_found_are_drawn_on_the_event(scope):
    scope.waits("Number(document.getElementById('scope-plot').dataset.pulses) === 1")
    mark = scope(f"{PLOT}.marks.find((one) => one.kind === 'pulse')")
    assert mark["text"] == "chA"
    assert mark["x"] == pytest.approx(BEGIN * SAMPLE_TIME_NS / 1000)
    assert mark["y"] == pytest.approx(HEIGHT_MV, abs=1)


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


INK = """(() => {
    const canvas = document.querySelector('#scope-plot canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let coloured = 0;
    for (let n = 0; n < data.length; n += 4) {
        const rgb = [data[n], data[n + 1], data[n + 2]];
        if (Math.max(...rgb) - Math.min(...rgb) > 60) coloured += 1;
    }
    return coloured;
})()"""
"""How many pixels of the plot have a colour: curves do, axes and texts are grey."""


def persist(page: Page, how: str) -> None:
    page(f"document.getElementById('scope-persist').value = {how!r}")
    page("document.getElementById('scope-persist').dispatchEvent(new Event('change'))")


def test_curves_persist_until_the_view_changes(scope):
    scope(f"{PLOT}.setView({{ x: [0, 0.2], y: [-3, 3] }})")  # noise of 50 samples
    scope.waits(f"{PLOT}.series[0].width === 0")
    once = scope(INK)
    assert once > 1000
    persist(scope, "all")
    frames = scope(FRAMES)
    scope.waits(f"{FRAMES} > {frames + 10}")
    many = scope(INK)
    assert many > 1.2 * once, "noise of many events covers more than that of one"
    scope(f"{PLOT}.forget()")
    scope(f"{PLOT}.draw()")
    assert scope(INK) < many
    persist(scope, "off")
    frames = scope(FRAMES)
    scope.waits(f"{FRAMES} > {frames}")
    assert scope(INK) < 1.2 * once


def test_an_automatic_scale_grows_at_once_and_shrinks_when_it_is_calm(page):
    found = page(
        "import('/static/autoscale.js').then(({ Autoscale }) => {"
        " const scale = new Autoscale();"
        " const seen = [[0, 10, 0], [0, 100, 1000], [0, 10, 2000], [0, 10, 5100], [0, 10, 9200]];"
        " return seen.map(([low, high, now]) => {"
        "  const changed = scale.take([low, high], now); return [changed, scale.range[1]] }) })"
    )
    assert found == [
        [True, pytest.approx(10.8)],
        [True, pytest.approx(108)],
        [False, pytest.approx(108)],
        [False, pytest.approx(108)],
        [True, pytest.approx(10.8)],
    ]


TEXTS_OF_AXES = (
    ("linearTicks([0, 17], 20)", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"),
    ("linearTicks([-0.35, 0.4], 5)", "−0.2 0 0.2 0.4"),
    ("linearTicks([1e6, 3e6], 5)", "1.0e6 1.5e6 2.0e6 2.5e6 3.0e6"),
    ("linearTicks([0, 2e-5], 3)", "0 1e−5 2e−5"),
    ("logTicks([1, 1000], 6)", "1 10 100 1000"),
    ("logTicks([0.5, 20], 10)", "0.5 1 2 5 10 20"),
    ("logTicks([0.001, 1e7], 20)", "10⁻³ 0.01 0.1 1 10 100 1000 10000 10⁵ 10⁶ 10⁷"),
    ("logTicks([1, 1e12], 4)", "1 1000 10⁶ 10⁹ 10¹²"),
    ("logTicks([3, 4.5], 4)", "3.0 3.5 4.0 4.5"),
    ("clockTicks([1.8e9, 1.8e9 + 100], 4)", "08:00:00 08:00:30 08:01:00 08:01:30"),
    ("clockTicks([1.8e9, 1.8e9 + 9000], 4)", "08:00 09:00 10:00"),
)


def test_axes_have_round_numbers_where_a_person_would_write_them(page):
    page.call("Emulation.setTimezoneOverride", timezoneId="UTC")
    for call, texts in TEXTS_OF_AXES:
        name = call.partition("(")[0]
        found = page(f"import('/static/axes.js').then(({{ {name} }}) => {call}.texts)")
        assert found == texts.split(), call


def test_logarithmic_axes_put_values_where_they_belong(page):
    page.click("tab-histograms")
    page.waits(f"{ENTRIES} > 50")
    page.click("histogram-log")
    plot = "window.mimocorbPage.parts.histograms.plot"
    low, high = page(f"{plot}.y")
    top, bottom = (page(f"{plot}.py({value})") for value in (high, low))
    middle = page(f"{plot}.py({(low * high) ** 0.5})")
    assert middle == pytest.approx((top + bottom) / 2)
    assert page(f"{plot}.yAt({middle})") == pytest.approx((low * high) ** 0.5)
    assert page(f"{plot}.py(0) >= {bottom}"), "an empty bin is below the axis, not nowhere"
    page(f"(() => {{ {plot}.options.xLog = true; {plot}.setHome([1, 1000], {plot}.y) }})()")
    assert page(f"{plot}.px(1000) - {plot}.px(100)") == pytest.approx(
        page(f"{plot}.px(10) - {plot}.px(1)")
    )


@pytest.mark.parametrize("ratio", [1, 3])
def test_lines_are_sharp_at_each_pixel_ratio(browser, web, ratio):
    page = browser.open(web.viewer_link, 800, 600, ratio=ratio)
    page.waits(RUNNING)
    page.click("tab-scope")
    page.waits(f"{FRAMES} > 1")
    assert page(f"{PLOT}.base.width / {PLOT}.width") == pytest.approx(ratio, abs=0.01)
    edges = page(f"[1.23, 57.6, 200].map((x) => {PLOT}.crisp(x) * {ratio} % 1)")
    assert edges == pytest.approx([0.5 if ratio % 2 else 0.0] * 3, abs=1e-9)
    page.close()


def test_alarms_are_in_all_views_and_are_acknowledged_by_the_operator_only(
    browser, serve, tmp_path
):
    run = started(tmp_path, disk_low_gb=1e9)
    web = serve(run.directory, "web", str(run.directory))
    shown = "!document.getElementById('alarms').hidden"
    viewer = browser.open(web.viewer_link)
    operator = browser.open(web.link)
    for page in (viewer, operator):
        for tab in ("tab-scope", "tab-histograms", "tab-runs", "tab-run"):
            page.click(tab)
            page.waits(shown)
        assert "disk low" in page.text("alarms")
        page.click("alarms")
        assert "are left for" in page.text("alarm-list")
    assert viewer("document.getElementById('acknowledge').hidden")
    operator.waits("!document.getElementById('acknowledge').hidden")
    operator.click("acknowledge")
    for page in (viewer, operator):
        page.waits("document.getElementById('alarms').classList.contains('known')")
    with mimocorb.connect(run.directory) as client:
        (alarm,) = client.status().view.alarms
    assert alarm.acknowledged_by
    viewer.close()
    operator.close()
    run.interrupt()
    run.finish()


def test_a_link_that_is_not_right_says_so_and_the_right_one_opens_the_page(browser, web):
    page = browser.open(f"{web.address}#{web.viewer[:-2]}")
    page.waits("document.getElementById('banner').textContent.includes('token in this link')")
    assert page("document.getElementById('controls').hidden")
    page.go(f"{web.address}#({web.viewer}).")
    page.waits(RUNNING)
    page.waits("document.getElementById('banner').hidden")
    page.close()


def test_the_next_run_is_begun_from_a_form_and_all_pages_follow(browser, serve, tmp_path):
    run = started(tmp_path)
    web = serve(run.directory, "web", str(run.directory))
    operator, viewer = browser.open(web.link), browser.open(web.viewer_link, 480, 360)
    for page in (operator, viewer):
        page.waits(RUNNING)
    viewer.click("tab-scope")
    viewer.waits(f"{FRAMES} > 2")
    operator.waits("!document.getElementById('controls').hidden")
    operator.click("stop")
    operator("document.querySelector('#sure-dialog [value=yes]').click()")
    assert run.finish().code == 0
    operator.click("tab-runs")
    tau = "document.querySelector('[data-worker=search][data-name=tau_ns]')"
    operator.waits(f"{tau} && !document.getElementById('next-start').disabled")
    begin = "document.getElementById('next-start').click()"
    operator(f"(() => {{ {tau}.value = 'long'; {begin} }})()")
    operator.waits("document.getElementById('next-trouble').textContent.includes('tau_ns')")
    operator(f"(() => {{ {tau}.value = '300'; {begin} }})()")
    for page in (operator, viewer):
        page.waits("window.mimocorbPage.page.run.number === 2")
        page.waits(RUNNING)
    frames = viewer(FRAMES)
    viewer.waits(f"{FRAMES} > {frames + 3}", "the scope of the next run to move")
    operator.click("tab-runs")
    operator.waits("document.getElementById('runs').tBodies[0].rows.length === 2")
    operator("document.querySelectorAll('#runs input').forEach((box) => box.click())")
    operator.waits("document.getElementById('compared').textContent.includes('tau_ns')")
    rows = (
        "[...document.getElementById('compared').tBodies[0].rows]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    (changed,) = [row for row in operator(rows) if row[0].endswith("config.tau_ns")]
    assert set(changed[1:3]) == {"–", "300"}
    operator(
        "fetch('/api/end', {method: 'POST', headers: {authorization: 'Bearer ' +"
        " sessionStorage.getItem('mimocorb token')}})"
    )
    operator.waits("window.mimocorbPage.page.run.ended")
    viewer.close()
    operator.close()
