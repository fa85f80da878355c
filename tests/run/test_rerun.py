"""``mimocorb rerun``: the graph of a run once more, on what it recorded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from running import run_directories

import mimocorb
from mimocorb.cli import main
from mimocorb.run.record.run_record import read_record

CODE = """\
import time

import mimocorb as mc
import numpy as np


@mc.source
def pulses(*, events: int, seed: int = 1):
    random = np.random.default_rng(seed)
    for number in range(events):
        height = random.exponential(600.0)
        yield [np.round(height * np.exp(-np.arange(20) / 5))], {"time_ns": 1_000_003 * number}


@mc.filter
def large(event, metadata, *, threshold: float):
    time.sleep(0.0005 * (metadata.counter % 3))  # so that processes overtake each other
    height = float(event["chA"].max())
    return {"height": height, "sum": float(event["chA"].sum())} if height > threshold else None
"""
SETUP = {
    "Buffers": {
        "raw": {"slot_count": 32, "data_length": 20, "data_dtype": {"chA": "int16"}},
        "heights": {
            "slot_count": 32,
            "data_length": 1,
            "data_dtype": {"height": "float64", "sum": "float64"},
        },
    },
    "Workers": {
        "detector": {
            "file": "work.py",
            "function": "pulses",
            "sinks": ["raw"],
            "config": {"events": 300},
        },
        "save": {"function": "record", "sources": ["raw"], "config": {"filename": "waves"}},
        "search": {
            "file": "work.py",
            "function": "large",
            "number_of_processes": 2,
            "sources": ["raw"],
            "sinks": ["heights"],
            "config": {"threshold": 400.0},
        },
        "table": {"function": "text", "sources": ["heights"], "config": {"filename": "heights"}},
    },
}


@pytest.fixture
def first(tmp_path, monkeypatch) -> Path:
    """A run that has recorded 300 events, and whose code has been changed since."""
    monkeypatch.chdir(tmp_path)
    return recorded(tmp_path)


def recorded(directory: Path, *arguments: str, **changes: object) -> Path:
    (directory / "work.py").write_text(CODE)
    workers = SETUP["Workers"] | changes.pop("Workers", {})
    setup = {**SETUP, **changes, "Workers": {name: each for name, each in workers.items() if each}}
    (directory / "pulses.yaml").write_text(yaml.safe_dump(setup, sort_keys=False))
    assert main(["run", "--quiet", "pulses.yaml", *arguments]) == 0
    (directory / "work.py").write_text("raise RuntimeError('changed since')\n")
    return max(run_directories(directory / "target"), key=lambda path: path.name[-4:])


def again(directory: Path, *arguments: str) -> Path:
    assert main(["rerun", "--quiet", str(directory), *arguments]) == 0
    return max(run_directories(directory.parent), key=lambda path: path.name[-4:])


def table(directory: Path) -> str:
    return (directory / "heights.txt").read_text()


def test_the_same_input_gives_the_same_results_bit_for_bit_with_two_processes(first):
    results = [again(first) for _ in range(2)]
    assert table(results[0]) == table(results[1])
    heading, *rows = table(first).splitlines()
    again_heading, *again_rows = table(results[0]).splitlines()
    assert again_heading == heading
    assert again_rows == sorted(rows, key=lambda row: int(row.split("\t")[0]))
    assert 0 < len(rows) < 300


def test_a_rerun_tells_what_it_takes_and_records_it(first, capsys):
    second = again(first)
    assert (
        "rerun: raw: 300 events of the recording waves of"
        f" {first.name} in the place of detector\n" in capsys.readouterr().out
    )
    record = read_record(second)
    assert record.rerun_of == str(first)
    assert record.repeats == 1
    assert "clean" in record.quality
    assert "save" not in record.setup["Workers"]
    with pytest.raises(KeyError):
        mimocorb.open(second)["waves"]


def test_settings_hold_again_and_new_ones_come_on_top(first):
    second = again(first, "--set", "search.threshold=800")
    third = again(second)
    fourth = again(second, "--set", "search.threshold=400")
    assert table(third) == table(second) != table(first)
    assert table(fourth) == table(again(first))


def test_a_rerun_of_a_rerun_takes_the_input_of_the_first_run_also_if_all_were_moved(
    first, tmp_path
):
    second = again(first)
    moved = tmp_path / "elsewhere"
    shutil.move(first.parent, moved)
    third = again(moved / second.name)
    assert table(third) == table(moved / second.name)
    shutil.rmtree(moved / first.name)
    assert main(["rerun", str(third)]) == 1


def test_a_file_that_was_made_of_the_recording_is_input_as_well(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save = {"function": "parquet", "sources": ["raw"], "config": {"filename": "kept"}}
    first = recorded(tmp_path, Workers={"save": save})
    capsys.readouterr()
    second = again(first)
    assert "300 events of the recording kept of" in capsys.readouterr().out
    rows = [sorted(table(each).splitlines()[1:]) for each in (first, second)]
    assert rows[0] == rows[1]
    assert not (second / "kept.parquet").exists()


def test_the_limits_of_a_run_do_not_hold_for_what_it_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = recorded(tmp_path, "--events", "100", stop_when=["heights.events >= 40"])
    assert read_record(again(first)).result.events == len(mimocorb.open(first)["waves"]) > 0
    limited = again(first, "--set", "runevents=10")
    assert read_record(limited).result.events == 10


def test_what_was_not_recorded_cannot_be_processed_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    first = recorded(tmp_path, Workers={"save": None})
    capsys.readouterr()
    assert main(["rerun", str(first)]) == 2
    assert capsys.readouterr().err == (
        "mimocorb: run 1 did not record the events of raw, which detector wrote, so they cannot be"
        " processed again. For the next run, add to its Workers: record_raw: {function: record,"
        " sources: [raw], config: {filename: raw}}\n"
    )


def test_a_run_that_only_records_has_nothing_to_be_run_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    buffers = {"raw": SETUP["Buffers"]["raw"]}
    first = recorded(tmp_path, Buffers=buffers, Workers={"search": None, "table": None})
    assert main(["rerun", str(first)]) == 2
    assert "recorded its events, and did nothing else with them" in capsys.readouterr().err


def test_code_outside_the_directory_of_the_set_up_is_that_of_the_run(tmp_path, monkeypatch):
    place = tmp_path / "experiment"
    place.mkdir()
    monkeypatch.chdir(place)
    shared = tmp_path / "shared.py"
    shared.write_text(CODE)
    search = SETUP["Workers"]["search"] | {"file": "../shared.py"}
    detector = SETUP["Workers"]["detector"] | {"file": str(shared)}
    first = recorded(place, Workers={"search": search, "detector": detector})
    shared.write_text("raise RuntimeError('changed since')\n")
    assert len(table(again(first))) == len(table(first))


def test_a_missing_part_of_the_recording_is_told(first, capsys):
    record = (first / "run.json").read_text()
    assert record.count('"published": 300') == 1
    (first / "run.json").write_text(record.replace('"published": 300', '"published": 311'))
    again(first)
    assert "the run took 311 events into raw, and recorded 300" in capsys.readouterr().err


def test_a_misspelt_setting_starts_nothing(first, capsys):
    assert main(["rerun", str(first), "--set", "search.thresold=3"]) == 2
    assert "did you mean 'threshold'?" in capsys.readouterr().err
    assert len(run_directories(first.parent)) == 1
