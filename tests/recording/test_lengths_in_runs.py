"""Events with lengths of their own, from a source through filters into files, and back again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from lengths_functions import PIXELS, cluster

import mimocorb
from mimocorb.analysis.histograms.files import read_histograms

FUNCTIONS = str(Path(__file__).with_name("lengths_functions.py"))
COUNT = 400
CLUSTERS = [cluster(number) for number in range(COUNT)]
BUFFER = {
    "slot_count": 32,
    "data_length": 40,
    "variable": True,
    "data_dtype": {"x": "uint16", "charge": "float32"},
}
SUMS = {"slot_count": 32, "data_length": 1, "data_dtype": {"charge": "float64", "size": "int64"}}
THRESHOLD = 120.0


def mine(function: str, sources: str = "", sinks: str = "", **more: Any) -> dict[str, Any]:
    named = {"file": FUNCTIONS, "function": function}
    roles = {"sources": sources.split(), "sinks": sinks.split()}
    return named | {role: names for role, names in roles.items() if names} | more


def sink(function: str, source: str, filename: str, **config: Any) -> dict[str, Any]:
    return {
        "function": function,
        "sources": [source],
        "config": {"filename": filename, **config},
    }


def command(cwd: Path, *arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", *map(str, arguments)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def started(
    directory: Path, setup: dict[str, Any]
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    directory.mkdir(exist_ok=True)
    (directory / "setup.yaml").write_text(yaml.safe_dump(setup, sort_keys=False))
    done = command(directory, "run", "--quiet", "setup.yaml")
    runs = sorted((directory / "target").glob("*/"))
    return (runs[-1] if runs else directory), done


def same(events: Any, wanted: list[np.ndarray]) -> None:
    """See that these are the events, each in its length, bit for bit, in any order."""
    found = [event.data.tobytes() for event in events]
    assert sorted(found) == sorted(event.tobytes() for event in wanted)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory) -> Path:
    buffers = dict.fromkeys(("clusters", "bright", "again", "filled"), BUFFER)
    config = {"config": {"threshold": THRESHOLD}}
    workers = {
        "camera": mine("camera", "", "clusters", config={"count": COUNT}),
        "bright": mine("bright", "clusters", "bright", number_of_processes=2, rejected_sample=1)
        | config,
        "copies": mine("copies", "bright", "again"),
        "filled": mine("not_empty", "clusters", "filled"),
        "sums": mine("sums", "clusters", "sums"),
        "all": sink("record", "clusters", "clusters"),
        "kept": sink("record", "again", "again", export="parquet"),
        "npz": sink("npz", "filled", "filled"),
        "table": sink("csv", "sums", "sums"),
        "charges": {
            "function": "histogram",
            "sources": ["clusters"],
            "config": {"x": "charge", "x_from": 0, "x_to": 1000},
        },
        "sizes": {
            "function": "histogram",
            "sources": ["clusters"],
            "config": {"x": "count(charge)", "x_from": -0.5, "x_to": 19.5, "x_bins": 20},
        },
    }
    setup = {"Buffers": {**buffers, "sums": SUMS}, "Workers": workers}
    directory, done = started(tmp_path_factory.mktemp("lengths"), setup)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


def test_all_files_of_a_run_have_the_events_in_their_lengths(whole_run):
    files = mimocorb.open(whole_run)
    bright = [event[event["charge"] > THRESHOLD] for event in CLUSTERS]
    same(files["clusters"], CLUSTERS)
    for name in ("again", "again.parquet"):
        same(files[name], [event for event in bright if len(event)])
    same(files["filled"], [event for event in CLUSTERS if len(event)])
    rejected = [files[name] for name in files if name.startswith("rejected")]
    same(
        [event for part in rejected for event in part],
        [event for event, kept in zip(CLUSTERS, bright, strict=True) if not len(kept)],
    )
    sums = files["sums"][:].data
    assert sums["size"].reshape(-1).tolist() == [len(event) for event in CLUSTERS]
    wanted = [float(event["charge"].sum(dtype="f8")) for event in CLUSTERS]
    np.testing.assert_allclose(sums["charge"].reshape(-1), wanted)


def test_events_can_be_had_as_arrays_lists_and_tables(whole_run):
    events = mimocorb.open(whole_run)["clusters"]
    assert events.variable
    assert repr(events) == f"<{COUNT} events of clusters: up to 40 x {PIXELS.descr}>"
    whole = events[:].data
    assert whole.lengths.tolist() == [len(event) for event in CLUSTERS]
    np.testing.assert_array_equal(whole.values, np.concatenate(CLUSTERS))
    lists = [event["x"].tolist() for event in CLUSTERS]
    assert events.to_arrow()["x"].to_pylist() == lists
    assert events.to_awkward()["x"].to_list() == lists
    assert [each.tolist() for each in events.to_pandas()["x"]] == lists
    chosen = events.select(counter=(100, 120))
    same(chosen, CLUSTERS[100:120])
    assert [len(block.data) for block in events.blocks(150)] == [150, 150, 100]


def test_histograms_have_all_values_or_one_number_for_each_event(whole_run):
    histograms = read_histograms(whole_run)
    sizes = np.bincount([len(event) for event in CLUSTERS], minlength=20)
    assert histograms["sizes"].values().tolist() == sizes.tolist()
    charges = np.concatenate(CLUSTERS)["charge"].astype(float)
    inside, _ = np.histogram(charges, 100, (0, 1000))
    assert histograms["charges"].values().tolist() == inside.tolist()


def test_the_command_line_shows_and_proves_them(whole_run):
    info = command(whole_run, "files", "info", "clusters.000.arrows").stdout
    assert "up to 40 x {x: uint16, charge: float32}" in info
    head = command(whole_run, "files", "head", "clusters.000.arrows").stdout
    shown = CLUSTERS[0]["x"].tolist()
    assert f"x: {' '.join(map(str, shown))}" in head
    assert command(whole_run, "files", "verify", "clusters.000.arrows").returncode == 0
    export = ("files", "export", "clusters.000.arrows", "--to", "exported", "--format")
    for target in ("hdf5", "rntuple", "parquet_tar"):
        done = command(whole_run, *export, target)
        assert done.returncode == 0, done.stdout + done.stderr
    done = command(whole_run, *export, "csv")
    assert done.returncode != 0
    assert "csv writes one row per event, but clusters has up to 40 values" in done.stderr
    for path in (whole_run / "exported").iterdir():
        same(mimocorb.open(path), CLUSTERS)


def test_they_are_played_again_and_run_again(whole_run):
    workers = {
        "again": {
            "function": "replay",
            "sinks": ["clusters"],
            "config": {"data": str(whole_run / "clusters.000.arrows")},
        },
        "all": sink("record", "clusters", "clusters"),
    }
    directory = whole_run.parent.parent / "again"
    run, done = started(directory, {"Buffers": {"clusters": BUFFER}, "Workers": workers})
    assert done.returncode == 0, done.stdout + done.stderr
    same(mimocorb.open(run)["clusters"], CLUSTERS)
    for change, words in (
        ({"variable": False}, "variable: true, data_length: 40"),
        ({"data_length": 3}, "the buffer takes at most 3"),
    ):
        _, done = started(directory, {"Buffers": {"clusters": BUFFER | change}, "Workers": workers})
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_blocks_of_a_source_and_what_a_sink_left_behind(tmp_path):
    obstacle = tmp_path / "obstacle"
    obstacle.touch()
    workers = {
        "camera": mine("camera_in_blocks", "", "clusters", config={"count": 100}),
        "picky": mine("picky", "clusters", "small")
        | {"on_failure": {"action": "restart", "limit": 10, "backoff_s": 0.01}},
        "all": sink("record", "small", "small"),
        "last": mine("gives_up", "clusters", config={"obstacle": str(obstacle)})
        | {"on_failure": "go_on"},
    }
    setup = {"Buffers": {"clusters": BUFFER | {"slot_count": 128}, "small": BUFFER}}
    run, done = started(tmp_path, setup | {"Workers": workers})
    files = mimocorb.open(run)
    same(files["small"], [event for event in CLUSTERS[:100] if len(event) <= 8])
    set_aside = mimocorb.open(next((run / "set_aside").glob("*.arrows")))
    same(set_aside, [event for event in CLUSTERS[:100] if len(event) > 8])
    left = mimocorb.open(run / "spill.zip")
    assert done.returncode != 0
    same(left["clusters.last"], CLUSTERS[:100])
    obstacle.unlink()
    again = command(tmp_path, "finish", run, "--quiet")
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data_length": 1}, "found data_length: 1"),
        ({"variable": "perhaps"}, "variable of clusters"),
    ],
    ids=str,
)
def test_a_set_up_that_cannot_be_meant_is_refused_with_its_place(tmp_path, change, words):
    workers = {
        "camera": mine("camera", "", "clusters", config={"count": 1}),
        "all": sink("record", "clusters", "clusters"),
    }
    _, done = started(tmp_path, {"Buffers": {"clusters": BUFFER | change}, "Workers": workers})
    assert done.returncode == 2
    assert done.stderr.startswith("setup.yaml:")
    assert words in done.stderr


def test_a_sink_of_rows_refuses_them_by_name(tmp_path):
    for function in ("text", "csv"):
        workers = {
            "camera": mine("camera", "", "clusters", config={"count": 1}),
            "table": sink(function, "clusters", "clusters"),
        }
        _, done = started(tmp_path, {"Buffers": {"clusters": BUFFER}, "Workers": workers})
        assert done.returncode == 2
        assert f"{function} writes one row per event, but clusters has up to 40 v" in done.stderr


def test_an_event_that_is_too_long_ends_the_run_with_what_to_do(tmp_path):
    workers = {
        "camera": mine("too_long", "", "clusters", config={"count": 41}),
        "all": sink("record", "clusters", "clusters"),
    }
    run, done = started(tmp_path, {"Buffers": {"clusters": BUFFER}, "Workers": workers})
    assert done.returncode == 1
    assert "too_long, event 1: the event has 41 records" in done.stdout + done.stderr
    assert "make its data_length larger" in done.stdout + done.stderr
    same(mimocorb.open(run)["clusters"], [np.zeros(2, PIXELS)])
