"""Whole runs in which events of several buffers are merged, and in which the order is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from running import run

ONE = {"slot_count": 32, "data_length": 1, "data_dtype": "float64"}
FUNCTIONS = str(Path(__file__).with_name("parallel_functions.py"))


def write_setup(directory: Path, buffers: list[str], workers: dict[str, dict[str, Any]]) -> Path:
    path = directory / "setup.yaml"
    for worker in workers.values():
        worker["file"] = FUNCTIONS
    setup = {"Buffers": {name: dict(ONE) for name in buffers}, "Workers": workers}
    path.write_text(yaml.safe_dump(setup, sort_keys=False))
    return path


def saved(finished: Any) -> list[float]:
    return [float(line) for line in (finished.directory / "saved.txt").read_text().split()]


def test_two_buffers_are_merged_and_waiting_for_a_partner_is_not_hanging(tmp_path: Path) -> None:
    workers = {
        "to_top": {"function": "numbers", "sinks": ["top"], "config": {"events": 40}},
        "to_bottom": {
            "function": "numbers",
            "sinks": ["bottom"],
            "config": {"events": 30, "late_s": 2.0},
        },
        "merge": {
            "function": "add",
            "sources": ["top", "bottom"],
            "sinks": ["sums"],
            "hang_timeout_s": 1.0,
        },
        "save": {"function": "save", "sources": ["sums"]},
    }
    done = run(write_setup(tmp_path, ["top", "bottom", "sums"], workers))
    assert done.code == 0, done.text
    assert saved(done) == [2.0 * n for n in range(30)]
    assert "merged 30 complete sets, 10 incomplete, 0 of them late" in done.log
    (decisions,) = done.summary["accounts"]["decisions"]
    # Sets, and what went on of them is what the ledger says was published.
    assert (decisions["accepted"], decisions["rejected"], decisions["unit"]) == (30, 10, "set")
    assert decisions["accepted_for"] == {"sums": 30}
    assert done.published("sums") == 30
    read = [group for buffer in done.summary["buffers"][:2] for group in buffer["groups"]]
    assert decisions["events"] == sum(group["acknowledged"] for group in read) == 70
    assert "merge add: 40 sets of 70 events = 30 accepted (sums 30) + 10 rej" in done.summary_text
    assert list(done.record["quality"]) == ["clean"]
    assert decisions["reasons"] == {"incomplete: nothing from bottom": 10}


def test_parallel_filters_keep_the_order_although_some_of_them_die(tmp_path: Path) -> None:
    workers = {
        "input": {"function": "numbers", "sinks": ["raw"], "config": {"events": 150}},
        "filter": {
            "function": "dawdle",
            "sources": ["raw"],
            "sinks": ["kept"],
            "number_of_processes": 3,
            "ordered": True,
            "restart": "on_failure",
            "config": {"dies_on": [20, 70, 71]},
        },
        "save": {"function": "save", "sources": ["kept"]},
    }
    done = run(write_setup(tmp_path, ["raw", "kept"], workers))
    assert saved(done) == [float(n) for n in range(150)], done.text
