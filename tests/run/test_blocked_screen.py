"""A run whose output nobody reads goes on: less, Ctrl-S, a connection that hangs."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios

import pytest
from running import RunningDaq, Worker, chain, eventually

SMALLEST_PIPE = 4096


def says(parent, text):
    return any(text in log.read_text() for log in parent.glob("*/log.txt"))


def a_talking_setup(directory):
    return chain(directory, source=Worker("talks", {"RB_1": "write"}))


def test_a_pipe_that_nobody_reads_holds_up_no_run(tmp_path):
    daq = RunningDaq(a_talking_setup(tmp_path), "--debug", pipesize=SMALLEST_PIPE)
    eventually(lambda: says(tmp_path / "target", "run ended: the source is exhausted"))
    finished = daq.finish()
    assert finished.code == 0
    assert finished.values() == [0.0, 2.0, 4.0]
    assert finished.log.count("line ") >= 5000


@pytest.fixture(params=["live view", "plain lines"])
def stopped_terminal(request, tmp_path):
    """A run on a terminal that Ctrl-S has stopped, and the end of the terminal that we hold."""
    ours, theirs = pty.openpty()
    termios.tcflow(theirs, termios.TCOOFF)
    options = ["--lines"] if request.param == "plain lines" else []
    setup = a_talking_setup(tmp_path)
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "mimocorb.cli", "run", setup.name, *options],
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    yield tmp_path / "target", process
    process.send_signal(signal.SIGKILL)
    process.wait()
    os.close(ours)


def test_a_stopped_terminal_holds_up_no_run(stopped_terminal):
    target, _process = stopped_terminal
    eventually(lambda: says(target, "run ended: the source is exhausted"))
