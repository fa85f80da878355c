"""What cannot be processed in time is saved, and processed by a later run."""

from __future__ import annotations

import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from running import (
    WATCHDOG_S,
    Finished,
    RunningDaq,
    Worker,
    buffer,
    chain,
    eventually,
    run_directories,
    write_setup,
)

import mimocorb
from mimocorb import connect
from mimocorb.cli import main
from mimocorb.recording.spill_file import SpillFile, read_index
from mimocorb.recording.spilled_rows import event_dtype
from mimocorb.recording.text import REPEAT_MARK
from mimocorb.run.operator_signals import ONE_WISH_S
from mimocorb.run.record.run_record import read_record

STUCK_AFTER = 5


@pytest.fixture
def obstacle(tmp_path) -> Path:
    """As long as this file is there, the filter is stuck behind the fifth event."""
    path = tmp_path / "obstacle"
    path.touch()
    return path


def stuck_run(tmp_path: Path, obstacle: Path, file_limit_bytes: int | None = None) -> Finished:
    middle = Worker("waits_while_there", {"RB_1": "read", "RB_2": "write"}, {"file": str(obstacle)})
    setup = write_setup(
        tmp_path,
        [buffer("RB_1", values=1000), buffer("RB_2")],
        [
            Worker("numbers", {"RB_1": "write"}, {}),
            middle,
            Worker("text", {"RB_2": "read"}, {"filename": "values"}),
        ],
    )
    daq = RunningDaq(setup, "--drain-timeout", "1")
    daq.wait_for("cannot go on")
    (directory,) = run_directories(tmp_path / "target")
    file = directory / "values.txt"
    eventually(lambda: file.exists() and file.read_text().count("\n") == 1 + STUCK_AFTER)
    if file_limit_bytes is not None:
        resource.prlimit(
            daq.process.pid, resource.RLIMIT_FSIZE, (file_limit_bytes, file_limit_bytes)
        )
    with connect(directory) as run:  # the source has filled the ring
        eventually(lambda: run.status().view.buffers[0].stats.free_slots == 0)
    daq.interrupt(signal.SIGTERM)
    return daq.finish()


def test_the_rest_of_a_stuck_run_is_saved_and_finish_processes_exactly_it(
    tmp_path, obstacle, capsys
):
    finished = stuck_run(tmp_path, obstacle)
    taken = finished.published("RB_1")
    first = finished.values()
    assert finished.code == 1, finished.text
    saved = taken - len(first)
    assert saved > 0
    assert len(first) == STUCK_AFTER
    assert f"{saved} events of RB_1 were saved for waits_while_there" in finished.summary_text
    assert re.search(r"\n  to finish +mimocorb finish target/test_setup\S+0001\n", finished.text)
    (events,) = mimocorb.open(finished.directory / "spill.zip").values()
    assert events.damage() == []
    assert sorted(events.metadata.counter.tolist()) == list(range(len(first), taken))

    directory = finished.directory
    obstacle.unlink()
    assert main(["finish", str(directory), "--quiet"]) == 0
    (other,) = [path for path in finished.parent.iterdir() if path.is_dir() and path != directory]
    finished_run = Finished(0, "", other).parent
    lines = (finished_run / "values.txt").read_text().splitlines()[1:]
    second = [float(line.removesuffix(REPEAT_MARK).split("\t")[-1]) for line in lines]
    marked = [line for line in lines if line.endswith(REPEAT_MARK)]
    marks = events.metadata.may_repeat
    assert len(marked) == (0 if marks is None else np.count_nonzero(marks)), "marks survive"
    assert sorted(first + second) == [2.0 * n for n in range(taken)]

    capsys.readouterr()
    assert main(["finish", str(directory), "--quiet"]) == 0
    assert "have been processed already" in capsys.readouterr().out


