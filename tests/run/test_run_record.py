"""The record of a run: whole at every moment, and all that somebody will ask for later."""

from __future__ import annotations

import getpass
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import time
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path

import pytest
from running import (
    Finished,
    RunningDaq,
    Worker,
    buffer,
    chain,
    chain_with_a_file,
    eventually,
    run,
    run_directories,
    write_setup,
)

from mimocorb.buffers.stats import BufferStats, WaitingTime
from mimocorb.run.operator_signals import ONE_WISH_S
from mimocorb.run.options import RunOptions
from mimocorb.run.record.quality import judge
from mimocorb.run.record.run_directory import CopiedFile
from mimocorb.run.record.run_record import RunRecord, read_record
from mimocorb.run.record.run_result import RunResult
from mimocorb.run.run import Run
from mimocorb.run.run_log import utc
from mimocorb.run.run_state import RunState, StateChange, WorkerState
from mimocorb.run.run_view import BufferView, GroupView, ProcessView, RunView
from mimocorb.setup.dialects import read_setup


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Finished:
    """A run that ended well."""
    setup = chain_with_a_file(tmp_path_factory.mktemp("finished"))
    return run(setup, "--operator", "A. Student", "--comment", "first try")


def test_a_record_tells_who_took_what_when_and_with_what(finished):
    record = finished.record
    assert (record["schema"], record["schema_version"]) == ("mimocorb run record", 2)
    assert (record["number"], record["title"], record["state"]) == (1, "test_setup", "ended")
    assert (record["operator"], record["comment"]) == ("A. Student", "first try")
    assert record["supervisor"]["host"] == os.uname().nodename
    assert record["command"][1:4] == ["run", "test_setup.yaml", "--lines"]
    assert datetime.fromisoformat(record["started_utc"]) < datetime.fromisoformat(
        record["ended_utc"]
    )
    assert record["quality"] == {"clean": []}
    workers = record["result"]["workers"]
    assert {worker["exit_code"] for worker in workers} == {0}
    assert all(worker["ended_utc"] >= record["started_utc"] for worker in workers)


def test_every_change_of_state_is_recorded_with_time_and_cause(finished):
    states = finished.record["states"]
    assert [(state["state"], state["cause"]) for state in states] == [
        ("prepared", "the set-up has been checked"),
        ("starting", "the directory of the run is ready"),
        ("running", "all workers are ready"),
        ("draining", "the source is exhausted"),
        ("ended", "all workers have ended"),
    ]
    times = [datetime.fromisoformat(state["time_utc"]) for state in states]
    assert times == sorted(times)


def test_the_hashes_are_those_of_the_copies_and_of_the_originals(finished):
    kinds = set()
    for file in finished.record["files"]:
        for path in (finished.directory / file["path"], Path(file["original"])):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
        kinds.add(file["kind"])
    assert kinds == {"set-up", "configuration", "function"}


def test_a_record_of_a_run_that_goes_on_says_so(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.01})
    daq = RunningDaq(chain(tmp_path, source=source))
    daq.wait_for("data taking begins")
    (directory,) = run_directories(tmp_path / "target")
    eventually(lambda: read_record(directory).state == "running")
    record = read_record(directory)
    assert (record.operator, record.comment) == (getpass.getuser(), "")
    assert record.supervisor.pid == daq.process.pid
    assert record.supervisor.lives()
    assert (record.ended_utc, record.quality, record.result) == (None, None, None)
    daq.interrupt()
    finished = daq.finish()
    assert finished.record["state"] == "ended"
    assert [state["cause"] for state in finished.record["states"]][3] == "stopped by SIGINT"


def test_a_worker_that_failed_is_among_the_flags(tmp_path):
    source = Worker("raises", {"RB_1": "write"}, {"events": 5})
    record = run(chain(tmp_path, source=source)).record
    assert list(record["quality"]) == ["crashed workers"]
    (reason,) = record["quality"]["crashed workers"]
    assert reason.startswith("source raises: ")
    assert "the digitizer is on fire" in reason
    (failed,) = [w for w in record["result"]["workers"] if w["state"] == "failed"]
    assert (failed["worker"], failed["exit_code"]) == ("source", 1)


def test_a_worker_that_was_killed_is_recorded_with_its_signal(tmp_path):
    sink = Worker("killed_after", {"RB_2": "read"}, {"events": 3})
    record = run(chain(tmp_path, sink=sink)).record
    assert set(record["quality"]) == {"incomplete", "crashed workers"}
    (failed,) = [w for w in record["result"]["workers"] if w["state"] == "failed"]
    assert failed["exit_code"] == -9
    assert failed["how"].startswith("killed by SIGKILL")


