"""A set-up from start to end: everything taken is processed, written and accounted for."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from running import (
    WATCHDOG_S,
    Worker,
    buffer,
    chain,
    chain_with_a_file,
    run,
    run_directories,
    write_setup,
)


@pytest.mark.parametrize("start_method", ["fork", "forkserver", "spawn"])
def test_every_event_arrives_under_every_start_method(tmp_path, start_method):
    middle = Worker("double", {"RB_1": "read", "RB_2": "write"}, processes=2)
    finished = run(chain(tmp_path, middle=middle), "--start-method", start_method)
    assert finished.code == 0, finished.text
    assert finished.values() == [2.0 * n for n in range(100)]
    assert "complete: every event was processed" in finished.text


def test_the_ledger_is_closed_in_the_summary(tmp_path):
    summary = run(chain(tmp_path)).summary
    assert summary["exit_code"] == 0
    assert summary["reason"] == "the source is exhausted"
    for ledger in summary["buffers"]:
        assert ledger["claimed"] == ledger["published"] + ledger["aborted"] + ledger["torn"]
        assert ledger["published"] == 100
        for group in ledger["groups"]:
            assert group["offered"] == group["acknowledged"] == 100
    assert {worker["exit_code"] for worker in summary["workers"]} == {0}


def test_what_was_refused_is_in_the_ledger_and_no_failure(tmp_path):
    source = Worker("waits_for_nothing", {"RB_1": "write"}, {"times": 3})
    sink = Worker("save_slowly", {"RB_1": "read"}, {"filename": "values.txt", "pause_s": 0.01})
    finished = run(write_setup(tmp_path, [buffer("RB_1", slots=2)], [source, sink]))
    assert finished.code == 0, finished.text
    (ledger,) = finished.summary["buffers"]
    assert (ledger["refused_full"], ledger["refused_paused"]) == (3, 0)
    assert ledger["claimed"] == ledger["published"] == len(finished.values())
    assert "  RB_1: 3 claims refused while full\n" in finished.summary_text
    assert "  refused: no slot came within the time-out" in finished.summary_text
    assert "refused while paused" not in finished.summary_text


def test_several_sources_and_several_readers_of_one_buffer_all_get_their_share(tmp_path):
    setup = write_setup(
        tmp_path,
        [buffer("RB_1")],
        [
            Worker("numbers", {"RB_1": "write"}, {"events": 50}, processes=2),
            Worker("text", {"RB_1": "read"}, {"filename": "values"}),
            Worker("drain", {"RB_1": "read"}),
            Worker("looks", {"RB_1": "observe"}),
        ],
    )
    finished = run(setup)
    assert finished.code == 0, finished.text
    assert finished.values() == sorted([float(n) for n in range(50)] * 2)
    (ledger,) = finished.summary["buffers"]
    assert [(g["reader"], g["acknowledged"]) for g in ledger["groups"]] == [
        ("text", 100),
        ("drain", 100),
    ]


def test_the_run_ends_after_the_time_asked_for(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.002})
    finished = run(chain(tmp_path, source=source), "--time", "1")
    assert finished.code == 0, finished.text
    assert finished.summary["reason"] == "the run time of 1 s is over"
    assert finished.summary["active_s"] >= 1.0
    assert len(finished.values()) == finished.published("RB_1") > 0


def test_the_run_ends_after_the_number_of_events_asked_for_in_the_setup(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.01})
    finished = run(chain(tmp_path, source=source, runevents=20))
    assert finished.code == 0, finished.text
    assert finished.summary["reason"] == "20 events have been taken"
    assert finished.published("RB_1") >= 20
    assert len(finished.values()) == finished.published("RB_1")


def test_a_display_that_never_ends_is_closed_at_the_end_without_a_complaint(tmp_path):
    finished = run(chain(tmp_path, more=[Worker("looks", {"RB_1": "observe"})]))
    assert finished.code == 0, finished.text
    assert finished.summary["warnings"] == []


def test_the_directory_of_the_run_says_what_was_run(tmp_path):
    finished = run(chain_with_a_file(tmp_path))
    directory = finished.directory
    assert directory.name.startswith("test_setup_20")
    assert (directory / "test_setup.yaml").read_text() == (tmp_path / "test_setup.yaml").read_text()
    assert (directory / "config.yaml").exists()
    copied = {path.name for path in directory.rglob("*.py")}
    assert copied == {
        "source_functions.py",
        "filter_functions.py",
        "ways_to_fail.py",
    }
    assert finished.record["setup"]["Workers"]["source"]["config"] == {"events": 100}
    assert {"mimocorb", "python", "packages", "kernel"} <= finished.record["versions"].keys()
    assert finished.summary_text.startswith("Run test_setup: complete: every event was processed\n")
    lines = (directory / "log.jsonl").read_text().splitlines()
    assert all(json.loads(line)["origin"] for line in lines)


def test_twenty_runs_started_together_have_twenty_directories(tmp_path):
    setup = write_setup(
        tmp_path,
        [buffer("RB_1", values=4)],
        [
            Worker("numbers", {"RB_1": "write"}, {"events": 3}),
            Worker("drain", {"RB_1": "read"}),
        ],
    )
    together = (
        "import multiprocessing, sys, mimocorb.cli, mimocorb.run.run\n"
        "fork = multiprocessing.get_context('fork').Process\n"
        "runs = [fork(target=lambda: sys.exit(mimocorb.cli.run_daq(sys.argv[1:])))"
        " for _ in range(20)]\n"
        "[run.start() for run in runs]\n"
        "[run.join() for run in runs]\n"
        "print([run.exitcode for run in runs])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", together, setup.name, "--quiet"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=2 * WATCHDOG_S,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == str([0] * 20), done.stderr
    records = [
        json.loads((directory / "run.json").read_text())
        for directory in run_directories(tmp_path / "target")
    ]
    assert sorted(record["number"] for record in records) == list(range(1, 21))
    assert [record["result"]["events"] for record in records] == [3] * 20


def test_whatever_a_worker_prints_is_in_the_log_with_its_name(tmp_path):
    finished = run(chain(tmp_path, source=Worker("talks", {"RB_1": "write"})))
    assert finished.code == 0, finished.text
    for text in (
        "INFO    source talks: from print",
        "WARNING source talks: from stderr",
        "INFO    source talks: from write",
        "INFO    source talks: from C",
        "ERROR   source talks: driver: from logging",
        "INFO    source talks: line 4999",
        "INFO    source talks: without end of line",
    ):
        assert f" {text}\n" in finished.log
    assert "UserWarning: from warnings" in finished.log
    assert finished.log.count("talks: line ") == 5_000
