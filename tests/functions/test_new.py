"""``mimocorb new`` makes a project that works at once."""

from __future__ import annotations

import math
import re
import runpy
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from mimocorb.cli import main
from mimocorb.cli.new import EXPERIMENTS, TEMPLATES

WATCHDOG_S = 120


CLI = "mimocorb.cli"
# What the page of the experiment does besides: the commands, and what they say.
MORE = {
    "muon-lifetime": [
        (
            (CLI, "run", "recorded.yaml", "--data", "RUN/waveforms", "--quiet"),
            "every event was processed",
        ),
    ],
    "geiger-counter": [
        ((CLI, "run", "poisson.yaml", "--quiet"), "every event was processed"),
        (("poisson",), "dead time 1"),
    ],
    "gamma-spectroscopy": [
        (
            (CLI, "scan", "setup.yaml", "--quiet", "--set", "detector.nuclides=[Na-22],[Cs-137]"),
            "complete",
        ),
        (("analyse",), "energy: 66"),
    ],
    "coincidence": [
        ((CLI, "scan", "setup.yaml", "--quiet", "--set", "detectors.rate_hz=60,0"), "complete"),
        (("analyse",), "efficiency of detector 2: 8"),
    ],
    "sound-card-counter": [(("analyse",), "Hz")],
}


def do(directory: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=WATCHDOG_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("template", sorted(path.name for path in TEMPLATES.iterdir()))
def test_a_new_project_is_right_runs_and_passes_its_tests(tmp_path: Path, template: str) -> None:
    project = tmp_path / "lab" / "project"
    assert main(["new", str(project), "--template", template]) == 0
    do(project, "mimocorb.cli", "check", "setup.yaml")
    text = do(project, "mimocorb.cli", "run", "setup.yaml", "--quiet")
    assert "complete: every event was processed" in text
    if list(project.glob("test_*.py")):
        do(project, "pytest", "-q", "-p", "no:cacheprovider")
    readme = (project / "README.md").read_text()
    assert all(f"`{path.name}`" in readme for path in project.glob("*.py"))
    (log,) = project.glob("target/setup_*/log.txt")
    for command, words in MORE.get(template, []):
        said = do(project, *[part.replace("RUN", str(log.parent)) for part in command])
        assert words in said
    if template == "muon-lifetime":
        said = log.read_text()
        found = re.search(r"lifetime ([0-9]+) (?:± |\(\+)([0-9]+).* ns, from [0-9 ]+ events", said)
        assert found is not None, said
        assert abs(float(found[1]) - 2197.0) < 4 * float(found[2])


@pytest.mark.parametrize(("template", "rate_hz"), [("muon-lifetime", 250), ("geiger-counter", 200)])
def test_events_come_at_their_rate_in_live_time_however_late_the_system_wakes_up(
    template: str, rate_hz: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0

    def wake_up_late(wait_s: float) -> None:
        nonlocal now_s
        now_s += wait_s + 0.001

    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    monkeypatch.setattr(time, "sleep", wake_up_late)
    if template == "muon-lifetime":
        detector = runpy.run_path(str(TEMPLATES / template / "detector.py"))
        events = detector["triggers"](np.random.default_rng(seed=1), rate_hz)
    else:
        events = runpy.run_path(str(TEMPLATES / template / "counter.py"))["clicks"](events=4000)
    clicks = []
    for event in islice(events, 4000):
        clicks.append(event)
        now_s += 0.002  # the readout, which is not live
    live_s = now_s - 4000 * 0.002
    assert abs(4000 / live_s - rate_hz) < 4 * rate_hz / math.sqrt(4000)
    if template == "geiger-counter":  # its clock counts live time
        assert abs(clicks[-1][0] - live_s) <= 0.0011  # it woke up too late for the last one as well


def test_it_says_what_it_made_and_what_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "muons"]) == 0
    assert capsys.readouterr().out == (
        "Made muons from the template muon-lifetime: .gitignore, README.md, decays.py, "
        "detector.py, recorded.yaml, setup.yaml, test_decays.py.\n"
        "Next:\n  cd muons\n  mimocorb run setup.yaml\n"
    )


def test_the_experiments_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "--list"]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n{name} " in f"\n{listed}" for name in EXPERIMENTS)
    assert main(["new"]) == 2
    assert "--list shows the names" in capsys.readouterr().err


def test_an_empty_directory_is_used(tmp_path: Path) -> None:
    assert main(["new", str(tmp_path)]) == 0
    assert (tmp_path / "setup.yaml").exists()


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["new", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (f"mimocorb: {tmp_path} is not empty; name a new directory\n")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_place_that_cannot_be_used_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["new", str(tmp_path / "file" / "project")]) == 2
    assert f"cannot make {tmp_path}/file/project: Not a directory" in capsys.readouterr().err