def test_a_display_that_fails_does_not_spoil_the_data(tmp_path):
    record = run(chain(tmp_path, more=[Worker("looks_badly", {"RB_1": "observe"})])).record
    assert record["quality"] == {"clean": []}
    assert "looks_badly failed" in record["result"]["warnings"][0]


def test_a_run_that_is_ended_at_once_is_incomplete(tmp_path):
    sink = Worker("save_slowly", {"RB_2": "read"}, {"filename": "values.txt", "pause_s": 1000.0})
    daq = RunningDaq(chain(tmp_path, sink=sink))
    daq.wait_for("first event")
    daq.interrupt()
    daq.wait_for("draining")
    time.sleep(ONE_WISH_S)  # sooner it would be the same wish
    daq.interrupt()
    record = daq.finish().record
    assert [state["state"] for state in record["states"]][-2:] == ["ending now", "ended"]
    assert list(record["quality"]) == ["incomplete"]


def test_a_program_that_leaves_its_run_is_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Run(read_setup(chain(tmp_path)), RunOptions(verbose=0)) as left:
        directory = left.prepare()
    record = read_record(directory)
    assert (record.state, record.is_final, record.result) == ("given up", True, None)
    assert record.states[-1].cause == "the program left the run while it was prepared"
    assert record.quality == {"ledger open": ["the program left the run before its end"]}


def has_rows(table: Path) -> bool:
    return len(table.read_text().splitlines()) > 1


def test_a_record_that_cannot_be_written_ends_no_run_but_fails_it(tmp_path):
    daq = RunningDaq(
        chain(tmp_path, source=Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.01}))
    )
    daq.wait_for("data taking begins")
    (directory,) = run_directories(tmp_path / "target")
    eventually(lambda: read_record(directory).state == "running")
    eventually(lambda: any(directory.glob("values.txt")) and has_rows(directory / "values.txt"))
    (directory / ".run.json.part").mkdir()  # no file of this name can be made any more
    daq.interrupt()
    finished = daq.finish()
    assert finished.code == 1
    assert finished.values()
    assert finished.text.count(f"cannot write {directory}/run.json: Is a directory") >= 2
    assert finished.record["state"] == "running"


# --- repeating a run


def repeatable(directory: Path) -> Path:
    """A set-up that has everything below its directory, as a project of a user has."""
    here, modules = Path(__file__).parent, directory / "modules"
    modules.mkdir()
    for name in ("source_functions", "ways_to_fail"):
        shutil.copy(here / f"{name}.py", modules)
    setup = write_setup(
        directory,
        [buffer("RB_1")],
        [
            Worker("numbers", {"RB_1": "write"}, {"events": 30}),
            Worker("text", {"RB_1": "read"}, {"filename": "values"}),
        ],
        runevents=20,
    )
    setup.write_text(setup.read_text().replace(f"{here}/", "modules/"))
    return setup


def numbers_and_values(directory: Path) -> list[tuple[str, str]]:
    """What was saved, without the time at which it was taken."""
    lines = [line.split("\t") for line in next(directory.glob("*s.txt")).read_text().splitlines()]
    return [(fields[0], fields[-1]) for fields in lines[1:]]


def test_a_run_can_be_repeated_from_its_directory_alone(tmp_path):
    setup = repeatable(tmp_path)
    setup.write_text("output_directory: data\n" + setup.read_text())
    parent = tmp_path / "data"
    options = ("--set", "sink.config.filename=numbers", "--events", "15")
    daq = RunningDaq(setup, *options)
    assert daq.finish().code == 0, daq.text
    (first,) = run_directories(parent)
    modules = (tmp_path / "modules").glob("*.py")
    for original in (setup, *modules):
        original.unlink()
    again = RunningDaq(first / setup.name, *options)
    assert again.finish().code == 0, again.text
    first, second = run_directories(parent)  # not in the directory of the first one
    assert numbers_and_values(first) == numbers_and_values(second) != []
    one, other = read_record(first), read_record(second)
    assert (other.number, other.repeats) == (2, 1)
    assert (one.setup["runevents"], one.command[-2:]) == (15, ["--events", "15"])
    assert one.setup["Workers"]["sink"]["config"]["filename"] == "numbers"
    assert {f.sha256 for f in one.files} == {f.sha256 for f in other.files}
    assert "exactly" not in again.text


