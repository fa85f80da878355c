"""Whole runs of decorated functions, under every start method."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from running import WATCHDOG_S, Finished, run

import mimocorb

FUNCTIONS = Path(__file__).with_name("plain_functions.py")


def write_setup(directory: Path, **workers: dict[str, Any]) -> Path:
    """Write numbers → raw → (a filter) → doubled → (a sink); what is given replaces or adds."""
    value, counted = {"value": "float64"}, {"value": "float64", "counter": "int64"}
    buffers = {
        "raw": {"slot_count": 64, "data_length": 1, "data_dtype": value},
        "doubled": {"slot_count": 64, "data_length": 1, "data_dtype": counted},
    }
    usual: dict[str, dict[str, Any]] = {
        "source": {"function": "numbers", "sinks": ["raw"]},
        "middle": {"function": "double", "sources": ["raw"], "sinks": ["doubled"]},
        "save": {"function": "Save", "sources": ["doubled"], "config": {"filename": "values"}},
    }
    all_workers = {
        name: {"file": str(FUNCTIONS), **usual.get(name, {}), **workers.get(name, {})}
        for name in {**usual, **workers}
    }
    path = directory / "setup.yaml"
    path.write_text(yaml.safe_dump({"Buffers": buffers, "Workers": all_workers}, sort_keys=False))
    return path


def lines(finished: Finished, name: str = "values") -> list[str]:
    return (finished.directory / name).read_text().splitlines()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_all_kinds_work_under_every_start_method(tmp_path: Path, method: str) -> None:
    setup = write_setup(
        tmp_path,
        middle={"number_of_processes": 2, "config": {"offset": 0.5}},
        look={"function": "glance", "observes": ["raw"], "config": {"filename": "seen"}},
    )
    finished = run(setup, "--start-method", method)
    assert finished.code == 0, finished.text
    *values, last = lines(finished)
    assert last == "closed"
    assert sorted(map(float, values)) == [2.0 * number + 0.5 for number in range(50)]
    assert lines(finished, "seen")[0].split()[0] in {str(number) for number in range(50)}


def test_paths_start_at_the_set_up(tmp_path: Path) -> None:
    setup = write_setup(tmp_path, source={"config": {"opened": "mark"}})
    other = tmp_path / "elsewhere"
    other.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", "run", "--quiet", str(setup)],
        cwd=other,
        check=False,
        capture_output=True,
        timeout=WATCHDOG_S,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mark").exists()


def test_a_class_whose_parameters_only_python_knows_works(tmp_path: Path) -> None:
    middle = {"function": "Window", "config": {"low": 10, "high": 13}}
    finished = run(write_setup(tmp_path, middle=middle))
    assert finished.code == 0, finished.text
    assert lines(finished) == ["10.0", "11.0", "12.0", "closed"]


@pytest.mark.parametrize(
    ("middle", "words"),
    [
        (
            {"function": "Window", "config": {"low": 10, "hihg": 13}},
            "error: Window has the parameters low, high; found 'hihg' in the configuration of "
            "middle; did you mean 'high'?",
        ),
        (
            {"function": "known_when_loaded", "config": {"offset": "much"}},
            "error: offset of known_when_loaded is float; found the text 'much'; input should be a "
            "valid number",
        ),
        (
            {"function": "known_when_loaded"},
            "error: known_when_loaded needs offset, float; found none in the configuration of "
            "middle; add 'offset'",
        ),
    ],
)
def test_what_only_the_loaded_function_knows_is_said_before_anything_starts(
    tmp_path: Path, middle: dict[str, Any], words: str
) -> None:
    source = {"config": {"opened": str(tmp_path / "opened")}}
    finished = run(write_setup(tmp_path, source=source, middle=middle))
    assert finished.code == 2
    assert words in finished.text
    assert "Traceback" not in finished.text
    assert not finished.parent.exists()
    assert not (tmp_path / "opened").exists()


def test_a_misspelt_key_is_said_before_anything_starts(tmp_path: Path) -> None:
    finished = run(write_setup(tmp_path, save={"config": {"filenmae": "values"}}))
    assert finished.code == 2
    assert "Save has the parameters filename; found 'filenmae'" in finished.text
    assert not finished.parent.exists()


@pytest.mark.parametrize("killed", [False, True])
def test_an_event_that_a_sink_cannot_take_is_set_aside_alone(tmp_path: Path, killed: bool) -> None:
    setup = write_setup(
        tmp_path,
        fussy={
            "function": "refuses_13",
            "sources": ["raw"],
            "number_of_processes": 4,
            "config": {"killed": killed},
            "restart": "never",
        },
    )
    finished = run(setup)
    assert finished.code == 1
    (events,) = mimocorb.open(finished.directory / "set_aside").values()
    assert events.metadata.counter.tolist() == [13]
    (raw,) = [b for b in finished.summary["buffers"] if b["name"] == "raw"]
    assert raw["published"] == 50
    assert len(lines(finished)) == 51
