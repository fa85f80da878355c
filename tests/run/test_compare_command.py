"""``mimocorb compare``: settings, counts, results, recorded events and histograms of two runs."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from running import chain_with_a_file, run, run_directories

from mimocorb.cli import main
from mimocorb.run.outputs import mean_of
from mimocorb.run.record.comparison import CountDifference, ResultDifference
from mimocorb.run.record.run_record import read_record, write_record

CODE = """\
import time

import mimocorb as mc
import numpy as np


@mc.source
def clicks(*, events: int, mean_mV: float = 30.0, seed: int = 1):
    random = np.random.default_rng(seed)
    for _ in range(events):
        time.sleep(random.exponential(0.001))
        yield [random.exponential(mean_mV)]


@mc.filter
def large(event, *, threshold_mV: float):
    height = float(event["height_mV"][0])
    return {"height_mV": height} if height > threshold_mV else mc.Reject("too small")


@mc.sink
class Mean:
    def __init__(self):
        self.heights = []

    def __call__(self, events):
        self.heights += events["height_mV"].ravel().tolist()
        error = np.std(self.heights) / len(self.heights) ** 0.5
        mc.report(mean_mV=np.mean(self.heights), mean_error_mV=error)
"""
SETUP = """\
Buffers:
  raw: {slot_count: 64, data_length: 1, data_dtype: {height_mV: float64}}
  heights: {slot_count: 64, data_length: 1, data_dtype: {height_mV: float64}}
