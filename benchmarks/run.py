"""Measure mimocorb beside its predecessor, queues, sockets and the machine's limit.

python benchmarks/run.py [--runs 5] [--only 1-1,latency] [--quick]
    [--reference-python PATH] [--earlier-python PATH]

Prints Markdown. Every cell runs in an interpreter of its own; the cells take turns, so that a
disturbance of some minutes does not fall on one peer alone. The exit code is 1 if mimocorb itself
failed or was wrong anywhere.

mimoCoRB 1.0.2 has the same import name and needs an environment of its own:
python3 -m venv DIR; DIR/bin/pip install mimocorb==1.0.2; then --reference-python DIR/bin/python
So does an earlier commit of this project, for --earlier-python.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import environment
import report
from cells import CELLS, SECTIONS, Cell

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "benchmarks"
NATIVE = Path(__file__).with_name("native")
QUICK = 20
TIMEOUT_S = 90


def main() -> int:
    arguments = parse()
    cells = [
        cell
        for cell in CELLS
        if cell.section in arguments.only
        and (cell.host != "reference" or arguments.reference_python)
        and (cell.host != "earlier" or arguments.earlier_python)
    ]
    build_faults = {name: build(name) for name in native_programs(cells)}
    begin, load_at_begin = datetime.now(UTC), environment.load()
    facts = environment.describe(arguments.reference_python, arguments.earlier_python)
    results, others = measure(cells, arguments, build_faults)
    facts |= {
        "load average": f"{load_at_begin} at the beginning, {environment.load()} at the end",
        "others' share of all cores": f"median {statistics.median(others):.0f} %,"
        f" highest {max(others):.0f} %",
        "runs": f"{arguments.runs} of each cell in turn"
        + (f", each with 1/{QUICK} of the events: a trial" if arguments.quick else ""),
    }
    text = "\n\n".join(
        [
            f"# Measured on {begin:%Y-%m-%d %H:%M} UTC",
            "\n".join(f"- {name}: {fact}" for name, fact in facts.items()),
            report.tables(cells, results),
            report.goals_table(results),
        ]
    )
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n", encoding="utf-8")
    return int(any(not own_is_right(cell, results[cell.key]) for cell in cells))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="of each cell; default %(default)s")
    parser.add_argument(
        "--only",
        type=sections,
        default=list(SECTIONS),
        metavar="NAMES",
        help=f"some of {','.join(SECTIONS)}",
    )
    parser.add_argument("--quick", action="store_true", help=f"1/{QUICK} of the events: a trial")
    parser.add_argument(
        "--reference-python",
        type=interpreter,
        metavar="PATH",
        help="interpreter that has mimoCoRB 1.0.2; without it, its rows are left out",
    )
    parser.add_argument(
        "--earlier-python",
        type=interpreter,
        metavar="PATH",
        help="interpreter that has an earlier mimocorb 2, to see what has changed",
    )
    parser.add_argument("--output", type=Path, help="write the Markdown to this file as well")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error(f"--runs {arguments.runs}: at least 1")
    return arguments


def sections(names: str) -> list[str]:
    wanted = names.split(",")
    unknown = [name for name in wanted if name not in SECTIONS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}"
        )
    return wanted


def interpreter(path: str) -> Path:
    # Not resolved: an environment's interpreter is a link, and its place is what counts.
    found = Path(path).absolute()
    if not os.access(found, os.X_OK):
        raise argparse.ArgumentTypeError(f"{path} is not an interpreter that can be started")
    return found


# --- native programs ----------------------------------------------------------------------------


def native_programs(cells: list[Cell]) -> list[str]:
    return sorted({cell.what.partition(":")[2] for cell in cells if cell.host == "native"})


def build(name: str) -> str | None:
    """Compile a native program if it is older than its sources; what went wrong, or None."""
    sources = [NATIVE / f"{name}.cpp"]
    if name == "core":
        sources += [p for p in sorted((ROOT / "core/src").glob("*.cpp")) if p.stem != "pulse"]
    headers = [*NATIVE.glob("*.hpp"), *(ROOT / "core/include/mimocorb").glob("*.hpp")]
    program = BUILD / name
    newest = max(path.stat().st_mtime for path in (*sources, *headers))
    if program.exists() and program.stat().st_mtime > newest:
        return None
    say(f"building {program.relative_to(ROOT)}\n")
    BUILD.mkdir(parents=True, exist_ok=True)
    options = ["-std=c++20", "-O2", "-DNDEBUG", "-pthread", f"-I{ROOT / 'core/include'}"]
    command = [environment.compiler(), *options, *map(str, sources), "-o", str(program)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"cannot start {environment.compiler()}: {error.strerror}"
    return None if done.returncode == 0 else f"does not compile: {done.stderr}"


# --- measuring ----------------------------------------------------------------------------------


def measure(
    cells: list[Cell], arguments: argparse.Namespace, build_faults: dict[str, str | None]
) -> tuple[report.Runs, list[float]]:
    """Run all cells in turn; their results, and the share of the machine that others took."""
    results: report.Runs = {cell.key: [] for cell in cells}
    others: list[float] = []
    progress = Progress(len(cells) * arguments.runs)
    for number in range(1, arguments.runs + 1):
        for cell in cells:
            progress.begin(f"run {number} of {arguments.runs}: {cell.shape}, {cell.label}")
            before_s, busy_s, own_s = time.monotonic(), environment.busy_s(), children_s()
            fault = cell.host == "native" and build_faults[cell.what.partition(":")[2]]
            result = {"failed": fault} if fault else run_cell(command(cell, arguments))
            results[cell.key].append(result)
            elapsed_s = time.monotonic() - before_s
            foreign_s = environment.busy_s() - busy_s - (children_s() - own_s)
            cores = os.cpu_count() or 1
            others.append(max(0.0, 100 * foreign_s / (cores * max(elapsed_s, 0.01))))
            progress.end(result)
    return results, others


def command(cell: Cell, arguments: argparse.Namespace) -> list[str]:
    """Return the command that measures a cell."""
    events = []
    if cell.events:
        count = max(100, cell.events // QUICK) if arguments.quick else cell.events
        events = ["--events", str(count)]
    if cell.host == "native":
        return [str(BUILD / cell.what.partition(":")[2]), cell.shape, *events]
    pythons = {"reference": arguments.reference_python, "earlier": arguments.earlier_python}
    python = pythons.get(cell.host, sys.executable)
    script = str(Path(__file__).with_name("cell.py"))
    what = cell.what.replace("earlier:", "mimocorb_run:")
    return [str(python), script, what, cell.shape, *events]


def run_cell(words: list[str]) -> dict[str, Any]:
    """Run one cell and all its processes in a group of their own; its result or what failed."""
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=TIMEOUT_S)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            return {"failed": f"no result within {TIMEOUT_S} s"}
    try:
        result: dict[str, Any] = json.loads(output.splitlines()[-1])
    except (ValueError, IndexError):
        said = errors.strip().splitlines() or ["no output"]
        return {"failed": f"exit code {process.returncode}: {said[-1]}"}
    return result


def children_s() -> float:
    """Return the processor time of all processes started from here that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def own_is_right(cell: Cell, runs: list[dict[str, Any]]) -> bool:
    return not report.is_ours(cell.key) or len(report.right(runs)) == len(runs)


class Progress:
    """Which cell is at work, and how long it all will take, on standard error."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.begin_s = total, 0, time.monotonic()

    def begin(self, what: str) -> None:
        left = "?"
        if self.done:
            per_cell_s = (time.monotonic() - self.begin_s) / self.done
            left = f"{(self.total - self.done) * per_cell_s / 60:.0f} min"
        say(f"[{self.done + 1}/{self.total}, {left} left] {what} ... ")

    def end(self, result: dict[str, Any]) -> None:
        self.done += 1
        figures = report.flat(result)
        short = ", ".join(f"{name} {value:.3g}" for name, value in list(figures.items())[:4])
        told = next((result[k] for k in ("failed", "wrong", "missing") if k in result), None)
        say(f"{told.strip().splitlines()[-1] if told else short}\n")


def say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
