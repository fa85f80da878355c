"""Workers, their fork server and the supervisor are killed: what they leave."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from running import (
    RunningDaq,
    Worker,
    chain,
    eventually,
    processes_of,
    run,
    run_directories,
    written_run,
)


def test_a_filter_killed_with_an_event_in_its_hands_loses_nothing(tmp_path):
    middle = Worker("dies_once", {"RB_1": "read", "RB_2": "write"}, processes=2)
    finished = run(chain(tmp_path, middle=middle))
    assert finished.code == 1
    (failure,) = finished.summary["failures"]
    assert "killed by SIGKILL" in failure
    assert finished.values() == [2.0 * n for n in range(finished.published("RB_1"))]
    (group,) = finished.summary["buffers"][0]["groups"]
    assert group["redelivered"] == 1
    assert group["abandoned"] == group["due"] == 0


def test_a_killed_sink_is_reported_and_the_other_one_completes(tmp_path):
    more = [Worker("killed_after", {"RB_2": "read"}, {"events": 10})]
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    finished = run(chain(tmp_path, source=source, more=more))
    assert finished.code == 1
    killed = (
        "sink_2 killed_after failed: killed by SIGKILL, perhaps by the kernel for lack of memory, "
        "with the 11th event published in RB_2 in its hands"
    )
    assert killed in finished.summary["failures"]
    assert finished.values() == [2.0 * n for n in range(finished.published("RB_1"))]


def test_workers_whose_fork_server_was_killed_are_believed_how_they_ended(tmp_path):
    setup = chain(tmp_path, source=Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001}))
    daq = RunningDaq(setup, "--start-method", "forkserver")
    daq.wait_for("data taking begins")
    parents = {parent_of(pid) for pid in processes_of(daq.process.pid)}
    (fork_server,) = parents - {os.getpid(), daq.process.pid}
    os.kill(fork_server, signal.SIGKILL)
    eventually(lambda: fork_server not in processes_of(daq.process.pid))
    os.kill(daq.process.pid, signal.SIGINT)
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert finished.values() == [2.0 * n for n in range(finished.published("RB_1"))]
    (warning,) = finished.summary["warnings"]
    assert warning.startswith("the fork server of the workers has been killed, perhaps by")
    ends = [(w["state"], w["exit_code"]) for w in finished.summary["workers"]]
    assert ends == [("ended", None)] * 3


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def memory_of(pid: int | str) -> set[tuple[int, int]]:
    """Memory without a name that a process holds open, as device and inode."""
    found = set()
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if str(descriptor.readlink()).startswith("/memfd:mimocorb"):
                    status = descriptor.stat()
                    found.add((status.st_dev, status.st_ino))
    return found


def memory_of_everybody() -> set[tuple[int, int]]:
    processes = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return set().union(*(memory_of(pid) for pid in processes))


@pytest.mark.parametrize(
    ("start_method", "kill"),
    [("fork", os.kill), ("fork", os.killpg), ("forkserver", os.kill), ("spawn", os.kill)],
)
def test_no_process_and_no_memory_outlive_a_killed_supervisor(tmp_path, start_method, kill):
    """F6, F7: also when its whole process group is killed with it."""
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    setup = chain(tmp_path, source=source, more=[Worker("looks", {"RB_2": "observe"})])
    daq = RunningDaq(setup, "--start-method", start_method)
    daq.wait_for("data taking begins")
    session = daq.process.pid
    assert len(processes_of(session)) >= 5
    memory = memory_of(session)
    assert len(memory) >= 2
    assert memory & memory_of_everybody()
    kill(session, signal.SIGKILL)
    daq.process.wait()
    eventually(lambda: not processes_of(session))
    assert not memory & memory_of_everybody()


def test_every_whole_event_is_on_disk_after_the_supervisor_was_killed(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    daq = RunningDaq(chain(tmp_path, source=source))
    daq.wait_for("data taking begins")
    (directory,) = run_directories(tmp_path / "target")
    file = directory / "values.txt"
    eventually(lambda: file.exists() and file.read_text().count("\n") > 20)
    os.kill(daq.process.pid, signal.SIGKILL)
    daq.process.wait()
    eventually(lambda: not processes_of(daq.process.pid))
    *lines, last = file.read_text().split("\n")
    assert last == ""
    values = [float(line.split("\t")[-1]) for line in lines[1:]]
    assert values == [2.0 * n for n in range(len(values))]
    log = (directory / "log.jsonl").read_text().splitlines()
    assert all(json.loads(line) for line in log)


CUTS_ITS_TIES = """
import ctypes
import os
import signal
import subprocess

import mimocorb as mc


@mc.source
def becomes_another_program(*, directory):
    yield [0.0]
    (directory / "cut").touch()
    os.execvp("sleep", ["sleep", "3600"])


@mc.source
def lets_no_signal_in(*, directory):
    yield [0.0]
    os.closerange(3, 4096)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    subprocess.Popen(["sleep", "3600"])
    (directory / "cut").touch()
    os.execvp("sleep", ["sleep", "3600"])


@mc.source
def is_in_native_code(*, directory):
    yield [0.0]
    os.closerange(3, 4096)
    (directory / "cut").touch()
    ctypes.PyDLL(None).sleep(3600)


@mc.sink
def drain(events):
    pass
"""


@pytest.mark.parametrize("start_method", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize(
    "function", ["lets_no_signal_in", "becomes_another_program", "is_in_native_code"]
)
def test_a_worker_that_has_cut_its_ties_does_not_outlive_the_main_process(
    tmp_path, function, start_method
):
    setup = f"""
Buffers: {{raw: {{slot_count: 8, data_length: 1, data_dtype: {{x: float64}}}}}}
Workers:
  source: {{file: work.py, function: {function}, sinks: [raw]}}
  sink: {{file: work.py, function: drain, sources: [raw]}}
"""
    daq = RunningDaq(written_run(tmp_path, setup, CUTS_ITS_TIES), "--start-method", start_method)
    eventually(lambda: bool(list(tmp_path.glob("target/*/cut"))))
    daq.process.kill()
    eventually(lambda: not processes_of(daq.process.pid))
