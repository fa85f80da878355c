"""The sink ``histogram``: what NumPy counts, each event once, whatever happens to its process."""

from __future__ import annotations

import os

import numpy as np
import pytest
from filling import events, histogram, layout, metadata

from mimocorb.analysis.histograms.files import (
    HISTOGRAMS_FILE,
    read_histograms,
    remove_pages,
    stored_text,
)
from mimocorb.analysis.histograms.page import pages_of, read_page
from mimocorb.analysis.histograms.run_histogram import RunHistogram
from mimocorb.errors import DamagedFile, SetupError

RNG = np.random.default_rng(5)
HEIGHTS = RNG.exponential(20.0, 500).astype("f4")
CHANNELS = RNG.integers(0, 4, 500)
RANGE = {"x_from": 0.0, "x_to": 50.0, "x_bins": 25}


def filled(directory, **config) -> RunHistogram:
    with histogram(directory, **config) as each:
        for first in range(0, 500, 100):
            part = slice(first, first + 100)
            batch = events(height_mV=HEIGHTS[part], channel=CHANNELS[part])
            each(batch, metadata(first + 1, 100))
    (found,) = read_histograms(directory).values()
    return found


def test_one_dimension_counts_all_events_also_below_and_above(tmp_path):
    found = filled(tmp_path, x="height_mV - 5", **RANGE)
    inside, edges = np.histogram(HEIGHTS.astype(float) - 5, 25, (0, 50))
    assert found.values().tolist() == inside.tolist()
    flow = found.values(flow=True)
    assert (flow[0], flow[-1]) == ((HEIGHTS < 5).sum(), (HEIGHTS >= 55).sum())
    assert found.entries == found.events == 500
    assert found.variances().tolist() == inside.tolist()
    assert found.axes[0].edges == pytest.approx(edges)


@pytest.mark.parametrize(
    ("bins", "edges"),
    [
        ({"x_from": 1, "x_to": 100, "x_scale": "log", "x_bins": 4}, np.geomspace(1, 100, 5)),
        ({"x_edges": [0.0, 1.0, 10.0, 11.0]}, [0.0, 1.0, 10.0, 11.0]),
    ],
)
def test_axes_may_be_logarithmic_or_of_any_edges(tmp_path, bins, edges):
    found = filled(tmp_path, x="height_mV", **bins)
    assert found.axes[0].edges == pytest.approx(edges)
    assert found.values().sum() == ((edges[0] <= HEIGHTS) & (edges[-1] > HEIGHTS)).sum()
    assert found.values(flow=True).sum() == 500


def test_two_dimensions(tmp_path):
    found = filled(tmp_path, x="height_mV", y="channel", y_from=0, y_to=4, y_bins=4, **RANGE)
    expected, _, _ = np.histogram2d(HEIGHTS, CHANNELS, [25, 4], [(0, 50), (0, 4)])
    assert found.values().tolist() == expected.tolist()


def test_a_profile_has_the_mean_and_its_uncertainty_in_each_bin(tmp_path):
    found = filled(tmp_path, x="channel", x_from=0, x_to=4, x_bins=4, mean_of="height_mV")
    for channel in range(4):
        of_this = HEIGHTS[channel == CHANNELS].astype(float)
        assert found.values()[channel] == pytest.approx(of_this.mean())
        assert found.variances()[channel] == pytest.approx(of_this.var(ddof=1) / len(of_this))
    assert found.is_profile
    assert found.value_label == "mean of height / mV"


def test_weights_and_conditions(tmp_path):
    found = filled(tmp_path, x="height_mV", weight="channel", where="channel >= 2", **RANGE)
    chosen = (CHANNELS >= 2) & (HEIGHTS < 50)
    assert found.values().sum() == CHANNELS[chosen].sum()
    assert found.variances().sum() == (CHANNELS[chosen] ** 2).sum()


