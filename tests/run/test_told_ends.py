"""The end of a run is always told, whatever texts and numbers come."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys

import pytest
from running import RunningDaq, Worker, buffer, chain, run, run_directories, write_setup

from mimocorb._json import to_json

ODD = "caf\udce9"
SHOWN = "caf\\udce9"
"""How Python gives a name of a file in Latin-1, and how it is written."""


def no_json(word):
    raise AssertionError(f"{word} is no JSON")


def told(directory):
    """The record as a strict reader reads it, and the summary."""
    record = json.loads((directory / "run.json").read_bytes().decode(), parse_constant=no_json)
    for line in (directory / "log.jsonl").read_bytes().decode().splitlines():
        json.loads(line, parse_constant=no_json)
    return record, (directory / "summary.txt").read_bytes().decode()


def of_a_filter(tmp_path, function):
    middle = Worker(function, {"RB_1": "read", "RB_2": "write"})
    source = Worker("numbers", {"RB_1": "write"}, {"events": 5})
    return chain(tmp_path, source=source, middle=middle)


def test_a_text_that_is_not_utf8_takes_nothing_away_from_the_end(tmp_path):
    finished = run(of_a_filter(tmp_path, "fails_with_an_odd_text"))
    assert finished.code == 1
    record, summary = told(finished.directory)
    assert f"no such file: {SHOWN}" in record["result"]["failures"][0]
    assert f"no such file: {SHOWN}" in summary
    assert "crashed workers" in record["quality"]


def test_odd_names_numbers_and_reasons_of_functions_are_in_record_and_summary(tmp_path):
    finished = run(of_a_filter(tmp_path, "says_odd_things"))
    assert finished.code == 0, finished.text
    record, summary = told(finished.directory)
    reported = record["result"]["results"]["filter"]
    assert reported == {SHOWN: 1.0, "nan": "NaN", "up": "Infinity", "down": "-Infinity"}
    (decisions,) = record["result"]["accounts"]["decisions"]
    assert decisions["reasons"] == {SHOWN: 5}
    assert SHOWN in summary
    assert SHOWN in finished.log


def test_a_run_in_a_directory_whose_name_is_not_utf8_ends_as_any_other(tmp_path):
    odd = tmp_path / os.fsdecode(b"lat\xfcn")
    odd.mkdir()
    finished = run(of_a_filter(odd, "double"))
    assert finished.code == 0, finished.text
    record, summary = told(finished.directory)
    assert "lat\\udcfcn" in summary
    assert record["quality"] == {"clean": []}
    for command in (["check", "test_setup.yaml"], ["runs"], ["runs", "1"], ["runs", "1", "--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "mimocorb.cli", *command],
            cwd=odd,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b""), command
        if "--json" in command:
            json.loads(done.stdout.decode(), parse_constant=no_json)


def test_the_status_of_a_run_with_odd_results_is_json_and_can_be_read_back(tmp_path):
    odd = tmp_path / os.fsdecode(b"lat\xfcn")
    odd.mkdir()
    (odd / "obstacle").touch()
    config = {"file": "obstacle"}
    middle = Worker("says_odd_things_and_waits", {"RB_1": "read", "RB_2": "write"}, config)
    source = Worker("numbers", {"RB_1": "write"}, {"events": 5})
    daq = RunningDaq(chain(odd, source=source, middle=middle))
    daq.wait_for("it waits")
    (directory,) = run_directories(odd / "target")
    for command in (["status", "--json"], ["status"]):
        done = subprocess.run(
            [sys.executable, "-m", "mimocorb.cli", *command[:1], directory, *command[1:]],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        if "--json" in command:
            status = json.loads(done.stdout.decode(), parse_constant=no_json)
            assert status["view"]["results"]["filter"]["nan"] == "NaN"
    (odd / "obstacle").unlink()
    assert daq.finish().code == 0


def test_a_flood_of_reports_is_kept_as_far_as_people_can_read_it(tmp_path):
    finished = run(of_a_filter(tmp_path, "reports_without_end"))
    assert finished.code == 0, finished.text
    record, _ = told(finished.directory)
    assert len(record["result"]["results"]["filter"]) == 1000
    (reason,) = record["quality"]["warnings"]
    assert "only the first 1000 names are kept, not 'x1000'" in reason


def test_a_run_whose_directory_is_removed_says_so_and_ends(tmp_path):
    daq = RunningDaq(chain(tmp_path, source=Worker("numbers", {"RB_1": "write"})))
    daq.wait_for("data taking begins")
    (directory,) = run_directories(tmp_path / "target")
    while directory.exists():  # the run goes on writing into it
        shutil.rmtree(directory, ignore_errors=True)
    daq.interrupt()
    daq.wait_for("Failures")
    daq.wait_for("run.json")
    assert daq.process.wait() == 1
    assert "Traceback" not in daq.text


@pytest.mark.parametrize("descriptors", [8, 10, 12, 14, 16, 20, 24, 32, 40])
def test_few_descriptors_are_one_message_and_never_a_traceback(tmp_path, descriptors):
    daq = RunningDaq(
        chain(tmp_path),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors)),
    )
    text, _ = daq.process.communicate(timeout=120)
    assert b"Traceback" not in text
    assert b"Exception ignored" not in text
    assert daq.process.returncode in (0, 1, 2)


def test_a_filter_that_fails_when_all_is_done_is_a_warning_where_it_may_be_replaced(tmp_path):
    middle = Worker(
        "FailsAtItsEnd",
        {"RB_1": "read", "RB_2": "write"},
        keys={"on_failure": "restart"},
    )
    source = Worker("numbers", {"RB_1": "write"}, {"events": 5})
    finished = run(chain(tmp_path, source=source, middle=middle))
    assert finished.code == 0, finished.text
    assert len(finished.values()) == 5
    (warning,) = finished.summary["warnings"]
    assert warning.endswith("; nothing was left to do for a new process")


def test_a_sink_that_fails_at_its_end_is_a_failure_whatever_is_left(tmp_path):
    sink = Worker("CannotWriteItsResultToo", {"RB_1": "read"}, keys={"on_failure": "restart"})
    source = Worker("numbers", {"RB_1": "write"}, {"events": 5})
    finished = run(write_setup(tmp_path, [buffer("RB_1")], [source, sink]))
    assert finished.code == 1, "its file may not be complete"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), '"NaN"'),
        (float("-inf"), '"-Infinity"'),
        ({ODD: [ODD, (1.5, None, True)]}, '{"caf\\\\udce9": ["caf\\\\udce9", [1.5, null, true]]}'),
        ("ü\u2028", '"ü\u2028"'),
    ],
)
def test_json_is_json_whatever_is_in_it(value, text):
    assert to_json(value) == text
    assert json.loads(to_json(value), parse_constant=no_json) is not None
