"""The command line: what it answers to good and to bad usage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from running import chain

from mimocorb.cli import main

RUN_DAQ = Path(__file__).parents[2] / "run_daq.py"


def test_run_daq_runs_a_setup(tmp_path):
    setup = chain(tmp_path)
    command = [sys.executable, str(RUN_DAQ), setup.name, "--quiet", "--output", "data"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Run test_setup: complete")
    assert len(list((tmp_path / "data").iterdir())) == 1


def test_check_and_graph_start_nothing(tmp_path, capsys):
    setup = str(chain(tmp_path))
    assert main(["check", setup]) == 0
    assert main(["graph", setup]) == 0
    printed = capsys.readouterr().out
    assert "no errors" in printed
    assert "RB_1 ──▶ Fkt_2 double ──▶ RB_2" in printed
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("command", ["run", "check", "graph"])
def test_a_bad_setup_lists_its_errors_and_starts_nothing(tmp_path, capsys, command):
    setup = chain(tmp_path)
    setup.write_text(setup.read_text().replace("number_of_slots", "number_of_slot"))
    assert main([command, str(setup)]) == 2
    errors = capsys.readouterr().err
    assert "test_setup.yaml:" in errors
    assert "number_of_slots" in errors
    assert "nothing was started" in errors
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run"],
        ["fly", "setup.yaml"],
        ["run", "setup.yaml", "--events", "0"],
        ["run", "setup.yaml", "--events", "many"],
        ["run", "setup.yaml", "--time", "nan"],
        ["run", "setup.yaml", "--time", "-1"],
        ["run", "setup.yaml", "--start-method", "magic"],
    ],
)
def test_bad_usage_is_code_2_and_a_short_message(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert "usage:" in error
    assert "Traceback" not in error


def test_an_output_directory_that_cannot_be_made_is_one_message(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file")
    assert main(["run", str(chain(tmp_path)), "--output", "taken", "--quiet"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "taken" in error