def test_what_is_no_number_is_counted_and_in_no_bin(tmp_path):
    with histogram(tmp_path, x="height_mV", **RANGE) as each:
        each(events(height_mV=[np.nan, 1.0, np.inf, -np.inf]), metadata(1, 4))
    (found,) = read_histograms(tmp_path).values()
    assert (found.events, found.entries, found.no_numbers) == (4, 3, 1)
    assert found.values(flow=True)[[0, -1]].tolist() == [1, 1]


def test_all_samples_of_an_event_or_one_number_of_them(tmp_path):
    buffer = layout(values=5)
    batch = events(5, height_mV=np.arange(20.0))
    for number, (x, entries) in enumerate([("height_mV", 20), ("max(height_mV)", 4)]):
        (tmp_path / str(number)).mkdir()
        with histogram(tmp_path / str(number), buffer=buffer, x=x, **RANGE) as each:
            each(batch, metadata(1, 4))
        (found,) = read_histograms(tmp_path / str(number)).values()
        assert (found.events, found.entries) == (4, entries)


def test_the_unit_is_that_of_the_field(tmp_path):
    found = filled(tmp_path, x="height_mV", **RANGE)
    assert (found.axes[0].unit, found.axis_label(0)) == ("mV", "height / mV")


# --- processes and their deaths


def test_the_sum_of_all_processes_is_the_histogram(tmp_path):
    for process in (1, 2, 3):
        with histogram(tmp_path, process=process, x="height_mV", **RANGE) as each:
            each(events(height_mV=[1.0, 100.0]), metadata(2 * process, 2))
    (found,) = read_histograms(tmp_path).values()
    assert (found.entries, found.values()[0], found.values(flow=True)[-1]) == (6, 3, 3)


def test_events_that_were_counted_before_a_kill_are_not_counted_twice(tmp_path):
    """P3: it was killed between publishing the counts and acknowledging the events."""
    batch = events(height_mV=[1.0, 2.0, 3.0])
    dead = histogram(tmp_path, x="height_mV", **RANGE)
    dead(batch, metadata(1, 3))
    for process, number in ((1, 1), (2, 2), (1, 3)):  # they come one by one, to anybody
        with histogram(
            tmp_path, process=process, attempt=1 + number, x="height_mV", **RANGE
        ) as one:
            one(batch[:1], metadata(number, 1, may_repeat=True))
            one(batch[:1], metadata(10 + number, 1))
    (found,) = read_histograms(tmp_path).values()
    assert found.entries == 3 + 3
    dead.__exit__(None, None, None)


def test_events_that_were_not_published_before_a_kill_are_counted_when_they_come_again(tmp_path):
    """P2: it was killed before it published: nobody has counted them."""
    dead = histogram(tmp_path, x="height_mV", **RANGE)
    dead(events(height_mV=[1.0]), metadata(1, 1))
    with histogram(tmp_path, attempt=2, x="height_mV", **RANGE) as successor:
        successor(events(height_mV=[2.0]), metadata(2, 1, may_repeat=True))
    (found,) = read_histograms(tmp_path).values()
    assert found.entries == 2
    dead.__exit__(None, None, None)


def test_whoever_reads_while_it_is_published_finds_whole_copies(tmp_path):
    """P1: a copy has as many counts as its tally says, at every moment."""
    pid = os.fork()
    if pid == 0:
        try:
            writing = histogram(tmp_path, x="height_mV", x_from=0, x_to=1, x_bins=20_000)
            for first in range(1, 1500):
                writing(events(height_mV=np.full(7, 0.5)), metadata(7 * first, 7))
        finally:
            os._exit(0)
    seen: list[int] = []
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        for found in read_histograms(tmp_path).values():
            assert found.values(flow=True).sum() == found.entries == found.events
            seen.append(found.sequence)
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    (last,) = read_histograms(tmp_path).values()
    assert last.entries == 7 * 1499


