"""Close the terminal of a run with a full buffer, log out, or pass a Ctrl-C on; count what is lost.

``python tests/faults/terminal_campaign.py --times 20`` prints the figures and exits with code 0 if
every event that was taken has been processed and is in the file. A shell in a terminal of its own
runs a source that is always ahead, a slow filter and a sink; when the buffer is full, the terminal
is closed, and in two of three cases more signals follow within milliseconds. With the seed it
prints, the same is done in the same order.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import random
import select
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mimocorb
from mimocorb.errors import MimocorbError
from mimocorb.testing.watchdog import WATCHDOG_S

__all__ = ["Ending", "close_terminals"]

SETUP = """
Buffers:
  raw: {slot_count: 64, data_length: 1, data_dtype: int64}
  out: {slot_count: 64, data_length: 1, data_dtype: int64}
Workers:
  source: {file: work.py, function: numbers, sinks: [raw]}
  slow: {file: work.py, function: slow, sources: [raw], sinks: [out]}
  table: {function: text, sources: [out], config: {filename: events}}
"""
FUNCTIONS = """
import itertools, time
import mimocorb as mc

@mc.source
def numbers():
    for number in itertools.count():
        yield [number]

@mc.filter
def slow(event):
    time.sleep(0.01)
    return True
"""
WAYS = ("closed", "logged out", "passed on")


@dataclass(frozen=True)
class Ending:
    """How a run ended whose terminal went away."""

    way: str
    taken: int
    in_file: int
    lost: int
    exit_code: int
    reason: str

    @property
    def is_whole(self) -> bool:
        """Whether all that was taken is in the file."""
        return not self.lost and self.taken == self.in_file and not self.exit_code


class _Shell:
    """A shell in a terminal, and what it has printed."""

    def __init__(self, directory: Path, command: str) -> None:
        self.pid, self._terminal = pty.fork()
        if not self.pid:
            os.chdir(directory)
            os.environ["TERM"] = "xterm"
            os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
        os.write(self._terminal, f"{command}\n".encode())

    def read(self) -> None:
        while select.select([self._terminal], [], [], 0.02)[0]:
            os.read(self._terminal, 65536)

    def press(self, key: bytes) -> None:
        os.write(self._terminal, key)

    def close(self) -> None:
        os.close(self._terminal)

    def wait(self) -> None:
        os.waitpid(self.pid, 0)


def _ends(directory: Path, way: str, chance: random.Random) -> Ending:
    """Run once, and let the terminal go away when the buffer is full."""
    (directory / "setup.yaml").write_text(SETUP)
    (directory / "work.py").write_text(FUNCTIONS)
    options = chance.choice(["", " --lines", " --no-keyboard"])
    shell = _Shell(directory, f"{sys.executable} -m mimocorb.cli run setup.yaml{options}")
    run = _until(lambda: _with_full_buffer(directory), shell)
    pid = run.status().pid
    has_ended = os.pidfd_open(pid)
    if way == "passed on":
        shell.press(b"\x03")
        _send(pid, [signal.SIGINT], chance)
    else:
        shell.close()
        if way == "logged out":
            _send(pid, chance.choice([[signal.SIGTERM], [signal.SIGTERM, signal.SIGHUP]]), chance)
    _until(lambda: select.select([has_ended], [], [], 0)[0], shell if way == "passed on" else None)
    os.close(has_ended)
    if way == "passed on":
        shell.close()
    shell.wait()
    record = json.loads(next(directory.glob("target/*/run.json")).read_text())
    result = record["result"]
    groups = [group for buffer in result["buffers"] for group in buffer["groups"]]
    return Ending(
        way,
        taken=result["buffers"][0]["published"],
        in_file=len(next(directory.glob("target/*/events.txt")).read_text().splitlines()) - 1,
        lost=sum(group["lost"] + group["due"] + group["saved"] for group in groups),
        exit_code=result["exit_code"],
        reason=result["reason"],
    )


def _send(pid: int, numbers: list[signal.Signals], chance: random.Random) -> None:
    """Send signals a few milliseconds apart, as session managers and wrappers do."""
    for number in numbers:
        time.sleep(chance.uniform(0.0, 0.02))
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _until(look: Any, shell: _Shell | None) -> Any:
    deadline = time.monotonic() + WATCHDOG_S
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError("the run did not get there")
        if shell is not None:
            shell.read()
        else:
            time.sleep(0.02)
    return found


def _with_full_buffer(directory: Path) -> Any:
    for place in directory.glob("target/*/control.json"):
        with suppress(MimocorbError, OSError):
            run = mimocorb.connect(place.parent)
            if not run.status().buffers["raw"].free_slots:
                return run
    return None


def close_terminals(times: int, seed: int) -> list[Ending]:
    """Let terminals go away, one after the other; returns what became of the runs."""
    chance = random.Random(seed)
    found = []
    for number in range(times):
        with tempfile.TemporaryDirectory() as place:
            found.append(_ends(Path(place), WAYS[number % len(WAYS)], chance))
    return found


def main() -> int:
    """Run the campaign from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}")
    found = close_terminals(chosen.times, chosen.seed)
    for ending in found:
        print(f"{ending.way:<10} {ending.taken:>5} taken {ending.lost:>3} lost; {ending.reason}")
    lost = sum(ending.lost for ending in found)
    print(f"{len(found)} terminals, {sum(e.taken for e in found)} events taken, {lost} lost")
    return 0 if all(ending.is_whole for ending in found) else 1


if __name__ == "__main__":
    sys.exit(main())