def test_what_was_changed_before_a_repetition_is_named(tmp_path):
    finished = run(repeatable(tmp_path))
    module = finished.directory / "modules" / "source_functions.py"
    module.write_text(module.read_text() + "\n# changed\n")
    RunningDaq(finished.directory / "test_setup.yaml", "--events", "10").finish()
    _first, second = run_directories(finished.parent)
    result = read_record(second).result
    assert result is not None
    assert result.warnings == [
        "run 1 is not repeated exactly: modules/source_functions.py has changed since",
        "run 1 is not repeated exactly: runevents was 20, is 10",
    ]


# --- flags


def view(**counts: int) -> RunView:
    """The last picture of a run with one buffer."""
    stats = BufferStats(
        name="RB_1",
        number_of_slots=4,
        free_slots=4,
        uptime_s=1.0,
        writers=0,
        paused=False,
        ended=True,
        waiting=WaitingTime(0.0, 0.0),
        refused_full=0,
        refused_paused=0,
        groups=(),
        **counts,
    )
    return RunView(
        title="test",
        state=RunState.ENDED,
        reason="",
        elapsed_s=1.0,
        active_s=1.0,
        events=3,
        goals=(),
        results={},
        buffers=(BufferView.of(stats, ()),),
        workers=(),
    )


def test_a_ledger_that_does_not_balance_is_open():
    quality = judge(view(claimed=4, published=3, aborted=0, torn=0, in_hand=0), [], [])
    assert list(quality) == ["ledger open"]
    quality = judge(view(claimed=4, published=3, aborted=0, torn=0, in_hand=1), [], [])
    assert quality == {"ledger open": ["1 slot of RB_1 was left in writers' hands"]}


def test_several_flags_hold_at_once_each_with_its_reasons():
    crash = ProcessView(
        "filter f[1]", "filter", True, 1, WorkerState.FAILED, -9, "killed by SIGKILL"
    )
    quality = judge(
        view(claimed=3, published=3, aborted=0, torn=0, in_hand=0),
        [crash],
        ["filter f[1] failed: killed by SIGKILL", "2 events were not processed"],
        ["the two clocks differ"],
    )
    assert quality == {
        "incomplete": ["2 events were not processed"],
        "crashed workers": ["filter f[1]: killed by SIGKILL"],
        "live time doubtful": ["the two clocks differ"],
    }


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(0.0, "1970-01-01T00:00:00.000Z"), (1795364176.9999, "2026-11-22T16:16:16.999Z")],
)
def test_times_are_utc_with_milliseconds(time_s, text):
    assert utc(time_s) == text


def test_a_record_of_version_1_is_read(finished, tmp_path):
    content = json.loads((finished.directory / "run.json").read_text())
    content |= {"schema_version": 1, "quality": {"books open": ["why"]}}
    new = content["result"]["buffers"][0]
    old_keys = "name claimed published aborted torn in_hand rate_hz rate_sigma_hz dead_fraction"
    group_keys = "reader first_sequence offered acknowledged quarantined saved due lost abandoned"
    old = {key: new[key] for key in old_keys.split()}
    old |= {"waiting_full_s": 1.5, "waiting_paused_s": 2.5}
    more = {"redelivered": 0, "waiting_s": 0.5}
    old["groups"] = [{k: g[k] for k in group_keys.split()} | more for g in new["groups"]]
    content["result"]["buffers"] = [old]
    (tmp_path / "run.json").write_text(json.dumps(content))
    record = read_record(tmp_path)
    assert record.quality == {"ledger open": ["why"]}
    (found,) = record.result.buffers
    assert (found.published, found.waiting) == (new["published"], WaitingTime(1.5, 2.5))
    assert found.groups[0].acknowledged == new["groups"][0]["acknowledged"]
    found.check()


def test_a_record_is_read_back_as_it_was_written(finished):
    record = read_record(finished.directory)
    assert json.loads(json.dumps(asdict(record))) == finished.record


@pytest.mark.parametrize(
    "part", [RunRecord, RunResult, BufferView, GroupView, ProcessView, CopiedFile, StateChange]
)
def test_every_field_is_described_in_the_documentation(part):
    page = Path(__file__).parents[2] / "docs" / "reference" / "run-record.md"
    described = set(re.findall(r"`([a-z0-9_]+)`", page.read_text("utf-8")))
    assert {field.name for field in fields(part)} <= described


def test_the_packages_that_count_fit_and_write_are_recorded(finished):
    packages = read_record(finished.directory).versions["packages"]
    for name in ("numpy", "pyarrow", "boost-histogram", "iminuit"):
        assert packages[name] == importlib.metadata.version(name)
