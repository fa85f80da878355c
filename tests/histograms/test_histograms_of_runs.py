"""Histograms and fits in whole runs: all events, once, also while processes are killed."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
import yaml
from running import Finished, RunningDaq, eventually, run, run_directories

import mimocorb
from mimocorb._words import with_error
from mimocorb.analysis.histograms.files import HISTOGRAMS_FILE, read_histograms
from mimocorb.analysis.histograms.page import pages_of
from mimocorb.analysis.histograms.run_histogram import RunHistogram
from mimocorb.cli import main

CODE = """
import time
import numpy as np
import mimocorb

@mimocorb.source(batch=True)
def decays(*, events: int, pause_s: float = 0.0, seed: int = 3):
    rng = np.random.default_rng(seed)
    for first in range(0, events, 50):
        time.sleep(pause_s)
        number = np.arange(first, min(first + 50, events))
        yield {"t_us": rng.exponential(2.2, len(number)), "number": number}
"""
TIMES = {"x": "t_us", "x_bins": 50, "x_from": 0.0, "x_to": 20.0}


def setup(
    directory: Path,
    *,
    events: int = 1000,
    pause_s: float = 0.0,
    histogram: dict[str, Any] | None = None,
    processes: int = 1,
    fit: dict[str, Any] | None = None,
    **keys: Any,
) -> Path:
    """Write decays → RB → histogram ``times``, with a fit ``life`` if one is wanted."""
    (directory / "work.py").write_text(CODE)
    fields = {"t_us": "float64", "number": "int64"}
    workers: dict[str, Any] = {
        "source": {
            "file": "work.py",
            "function": "decays",
            "sinks": ["RB"],
            "config": {"events": events, "pause_s": pause_s},
        },
        "times": {
            "function": "histogram",
            "sources": ["RB"],
            "number_of_processes": processes,
            "on_failure": {"action": "restart", "limit": 100, "backoff_s": 0.01},
            "config": histogram or TIMES,
        },
    }
    if fit is not None:
        workers["life"] = {"function": "fit", "observes": ["RB"], "config": fit}
    buffers = {"RB": {"slot_count": 256, "data_length": 1, "data_dtype": fields}}
    path = directory / "test_setup.yaml"
    path.write_text(yaml.safe_dump({"Buffers": buffers, "Workers": workers, **keys}))
    return path


def of_run(finished: Finished, name: str = "times") -> RunHistogram:
    return mimocorb.open(finished.directory).histograms[name]


def test_a_run_stores_the_histogram_of_all_its_events_and_no_pages(tmp_path):
    finished = run(setup(tmp_path, events=5000, processes=2))
    assert finished.code == 0, finished.text
    found = of_run(finished)
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.exponential(2.2, 50) for _ in range(100)])
    assert found.values().tolist() == np.histogram(values, 50, (0, 20))[0].tolist()
    assert found.events == finished.published("RB") == 5000
    assert found.live_time_s > 0
    assert not pages_of(finished.directory)
    assert (finished.directory / HISTOGRAMS_FILE).is_file()


def test_processes_are_killed_and_each_event_is_counted_once(tmp_path):
    """Each event has a bin of its own: a bin has 1 whatever happens to those who count."""
    events = 20_000
    bins = {"x": "number", "x_bins": events, "x_from": -0.5, "x_to": events - 0.5}
    path = setup(tmp_path, events=events, pause_s=0.01, histogram=bins, processes=2)
    daq = RunningDaq(path)
    daq.wait_for("data taking begins")
    (directory,) = run_directories(tmp_path / "target")
    kills = 0
    while daq.process.poll() is None and kills < 12:
        status = _status(directory)
        if status is None or status.view.state.value != "running":
            break
        times = next(worker for worker in status.view.workers if worker.name == "times")
        alive = [each.pid for each in times.processes if each.state.value == "running"]
        if alive:
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(alive[kills % len(alive)], signal.SIGKILL)
                kills += 1
    finished = daq.finish()
    assert kills > 3
    found = of_run(finished)
    assert found.values(flow=True).tolist() == [0, *[1] * events, 0]
    assert found.events == events


def _status(directory: Path) -> Any:
    try:
        return mimocorb.connect(directory).status()
    except mimocorb.errors.RunUnreachable:
        return None


def test_histograms_of_a_run_that_was_killed_are_there(tmp_path):
    daq = RunningDaq(setup(tmp_path, events=10**6, pause_s=0.005))
    daq.wait_for("data taking begins")
    (directory,) = run_directories(tmp_path / "target")
    eventually(lambda: "times" in read_histograms(directory) and _entries(directory) > 100)
    os.kill(daq.process.pid, signal.SIGKILL)
    daq.finish()
    found = read_histograms(directory)["times"]
    assert found.values(flow=True).sum() == found.entries > 100


def _entries(directory: Path) -> int:
    return read_histograms(directory)["times"].entries


def test_a_program_looks_at_the_histograms_of_a_run_that_goes_on(tmp_path):
    daq = RunningDaq(setup(tmp_path, events=10**6, pause_s=0.005))
    daq.wait_for("data taking begins")
    (directory,) = run_directories(tmp_path / "target")
    with mimocorb.connect(directory) as client:
        eventually(lambda: client.histograms()["times"].entries > 100)
        first = client.histogram("times")
        eventually(lambda: client.histogram("times").sequence > first.sequence)
        later = client.histogram("times")
        assert later.entries > first.entries
        assert later.live_time_s > 0
        plain = later.as_plain()
        assert sum(plain["values"]) + plain["overflow"] == later.entries
        assert plain["axes"][0]["unit"] == "us"
        with pytest.raises(mimocorb.errors.CommandRefused, match="this run has times"):
            client.histogram("time")
        client.stop()
        client.wait(60)
        assert client.histogram("times").entries == client.status().view.events
    assert daq.finish().code == 0


def test_a_run_ends_when_a_fit_is_good_enough_and_its_result_has_an_uncertainty(tmp_path):
    path = setup(
        tmp_path,
        events=10**6,
        pause_s=0.005,
        fit={"histogram": "times", "model": "exponential"},
        stop_when=["life.tau_relative_error < 0.05"],
    )
    assert main(["check", str(path)]) == 0
    finished = run(path)
    assert finished.code == 0, finished.text
    assert "life.tau_relative_error < 0.05 holds" in finished.summary["reason"]
    found = of_run(finished)
    (fit,) = found.fits
    assert fit.sequence == found.sequence  # the last fit is to all events
    tau = fit.parameters[0]
    assert abs(tau.value - 2.2) < 5 * tau.error
    results = finished.summary["results"]["life"]
    assert (results["tau_us"], results["tau_error_us"]) == (tau.value, tau.error)
    assert f"tau_us = {with_error(tau.value, tau.error)}" in finished.summary_text


def test_a_fit_of_few_events_says_so_in_the_log(tmp_path):
    fit = {"histogram": "times", "model": "exponential"}
    finished = run(setup(tmp_path, events=10, fit=fit))
    assert finished.code == 0, finished.text
    assert "10 values between 0 and 20 are too few for a fit, which needs 50" in finished.log
    assert finished.summary["results"] == {}


def test_a_fit_of_a_worker_that_fills_no_histogram_says_which_there_are(tmp_path):
    fit = {"histogram": "source", "model": "exponential"}
    finished = run(setup(tmp_path, events=1000, pause_s=0.1, fit=fit))
    assert finished.code == 2
    assert "found 'source', which fills nothing; write one of times" in finished.text


def test_a_condition_on_a_result_that_no_fit_has_is_found_before_the_run(tmp_path, capsys):
    path = setup(
        tmp_path,
        fit={"histogram": "times", "model": "exponential"},
        stop_when=["life.tau_relativ_error < 0.05"],
    )
    main(["check", str(path)])
    said = capsys.readouterr()
    assert "did you mean 'tau_relative_error'" in said.out + said.err


# --- mimocorb histograms


@pytest.fixture
def two_runs(tmp_path, monkeypatch) -> list[str]:
    path = setup(tmp_path, events=2000)
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert RunningDaq(path).process.wait() == 0
    return ["1", "2"]


def test_runs_are_listed_drawn_and_added(two_runs, capsys):
    assert main(["histograms"]) == 0
    assert "2 000" in capsys.readouterr().out
    assert main(["histograms", *two_runs]) == 0
    assert "4 000" in capsys.readouterr().out
    assert main(["histograms", "1", "--show", "times"]) == 0
    shown = capsys.readouterr().out
    assert "times: 2 000 values of 2 000 events" in shown
    assert "█" in shown
    assert main(["histograms", "1", "--json"]) == 0
    (plain,) = json.loads(capsys.readouterr().out)
    assert plain["entries"] == 2000
    assert main(["histograms", "1", "--show", "time"]) != 0
    assert "found times" in capsys.readouterr().err


def test_they_are_exported_for_other_programs(two_runs, tmp_path, capsys):
    files = [f"x.{ending}" for ending in ("json", "root", "txt", "spe", "npz", "png", "pdf", "svg")]
    options = [text for file in files for text in ("--export", file)]
    assert main(["histograms", *two_runs, *options]) == 0
    first, second = (
        read_histograms(directory)["times"] for directory in run_directories(tmp_path / "target")
    )
    total = (first + second).values()
    with uproot.open(tmp_path / "x.root") as root:
        assert root["times"].values().tolist() == total.tolist()
        assert root["times"].member("fXaxis").member("fTitle") == "t / us"
    arrays = np.load(tmp_path / "x.npz")
    assert arrays["times.values"][1:-1].tolist() == total.tolist()
    assert len(arrays["times.edges_x"]) == 51
    table = np.loadtxt(tmp_path / "x.txt", skiprows=5)
    assert table[:, 2].tolist() == total.tolist()
    lines = (tmp_path / "x.spe").read_text().split()
    begin = lines.index("$DATA:") + 3
    assert [int(line) for line in lines[begin : begin + 50]] == total.tolist()
    fit = lines.index("$ENER_FIT:")
    assert [float(text) for text in lines[fit + 1 : fit + 3]] == [0.2, 0.4]
    uhi = json.loads((tmp_path / "x.json").read_text())["times"]
    assert uhi["storage"]["values"][1:-1] == total.tolist()
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in (tmp_path / "x.svg").read_text()
    capsys.readouterr()
    assert main(["histograms", "1", "--export", "x.txt"]) != 0
    assert "there already" in capsys.readouterr().err
    assert main(["histograms", "1", "--export", "x.xls"]) != 0
    assert ".root" in capsys.readouterr().err