def test_a_page_that_was_changed_is_no_histogram(tmp_path):
    filled(tmp_path, x="height_mV", **RANGE)
    (page,) = pages_of(tmp_path)
    content = bytearray(page.read_bytes())
    newest = int.from_bytes(content[16:24], "little")
    assert newest == 6
    place = len(content) - 2 * 36864 + (newest % 2) * 36864  # of the newest copy
    content[place + 100] ^= 1
    page.write_bytes(content)
    with pytest.raises(DamagedFile, match="checksum"):
        read_page(page)
    page.write_bytes(b"something else, of which nobody knows anything")
    with pytest.raises(DamagedFile, match="no page"):
        read_page(page)


# --- storing


@pytest.mark.parametrize(
    "config",
    [
        {"x": "height_mV", **RANGE},
        {"x": "height_mV", "weight": "channel", **RANGE},
        {"x": "height_mV", "mean_of": "channel", **RANGE},
        {"x": "height_mV", "y": "channel", "y_from": 0, "y_to": 4, **RANGE},
        {"x": "height_mV", "x_scale": "log", "x_from": 1, "x_to": 9},
    ],
)
def test_it_is_stored_in_the_form_of_uhi_and_read_again(tmp_path, config):
    found = filled(tmp_path, **config)
    (tmp_path / HISTOGRAMS_FILE).write_text(stored_text([found]))
    remove_pages(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [HISTOGRAMS_FILE]
    (again,) = read_histograms(tmp_path).values()
    assert again.counts.axes == found.counts.axes
    for flow in (False, True):
        assert again.values(flow) == pytest.approx(found.values(flow), nan_ok=True)
    assert again.counts_in_bins() == pytest.approx(found.counts_in_bins())
    assert (again.entries, again.filled, again.buffer) == (500, found.filled, "pulses")


def test_sums_need_the_same_bins(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = filled(tmp_path / "a", x="height_mV", **RANGE)
    other = filled(tmp_path / "b", x="height_mV", x_from=0, x_to=60)
    assert (one + one).entries == 1000
    with pytest.raises(SetupError, match=r"cannot be added.*25 bins from 0 to 50.*100 bins from"):
        one + other


# --- configurations that make no histogram


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"x": "height_mV"}, "need x_from and x_to, or x_edges"),
        ({"x": "height_mV", "x_from": 3, "x_to": 3}, "x_from is below x_to"),
        ({"x": "height_mV", "x_from": 0, "x_to": 3, "x_scale": "log"}, "x_from is above 0"),
        ({"x": "height_mV", "x_from": 0, "x_to": float("nan")}, "x_from is below x_to"),
        ({"x": "height_mV", "x_from": 0, "x_to": 1, "x_bins": 0}, "x_bins is 1 or more"),
        ({"x": "height_mV", "x_edges": [1.0, 1.0]}, "that increase"),
        ({"x": "height_mV", "x_edges": [1.0]}, "two numbers or more"),
        ({"x": "height_mV", "x_edges": [0.0, 1.0], "x_from": 0.0}, "remove one or the other"),
        ({"x": "height_mV", **RANGE, "y_from": 3.0}, "y_from without y"),
        ({"x": "height_mV", "y": "channel", **RANGE}, "need y_from and y_to"),
        (
            {"x": "sample", "y": "channel", "mean_of": "sample", "y_from": 0, "y_to": 1, **RANGE},
            "found both",
        ),
        ({"x": "heights", **RANGE}, "did you mean 'height_mV'"),
        ({"x": "height_mV", "where": "channl > 1", **RANGE}, "histogram: where"),
        ({"x": "height_mV", **RANGE, "x_bins": 10**8}, "at most 4000000 bins"),
    ],
)
def test_it_says_what_is_wrong(config, said):
    from mimocorb.analysis.histograms.component import Histogram

    with pytest.raises(SetupError) as refused:
        Histogram.check(layout(), **config)
    assert said in str(refused.value)


def test_a_field_of_texts_is_refused():
    from mimocorb.analysis.histograms.component import Histogram

    with pytest.raises(SetupError, match="made of numbers"):
        Histogram.check(layout([("name", "S8")]), x="name", x_from=0, x_to=1)
