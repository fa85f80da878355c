"""``function: record`` in runs, and what ``mimocorb files`` says of what it leaves."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
import yaml

import mimocorb
from mimocorb.recording.output_file import as_file_name
from mimocorb.testing.components import SinkContract

FUNCTIONS = str(Path(__file__).with_name("record_functions.py"))
NUMBER = {"slot_count": 64, "data_length": 1, "data_dtype": {"number": "float64"}}


class TestRecordIsASink(SinkContract):
    component = "record"
    config: ClassVar = {"filename": "kept"}
    buffer: ClassVar = {"data_length": 8, "data_dtype": {"chA": "int16", "chB": "float64"}}

    def count(self, directory: Path) -> int:
        with mimocorb.open(directory / "kept") as events:
            assert events.damage() == []
            return len(events)


def command(*arguments: Any, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", *map(str, arguments)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run(directory: Path, sink: dict[str, Any], count: int, **source: Any) -> Path:
    feed = {"file": FUNCTIONS, "function": "numbers", "sinks": ["raw"]}
    feed["config"] = {"count": count, **source}
    setup = {
        "Buffers": {"raw": NUMBER},
        "Workers": {"feed": feed, "save": {"sources": ["raw"], **sink}},
    }
    (directory / "setup.yaml").write_text(yaml.safe_dump(setup, sort_keys=False))
    done = command("run", "--quiet", "setup.yaml", cwd=directory)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = (directory / "target").glob("*/")
    return found


def test_killed_between_writing_and_acknowledging_every_event_is_there_once(tmp_path):
    sink = {
        "file": FUNCTIONS,
        "function": "KilledRecord",
        "config": {"filename": "waves", "kills": 2},
        "on_failure": "restart",
    }
    directory = run(tmp_path, sink, 500)
    with mimocorb.open(directory)["waves"] as events:
        assert sorted(events.metadata.counter.tolist()) == list(range(500))
        assert len(np.unique(events.metadata.sequence)) == 500
        assert events.damage() == []
    assert len(list(directory.glob("waves.*.arrows"))) == 3
    verified = command("files", "verify", directory, cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_few_events_wait_for_others(tmp_path):
    directory = run(tmp_path, {"function": "record", "config": {"filename": "w"}}, 20, pause_s=0.01)
    with mimocorb.open(directory / "w") as events:
        assert [len(block.data) for block in events.blocks()] == [20]
    result = json.loads((directory / "run.json").read_text())["result"]
    (use,) = (each for each in result["accounts"]["time_use"] if each["name"] == "save")
    assert use["run"]["waiting_for_input"] > 0.5


@pytest.mark.parametrize("sync", ["none", "1s", "each"])
def test_it_is_brought_to_the_disk_as_often_as_it_is_said(tmp_path, sync):
    config = {"filename": "waves", "sync": sync}
    directory = run(tmp_path, {"function": "record", "config": config}, 100)
    with mimocorb.open(directory / "waves") as events:
        assert len(events) == 100


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"filename": "a/b"}, "file name"),
        ({"filename": "w", "sync": "2s"}, "sync"),
        ({"filename": "w", "compression": "zip"}, "compression"),
        ({"filename": "w", "segment_mb": 0}, "segment_mb is 0"),
        ({"filename": "w", "units": {"height": "V"}}, "units names height"),
        ({"filename": "w", "scale": {"height": 1.0}}, "scale names height"),
    ],
)
def test_a_faulty_configuration_is_told_before_anything_starts(tmp_path, config, said):
    feed = {"file": FUNCTIONS, "function": "numbers", "sinks": ["raw"], "config": {"count": 1}}
    save = {"function": "record", "sources": ["raw"], "config": config}
    setup = {"Buffers": {"raw": NUMBER}, "Workers": {"feed": feed, "save": save}}
    (tmp_path / "setup.yaml").write_text(yaml.safe_dump(setup, sort_keys=False))
    done = command("check", "setup.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stdout + done.stderr


def test_the_files_of_a_run_by_its_number(tmp_path):
    directory = run(tmp_path, {"function": "record", "config": {"filename": "waves"}}, 100)
    info = command("files", "info", 1, cwd=tmp_path)
    assert "waves: 100 events" in info.stdout
    assert "{number: float64}" in info.stdout
    head = command("files", "head", "-n", 2, 1, cwd=tmp_path)
    assert "number: 1.0" in head.stdout
    assert "number: 2.0" not in head.stdout
    assert command("files", "verify", 1, cwd=tmp_path).returncode == 0
    exported = command("files", "export", "--to", "out", directory / "waves", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    with mimocorb.open(tmp_path / "out" / "waves.txt") as table:
        assert table[:].data["number"][:, 0].tolist() == list(map(float, range(100)))


def test_what_cannot_be_opened_keeps_no_other_file_from_its_turn(tmp_path):
    directory = run(tmp_path, {"function": "record", "config": {"filename": "waves"}}, 100)
    (directory / "other.parquet").write_bytes(b"PAR1 and nothing else")
    (directory / "gone.csv").touch()
    (directory / "zeros.h5").write_bytes(bytes(100))
    (directory / "notes.txt").write_text("of the user\n")
    verified = command("files", "verify", directory, tmp_path / "nowhere", cwd=tmp_path)
    assert verified.returncode == 2
    assert "waves: whole, 100 events" in verified.stdout
    for said in ("other.parquet: it cannot be read", "gone.csv: it is empty", "nowhere"):
        assert said in verified.stderr
    assert "zeros.h5: it is no hdf5 file" in verified.stderr
    assert "notes.txt" not in verified.stdout + verified.stderr
    assert command("files", "verify", directory, cwd=tmp_path).returncode == 1
    assert command("files", "info", directory / "gone.csv", cwd=tmp_path).returncode == 1


def test_verify_and_recover_say_what_is_missing(tmp_path):
    directory = run(tmp_path, {"function": "record", "config": {"filename": "waves"}}, 1000)
    (path,) = directory.glob("waves.*.arrows")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    verified = command("files", "verify", directory, cwd=tmp_path)
    assert verified.returncode == 1
    assert "DAMAGED" in verified.stdout
    assert "the end is missing" in verified.stdout
    assert "1 000 events of raw were acknowledged" in verified.stdout
    recovered = command("files", "recover", "--to", "saved", directory / "waves", cwd=tmp_path)
    assert recovered.returncode == 1
    assert "the end is missing" in recovered.stderr
    with (
        mimocorb.open(directory / "waves") as left,
        mimocorb.open(tmp_path / "saved/waves") as saved,
    ):
        assert saved.damage() == []
        assert 0 < len(saved) < 1000
        assert saved.metadata.counter.tolist() == left.metadata.counter.tolist()
        assert saved.about["made_from"]["run"]["number"] == 1


def test_verify_names_the_events_that_are_missing(tmp_path):
    config = {"filename": "waves", "compression": "none"}
    directory = run(tmp_path, {"function": "record", "config": config}, 1000)
    with mimocorb.open(directory / "waves") as events:
        counts = [len(block.data) for block in events.blocks()]
        (segment,) = events.file.segments.values()
        number = len(counts) // 2
        head = segment.batches[number].head
    first = 1 + sum(counts[:number])
    (path,) = directory.glob("waves.*.arrows")
    content = bytearray(path.read_bytes())
    content[head.at + head.head_bytes + 5] ^= 1
    path.write_bytes(content)
    verified = command("files", "verify", directory, cwd=tmp_path)
    assert verified.returncode == 1
    last = first + counts[number] - 1
    numbers = f"{first}-{last}" if last > first else f"{first}"
    assert f"of raw, numbers {numbers}\n" in verified.stdout, verified.stdout


def test_a_sample_of_rejected_events_is_whole_although_it_has_not_all_events(tmp_path):
    rejects = {"file": FUNCTIONS, "function": "odd_ones", "sinks": ["odd"], "rejected_sample": 2}
    setup = {
        "Buffers": {"raw": NUMBER, "odd": NUMBER},
        "Workers": {
            "feed": {
                "file": FUNCTIONS,
                "function": "numbers",
                "sinks": ["raw"],
                "config": {"count": 200},
            },
            "chooses": {"sources": ["raw"], **rejects},
            "save": {"function": "record", "sources": ["odd"], "config": {"filename": "odd"}},
        },
    }
    (tmp_path / "setup.yaml").write_text(yaml.safe_dump(setup, sort_keys=False))
    assert command("run", "--quiet", "setup.yaml", cwd=tmp_path).returncode == 0
    verified = command("files", "verify", 1, cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout
    assert re.search(r"rejected_chooses_1: whole, \d+ events", verified.stdout)


def test_several_processes_write_parts_of_one_recording(tmp_path):
    sink = {"function": "record", "config": {"filename": "waves"}, "number_of_processes": 2}
    directory = run(tmp_path, sink, 2000, pause_s=0.0005)
    writers = set()
    with mimocorb.open(directory)["waves"] as events:
        assert sorted(events.metadata.counter.tolist()) == list(range(2000))
        for segment in events.file.segments.values():
            writers.add(segment.description["writer"]["process"])
    assert writers == {1, 2}
    assert command("files", "verify", directory, cwd=tmp_path).returncode == 0


def test_what_is_known_of_the_data_is_shown(tmp_path):
    config = {"filename": "w", "units": {"number": "mV"}, "scale": {"number": 0.05}}
    config |= {"offset": {"number": 1.5}, "sample_time_ns": 4.0}
    directory = run(tmp_path, {"function": "record", "config": config}, 10)
    info = command("files", "info", directory / "w", cwd=tmp_path).stdout
    setup_sha256 = hashlib.sha256((directory / "setup.yaml").read_bytes()).hexdigest()
    for known in ("mV", "0.05", "1.5", "4.0", setup_sha256, mimocorb.__version__, pa.__version__):
        assert known in info, info
    assert "quality         clean" in info, info
    copied = command(
        "files", "export", directory / "w", "--format", "npz", "--to", directory, cwd=tmp_path
    )
    assert copied.returncode == 0, copied.stderr
    of_copy = command("files", "info", directory / "w.npz", cwd=tmp_path).stdout
    assert re.search(r"quality +clean", of_copy), of_copy
    assert {line[2:16].rstrip() for line in info.splitlines()[1:]} >= {"units", "sample_time_ns"}
    (first,) = re.findall(r"event 0: (.*)", command("files", "head", "1/w", cwd=tmp_path).stdout)
    assert re.fullmatch(r"timestamp [\d.]+, deadtime [\d.]+", first)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("raw", "raw"),
        ("../../etc/passwd", "_.._etc_passwd"),
        (".hidden", "hidden"),
        ("a b/c\n", "a_b_c_"),
        ("...", "_"),
        ("x" * 300, "x" * 48),
    ],
)
def test_names_of_a_set_up_stay_in_the_directory(name, file):
    assert as_file_name(name) == file