Workers:
  detector: {file: work.py, function: clicks, sinks: [raw], config: {events: 400}}
  save: {function: record, sources: [raw], config: {filename: clicks}}
  search:
    {file: work.py, function: large, sources: [raw], sinks: [heights], config: {threshold_mV: 20.0}}
  mean: {file: work.py, function: Mean, sources: [heights]}
  table: {function: record, sources: [heights], config: {filename: heights}}
  spectrum:
    function: histogram
    sources: [raw]
    config: {x: height_mV, x_bins: 20, x_from: 0, x_to: 200}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Three runs of a detector, the second with another voltage, and a rerun of the first."""
    place = tmp_path_factory.mktemp("compared")
    (place / "work.py").write_text(CODE)
    (place / "clicks.yaml").write_text(SETUP)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        more = ["--set", "detector.seed=2"]
        assert main(["run", "--quiet", "clicks.yaml"]) == 0
        assert main(["run", "--quiet", "clicks.yaml", *more, "--set", "detector.mean_mV=60"]) == 0
        assert main(["run", "--quiet", "clicks.yaml", *more]) == 0
        assert main(["rerun", "--quiet", "1", "--set", "search.threshold_mV=40"]) == 0
        assert main(["rerun", "--quiet", "1"]) == 0
    return place


@pytest.fixture
def compared(runs, monkeypatch, capsys):
    """A function that compares two of the runs and returns what was printed."""
    monkeypatch.chdir(runs)

    def compare(*arguments: str) -> str:
        capsys.readouterr()
        assert main(["compare", *arguments]) == 0
        return capsys.readouterr().out

    return compare


def test_settings_counts_and_results_stand_side_by_side(compared):
    page = compared("1", "2")
    assert re.search(r"Workers\.detector\.config\.mean_mV +– +60\n", page)
    assert re.search(r"search kept +\d+ +[\d.]+ % +\d+ +[\d.]+ % +\+[\d.]+ σ\n", page)
    assert re.search(r"search +too small +\d+ +[\d.]+ % +\d+ +[\d.]+ % +-[\d.]+ σ\n", page)
    assert re.search(r"mean mean_mV +[\d.]+ ± [\d.]+ +[\d.]+ ± [\d.]+ +\+[\d.]+ σ\n", page)
    assert "mean_error_mV" not in page
    assert "Recorded events" not in page


def test_a_change_of_the_detector_is_seen_and_a_repetition_shows_none(compared):
    changed, repeated = (json.loads(compared("1", other, "--json")) for other in ("2", "3"))
    (result,) = changed["results"]
    assert result["sigma"] > 5
    (result,) = repeated["results"]
    assert abs(result["sigma"]) < 5


def test_runs_on_the_same_events_have_no_sigma_but_are_compared_event_by_event(compared):
    page = compared("1", "4")
    assert "Both runs processed the same recorded events" in page
    assert "in brackets: throughput of the computer" in page
    assert "σ\n" not in page
    assert re.search(r"search kept .* -\d+\n", page)
    assert re.search(r"heights +\d+ +\d+ +\d+ the same, \d+ only in the first run\n", page)
    found = json.loads(compared("1", "5", "--json"))
    assert found["same_events"]
    assert {each["name"]: each["same"] for each in found["outputs"]} == {
        "clicks": None,
        "heights": True,
    }
    assert [row["sigma"] for row in (*found["decisions"], *found["results"])] == [None] * 4


def test_histograms_are_compared_by_mean_and_shape(compared):
    page = compared("1", "2")
    assert re.search(r"spectrum entries +400 +400 +χ²/ndf \d+\.\d/\d+\n", page)
    assert re.search(r"spectrum mean +\d+\.\d ± [\d.]+ +\d+\.\d ± [\d.]+ +\+[\d.]+ σ\n", page)
    (changed,) = json.loads(compared("1", "2", "--json"))["histograms"]
    (repeated,) = json.loads(compared("1", "3", "--json"))["histograms"]
    (same,) = json.loads(compared("1", "5", "--json"))["histograms"]
    assert changed["chi_squared"] > 3 * changed["ndf"]
    assert repeated["chi_squared"] < 3 * repeated["ndf"]
    assert abs(repeated["sigma"]) < 5 < changed["sigma"]
    assert (same["chi_squared"], same["sigma"]) == (None, None)
    assert same["means"][0] == same["means"][1]


@pytest.mark.parametrize(
    ("ending", "begins"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_a_comparison_is_drawn(compared, tmp_path, ending, begins):
    path = tmp_path / f"comparison.{ending}"
    compared("1", "2", "--plot", str(path))
    assert path.read_bytes().startswith(begins)


def test_another_ending_of_the_picture_is_refused_at_once(runs, monkeypatch, capsys):
    monkeypatch.chdir(runs)
    assert main(["compare", "1", "2", "--plot", "comparison.doc"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "mimocorb: a picture is a file that ends in .png, .pdf, .svg; found 'comparison.doc'\n"
    )


def test_a_fraction_differs_by_the_binomial_uncertainty():
    kept = CountDifference("search", "kept", 500, 560, 1000, 1000, independent=True)
    assert kept.sigma == pytest.approx(0.06 / math.sqrt(0.53 * 0.47 * 2 / 1000))
    assert replace(kept, independent=False).sigma is None
    assert replace(kept, first=9).sigma is None
    assert replace(kept, first=995).sigma is None  # five rejected: not normally distributed
    assert replace(kept, first=None, of_first=None).sigma is None


def test_results_differ_by_both_uncertainties_and_not_without():
    fitted = ResultDifference("fit", "tau_ns", 2190.0, 2200.0, (6.0, 8.0), independent=True)
    assert fitted.sigma == 1.0
    for errors in ((6.0, None), (0.0, 8.0), (6.0, math.nan), (math.inf, 8.0)):
        assert replace(fitted, errors=errors).sigma is None


def test_a_damaged_file_is_said_not_to_be_compared(runs, compared, tmp_path):
    copies = [tmp_path / "first", tmp_path / "second"]
    for copy, number in zip(copies, ("1", "5"), strict=True):
        (directory,) = (
            each for each in run_directories(runs / "target") if each.name[-1] == number
        )
        shutil.copytree(directory, copy)
    record = read_record(copies[1])
    write_record(copies[1], replace(record, rerun_of=str(copies[0])))
    content = bytearray((copies[0] / "heights.000.arrows").read_bytes())
    content[len(content) // 2] ^= 1
    (copies[0] / "heights.000.arrows").write_bytes(content)
    assert re.search(r"heights .* cannot be compared: left out: ", compared(*map(str, copies)))


def test_runs_without_filters_and_results_are_compared_as_far_as_they_go(tmp_path, capsys):
    setup = chain_with_a_file(tmp_path)
    for _ in range(2):
        assert run(setup).text
    first, second = map(str, run_directories(tmp_path / "target"))
    capsys.readouterr()
    assert main(["compare", first, second]) == 0
    page = capsys.readouterr().out
    assert "Files: no difference" in page
    assert re.search(r"RB_1 +\([\d. ]+\) +\([\d. ]+\) +–\n", page)


class Flat:
    """A histogram as far as the mean of it is asked for."""

    is_profile = False

    def __init__(self, values):
        self.axes = [type("Axis", (), {"edges": np.arange(len(values) + 1.0)})()]
        self._values = np.array(values)

    def values(self):
        return self._values


def test_the_mean_of_a_histogram_has_its_uncertainty():
    mean, error = mean_of(Flat([0, 2, 2, 0]))
    assert (mean, error) == (2.0, 0.25)
    assert mean_of(Flat([0, 1, 0])) is None
