"""What a worker starts belongs to it, and what it is called in lists of processes."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from running import (
    RunningDaq,
    Terminal,
    Worker,
    chain,
    controlled,
    eventually,
    processes_of,
    run,
)

SOURCE = Worker("starts_programs", {"RB_1": "write"}, {"pause_s": 0.001})


def names(session: int) -> dict[str, int]:
    """Processes of a run by the name that ps shows."""
    found = {}
    for pid in processes_of(session):
        with suppress(OSError):  # it has just ended
            found[Path(f"/proc/{pid}/comm").read_text().strip()] = pid
    return found


def started(tmp_path, *options: str) -> RunningDaq:
    daq = RunningDaq(chain(tmp_path, source=SOURCE), *options)
    daq.wait_for("data taking begins")
    eventually(lambda: "sleep" in names(daq.process.pid))
    return daq


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_programs_that_a_worker_has_left_end_with_it(tmp_path, start_method):
    source = Worker("starts_programs", {"RB_1": "write"}, {"events": 20})
    finished = run(chain(tmp_path, source=source), "--start-method", start_method)
    assert finished.code == 0, finished.text
    (line,) = [line for line in finished.log.splitlines() if "had left programs" in line]
    assert "source starts_programs had left programs running, killed: " in line
    assert "sleep (process " in line


def test_programs_end_with_a_worker_that_is_killed(tmp_path):
    daq = started(tmp_path)
    os.kill(names(daq.process.pid)["source starts_p"], signal.SIGKILL)
    finished = daq.finish()  # which looks for what is left
    assert finished.code == 1
    assert "had left programs running, killed: " in finished.log


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_programs_end_with_a_supervisor_that_is_killed(tmp_path, start_method):
    """F25 with what user functions have started: nothing survives."""
    daq = started(tmp_path, "--start-method", start_method)
    daq.process.send_signal(signal.SIGKILL)
    eventually(lambda: not processes_of(daq.process.pid))


def test_a_program_that_asks_at_the_terminal_stops_nobody(tmp_path):
    source = Worker("asks_at_the_terminal", {"RB_1": "write"}, {"events": 20})
    finished = controlled(chain(tmp_path, source=source), Terminal()).finish()
    assert finished.code == 0, finished.text
    assert "stty -F /dev/tty -ixon: 0" in finished.log
    assert "head -c 1 </dev/tty: 1" in finished.log


def test_processes_are_called_as_their_workers(tmp_path):
    middle = Worker("double", {"RB_1": "read", "RB_2": "write"}, {}, processes=2)
    daq = RunningDaq(chain(tmp_path, source=SOURCE, middle=middle))
    daq.wait_for("data taking begins")
    expected = {"mimocorb", "source starts_p", "filter doubl[1]", "filter doubl[2]", "sink text"}
    assert expected <= names(daq.process.pid).keys()
    daq.interrupt()
    assert daq.finish().code == 0
