"""Signals and terminals: one wish is one wish, a terminal stays whole, output is written or told."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

from trials.trying import STARTED, Outcome, Place, eventually, run_directory, trial

SLOW = """
@filter
def slow(event):
    time.sleep(0.01); return True
"""
SETUP = """s: {function: numbers, sinks: [raw], config: {events: 1000000}}
f: {function: slow, sources: [raw], sinks: [out]}
t: {function: text, sources: [out], config: {filename: table}}"""


class Seat:
    """A terminal with a command in it."""

    def __init__(self, place: Place, *command: str) -> None:
        self.ours, self.theirs = pty.openpty()
        self.modes = termios.tcgetattr(self.theirs)
        self.shown = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mimocorb.cli", *command],
            cwd=place.path,
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
            env={**os.environ, "TERM": "xterm-256color"},
        )
        STARTED.append(self.process)

    def read(self) -> None:
        while select.select([self.ours], [], [], 0.05)[0]:
            self.shown += os.read(self.ours, 65536)

    def until(self, look: object) -> None:
        def seen() -> bool:
            self.read()
            return bool(look())  # type: ignore[operator]

        eventually(seen)

    def is_whole(self) -> bool:
        """Whether the shell behind finds it as it was: modes, cursor, screen."""
        self.read()
        cursor = self.shown.rfind(b"\x1b[?25l") <= self.shown.rfind(b"\x1b[?25h")
        screen = self.shown.rfind(b"\x1b[?1049h") <= self.shown.rfind(b"\x1b[?1049l")
        return termios.tcgetattr(self.theirs) == self.modes and cursor and screen


def full(place: Place) -> None:
    """Wait until a run has data in its buffers."""
    directory = run_directory(place.path)
    eventually((directory / "control.json").exists)
    eventually(
        lambda: (
            len((directory / "table.txt").read_text().splitlines()) > 5
            if (directory / "table.txt").exists()
            else False
        )
    )


@trial("two signals within milliseconds (a hang-up, a log-out, a forwarded Ctrl-C) lose nothing")
def signals_in_pairs(place: Place) -> None:
    pairs = (
        (signal.SIGTERM, signal.SIGHUP),
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGHUP, signal.SIGHUP),
        (signal.SIGHUP, signal.SIGTERM),
    )
    for number, pair in enumerate(pairs):
        here = Place(place.path / str(number))
        here.write(SETUP, SLOW, buffers="raw:64 out:64")
        process = here.start("run", "--lines", "setup.yaml")
        full(here)
        for each in pair:
            os.kill(process.pid, each)
            time.sleep(0.003)
        text, _ = process.communicate()
        found = Outcome(process.returncode, text.decode(), here.path)
        account = found.group("raw")
        assert not account["lost"] + account["saved"] + account["due"], found.text


@trial(
    "Ctrl-\\ and signals that end a program leave a whole terminal, in run and in status --watch"
)
def whole_terminal(place: Place) -> None:
    ways = (signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM, signal.SIGXCPU, signal.SIGTERM)
    for number, way in enumerate(ways):
        here = Place(place.path / str(number))
        here.write(SETUP, SLOW, buffers="raw:64 out:64")
        seat = Seat(here, "run", "setup.yaml")
        seat.until(lambda seat=seat: b"running" in seat.shown)
        watching = Seat(here, "status", "--watch", str(run_directory(here.path)))
        watching.until(lambda watching=watching: len(watching.shown) > 200)
        if way == signal.SIGQUIT:
            os.write(watching.ours, b"\x1c")
        else:
            os.kill(watching.process.pid, way)
        watching.until(lambda watching=watching: watching.process.poll() is not None)
        assert watching.is_whole(), (way, watching.shown[-300:])
        assert b"Traceback" not in watching.shown, watching.shown[-800:]
        if way == signal.SIGQUIT:
            os.write(seat.ours, b"\x1c")
        else:
            os.kill(seat.process.pid, way)
        time.sleep(1.5)
        if seat.process.poll() is None and way == signal.SIGTERM:
            pass
        seat.until(lambda seat=seat: seat.process.poll() is not None)
        assert seat.is_whole(), (way, seat.shown[-300:])
        assert b"Traceback" not in seat.shown, seat.shown[-800:]


@trial("output that cannot be written is an error with one line, for every command")
def full_output(place: Place) -> None:
    place.write("s: {function: numbers, sinks: [raw]}\nt: {function: takes, sources: [raw]}")
    assert place.run().code == 0
    commands = (
        ("runs", "--json"),
        ("runs",),
        ("runs", "1"),
        ("convert", "setup.yaml"),
        ("schema",),
        ("graph", "setup.yaml"),
        ("describe", "--json", "text"),
        ("describe", "text"),
        ("check", "setup.yaml"),
        ("--help",),
        ("--version",),
    )
    for command in commands:
        for environment in ({}, {"PYTHONUNBUFFERED": "1"}):
            with open("/dev/full", "wb") as full_disk:
                process = place.start(
                    *command,
                    stdout=full_disk,
                    stderr=subprocess.PIPE,
                    env={**os.environ, **environment},
                )
                _, told = process.communicate(timeout=120)
            assert process.returncode not in (0, 120), (command, told)
            assert b"Traceback" not in told, (command, told.decode())
            assert b"No space left" in told, (command, told.decode())


@trial(
    "an interrupt in the first moments ends every command with one line at most and exit code 130"
)
def early_interrupt(place: Place) -> None:
    place.write("s: {function: numbers, sinks: [raw]}\nt: {function: takes, sources: [raw]}")
    for delay_s in (0.12, 0.2, 0.3, 0.4, 0.6):
        process = place.start("check", "setup.yaml")
        time.sleep(delay_s)
        os.kill(process.pid, signal.SIGINT)
        text, _ = process.communicate()
        if process.returncode == -signal.SIGINT and not text:
            continue  # Python itself was not there yet
        assert process.returncode in (0, 130), (delay_s, process.returncode, text.decode())
        assert b"Traceback" not in text, (delay_s, text.decode())


@trial("a reader that goes away, as 'head' does, ends a command without a traceback")
def closed_pipe(place: Place) -> None:
    place.write("s: {function: numbers, sinks: [raw]}\nt: {function: takes, sources: [raw]}")
    assert place.run().code == 0
    for command in (
        ("runs", "--json"),
        ("schema",),
        ("convert", "setup.yaml"),
        ("describe", "text"),
        ("runs", "1"),
    ):
        reading, writing = os.pipe()
        os.close(reading)
        process = place.start(*command, stdout=writing, stderr=subprocess.PIPE)
        os.close(writing)
        _, told = process.communicate(timeout=120)
        assert b"Traceback" not in told, (command, told.decode())
