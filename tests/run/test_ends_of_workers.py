"""At the end of a worker nothing is lost that its function left open, and nothing is cut off."""

from __future__ import annotations

import gzip

import pytest
from running import RunningDaq, Worker, chain, run, run_directories

from mimocorb.cli import main

VALUES = [2.0 * n for n in range(100)]
ALL_METHODS = pytest.mark.parametrize("method", ["fork", "spawn"])


def run_with(tmp_path, function, *options, method="forkserver", **config):
    sink = Worker(function, {"RB_2": "read"}, config)
    return run(chain(tmp_path, sink=sink), "--start-method", method, *options)


@ALL_METHODS
def test_a_file_that_a_function_leaves_open_has_all_its_rows(tmp_path, method):
    finished = run_with(tmp_path, "leaves_a_file_open", method=method)
    assert finished.code == 0, finished.text
    rows = (finished.directory / "rows.txt").read_text().splitlines()
    assert sorted(map(float, rows)) == VALUES


@ALL_METHODS
def test_a_file_in_a_cycle_is_closed_and_exit_functions_are_called(tmp_path, method):
    finished = run_with(tmp_path, "LeavesACycle", method=method)
    assert finished.code == 0, finished.text
    with gzip.open(finished.directory / "rows.txt.gz", "rt") as file:
        assert sorted(map(float, file)) == VALUES
    for name in ("exit.txt", "finalized.txt"):
        assert (finished.directory / name).read_text() == "called"


def test_a_thread_that_still_works_is_waited_for(tmp_path):
    finished = run_with(tmp_path, "LeavesAThread")
    assert finished.code == 0, finished.text
    rows = (finished.directory / "rows.txt").read_text().splitlines()
    assert sorted(map(float, rows)) == VALUES


def test_what_was_left_open_and_cannot_be_written_fails_the_run(tmp_path):
    finished = run_with(tmp_path, "leaves_what_cannot_be_written")
    assert finished.code == 1
    (failure,) = finished.summary["failures"]
    assert failure.startswith(
        "sink leaves_what_cannot_be_written failed: /dev/full, which was left"
    )
    assert "No space left on device" in failure


def test_the_end_of_a_sink_takes_as_long_as_it_takes(tmp_path):
    finished = run_with(tmp_path, "TakesLongToEnd", "--drain-timeout", "0.5", time_s=3.0)
    assert finished.code == 0, finished.text
    assert (finished.directory / "rows.txt").read_text() == "9900.0\n"


def test_who_works_for_long_at_the_end_is_named_and_ends_on_a_second_request(tmp_path):
    sink = Worker("TakesLongToEnd", {"RB_2": "read"}, {"time_s": 600.0})
    daq = RunningDaq(chain(tmp_path, sink=sink), "--drain-timeout", "0.5")
    daq.wait_for("waiting for sink TakesLongToEnd, which has got all events and not ended yet")
    (directory,) = run_directories(tmp_path / "target")
    assert main(["stop", "--now", str(directory)]) == 0
    finished = daq.finish()
    assert not (finished.directory / "rows.txt").exists()
    assert "sink TakesLongToEnd" in finished.summary_text


def test_a_failure_at_the_end_is_one_although_something_holds_the_process_up(tmp_path):
    finished = run_with(tmp_path, "CannotWriteItsResult", "--drain-timeout", "1", killed=False)
    assert finished.code == 1, finished.text
    (failure,) = finished.summary["failures"]
    assert (
        "CannotWriteItsResult failed: CannotWriteItsResult raised ValueError: the result cannot"
        in failure
    )
    assert any("was held up by" in warning for warning in finished.summary["warnings"])


def test_a_sink_killed_at_its_end_is_said_to_have_had_all_its_events(tmp_path):
    finished = run_with(tmp_path, "CannotWriteItsResult", killed=True)
    assert finished.code == 1, finished.text
    (failure,) = finished.summary["failures"]
    assert failure.endswith("behind all its events: what it does at its end is cut off")
