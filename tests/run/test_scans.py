"""Scans: a run for each point, interrupted, resumed, with a table and a picture."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from running import WATCHDOG_S, written_run

import mimocorb
from mimocorb.errors import SetupError
from mimocorb.run.scans.points import parameters_of, points_of, read_parameters

SETUP = """\
Buffers:
  raw: {slot_count: 64, data_length: 1, data_dtype: {height_mV: float64}}
  large: {slot_count: 64, data_length: 1, data_dtype: {height_mV: float64}}
Workers:
  detector: {file: work.py, function: heights, sinks: [raw], config: {mean_mV: 30.0}}
  search: {function: trigger, sources: [raw], sinks: [large], config: {condition: height_mV > 20}}
  mean: {file: work.py, function: Mean, sources: [large]}
"""
CODE = """\
import time
from pathlib import Path

import mimocorb as mc
import numpy as np


@mc.source
def heights(*, mean_mV: float, count: int = 400, wait_for: str = "", seed: int = 1):
    if mean_mV == 66:
        raise ValueError("not 66")
    random = np.random.default_rng(seed)
    for number in range(count):
        while number == 10 and wait_for and not Path(wait_for).exists():
            time.sleep(0.01)
        yield [random.exponential(mean_mV)]


@mc.sink
class Mean:
    def __init__(self):
        self.values = []

    def __call__(self, events):
        self.values += events["height_mV"].ravel().tolist()

    def close(self):
        error = np.std(self.values) / len(self.values) ** 0.5
        mc.report(height_mV=np.mean(self.values), height_error_mV=error)
