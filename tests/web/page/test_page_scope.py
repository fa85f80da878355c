"""The scope of the page in a browser: what is drawn of the events, and measured in them."""

from __future__ import annotations

import pytest
from chromium import Page
from page_parts import ENTRIES, FRAMES, PLOT, RUNNING
from web_functions import BEGIN, HEIGHT_MV, WIDTH
from web_runs import SAMPLE_TIME_NS


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
