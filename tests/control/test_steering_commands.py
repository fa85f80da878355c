"""``mimocorb status``, ``pause``, ``resume`` and ``stop``, in the terminal beside a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from running import WATCHDOG_S, Worker
from talking import directory_of

from mimocorb.cli import main

SLOWLY = Worker("double", {"RB_1": "read", "RB_2": "write"}, {"pause_s": 0.05})


def mimocorb(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=WATCHDOG_S,
        check=False,
    )


def test_one_run_is_shown_paused_resumed_and_stopped(start, capsys):
    daq = start()
    name = directory_of(daq).name
    assert main(["status"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(f"run 1 {name}, process {daq.process.pid} of ")
    for text in (str(directory_of(daq)), "running", "RB_1", "RB_2", "Fkt_2   double"):
        assert text in page
    assert main(["pause"]) == 0
    assert capsys.readouterr().out == f"{name}: paused\n"
    assert main(["status", "1"]) == 0
    assert f"paused by mimocorb pause (process {os.getpid()}, user " in capsys.readouterr().out
    assert main(["resume", name]) == 0
    assert main(["status", "--json", str(directory_of(daq))]) == 0
    status = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert (status["name"], status["view"]["state"]) == (name, "running")
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
    assert main(["stop", str(directory)]) == 1
    assert "the run has ended at 20" in (error := capsys.readouterr().err)
    assert "because stopped by SIGINT" in error
    assert main(["stop", str(tmp_path)]) == 1
    assert "no run is running there" in capsys.readouterr().err


def test_stop_says_how_much_is_left_and_waits_for_the_end(start):
    daq = start("one", middle=SLOWLY)
    stopped = mimocorb("stop")
    assert stopped.returncode == 0
    first, *_, last = stopped.stdout.splitlines()
    assert first.endswith("draining, 16 of 16 still due in RB_1")
    assert "ended, stopped by mimocorb stop" in last
    assert daq.finish().code == 0


def test_stop_now_loses_what_is_left_and_says_so_by_its_exit_code(start):
    daq = start("one", middle=SLOWLY)
    stopped = mimocorb("stop", "--now")
    assert stopped.returncode == 1
    assert "RB_1" in stopped.stderr
    assert daq.finish().code == 1


def test_stop_need_not_wait_and_not_for_long(start):
    daq = start("one", middle=Worker("double", SLOWLY.roles, {"pause_s": 1.0}))
    assert mimocorb("stop", "--no-wait").stdout.endswith("still due in RB_1\n")
    late = mimocorb("stop", "--timeout", "0.2")
    assert late.returncode == 1
    assert "is not over yet (draining, " in late.stderr
    assert "it goes on ending by itself" in late.stderr
    with pytest.raises(AssertionError):  # refused, for good reason
        assert mimocorb("pause").returncode == 0
    mimocorb("stop", "--now")
    daq.finish()


@pytest.mark.parametrize("options", [["--watch"], ["--watch", "--json"]])
def test_watching_into_a_pipe_gives_lines_until_the_run_ends(start, options):
    daq = start()
    watching = subprocess.Popen(
        [sys.executable, "-m", "mimocorb.cli", "status", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    first = watching.stdout.readline()
    assert "running" in first
    daq.interrupt()
    assert daq.finish().code == 0
    rest, _ = watching.communicate(timeout=WATCHDOG_S)
    assert watching.returncode == 0
    assert "ended" in rest.splitlines()[-1]
    if "--json" in options:
        assert json.loads(rest.splitlines()[-1])["view"]["state"] == "ended"


def test_ctrl_c_ends_the_watching_and_not_the_run(start):
    daq = start()
    watching = subprocess.Popen(
        [sys.executable, "-m", "mimocorb.cli", "status", "--watch"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    rest, _ = watching.communicate(timeout=WATCHDOG_S)
    assert watching.returncode == 0
    assert rest.endswith("goes on\n")
    assert main(["status"]) == 0
    assert daq.process.poll() is None
