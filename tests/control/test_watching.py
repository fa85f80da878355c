"""``mimocorb status --watch`` on a terminal, and terminals on which nothing can be drawn."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest
from running import WATCHDOG_S, Worker, chain, eventually
from talking import directory_of

from mimocorb.cli import main

SECOND_SCREEN, FIRST_SCREEN = "\x1b[?1049h", "\x1b[?1049l"


class Terminal:
    """A command of ours on a pseudo-terminal, in a session of its own."""

    def __init__(self, directory: Path, *arguments: str, columns: int = 80, **environment: str):
        self.controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        os.set_blocking(self.controller, False)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", sys.executable, "-m", "mimocorb.cli", *arguments],
            cwd=directory,
            env={**os.environ, "TERM": "xterm", **environment},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        self.text = ""

    def shows(self, text: str) -> bool:
        """Whether it has shown this by now."""
        with suppress(OSError):  # nothing new, or the end
            self.text += os.read(self.controller, 1 << 20).decode(errors="replace")
        return text in self.text

    def pictures(self) -> list[str]:
        """What it has drawn completely by now, each from the upper left corner."""
        self.shows("")
        return self.text.split("\x1b[H")[1:-1]

    def resize(self, columns: int) -> None:
        """Change its width, as the user does with the mouse."""
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))


@pytest.fixture
def terminal():
    """Open terminals; none of their commands outlives the test."""
    opened = []

    def open_terminal(*arguments, **environment):
        opened.append(Terminal(*arguments, **environment))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.process.kill()
        one.process.wait()
        os.close(one.controller)


def test_watching_draws_the_run_in_place_at_any_size_and_gives_the_terminal_back(
    start, terminal, tmp_path
):
    daq = start()
    # COLUMNS is what a shell or a library may have exported before the window was resized.
    view = terminal(tmp_path, "status", "--watch", columns=120, COLUMNS="110", LINES="30")
    eventually(lambda: view.shows("filled"))
    assert SECOND_SCREEN in view.text
    eventually(lambda: view.shows("q leave"))
    assert main(["pause"]) == 0
    eventually(lambda: view.shows("paused by mimocorb pause"))
    view.text = ""
    view.resize(50)
    # What was drawn before may still come; from some picture on, the column is left out.
    eventually(lambda: any("due" in one and "filled" not in one for one in view.pictures()))
    os.kill(view.process.pid, signal.SIGTSTP)
    eventually(lambda: view.shows(FIRST_SCREEN))
    os.waitid(os.P_PID, view.process.pid, os.WSTOPPED)
    os.kill(view.process.pid, signal.SIGCONT)
    eventually(lambda: view.shows(SECOND_SCREEN))
    view.text = ""
    assert main(["stop"]) == 0
    eventually(lambda: view.shows(f"{directory_of(daq).name} has ended: stopped by mimocorb stop"))
    assert FIRST_SCREEN in view.text
    assert view.process.wait(WATCHDOG_S) == 0


def test_a_terminal_on_which_nothing_can_be_drawn_gets_plain_lines(terminal, tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"events": 30})
    view = terminal(tmp_path, "run", chain(tmp_path, source=source).name, TERM="dumb")
    eventually(lambda: view.shows("complete: every event was processed"))
    assert view.process.wait(WATCHDOG_S) == 0
    assert "data taking begins" in view.text
    assert "\x1b" not in view.text


def test_a_closed_terminal_ends_the_run_in_order(terminal, tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    view = terminal(tmp_path, "run", chain(tmp_path, source=source).name)
    eventually(lambda: view.shows("data taking begins"))
    os.close(view.controller)
    view.controller = os.open(os.devnull, os.O_RDONLY)
    assert view.process.wait(WATCHDOG_S) == 0
    (directory,) = [d for d in (tmp_path / "target").iterdir() if d.is_dir()]
    assert "complete" in (directory / "summary.txt").read_text()
    assert "stopped by SIGHUP" in (directory / "summary.txt").read_text()
