"""The directory of a run and its log."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from running import eventually

from mimocorb.errors import OutputError
from mimocorb.model import BufferSpec, FunctionReference, Setup, WorkerSpec
from mimocorb.run.record.provenance import resolved
from mimocorb.run.record.run_directory import (
    copy_configuration,
    create_run_directory,
    write_atomically,
)
from mimocorb.run.record.run_number import COUNTER_FILE, take_run_number
from mimocorb.run.run_log import RunLog


def test_runs_of_one_second_have_numbers(tmp_path):
    made = [create_run_directory(tmp_path / "target", "setup", 0.0) for _ in range(3)]
    assert [number for _directory, number in made] == [1, 2, 3]
    assert [directory.name for directory, _number in made] == [
        "setup_1970-01-01_000000_run0001",
        "setup_1970-01-01_000000_run0002",
        "setup_1970-01-01_000000_run0003",
    ]
    assert all(directory.is_dir() for directory, _number in made)


def test_numbers_that_are_taken_at_once_are_all_different(tmp_path):
    with ThreadPoolExecutor(4) as threads:
        numbers = list(threads.map(take_run_number, [tmp_path] * 80))
    assert sorted(numbers) == list(range(1, 81))


@pytest.mark.parametrize(
    ("link", "said"), [(os.symlink, "symbolic link"), (os.link, "another name as well")]
)
def test_the_file_with_the_number_is_no_way_to_other_files_of_the_user(tmp_path, link, said):
    """Where others may write into the directory of the runs, they may leave a link in its place."""
    precious, runs = tmp_path / "precious", tmp_path / "runs"
    precious.write_text("precious")
    runs.mkdir()
    link(precious, runs / COUNTER_FILE)
    with pytest.raises(OutputError, match=said):
        take_run_number(runs)
    assert precious.read_text() == "precious"


def test_a_link_in_the_place_of_an_unfinished_file_is_not_followed(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / ".run.json.part").symlink_to(precious)
    write_atomically(tmp_path / "run.json", "{}")
    assert precious.read_text() == "precious"
    assert (tmp_path / "run.json").read_text() == "{}"


def test_a_number_is_not_given_again_when_its_run_has_been_deleted(tmp_path):
    directory, number = create_run_directory(tmp_path, "setup")
    directory.rmdir()
    assert create_run_directory(tmp_path, "setup")[1] == number + 1


LOST = {
    "deleted": lambda counter: counter.unlink(),
    "emptied": lambda counter: counter.write_bytes(b""),
    "cut off": lambda counter: counter.write_bytes(b"0000000"),
    "overwritten": lambda counter: counter.write_bytes(b"no number at"),
    "from a backup": lambda counter: counter.write_bytes(b"000000000002\n"),
}


@pytest.mark.parametrize("damage", LOST.values(), ids=LOST)
def test_counting_goes_on_after_the_highest_number_found_if_the_counter_is_lost(tmp_path, damage):
    for _ in range(3):
        create_run_directory(tmp_path, "setup")
    (tmp_path / "another_setup_2026-11-22_142501_run12345").mkdir()
    damage(tmp_path / COUNTER_FILE)
    assert create_run_directory(tmp_path, "setup")[1] == 12346
    assert create_run_directory(tmp_path, "setup")[1] == 12347


def locks() -> list[str]:
    """The locks on files in this system; an arrow marks who waits for one."""
    return Path("/proc/locks").read_text().splitlines()


def test_whoever_waits_for_a_counter_that_is_deleted_meanwhile_takes_the_new_one(tmp_path):
    take_run_number(tmp_path)
    counter = tmp_path / COUNTER_FILE
    with counter.open() as held, ThreadPoolExecutor(1) as threads:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = threads.submit(take_run_number, tmp_path)
        place = f":{counter.stat().st_ino} "
        eventually(lambda: any("->" in lock and place in lock for lock in locks()))
        counter.unlink()
        counter.write_text("000000000041\n")
        fcntl.flock(held, fcntl.LOCK_UN)
        assert waiting.result(60) == 42
    assert take_run_number(tmp_path) == 43


def test_a_place_without_a_right_to_write_is_named(tmp_path):
    (tmp_path / COUNTER_FILE).mkdir()
    with pytest.raises(OutputError, match=r"cannot take a run number in .*--output"):
        create_run_directory(tmp_path, "setup")


def test_a_place_where_nothing_can_be_made_is_named(tmp_path):
    (tmp_path / "target").write_text("a file")
    with pytest.raises(OutputError, match=r"target.*--output"):
        create_run_directory(tmp_path / "target", "setup")


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "summary.json"
    write_atomically(path, "old")
    write_atomically(path, "new \udc80")  # which is no UTF-8
    assert path.read_text() == "new \\udc80"
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
        WorkerSpec(f"worker_{n}", FunctionReference("m", "f", path))
        for n, path in enumerate((base / "modules" / "source.py",) * 2)
    )
    setup = Setup(
        buffers=(),
        path=base / "setup.yaml",
        base_directory=base,
        config_files=(other / "setup.yaml",),
        workers=workers,
    )
    copies = copy_configuration(target, setup)
    assert [(copy.path, copy.kind, copy.original) for copy in copies] == [
        ("setup.yaml", "set-up", str(base / "setup.yaml")),
        ("elsewhere/setup.yaml", "configuration", str(other / "setup.yaml")),
        ("modules/source.py", "function", str(base / "modules" / "source.py")),
    ]
    text = str(other / "setup.yaml")
    assert (target / "elsewhere" / "setup.yaml").read_text() == text
    assert copies[1].sha256 == hashlib.sha256(text.encode()).hexdigest()


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
    worker = WorkerSpec("source", FunctionReference("source", "f", base / "source.py"))
    copies = copy_configuration(target, Setup((), (worker,), base_directory=base))
    assert {copy.path for copy in copies} == texts.keys() - {"unrelated.py"}


def test_the_resolved_setup_is_made_of_plain_values():
    dtype = np.dtype([("chA", "f8"), ("trace", "i2", (3,))])
    config = {"scale": np.float32(0.5), "files": (Path("a"),), "none": None}
    setup = Setup(
        buffers=(BufferSpec("RB_1", 8, 4, dtype),),
        workers=(WorkerSpec("source", FunctionReference("m", "f"), config=config),),
    )
    plain = resolved(setup)
    assert json.loads(json.dumps(plain))["Buffers"]["RB_1"]["data_dtype"] == [
        ["chA", "float64"],
        ["trace", "int16", [3]],
    ]
    assert plain["Workers"]["source"]["config"] == {"scale": 0.5, "files": ["a"], "none": None}


def test_the_log_writes_whole_lines_and_tells_listeners(tmp_path):
    log, heard = RunLog(), []
    log.add("INFO", "early", "before there is a directory")
    log.write_to(tmp_path)
    log.listeners.append(heard.append)
    log.add("ERROR", "source", "first\nsecond \udcff", 0.5)
    log.add("INFO", "source", "for the files only", show=False)
    log.close()
    log.close()
    text = (tmp_path / "log.txt").read_text()
    assert text.startswith("1970-01-01T00:00:00.500Z ERROR   source: first\n    second")
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["level"] for entry in entries] == ["ERROR", "INFO"]
    assert [line.text for line in heard] == ["first\nsecond \udcff"]
    assert log.lost == 0


def test_a_log_on_a_full_disk_counts_what_it_could_not_write(tmp_path):
    log = RunLog()
    log.write_to(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))  # stands for a full disk
    try:
        log.add("INFO", "source", "lost")
        log.add("INFO", "source", "lost, too")
        assert log.lost == 0
        log.give_up_what_is_left()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert log.lost == 4
    log.close()


def test_a_log_on_a_full_disk_is_written_when_there_is_room_again(tmp_path):
    log = RunLog()
    log.write_to(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        for number in range(100):
            log.add("INFO", "source", f"line {number}", 0.5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.close()
    assert log.lost == 0
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == [f"line {n}" for n in range(100)]
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 100


@pytest.mark.parametrize("how", ["written", "replaced", "deleted"])
def test_a_log_that_a_worker_writes_over_goes_on_beside_it(tmp_path, how):
    log = RunLog()
    log.write_to(tmp_path)
    log.add("INFO", "source", "before")
    if how == "written":
        (tmp_path / "log.txt").write_text("precious")
    elif how == "replaced":
        (tmp_path / "other").write_text("precious")
        (tmp_path / "other").replace(tmp_path / "log.txt")
    else:
        (tmp_path / "log.txt").unlink()
    log.add("INFO", "source", "after")
    log.close()
    assert "after" in (tmp_path / "log_run.txt").read_text()
    if how != "deleted":
        assert (tmp_path / "log.txt").read_text() == "precious"
    assert log.moved == [
        "log.txt is a file of the run, but was written or deleted by another; the log goes on in"
        " log_run.txt"
    ]
