"""``mimocorb status``, ``pause``, ``resume`` and ``stop``, in the terminal beside a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running import WATCHDOG_S, RunningDaq, Worker, eventually
from talking import directory_of

from mimocorb import connect
from mimocorb.cli import main


def test_one_run_is_shown_paused_resumed_and_stopped(start, capsys):
    daq = start()
    name = directory_of(daq).name
    assert main(["status"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(f"run 1 {name}, process {daq.process.pid} of ")
    for text in (str(directory_of(daq)), "running", "RB_1", "RB_2", "filter  double"):
        assert text in page
    assert main(["pause"]) == 0
    assert capsys.readouterr().out == f"{name}: paused\n"
    assert main(["status", "1"]) == 0
    assert f"paused by mimocorb pause (process {os.getpid()}, user " in capsys.readouterr().out
    assert main(["resume", name]) == 0
    assert main(["status", "--json", str(directory_of(daq))]) == 0
    status = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert (status["name"], status["view"]["state"]) == (name, "running")
    first, _ = status["view"]["buffers"]
    assert "throughput_hz" in first
    assert first["published"] > 0
    assert main(["stop"]) == 0
    assert f"{name}: ended, stopped by mimocorb stop (process" in capsys.readouterr().out
    finished = daq.finish()
    assert finished.code == 0
    assert f"stopped by mimocorb stop (process {os.getpid()}, user " in finished.summary["reason"]


def test_without_a_run_each_command_says_so_in_one_line(capsys):
    for command in ("pause", "resume", "stop"):
        assert main([command]) == 1
        error = capsys.readouterr().err
        assert error.startswith("mimocorb: no run of ")
        assert error.count("\n") == 1
    assert main(["status"]) == 1
    assert "is running" in capsys.readouterr().out
    assert main(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == []


def test_with_several_runs_one_has_to_be_named(start, capsys):
    first, second = start("first"), start("second")
    assert main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert str(directory_of(first)) in lines[0]
    assert str(directory_of(second)) in lines[1]
    assert main(["pause"]) == 1
    error = capsys.readouterr().err
    assert "several runs are running; say which one" in error
    assert str(directory_of(first)) in error
    assert main(["pause", "run0001"]) == 1
    assert "'run0001' may mean several runs" in capsys.readouterr().err
    assert main(["pause", "nonsense"]) == 1
    assert "is called 'nonsense'; running are:" in capsys.readouterr().err
    assert main(["stop", str(directory_of(second))]) == 0
    assert second.finish().code == 0
    assert main(["pause"]) == 0


def test_a_run_that_has_ended_is_told_from_one_that_never_was(start, tmp_path, capsys):
    daq = start()
    directory = directory_of(daq)
    daq.interrupt()
    daq.finish()
    # In a process of its own: a command that was called before the end has what it asked for.
    command = [sys.executable, "-m", "mimocorb.cli", "stop", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the run has ended at 20" in done.stderr
    assert "because stopped by SIGINT" in done.stderr
    assert main(["stop", str(tmp_path)]) == 1
    assert "no run is running there" in capsys.readouterr().err


def test_whoever_asks_to_stop_while_the_run_ends_has_what_he_asked_for(start, monkeypatch):
    """Those that find the run, those that lose it on their way, and those that come too late."""
    daq = start()
    monkeypatch.chdir(daq.setup.parent)
    command = [sys.executable, "-m", "mimocorb.cli", "stop"]
    stops = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(8)
    ]
    said = [stop.communicate()[0] for stop in stops]
    assert [stop.returncode for stop in stops] == [0] * 8, said
    assert all("ended, stopped by mimocorb stop (process" in text for text in said)
    assert daq.finish().code == 0


def test_a_program_that_asks_at_the_end_gets_the_last_status_from_the_record(start):
    daq = start()
    run, other = connect(), connect()
    other._close_end_link()  # as if the run had ended before it could listen
    run.stop()
    daq.finish()
    status = other.stop()
    assert status.ended
    assert status.view.reason == run.wait().view.reason
    assert status.buffers["RB_1"].published == run.wait().buffers["RB_1"].published
    assert status.failures == ()


@pytest.fixture
def obstacle(tmp_path) -> Path:
    """As long as this file is there, the filter of `stuck` does nothing."""
    path = tmp_path / "obstacle"
    path.touch()
    return path


@pytest.fixture
def stuck(start, obstacle) -> RunningDaq:
    """A run in which nothing moves any more, as its first buffer is full."""
    roles = {"RB_1": "read", "RB_2": "write"}
    daq = start("one", middle=Worker("waits_while_there", roles, {"file": str(obstacle)}))
    with connect() as run:
        eventually(lambda: run.buffers["RB_1"].due == 16)
    return daq


def test_stop_says_how_much_is_left_and_waits_for_the_end(stuck, obstacle):
    command = [sys.executable, "-m", "mimocorb.cli", "stop"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stop:
        assert stop.stdout is not None
        assert stop.stdout.readline().endswith("draining, 16 of 16 still due in RB_1\n")
        obstacle.unlink()
        last = stop.stdout.read().splitlines()[-1]
    assert "ended, stopped by mimocorb stop" in last
    assert stop.returncode == 0
    assert stuck.finish().code == 0


def test_stop_need_not_wait_and_not_for_long_and_may_lose_what_is_left(stuck, capsys):
    assert main(["stop", "--no-wait"]) == 0
    assert capsys.readouterr().out.endswith("draining, 16 of 16 still due in RB_1\n")
    assert main(["stop", "--timeout", "0.1"]) == 1
    late = capsys.readouterr().err
    assert "is not over yet (draining, " in late
    assert "it goes on ending by itself" in late
    assert main(["pause"]) == 1
    assert capsys.readouterr().err == "mimocorb: a run that is draining cannot pause\n"
    assert main(["stop", "--now"]) == 1
    assert "RB_1" in capsys.readouterr().err
    assert stuck.finish().code == 1


@pytest.fixture
def watching():
    """Start ``mimocorb status --watch`` into a pipe, and return when it has said something."""
    started = []

    def start_watching(*options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "mimocorb.cli", "status", "--watch", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert "running" in process.stdout.readline()
        return process

    yield start_watching
    for process in started:
        process.kill()
        process.communicate()


def test_watching_into_a_pipe_gives_lines_until_the_run_ends_or_until_ctrl_c(start, watching):
    daq = start()
    lines, objects, left = watching(), watching("--json"), watching()
    left.send_signal(signal.SIGINT)
    assert left.communicate(timeout=WATCHDOG_S)[0].endswith("goes on\n")
    assert left.returncode == 0
    daq.interrupt()
    assert daq.finish().code == 0
    assert "has ended: stopped by SIGINT" in lines.communicate(timeout=WATCHDOG_S)[0]
    last = objects.communicate(timeout=WATCHDOG_S)[0].splitlines()[-1]
    assert json.loads(last)["view"]["state"] == "ended"
    assert (lines.returncode, objects.returncode) == (0, 0)
