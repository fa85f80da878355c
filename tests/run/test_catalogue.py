"""The runs of a directory: found, judged, marked if they were killed, compared."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from running import RunningDaq, Worker, chain, eventually, processes_of, run, run_directories

from mimocorb._words import count
from mimocorb.cli import main
from mimocorb.errors import RunRecordError
from mimocorb.run.record.catalogue import catalogue, find_run, look_at
from mimocorb.run.record.comparison import compare
from mimocorb.run.record.run_record import RunRecord, read_record, write_record
from mimocorb.run.run_state import RunState
from mimocorb.run.workers.processes import ProcessIdentity


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """The directory of a real run of 100 events."""
    return run(chain(tmp_path_factory.mktemp("recorded"))).directory


@pytest.fixture
def parent(tmp_path: Path, recorded: Path) -> Path:
    """A directory with the runs 1, 2 and 3."""
    for number in (1, 2, 3):
        add_run(tmp_path, recorded, number)
    return tmp_path


def add_run(parent: Path, recorded: Path, number: int, **changes: object) -> Path:
    directory = parent / f"test_setup_run{number:04d}"
    shutil.copytree(recorded, directory)
    write_record(directory, replace(read_record(recorded), number=number, **changes))
    return directory


def going_on(recorded: Path, supervisor: ProcessIdentity) -> dict[str, object]:
    """What the record of a run says that has not ended."""
    states = read_record(recorded).states[:3]
    return {
        "state": RunState.RUNNING,
        "states": states,
        "ended_utc": None,
        "quality": None,
        "result": None,
        "supervisor": supervisor,
    }


# --- runs that were killed


def killed_run(directory: Path, when: Callable[[RunRecord], bool] = lambda _record: True) -> Path:
    """A real run whose supervisor is killed while it takes data."""
    daq = RunningDaq(
        chain(directory, source=Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.01}))
    )
    daq.wait_for("data taking begins")
    (run_directory,) = run_directories(directory / "target")
    eventually(lambda: look_at(run_directory).state == "running")
    eventually(lambda: when(look_at(run_directory).record))
    os.kill(daq.process.pid, signal.SIGKILL)
    daq.process.wait()
    eventually(lambda: not processes_of(daq.process.pid))
    return run_directory


def test_a_run_that_was_killed_is_marked_so_once_at_the_next_look(tmp_path):
    directory = killed_run(tmp_path)
    assert read_record(directory).state == "running"
    seen = look_at(directory).record
    assert (seen.state, seen.ended_utc, seen.result) == ("killed", None, None)
    assert set(seen.quality or {}) == {"killed", "ledger open"}
    assert "vanished" in seen.states[-1].cause
    assert seen.states[2].time_utc <= str(seen.last_sign_utc) <= seen.states[-1].time_utc
    assert read_record(directory) == seen
    written = (directory / "run.json").read_bytes()
    assert look_at(directory).record == seen
    assert (directory / "run.json").read_bytes() == written


def test_of_a_killed_run_it_is_known_how_many_events_it_had_taken_at_least(tmp_path, capsys):
    def has_events(record):
        return record.progress is not None and all(record.progress.published.values())

    directory = killed_run(tmp_path, when=has_events)
    record = look_at(directory).record
    assert has_events(record)
    progress = record.progress
    assert list(progress.published) == ["RB_1", "RB_2"]
    assert progress.events == progress.published["RB_1"]
    assert record.states[2].time_utc < progress.time_utc <= record.last_sign_utc
    assert main(["runs", str(tmp_path / "target")]) == 0
    listed = capsys.readouterr().out
    assert re.search(rf" ≥ {count(progress.events)} .* killed, ledger open", listed)
    assert main(["runs", str(directory)]) == 0
    said = f"at least, as of {progress.time_utc}: RB_1 {count(progress.events)}, RB_2 "
    assert said in capsys.readouterr().out


def test_many_who_look_at_once_mark_it_once(tmp_path):
    directory = killed_run(tmp_path)
    look = (
        "import sys, pathlib, mimocorb.run.record.catalogue as c;"
        "import pydantic; print('ready', flush=True); sys.stdin.read(1);"
        "print(c.look_at(pathlib.Path(sys.argv[1])).record)"
    )
    command = [sys.executable, "-c", look, str(directory)]
    pipe = subprocess.PIPE
    lookers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(6)]
    for looker in lookers:
        assert looker.stdout is not None
        assert looker.stdout.readline() == "ready\n"
    with ThreadPoolExecutor(6) as threads:
        told = set(threads.map(lambda looker: looker.communicate("!", timeout=60)[0], lookers))
    assert told == {f"{read_record(directory)}\n"}


def test_where_nothing_can_be_written_a_killed_run_is_shown_so(tmp_path, recorded):
    gone = replace(ProcessIdentity.of_this_process(), start_ticks=1)
    directory = add_run(tmp_path, recorded, 4, **going_on(recorded, gone))
    (directory / ".run.json.part").mkdir()  # no file of this name can be made any more
    assert look_at(directory).state == "killed"
    assert read_record(directory).state == "running"


def test_a_run_that_ended_in_order_just_now_is_not_marked(tmp_path, recorded, monkeypatch):
    gone = replace(ProcessIdentity.of_this_process(), start_ticks=1)
    directory = add_run(tmp_path, recorded, 4, **going_on(recorded, gone))

    def ends_meanwhile(_identity: ProcessIdentity) -> bool:
        write_record(directory, replace(read_record(recorded), number=4))
        return False

    monkeypatch.setattr(ProcessIdentity, "lives", ends_meanwhile)
    assert look_at(directory).state == "ended"


IDENTITIES: dict[str, tuple[dict[str, object], bool | None]] = {
    "this process": ({}, True),
    "another process with its number": ({"start_ticks": 1}, False),
    "no such process": ({"pid": 2**22 + 1}, False),
    "this machine before its restart": ({"boot_id": "another"}, False),
    "another machine": ({"boot_id": "another", "host": "elsewhere"}, None),
    "another container": ({"pid_namespace": "pid:[1]"}, None),
}


@pytest.mark.parametrize(("changes", "lives"), IDENTITIES.values(), ids=IDENTITIES)
def test_whether_a_process_lives_is_told_by_more_than_its_number(changes, lives):
    assert replace(ProcessIdentity.of_this_process(), **changes).lives() is lives


def test_a_zombie_does_not_live():
    child = os.fork()
    if child == 0:
        signal.pause()
    identity = replace(ProcessIdentity.of_this_process(), pid=child, start_ticks=start_of(child))
    assert identity.lives() is True
    os.kill(child, signal.SIGKILL)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert identity.lives() is False
    os.waitpid(child, 0)


def start_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def test_a_run_on_another_machine_is_left_alone(tmp_path, recorded):
    there = replace(ProcessIdentity.of_this_process(), boot_id="another", host="elsewhere")
    directory = add_run(tmp_path, recorded, 4, **going_on(recorded, there))
    assert look_at(directory).state == "running?"
    assert read_record(directory).state == "running"


# --- what else lies there


def changed(record: RunRecord, **changes: object) -> bytes:
    return json.dumps({**asdict(record), **changes}).encode()


DAMAGE: dict[str, tuple[Callable[[RunRecord], bytes], str]] = {
    "empty": (lambda _: b"", "is damaged"),
    "cut off": (lambda record: changed(record)[:700], "is damaged"),
    "zeros": (lambda _: bytes(100), "is damaged"),
    "no text": (lambda _: b"\xff\xfe\x00", "is damaged"),
    "nested for ever": (lambda _: b"[" * 200_000, "is damaged"),
    "a list": (lambda _: b"[]", "is not the record of a run"),
    "of another program": (lambda _: b'{"runs": 3}', "is not the record of a run"),
    "of a later version": (lambda r: changed(r, schema_version=3), "version 3 of the schema"),
    "no number": (lambda r: changed(r, number="many"), "is damaged: number: Input should be"),
    "no states": (lambda r: changed(r, states=[{}]), "is damaged: states.0.time_utc: Field"),
}


@pytest.mark.parametrize(("damage", "complaint"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_record_is_named_and_the_other_runs_are_listed(parent, damage, complaint):
    path = parent / "test_setup_run0002" / "run.json"
    path.write_bytes(damage(read_record(path.parent)))
    found = catalogue(parent)
    assert [run.record.number for run in found.runs] == [1, 3]
    (problem,) = found.problems
    assert str(path) in problem
    assert complaint in problem
    assert len(problem) < 400


def test_other_directories_are_named_and_files_are_not(parent):
    (parent / "plots").mkdir()
    (parent / ".hidden").mkdir()
    (parent / "notes.txt").touch()
    found = catalogue(parent)
    assert len(found.runs) == 3
    assert found.problems == [
        f"{parent / 'plots'}: no run.json, so it is not a run, or one of an earlier version"
    ]


def test_a_run_is_found_by_its_number(parent, recorded):
    assert find_run(parent, 2).directory.name == "test_setup_run0002"
    with pytest.raises(RunRecordError, match="there is no run 7 in"):
        find_run(parent, 7)
    shutil.copytree(parent / "test_setup_run0002", parent / "copy")
    with pytest.raises(RunRecordError, match="holds several runs 2: name the directory of copy, t"):
        find_run(parent, 2)


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RunRecordError, match=r"there are no runs in .*nowhere: No such file"):
        catalogue(tmp_path / "nowhere")


# --- comparing


def test_runs_differ_in_setup_files_versions_and_rates(recorded):
    first = read_record(recorded)
    setup = json.loads(json.dumps(first.setup))
    setup["Workers"]["source"]["config"]["events"] = 50
    del setup["Buffers"]["RB_2"]
    files = [replace(file, sha256="0" * 64) for file in first.files[:1]] + first.files[1:]
    versions = {**first.versions, "packages": {**first.versions["packages"], "numpy": "1.0"}}
    found = compare(first, replace(first, setup=setup, files=files, versions=versions))
    assert [(d.key, d.first, d.second) for d in found.setup][-1] == (
        "Workers.source.config.events",
        100,
        50,
    )
    assert {d.key for d in found.setup[:-1]} == {
        f"Buffers.RB_2.{key}"
        for key in ("slot_count", "data_length", "data_dtype.value", "variable", "backend")
    }
    assert [(d.key, d.second) for d in found.files] == [("test_setup.yaml", "0" * 64)]
    assert [(d.key, d.second) for d in found.versions] == [("packages.numpy", "1.0")]
    assert [rate.buffer for rate in found.rates] == ["RB_1", "RB_2"]


def with_rates(record: RunRecord, published: int, **rates: float) -> RunRecord:
    """The same run with another number of events and another rate in its first buffer."""
    assert record.result is not None
    first, *others = record.result.buffers
    buffers = [replace(first, published=published, **rates), *others]
    return replace(record, result=replace(record.result, buffers=buffers))


def test_the_significance_of_a_difference_follows_from_both_uncertainties(recorded):
    record = read_record(recorded)
    one = with_rates(record, 900, rate_hz=90.0, rate_sigma_hz=3.0)
    other = with_rates(record, 1600, rate_hz=160.0, rate_sigma_hz=4.0)
    few = with_rates(record, 9, rate_hz=9.0, rate_sigma_hz=3.0)
    assert compare(one, other).rates[0].sigma == pytest.approx(70 / 5)
    assert compare(other, one).rates[0].sigma == pytest.approx(-14.0)
    assert compare(one, few).rates[0].sigma is None
    assert compare(one, replace(other, result=None)).rates == []


def test_a_source_as_fast_as_possible_has_a_throughput_and_no_rate(recorded):
    record = read_record(recorded)
    assert record.result is not None
    for buffer in record.result.buffers:
        assert buffer.rate is None
        assert buffer.throughput_hz == pytest.approx(100 / record.result.active_s)
    (source,) = record.result.accounts["live_time"]
    assert (source["arrivals"], source["rate_hz"]) == ("not random", None)
    assert {rate.sigma for rate in compare(record, record).rates} == {None}
