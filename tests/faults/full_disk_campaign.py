"""Fill small disks under runs, make room or stop them, and look for events that are lost.

``python tests/faults/full_disk_campaign.py --sizes 20`` makes as many file systems in memory, each
of another size, and takes data into a text file, an archive and a recording until nothing can be
written any more. Of every two runs one gets more room and goes on, the other one is stopped, and
what it left is processed. It prints a line for each and exits with code 0 if all events that were
accepted are in the files, each once. It mounts file systems, so it runs itself in a namespace of
its own; where that is not allowed it says so and exits with code 99.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import yaml

import mimocorb
from mimocorb.run.finish import Rest
from mimocorb.run.options import RunOptions
from mimocorb.run.record.summary import RunSummary
from mimocorb.run.run import Run, run_setup
from mimocorb.run.run_state import Command, RunState
from mimocorb.setup.dialects import read_setup

__all__ = ["NO_MOUNT", "Outcome", "main"]

NO_MOUNT = 99
INSIDE = "MIMOCORB_CAMPAIGN_INSIDE"
FUNCTIONS = """
import mimocorb as mc


@mc.source
def numbers():
    number = 0
    while True:
        yield {"number": float(number)}
        number += 1
"""
SMALLEST_KIB, LARGEST_KIB = 100, 2000
LONGEST_FILLING_S = 60.0
FORM = {"slot_count": 256, "data_length": 1, "data_dtype": {"number": "float64"}}
SETUP = {
    "disk_floor_mb": 0,
    "Buffers": {"raw": FORM},
    "Workers": {
        "numbers": {"file": "functions.py", "function": "numbers", "sinks": ["raw"]},
        "table": {"function": "text", "sources": ["raw"], "config": {"filename": "a"}},
        "archive": {"function": "parquet_tar", "sources": ["raw"], "config": {"filename": "b"}},
        "recording": {"function": "record", "sources": ["raw"], "config": {"filename": "c"}},
    },
}


@dataclass(frozen=True)
class Outcome:
    """What became of one disk.

    Attributes
    ----------
    size_kib
        Of the disk.
    ending
        What was done when it was full.
    was_full
        Whether the run was paused for it.
    accepted
        Events that the source has published.
    lost, repeated
        Events that are missing in a file, or twice in one.
    exit_code
        Of the run; None if it could not be started.
    """

    size_kib: int
    ending: str
    was_full: bool = False
    accepted: int = 0
    lost: int = 0
    repeated: int = 0
    exit_code: int | None = None

    def __str__(self) -> str:
        if self.exit_code is None:
            return f"{self.size_kib:5} KiB: did not start, nothing accepted"
        full = "full" if self.was_full else "never full"
        return (
            f"{self.size_kib:5} KiB: {full}, {self.ending}; accepted {self.accepted}, lost "
            f"{self.lost}, repeated {self.repeated}, exit code {self.exit_code}"
        )


def fill(place: Path, size_kib: int, *, makes_room: bool) -> Outcome:
    """Run on a disk of this size; returns what became of the events."""
    from mimocorb.errors import MimocorbError

    ending = "room was made" if makes_room else "stopped, and finished"
    disk, output = place / "disk", place / "finished"
    disk.mkdir(parents=True)
    (place / "functions.py").write_text(FUNCTIONS)
    path = place / "setup.yaml"
    path.write_text(yaml.safe_dump(SETUP))
    _mount(disk, size_kib, "rw")
    try:
        setup = read_setup(path, {"output_directory": disk})
        with Run(setup, RunOptions(verbose=0)) as run:
            run.prepare()
            steering = _Steering(run, disk, makes_room=makes_room)
            steering.start()
            run.execute()
            steering.join()
            summary = run.finish()
    except MimocorbError as error:
        sys.stdout.write(f"      {error}\n")
        return Outcome(size_kib, ending)
    directories = [summary.directory]
    if summary.unfinished is not None:
        rest = Rest(summary.unfinished)
        again = read_setup(rest.what_to_run()[0], {"output_directory": output})
        stages = rest.stages(again)
        directories += [run_setup(s.setup, RunOptions(verbose=0)).directory for s in stages]
    outcome = _examine(summary, directories)
    subprocess.run(["umount", str(disk)], check=True)
    return Outcome(size_kib, ending, steering.was_full, *outcome, summary.exit_code)


def _mount(disk: Path, size_kib: int, options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", f"{options},size={size_kib}k", "none", str(disk)]
    subprocess.run(command, check=True)


class _Steering(threading.Thread):
    """Waits until a run is paused by a full disk, then makes room, or stops it."""

    def __init__(self, run: Run, disk: Path, *, makes_room: bool) -> None:
        super().__init__(daemon=True)
        self.was_full = False
        self._supervisor = run.supervisor
        self._disk = disk
        self._makes_room = makes_room

    def run(self) -> None:
        until_s = time.monotonic() + LONGEST_FILLING_S
        while time.monotonic() < until_s and not self.was_full:
            time.sleep(0.02)
            is_waiting = any(p.waits_for_disk for f in self._supervisor.functions for p in f.alive)
            self.was_full = is_waiting and self._supervisor.state is RunState.PAUSED
        if self._makes_room:
            _mount(self._disk, 100 * LARGEST_KIB, "remount")
            while self._supervisor.state is RunState.PAUSED and time.monotonic() < until_s:
                time.sleep(0.02)
            time.sleep(0.2)
        self._supervisor.post(Command.STOP, "the campaign")


def _examine(summary: RunSummary, directories: Iterable[Path]) -> tuple[int, int, int]:
    accepted = next(b.published for b in summary.view.buffers if b.name == "raw")
    lost = repeated = 0
    for counters in (_rows, _members, _recorded):
        found = [counter for directory in directories for counter in counters(directory)]
        lost += len(set(range(accepted)) - set(found))
        repeated += len(found) - len(set(found))
    return accepted, lost, repeated


def _rows(directory: Path) -> Iterable[int]:
    for path in directory.glob("a*.txt"):
        for line in path.read_text().splitlines(keepends=True)[1:]:
            counter, *others = line.split("\t")
            if len(others) == 3 and line.endswith("\n"):  # else it is no whole record
                yield int(counter)


def _members(directory: Path) -> Iterable[int]:
    for path in directory.glob("b*.tar"):
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                assert file is not None
                yield int(pq.read_schema(io.BytesIO(file.read())).metadata[b"counter"])


def _recorded(directory: Path) -> Iterable[int]:
    if any(directory.glob("c.*.arrows")):
        with mimocorb.open(directory / "c") as events:
            yield from events.metadata.counter.tolist()


def _in_a_namespace(arguments: list[str]) -> int:
    """Run this program where file systems can be mounted that nobody else sees."""
    import shutil

    for user in ([], ["--map-root-user"]):
        namespace = ["unshare", *user, "--mount"]
        if shutil.which("unshare") and not subprocess.call(
            [*namespace, "mount", "-t", "tmpfs", "none", "/mnt"], stderr=subprocess.DEVNULL
        ):
            command = [*namespace, sys.executable, __file__, *arguments]
            return subprocess.call(command, env={**os.environ, INSIDE: "1"})
    sys.stdout.write("no file system can be mounted here: needs root, or user namespaces\n")
    return NO_MOUNT


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign from the command line; returns the exit code."""
    parser = argparse.ArgumentParser("python tests/faults/full_disk_campaign.py", None, __doc__)
    parser.add_argument("--sizes", type=int, default=20)
    chosen = parser.parse_args(arguments)
    if INSIDE not in os.environ:
        return _in_a_namespace(sys.argv[1:] if arguments is None else arguments)
    step = (LARGEST_KIB / SMALLEST_KIB) ** (1 / max(1, chosen.sizes - 1))
    outcomes = []
    with tempfile.TemporaryDirectory(
        prefix="full-disk-campaign-", ignore_cleanup_errors=True
    ) as place:
        for number in range(chosen.sizes):
            size_kib = round(SMALLEST_KIB * step**number)
            outcome = fill(Path(place, str(number)), size_kib, makes_room=number % 2 == 0)
            sys.stdout.write(f"{outcome}\n")
            sys.stdout.flush()
            outcomes.append(outcome)
        for disk in Path(place).glob("*/disk"):
            subprocess.call(["umount", "--quiet", str(disk)], stderr=subprocess.DEVNULL)
    accepted, lost = sum(o.accepted for o in outcomes), sum(o.lost for o in outcomes)
    repeated = sum(outcome.repeated for outcome in outcomes)
    full = sum(outcome.was_full for outcome in outcomes)
    sys.stdout.write(
        f"{len(outcomes)} sizes, {full} full: accepted {accepted}, lost {lost}, "
        f"repeated {repeated}\n"
    )
    return 1 if lost or repeated else 0


if __name__ == "__main__":
    sys.exit(main())
