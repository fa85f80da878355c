"""Nothing of a run needs a terminal: closed streams, a terminal that closes, systemd."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import WATCHDOG_S, Finished, RunningDaq, Worker, chain, eventually, run_directories

import mimocorb
from mimocorb.run.remote.running_runs import running_runs

UNIT = Path(__file__).parents[2] / "examples" / "mimocorb.service"
SOME = Worker("numbers", {"RB_1": "write"}, {"events": 50})


@pytest.mark.parametrize(
    ("closed", "method"),
    [("<&- >&- 2>&-", "fork"), ("<&- >&-", "spawn")],
)
def test_a_run_needs_no_open_standard_streams(tmp_path, closed, method):
    command = f"exec {sys.executable} -m mimocorb.cli run {chain(tmp_path, source=SOME).name}"
    done = subprocess.run(
        ["bash", "-c", f"{command} --start-method {method} {closed}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=WATCHDOG_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    finished = Finished(done.returncode, done.stdout, tmp_path / "target")
    assert finished.values() == [2.0 * n for n in range(50)]


def test_nothing_of_a_run_takes_the_place_of_a_closed_standard_stream(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    command = f"exec {sys.executable} -m mimocorb.cli run {chain(tmp_path, source=source).name}"
    with subprocess.Popen(["bash", "-c", f"{command} <&- >&- 2>&-"], cwd=tmp_path) as process:
        eventually(lambda: bool(running_runs()))
        streams = [Path(f"/proc/{process.pid}/fd/{number}").readlink() for number in range(3)]
        mimocorb.connect().stop()
        assert process.wait(WATCHDOG_S) == 0
    assert streams == [Path(os.devnull)] * 3


def test_a_run_under_nohup_outlives_its_terminal(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"events": 300, "pause_s": 0.002})
    controller, terminal = pty.openpty()
    setup = chain(tmp_path, source=source)
    process = subprocess.Popen(
        ["setsid", "--ctty", "nohup", sys.executable, "-m", "mimocorb.cli", "run", setup.name],
        cwd=tmp_path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    log = tmp_path / "nohup.out"
    eventually(lambda: log.exists() and "data taking begins" in log.read_text())
    os.close(controller)  # the terminal hangs up
    assert process.wait(WATCHDOG_S) == 0
    finished = Finished(0, log.read_text(), tmp_path / "target")
    assert len(finished.values()) == 300


class Systemd:
    """The socket at which a service manager hears its services."""

    def __init__(self, address: str) -> None:
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.link.bind(address.replace("@", "\0", 1))
        self.link.settimeout(WATCHDOG_S)
        self.heard: list[str] = []

    def wait_for(self, word: str) -> None:
        """Hear what comes until it is this."""
        deadline_s = time.monotonic() + WATCHDOG_S
        while not any(re.fullmatch(word, line) for line in self.heard):
            assert time.monotonic() < deadline_s, self.heard
            self.heard += self.link.recv(65536).decode().splitlines()


@pytest.mark.parametrize("has_name", [True, False], ids=["file", "abstract"])
def test_systemd_is_told_when_the_run_takes_data_and_when_it_drains(tmp_path, has_name):
    address = str(tmp_path / "notify.sock") if has_name else f"@mimocorb-test-{os.getpid()}"
    systemd = Systemd(address)
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    environment = {**os.environ, "NOTIFY_SOCKET": address, "WATCHDOG_USEC": "100000"}
    daq = RunningDaq(chain(tmp_path, source=source), "--quiet", env=environment)
    systemd.wait_for("READY=1")
    assert "STOPPING=1" not in systemd.heard
    systemd.wait_for(r"STATUS=running 0:0\d:\d\d \| RB_1: [\d ]+ events, .*")
    systemd.heard.clear()
    systemd.wait_for("WATCHDOG=1")
    daq.process.send_signal(signal.SIGTERM)
    systemd.wait_for("STOPPING=1")
    systemd.wait_for(r"EXTEND_TIMEOUT_USEC=\d+")
    assert daq.finish().code == 0
    systemd.link.close()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_example_of_a_unit_is_a_correct_one(tmp_path):
    text = UNIT.read_text().replace("%h/mimocorb/.venv/bin/mimocorb", sys.executable)
    (tmp_path / "mimocorb.service").write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(tmp_path / "mimocorb.service")],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_of_the_unit_is_understood_and_ends_as_the_unit_says(tmp_path):
    """What systemd does: start the command of the unit, and send its KillSignal to end it."""
    setting = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE))
    _program, *arguments = setting["ExecStart"].split()
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    setup = chain(tmp_path, source=source).rename(tmp_path / arguments[1])
    daq = RunningDaq(setup, *arguments[2:])
    daq.wait_for("data taking begins")
    daq.process.send_signal(getattr(signal, setting["KillSignal"]))
    assert daq.finish().code == 0
    assert len(run_directories(tmp_path / "target")) == 1