def test_finish_that_is_ended_early_is_not_noted_as_done(tmp_path, obstacle, capsys):
    finished = stuck_run(tmp_path, obstacle)
    directory = finished.directory
    saved = finished.published("RB_1") - len(finished.values())
    setup = directory / "test_setup.yaml"
    setup.write_text(setup.read_text().replace("slot_count: 16", "slot_count: 2"))
    command = [sys.executable, "-m", "mimocorb.cli", "finish", str(directory), "--lines"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as command_run:
        for line in command_run.stdout:
            if b"cannot go on" in line:
                command_run.terminate()
            if b"draining" in line:
                obstacle.unlink()
                break
        text = command_run.stdout.read().decode()
    assert command_run.returncode == 1, text
    assert f"Not processed, and still to be had by mimocorb finish {directory}:" in text
    assert re.search(
        rf"\n  {saved} events of RB_1 .*: \d+ were left when the command was ended", text
    )

    assert main(["finish", str(directory), "--quiet"]) == 0
    assert re.search(rf"\n  RB_1 +{saved} ", capsys.readouterr().out)


def test_finish_gives_the_events_of_a_failed_sink_to_its_mended_successor(tmp_path):
    """All that comes after the failure is saved as well, while the run drains."""
    sink = Worker("fails_while_there", {"RB_2": "read"}, {"file": str(tmp_path / "obstacle")})
    (tmp_path / "obstacle").touch()
    source = Worker("numbers", {"RB_1": "write"}, {"events": 300})
    finished = RunningDaq(chain(tmp_path, source=source, sink=sink)).finish()
    assert finished.code == 1
    taken = finished.published("RB_2")
    (group,) = finished.summary["buffers"][1]["groups"]
    assert (group["acknowledged"], group["saved"], group["lost"]) == (5, taken - 5, 0)
    assert taken == finished.published("RB_1") > 6

    directory = finished.directory
    (tmp_path / "obstacle").unlink()
    assert main(["finish", str(directory), "--quiet"]) == 0
    (other,) = [path for path in run_directories(finished.parent) if path != directory]
    values = [float(line) for line in (other / "values.txt").read_text().split()]
    assert values == [2.0 * n for n in range(5, taken)]


def test_finish_that_fails_again_leads_back_to_the_first_run(tmp_path, capsys, monkeypatch):
    sink = Worker("fails_while_there", {"RB_2": "read"}, {"file": str(tmp_path / "obstacle")})
    (tmp_path / "obstacle").touch()
    source = Worker("numbers", {"RB_1": "write"}, {"events": 300})
    finished = RunningDaq(chain(tmp_path, source=source, sink=sink)).finish()
    first = finished.directory
    capsys.readouterr()
    assert main(["finish", str(first), "--quiet"]) == 1
    assert f"\n  to finish      mimocorb finish {first}\n" in capsys.readouterr().out
    (again,) = [path for path in run_directories(finished.parent) if path != first]
    what_to_do = f"the rest of {first} is not complete, to repeat it: mimocorb finish {first}\n"
    assert what_to_do in (again / "summary.txt").read_text()
    assert main(["finish", str(again), "--quiet"]) == 2
    assert f"processed the rest of {first}, which has all" in capsys.readouterr().err
    monkeypatch.chdir(finished.parent.parent)
    assert main(["finish", "9"]) == 1
    assert "there is no run 9 in target" in capsys.readouterr().err
    (tmp_path / "obstacle").unlink()
    assert main(["finish", "1", "--quiet"]) == 0
    assert main(["finish", "1", "--quiet"]) == 0
    assert "events have been processed already" in capsys.readouterr().out


def test_finish_goes_on_behind_events_that_cannot_be_processed_and_says_which(tmp_path, capsys):
    obstacle = tmp_path / "obstacle"
    fails = Worker("fails_while_there", {"RB_1": "read"}, {"file": str(obstacle)})
    sink = Worker("text", {"RB_2": "read"}, {"filename": "doubled"})
    first = RunningDaq(chain(tmp_path, sink=sink, more=[fails])).finish().directory
    rows = np.zeros(8, event_dtype(np.dtype([("value", "float64")]), 4))
    rows["sequence"] = np.arange(8, 16)
    rows["data"]["value"] = np.arange(7, 15)[:, None]
    with SpillFile(first / "spill.zip", "test_setup.yaml") as file:
        file.add("RB_1", "sink_2", rows)
        file.add("RB_1", "filter", rows[:2])
    obstacle.touch()
    capsys.readouterr()
    assert main(["finish", str(first), "--quiet"]) == 1
    failed, passed = [path for path in run_directories(first.parent) if path != first]
    assert capsys.readouterr().out.endswith(
        f"Not processed, and still to be had by mimocorb finish {first}:\n"
        f"  8 events of RB_1 for sink_2: {failed} says why; do not use its output\n"
    )
    lines = (passed / "doubled.txt").read_text().splitlines()
    assert [line.split()[-1] for line in lines[1:]] == ["14.0", "16.0"]
    obstacle.unlink()
    assert main(["finish", str(first), "--quiet"]) == 0
    last = run_directories(first.parent)[-1]
    assert len((last / "values.txt").read_text().split()) == 8
    assert main(["finish", str(first), "--quiet"]) == 0
    assert "have been processed already" in capsys.readouterr().out


def test_finish_goes_on_behind_a_run_that_cannot_be_started(tmp_path, capsys):
    """Three readers were left with different events; the second cannot take its buffer any more."""
    keep = Worker("text", {"RB_2": "read"}, {"filename": "doubled"})
    more = [
        Worker("fails_while_there", {"RB_1": "read"}, {"file": str(tmp_path / "none")}),
        Worker("drain", {"RB_1": "read"}),
    ]
    first = RunningDaq(chain(tmp_path, sink=keep, more=more)).finish().directory
    rows = np.zeros(8, event_dtype(np.dtype([("value", "float64")]), 4))
    rows["sequence"] = np.arange(8, 16)
    with SpillFile(first / "spill.zip", "test_setup.yaml") as file:
        file.add("RB_1", "sink_2", rows[:2])
        file.add("RB_1", "sink_3", rows[:4])
        file.add("RB_1", "filter", rows)
    setup = yaml.safe_load((first / "test_setup.yaml").read_text())
    drain = setup["Workers"]["sink_3"]
    drain.update(function="buffer_control.BufferToTxtfile", config={"filename": "table"})
    (first / "test_setup.yaml").write_text(yaml.safe_dump(setup))
    capsys.readouterr()
    assert main(["finish", str(first), "--quiet"]) == 1
    passed, last = [path for path in run_directories(first.parent) if path != first]
    _, _, told = capsys.readouterr().out.partition("\nProcessed:\n")
    why = told.splitlines().pop(3)
    assert "writes one row per event, but RB_1 has 4 values" in why
    assert told.splitlines() == [
        f"  2 events of RB_1 for sink_2: {passed}",
        f"  8 events of RB_1 for filter: {last}",
        f"Not processed, and still to be had by mimocorb finish {first}:",
        why,
    ]
    assert why.startswith("  4 events of RB_1 for sink_3: ")

    # Now it is the only one, and nothing is started.
    assert main(["finish", str(first), "--quiet"]) == 2
    assert "writes one row per event, but RB_1 has 4 values" in capsys.readouterr().err


def test_an_interrupt_before_finish_begins_anything_says_so(tmp_path, capsys, monkeypatch):
    first = RunningDaq(chain(tmp_path)).finish().directory
    rows = np.zeros(8, event_dtype(np.dtype([("value", "float64")]), 1))
    with SpillFile(first / "spill.zip", "test_setup.yaml") as file:
        file.add("RB_2", "sink", rows)

    def interrupted(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("mimocorb.run.run.Supervisor.create_buffers", interrupted)
    assert main(["finish", str(first), "--quiet"]) == 130
    assert capsys.readouterr().err == "mimocorb: interrupted, nothing was started\n"
    assert run_directories(first.parent) == [first]


@pytest.mark.parametrize("interrupts", [1, 2])
def test_an_interrupt_ends_the_whole_command_and_says_what_was_processed(tmp_path, interrupts):
    """Three readers were left with different events; it is interrupted in the run of the second."""
    obstacle = tmp_path / "obstacle"
    stuck = Worker("waits_while_there", {"RB_1": "read", "RB_2": "write"}, {"file": str(obstacle)})
    keep = Worker("text", {"RB_2": "read"}, {"filename": "doubled"})
    more = [Worker("fails_while_there", {"RB_1": "read"}, {"file": str(tmp_path / "none")})] * 2
    first = RunningDaq(chain(tmp_path, middle=stuck, sink=keep, more=more)).finish().directory
    rows = np.zeros(8, event_dtype(np.dtype([("value", "float64")]), 4))
    rows["sequence"] = np.arange(8, 16)
    rows["data"]["value"] = np.arange(3, 11)[:, None]
    setup = first / "test_setup.yaml"
    setup.write_text(setup.read_text().replace("slot_count: 16", "slot_count: 2"))
    with SpillFile(first / "spill.zip", setup.name) as file:
        file.add("RB_1", "sink_2", rows[:2])
        file.add("RB_1", "filter", rows)
        file.add("RB_1", "sink_3", rows[:4])
    obstacle.touch()
    command = [sys.executable, "-m", "mimocorb.cli", "finish", str(first), "--lines"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as command_run:
        text = ""
        for line in command_run.stdout:
            text += line.decode()
            if b"cannot go on" in line:
                command_run.send_signal(signal.SIGINT)
            if b"stopped by SIGINT: draining" in line:
                if interrupts == 1:
                    obstacle.unlink()
                else:
                    time.sleep(ONE_WISH_S)  # sooner it would be the same wish
                    command_run.send_signal(signal.SIGINT)
    assert command_run.returncode == 1, text
    assert text.count("data taking begins") == 2
    passed, ended = [path for path in run_directories(first.parent) if path != first]
    _, _, told = text.partition("\nProcessed:\n")
    left = re.search(r"\d+ (was|were) left", told)
    what_became_of_it = (
        f"{left[0]} when the command was ended; do not use the output in {ended}"
        if left
        else f"{ended} says why; do not use its output"
    )
    assert bool(left) is (interrupts == 1)
    assert told.splitlines() == [
        f"  2 events of RB_1 for sink_2: {passed}",
        f"Not processed, and still to be had by mimocorb finish {first}:",
        f"  8 events of RB_1 for filter: {what_became_of_it}",
        "  4 events of RB_1 for sink_3: not begun, as the command was ended before",
    ]


def test_a_directory_whose_name_is_a_number_is_a_directory(tmp_path, obstacle, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    directory = stuck_run(tmp_path, obstacle).directory
    obstacle.unlink()
    directory.rename("7")
    capsys.readouterr()
    assert main(["runs", "7"]) == 0
    assert "test_setup" in capsys.readouterr().out
    assert main(["finish", "7", "--quiet"]) == 0
    assert main(["finish", "7", "--quiet"]) == 0
    assert "7/spill.zip: all of its events have been processed" in capsys.readouterr().out
    assert main(["finish", "8"]) == 1
    assert "no run 8 in target" in capsys.readouterr().err


def test_finish_says_that_it_is_one_and_measures_no_live_time(tmp_path, obstacle, capsys):
    first = stuck_run(tmp_path, obstacle).directory
    obstacle.unlink()
    capsys.readouterr()
    assert main(["finish", str(first), "--quiet"]) == 0
    assert "rates          of recorded events" in capsys.readouterr().out
    (again,) = [path for path in run_directories(first.parent) if path != first]
    text = (again / "summary.txt").read_text()
    assert "Events that an earlier run has left: no live time" in text
    for words in ("Live time", "of live time", "limits the rate", " dead "):
        assert words not in text
    record = read_record(again)
    assert record.title.endswith(f", rest of {first.name}")
    assert {b.rate for b in record.result.buffers} == {None}
    assert {b.dead_fraction for b in record.result.buffers} == {None}
    accounts = record.result.accounts
    assert (accounts["live_time"], accounts["doubts"], accounts["limit"]) == ([], [], "")
    assert main(["runs", str(again)]) == 0
    assert "rest of" in capsys.readouterr().out


def test_what_cannot_be_saved_either_is_counted_as_lost(tmp_path, obstacle):
    finished = stuck_run(tmp_path, obstacle, file_limit_bytes=7_000)
    assert finished.code == 1
    assert "spill.zip: File too large" in finished.text
    # The limit is too small for the record of the run as well, but not for what it prints.
    row = re.search(r"RB_1 +(\d+) = +5 \+ +0 \+ +0 \+ +(\d+)  waits", finished.text)
    assert row is not None, finished.text
    assert int(row[1]) == 5 + int(row[2])
    assert "of RB_1 were not processed by waits_while_there" in finished.text


FULL_DISK = """
mount -t tmpfs -o size=512k none "$1/target" || exit 99
cd "$1"
"$2" -m mimocorb.cli run test_setup.yaml --lines --no-keyboard > told 2>&1 &
until grep -q 'paused: values.txt' told; do kill -0 $! || exit 98; sleep 0.1; done
"$2" -m mimocorb.cli status "$1"/target/*/ > status
"$2" -m mimocorb.cli stop "$1"/target/*/
wait $!
code=$?
cp -a target/. kept
exit $code
"""


def test_a_full_disk_pauses_the_run_and_stopped_then_it_leaves_what_is_accepted(tmp_path):
    namespace = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.call(
        [*namespace, "true"], stderr=subprocess.DEVNULL
    ):
        pytest.skip("no file system of its own can be mounted here")
    source = Worker("numbers", {"RB_1": "write"}, {"events": 10**9})
    chain(tmp_path, source=source, disk_floor_mb=0)
    for name in ("target", "kept"):
        (tmp_path / name).mkdir()
    command = [*namespace, "sh", "-c", FULL_DISK, "sh", str(tmp_path), sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WATCHDOG_S)
    if done.returncode == 99:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    told = (tmp_path / "told").read_text()
    assert done.returncode == 1, told + done.stderr
    why = "values.txt cannot be written: No space left on device"
    assert f"sink text: {why}; make room, the run waits" in told
    assert f"paused: {why}" in (tmp_path / "status").read_text()
    (directory,) = run_directories(tmp_path / "kept")
    record = read_record(directory)
    assert record.state == "ended", told
    (failed,) = [text for text in record.result.failures if text.startswith("not everything")]
    assert failed == f"not everything could be written at the end: {why}"
    assert failed in (directory / "summary.txt").read_text()
    alarm = f"sink text: {why}; make room, the run waits"
    assert any(alarm in warning for warning in record.result.warnings)
    assert any(each.kind == "disk full" for each in record.result.alarms)
    names = [path.name for path in directory.iterdir()]
    assert [name for name in names if name.startswith((".", "values"))] == ["values.txt"]
    assert sum(group.lost for ledger in record.result.buffers for group in ledger.groups) == 0
    saved = [g.saved for ledger in record.result.buffers for g in ledger.groups]
    assert sum(group.events for group in read_index(directory / "spill.zip").groups) == sum(saved)
    rows = (directory / "values.txt").read_text().splitlines()[1:]
    assert len(rows) + sum(saved) == record.result.buffers[0].published
