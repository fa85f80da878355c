#!/usr/bin/env python3
"""Check the model of the ring's protocol with Spin, and that the model can fail.

    core/model/run.py             the quick form, for every change: some minutes, below 1 GB
    core/model/run.py --full      larger parameters: half an hour or more, below 4 GB
    core/model/run.py --list      what there is; `--only NAME` runs one of them

Each run explores every order of steps and every place of a kill that its parameters allow. Then
come the mutants: the model with one deliberate error each, and the property that must find it.
The exit code is 0 only if every run is complete and without error, and every mutant is found.
What is modelled and what is not: docs/explanation/protocol-model.md.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from runs import FULL, MUTANTS, PROPERTIES, QUICK, Run

MODEL = Path(__file__).with_name("ring.pml")
DEEPEST = 1_000_000
INSTALL = {
    "spin": "the model checker Spin; on Debian and Ubuntu: apt-get install spin",
    "gcc": "a C compiler, with which Spin builds its checkers; apt-get install gcc",
}


@dataclass(frozen=True)
class Result:
    """What came of one run; times in seconds, memory in megabytes."""

    run: Run
    states: int
    depth: int
    errors: int
    complete: bool
    found: str
    build_s: float
    check_s: float
    memory_mb: float
    directory: Path

    @property
    def as_expected(self) -> bool:
        """A complete search without error, or a mutant found by the property it must break."""
        if self.run.expected:
            return self.errors > 0 and self.found == self.run.expected
        return self.errors == 0 and self.complete


def missing_tools() -> list[str]:
    """Return one line for each tool that is not installed."""
    return [f"{tool}: {what}" for tool, what in INSTALL.items() if shutil.which(tool) is None]


def check(run: Run, parent: Path, memory_limit_mb: int) -> Result:
    """Generate, build and run the checker of one run, in a directory of its own."""
    directory = parent / run.name
    directory.mkdir()
    started = time.monotonic()
    _call(["spin", "-a", *run.definitions, str(MODEL)], directory)
    kind = ["-DNFAIR=3"] if run.liveness else ["-DSAFETY"]
    optimise = "-O1" if run.large else "-O0"
    options = [optimise, "-w", "-DCOLLAPSE", f"-DMEMLIM={memory_limit_mb}", *kind]
    _call(["gcc", *options, "-o", "pan", "pan.c"], directory)
    built = time.monotonic()
    # -a -f: cycles without progress that weak fairness allows; -w: size of the hash table.
    search = ["-a", "-f"] if run.liveness else []
    size = "-w24" if run.large else "-w20"
    output = _call(["./pan", *search, size, f"-m{DEEPEST}"], directory)
    done = time.monotonic()
    (directory / "output.txt").write_text(output, encoding="utf-8")
    return Result(
        run=run,
        states=int(_number(r"(\d+) states, stored", output)),
        depth=int(_number(r"depth reached (\d+)", output)),
        errors=int(_number(r"errors: (\d+)", output)),
        complete="Search not completed" not in output and "max search depth" not in output,
        found=violated(output),
        build_s=built - started,
        check_s=done - built,
        memory_mb=_number(r"([\d.]+)\s+total actual memory usage", output),
        directory=directory,
    )


def violated(output: str) -> str:
    """Name the property that the checker found violated; empty if none."""
    message = re.search(r"^pan:\d+: (.*?)(?: \(at depth \d+\))?$", output, re.MULTILINE)
    if message is None:
        return ""
    for text, name in PROPERTIES.items():
        if text in message[1].replace(" ", ""):
            return name
    return "ledger" if message[1].startswith("assertion") else message[1]


def _call(command: list[str], directory: Path) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed in {directory}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _number(pattern: str, output: str) -> float:
    found = re.search(pattern, output)
    if found is None:
        raise SystemExit(f"the checker's output lacks {pattern!r}:\n{output}")
    return float(found[1])


def table(results: Iterable[Result]) -> str:
    """Set out what was checked, with figures, a line of parameters below each."""
    lines = [
        f"{'run':<26} {'states':>10} {'depth':>6} {'errors':>6} {'build':>6} {'check':>6} "
        f"{'memory':>8}  result"
    ]
    for result in results:
        lines.append(
            f"{result.run.name:<26} {result.states:>10} {result.depth:>6} {result.errors:>6} "
            f"{result.build_s:>4.0f} s {result.check_s:>4.0f} s {result.memory_mb:>5.0f} MB  "
            f"{_verdict(result)}"
        )
        lines.append(f"    {result.run.parameters}")
    return "\n".join(lines)


def _verdict(result: Result) -> str:
    found = f"found by: {result.found}" if result.found else "no error"
    if result.as_expected:
        return found
    if not result.complete and result.errors == 0:
        return f"INCOMPLETE, out of memory or depth, see {result.directory}"
    wanted = result.run.expected or "no error"
    return f"WRONG: {found}, expected: {wanted}; {_how_to_look(result)}"


def _how_to_look(result: Result) -> str:
    return f"to see the steps: cd {result.directory} && ./pan -r ring.pml.trail"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small parameters (the default)")
    parser.add_argument("--full", action="store_true", help="large parameters")
    parser.add_argument("--only", metavar="NAME", help="one run or mutant, by its name")
    parser.add_argument("--list", action="store_true", help="name the runs and end")
    return parser.parse_args()


def main() -> int:
    """Run the checks, print the table."""
    chosen = arguments()
    every = (*QUICK, *FULL, *MUTANTS)
    if chosen.list:
        print("\n".join(f"{run.name:<26} {run.parameters}" for run in every))
        return 0
    runs = (*(FULL if chosen.full else QUICK), *MUTANTS)
    if chosen.only:
        runs = tuple(run for run in every if run.name == chosen.only)
        if not runs:
            print(f"there is no run {chosen.only!r}; --list names them", file=sys.stderr)
            return 2
    if missing := missing_tools():
        print("missing:\n  " + "\n  ".join(missing), file=sys.stderr)
        return 2

    # Large searches one after the other: their memory would add up.
    at_once = 1 if chosen.full else min(2, os.cpu_count() or 1)
    memory_limit_mb = 4000 if chosen.full else 1900
    directory = Path(tempfile.mkdtemp(prefix="mimocorb-model-"))
    started = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(lambda run: check(run, directory, memory_limit_mb), runs))
    print(table(result for result in results if not result.run.expected))
    print()
    print(table(result for result in results if result.run.expected))
    wrong = [result for result in results if not result.as_expected]
    states = sum(result.states for result in results if not result.run.expected)
    print(
        f"\n{len(results) - len(wrong)} of {len(results)} as expected, {states} states, "
        f"{time.monotonic() - started:.0f} s"
    )
    if not wrong:
        shutil.rmtree(directory)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
