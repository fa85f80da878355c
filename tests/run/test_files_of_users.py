"""Files of users and files of the run in one directory: none is written over, all is told."""

from __future__ import annotations

import json

import pytest
from running import Worker, buffer, chain, run, write_setup

TOTAL = "the sum is 9900.0\n"


def run_with_own_sink(tmp_path, function, filename):
    sink = Worker(function, {"RB_2": "read"}, {"filename": filename})
    return run(chain(tmp_path, sink=sink))


@pytest.mark.parametrize(
    ("filename", "kept", "own"),
    [
        ("summary.txt", "summary.txt", "summary_run.txt"),
        ("run.json", "run_found.json", "run.json"),
        ("log.txt", "log.txt", "log_run.txt"),
        ("log.jsonl", "log.jsonl", "log_run.jsonl"),
        ("spill.zip", "spill.zip", "run.json"),
    ],
)
def test_a_result_under_a_name_of_the_run_is_kept_and_told(tmp_path, filename, kept, own):
    finished = run_with_own_sink(tmp_path, "WritesAtTheEnd", filename)
    assert finished.code == 0, finished.text
    directory = finished.directory
    assert (directory / kept).read_text() == TOTAL
    assert (directory / own).stat().st_size > 50
    record = json.loads((directory / "run.json").read_text())
    assert record["state"] == "ended"
    told = [text for text in record["result"]["warnings"] if filename in text]
    assert bool(told) == (filename != "spill.zip")
    assert (filename in finished.text) == bool(told)


def test_the_summary_is_found_under_its_other_name(tmp_path, capsys):
    from mimocorb.cli import main

    finished = run_with_own_sink(tmp_path, "WritesAtTheEnd", "summary.txt")
    assert main(["runs", str(finished.directory)]) == 0
    assert "Ledger" in capsys.readouterr().out


@pytest.mark.parametrize("filename", ["summary.txt", "run.json", "log.txt"])
def test_a_file_that_is_written_during_the_run_is_kept_as_well(tmp_path, filename):
    finished = run_with_own_sink(tmp_path, "WritesAtOnce", filename)
    directory = finished.directory
    kept = {"run.json": "run_found.json"}.get(filename, filename)
    values = [float(line) for line in (directory / kept).read_text().splitlines()]
    assert sorted(values) == [2.0 * n for n in range(100)]
    assert any(filename in text for text in finished.summary["warnings"])


def test_a_file_that_is_deleted_under_its_sink_is_there_at_the_end_and_it_is_told(tmp_path):
    workers = [
        Worker("numbers", {"RB_1": "write"}, {"events": 100}),
        Worker("double", {"RB_1": "read", "RB_2": "write"}),
        Worker("text", {"RB_2": "read"}, {"filename": "values"}),
        Worker("DeletesItsFile", {"RB_2": "read"}, {"filename": "values.txt"}),
    ]
    finished = run(write_setup(tmp_path, [buffer("RB_1", values=4), buffer("RB_2")], workers))
    if "values.txt was deleted or replaced while it was written" not in finished.log:
        # Deleted after the end of the sink: nobody was there to put it back.
        assert not (finished.directory / "values.txt").exists()
        pytest.skip("the file was only deleted when its sink had ended")
    assert finished.values() == [2.0 * n for n in range(100)]
