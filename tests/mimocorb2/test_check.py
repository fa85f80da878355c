"""What is known of a set-up of mimoCoRB2 before anything is started."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from their_buffers import NUMBERS, WAVES

from mimocorb.cli import main
from mimocorb.compat.mimocorb2.changed_meaning import changed_meaning
from mimocorb.setup.dialects import read_setup

HERE = Path(__file__).parent


def write(directory: Path, filters: int) -> Path:
    shutil.copy(HERE / "their_functions.py", directory)
    theirs = {"file": "their_functions.py"}
    workers = {
        "input": {**theirs, "function": "pulses", "sinks": ["Input"], "config": {"events": 5}},
        "heights": {
            **theirs,
            "function": "heights",
            "sources": ["Input"],
            "sinks": ["Heights"],
            "number_of_processes": filters,
        },
        "table": {"function": "exporters.csv", "sources": ["Heights"]},
        "watch": {**theirs, "function": "watch", "observes": ["Heights"]},
    }
    path = directory / "setup.yaml"
    buffers = {"Input": WAVES, "Heights": NUMBERS}
    path.write_text(yaml.safe_dump({"Buffers": buffers, "Workers": workers}, sort_keys=False))
    return path


def test_check_imports_their_modules_and_says_what_means_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(write(tmp_path, 1))]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "buffer_io" in page
    assert page.count("other than in mimoCoRB2:") == 1
    assert "watch: an observer gets a copy of the newest event" in page
    assert "no errors, no warnings" in page


def test_only_what_concerns_a_set_up_is_told(tmp_path: Path) -> None:
    ends = "a stream ends when the last process that writes it has finished"
    assert not any(ends in text for text in changed_meaning(read_setup(write(tmp_path, 1))))
    (told,) = [t for t in changed_meaning(read_setup(write(tmp_path, 2))) if ends in t]
    assert told.startswith("heights: ")


def test_a_set_up_of_our_own_functions_is_told_nothing(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "def f(source_list, sink_list, observe_list, config_dict, **rb_info): pass\n"
    )
    setup = {
        "Buffers": {"Input": NUMBERS},
        "Workers": {
            "input": {"file": "own.py", "function": "f", "sinks": ["Input"]},
            "drain": {"file": "own.py", "function": "f", "sources": ["Input"]},
        },
    }
    path = tmp_path / "setup.yaml"
    path.write_text(yaml.safe_dump(setup))
    assert changed_meaning(read_setup(path)) == []
