"""The directory of a run and its log."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mimocorb._run.run_directory import (
    copy_configuration,
    create_run_directory,
    resolved,
    write_atomically,
)
from mimocorb._run.run_log import RunLog
from mimocorb._setup.model import BufferSpec, FunctionReference, Setup, WorkerSpec
from mimocorb.errors import OutputError


def test_runs_of_one_second_get_numbers(tmp_path):
    names = [create_run_directory(tmp_path / "target", "setup", 0.0).name for _ in range(3)]
    assert names == [
        "setup_1970-01-01_000000",
        "setup_1970-01-01_000000_2",
        "setup_1970-01-01_000000_3",
    ]


def test_a_place_where_nothing_can_be_made_is_named(tmp_path):
    (tmp_path / "target").write_text("a file")
    with pytest.raises(OutputError, match=r"target.*--output"):
        create_run_directory(tmp_path / "target", "setup")


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "summary.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \udc80")
    assert path.read_text() == "old"
    missing = tmp_path / "no" / "summary.json"
    with pytest.raises(OutputError, match="No such file"):
        write_atomically(missing, "text")


def test_files_of_the_setup_keep_their_places_and_others_go_elsewhere(tmp_path):
    base, other, target = tmp_path / "base", tmp_path / "other", tmp_path / "target"
    for directory in (base / "modules", other, target):
        directory.mkdir(parents=True)
    for file in (base / "setup.yaml", base / "modules" / "source.py", other / "setup.yaml"):
        file.write_text(str(file))
    workers = tuple(
        WorkerSpec(f"Fkt_{n}", FunctionReference("m", "f", path))
        for n, path in enumerate((base / "modules" / "source.py",) * 2)
    )
    setup = Setup(
        path=base / "setup.yaml",
        base_directory=base,
        config_files=(other / "setup.yaml",),
        workers=workers,
    )
    copies = copy_configuration(target, setup)
    assert [copy.relative_to(target) for copy in copies] == [
        Path("setup.yaml"),
        Path("elsewhere/setup.yaml"),
        Path("modules/source.py"),
    ]
    assert (target / "elsewhere" / "setup.yaml").read_text() == str(other / "setup.yaml")


def test_modules_are_copied_with_the_neighbours_that_they_import(tmp_path):
    base, target = tmp_path / "base", tmp_path / "target"
    (base / "device").mkdir(parents=True)
    target.mkdir()
    texts = {
        "source.py": "import numpy, helper\n\ndef f():\n    from device.driver import Card\n",
        "helper.py": "import deeper, source\n",
        "deeper.py": "not Python at all (\n",
        "unrelated.py": "",
        "device/__init__.py": "",
        "device/driver.py": "from . import registers\n",
        "device/registers.py": "",
    }
    for name, text in texts.items():
        (base / name).write_text(text)
    worker = WorkerSpec("Fkt_1", FunctionReference("source", "f", base / "source.py"))
    copies = copy_configuration(target, Setup(base_directory=base, workers=(worker,)))
    assert {str(copy.relative_to(target)) for copy in copies} == texts.keys() - {"unrelated.py"}


def test_the_resolved_setup_is_made_of_plain_values():
    dtype = np.dtype([("chA", "f8"), ("trace", "i2", (3,))])
    config = {"scale": np.float32(0.5), "files": (Path("a"),), "none": None}
    setup = Setup(
        buffers=(BufferSpec("RB_1", 8, 4, dtype),),
        workers=(WorkerSpec("Fkt_1", FunctionReference("m", "f"), config=config),),
    )
    plain = resolved(setup)
    assert json.loads(json.dumps(plain))["buffers"]["RB_1"]["dtype"] == [
        ["chA", "<f8"],
        ["trace", "<i2", [3]],
    ]
    assert plain["workers"]["Fkt_1"]["config"] == {"scale": 0.5, "files": ["a"], "none": None}


def test_the_log_writes_whole_lines_and_tells_listeners(tmp_path):
    log, heard = RunLog(), []
    log.add("INFO", "early", "before there is a directory")
    log.write_to(tmp_path)
    log.listeners.append(heard.append)
    log.add("ERROR", "Fkt_1", "first\nsecond \udcff", 0.5)
    log.add("INFO", "Fkt_1", "for the files only", show=False)
    log.close()
    log.close()
    text = (tmp_path / "log.txt").read_text()
    assert text.startswith("1970-01-01T00:00:00.500Z ERROR   Fkt_1: first\n    second")
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["level"] for entry in entries] == ["ERROR", "INFO"]
    assert [line.text for line in heard] == ["first\nsecond \udcff"]
    assert log.lost == 0


def test_a_log_on_a_full_disk_counts_what_it_could_not_write(tmp_path):
    for name in ("log.txt", "log.jsonl"):
        (tmp_path / name).symlink_to("/dev/full")
    log = RunLog()
    log.write_to(tmp_path)
    log.add("INFO", "Fkt_1", "lost")
    assert log.lost == 2
    log.close()