"""


def scan(directory, *arguments):
    command = [sys.executable, "-m", "mimocorb.cli", "scan", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def finished(process):
    text, _ = process.communicate(timeout=WATCHDOG_S)
    return process.returncode, text


def states(directory):
    (found,) = (directory / "target").glob("scan_*/scan.json")
    return [(point["state"], point["run"]) for point in json.loads(found.read_text())["points"]]


def test_a_scan_has_a_table_a_picture_and_tells_a_failed_point(tmp_path):
    written_run(tmp_path, SETUP, CODE)
    command = ("setup.yaml", "--set", "detector.mean_mV=10,66,40", "--quiet", "--plot", "plot.svg")
    code, text = finished(scan(tmp_path, *command))
    assert code == 1
    assert "point 2 is failed: detector heights failed" in text
    assert states(tmp_path) == [("complete", 1), ("failed", 2), ("complete", 3)]
    (table,) = (tmp_path / "target").glob("scan_*/table.csv")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    # exponential above 20 mV: the mean is 20 mV more than without the condition
    for row, mean in ((rows[0], 10), (rows[2], 40)):
        height, error = float(row["mean.height_mV"]), float(row["mean.height_mV_error"])
        kept, kept_error = (
            float(row["search.kept_fraction"]),
            float(row["search.kept_fraction_error"]),
        )
        assert abs(height - 20 - mean) < 4 * error
        assert abs(kept - np.exp(-20 / mean)) < 4 * kept_error
    assert (rows[1]["state"], rows[1]["mean.height_mV"]) == ("failed", "")
    assert "detector.mean_mV" in (tmp_path / "plot.svg").read_text()
    shown = subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", "runs", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [run["scan"]["point"] for run in json.loads(shown.stdout)] == [1, 2, 3]
    # the same command again runs what is not complete only, also after a change of mind
    assert finished(scan(tmp_path, *command))[0] == 1
    assert states(tmp_path) == [("complete", 1), ("failed", 4), ("complete", 3)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_scan_that_was_interrupted_goes_on_where_it_was(tmp_path, number):
    written_run(tmp_path, SETUP, CODE)
    go = tmp_path / "go"
    command = ("setup.yaml", "--set", "detector.seed=1,2,3", "--set", f"detector.wait_for={go}")
    go.touch()
    running = scan(tmp_path, *command, "--quiet")
    until = time.monotonic() + WATCHDOG_S
    waiting = None
    while waiting is None:
        assert time.monotonic() < until
        time.sleep(0.02)
        found = list((tmp_path / "target").glob("scan_*/scan.json"))
        if found and states(tmp_path)[0][0] == "complete":
            go.unlink(missing_ok=True)
            if states(tmp_path)[1] == ("running", 2) or states(tmp_path)[2][0] == "running":
                waiting = states(tmp_path)
    os.kill(running.pid, number)
    code, text = finished(running)
    assert code == (130 if number == signal.SIGINT else -number), text
    done = [state for state in states(tmp_path) if state[0] == "complete"]
    assert 1 <= len(done) < 3
    go.touch()
    code, text = finished(scan(tmp_path, *command, "--quiet"))
    assert code == 0, text
    assert f"goes on: {3 - len(done)} of 3 points left" in text
    assert states(tmp_path)[: len(done)] == done
    assert [state for state, _ in states(tmp_path)] == ["complete"] * 3
    assert len(list((tmp_path / "target").glob("setup_*_run*"))) == 4


def test_a_program_scans_and_gets_numbers_with_uncertainties(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written_run(tmp_path, SETUP, CODE)
    told = []
    parameters = {"detector.mean_mV": np.array([10.0, 40.0]), "detector.seed": [3, 4]}
    found = mimocorb.scan("setup.yaml", parameters, in_step=True, tell=told.append)
    assert found.is_complete
    assert [point.settings for point in found.points] == [
        {"detector.mean_mV": "10.0", "detector.seed": "3"},
        {"detector.mean_mV": "40.0", "detector.seed": "4"},
    ]
    values, errors = found["mean.height_mV"]
    assert (abs(values - 20 - found["detector.mean_mV"][0]) < 4 * errors).all()
    with pytest.raises(KeyError, match=r"the points have mean\.height_mV"):
        found["mean.width"]
    found.plot("plot.png", ["mean.height_mV", "search.kept_fraction"])
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"
    assert len(told) == 4


def test_a_point_that_is_impossible_is_known_before_the_first_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written_run(tmp_path, SETUP, CODE)
    with pytest.raises(SetupError, match="mean_mV of heights is float in mV"):
        mimocorb.scan("setup.yaml", {"detector.mean_mV": [10.0, "high"]})
    assert not Path("target").exists()


def test_points_are_all_combinations_or_values_in_step():
    parameters = read_parameters(["a.x=1,2", "a.y=[1,2],'p,q'", "a.z=7"])
    assert [each.values for each in parameters] == [("1", "2"), ("[1,2]", "'p,q'"), ("7",)]
    assert points_of(parameters, in_step=False) == [
        {"a.x": "1", "a.y": "[1,2]"},
        {"a.x": "1", "a.y": "'p,q'"},
        {"a.x": "2", "a.y": "[1,2]"},
        {"a.x": "2", "a.y": "'p,q'"},
    ]
    assert points_of(parameters, in_step=True) == [
        {"a.x": "1", "a.y": "[1,2]"},
        {"a.x": "2", "a.y": "'p,q'"},
    ]


@pytest.mark.parametrize(
    ("texts", "in_step", "words"),
    [
        (["a.x=1"], False, "found none"),
        ([], False, "found none"),
        (["a.x"], False, "PATH=VALUE,VALUE"),
        (["a.x=1,,2"], False, "PATH=VALUE,VALUE"),
        (["a.x=1,2", "a.x=3"], False, "2 times a.x"),
        (["a.x=1,2", "a.y=1,2,3"], True, "as many for each path"),
    ],
)
def test_what_is_no_scan_is_refused(texts, in_step, words):
    with pytest.raises(SetupError, match=words):
        points_of(read_parameters(texts), in_step=in_step)


def test_a_list_without_values_is_refused():
    with pytest.raises(SetupError, match="empty list"):
        parameters_of({"a.x": []})
