"""The benchmarks measure what they say: every run is checked, and a wrong one is called wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
WATCHDOG_S = 120


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=WATCHDOG_S, check=False
    )


def python(code: str) -> Any:
    """Run code beside the modules of the benchmarks; what it printed, as JSON."""
    done = run("-c", f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r})\n{code}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Every cell of ours, and the queue that everybody has, with a few events. The other shapes that a
# cell can have run the same lines with other numbers; of those with whole runs, some are enough.
ALL_CELLS = """
import json, cell, importlib
from cells import CELLS
results = {}
for one in CELLS:
    module, _, name = one.what.partition(":")
    ours = ("mimocorb_ring", "mimocorb_run", "calls", "own_cost", "without_ring")
    if module not in ours and name != "MultiprocessingQueue":
        continue
    if one.shape.startswith(("functions-", "processes-")) and not one.shape.endswith("1in10-2"):
        continue
    peer = getattr(importlib.import_module(f"peers.{module}"), name)
    options = {"events": 100} if one.events else {}
    if isinstance(peer, type):
        results[one.key] = cell.measure_link(peer, one.shape, options)
    else:
        results[one.key] = cell.measure_function(peer, one.shape, options)
print(json.dumps(results))
"""


def test_every_cell_that_needs_no_other_package_runs_and_counts_right() -> None:
    results = python("import latency; latency.IDLE_S = 0.1\n" + ALL_CELLS)
    assert len(results) > 25
    assert [key for key, result in results.items() if not all(figures(result))] == []


def figures(result: dict[str, Any]) -> list[bool]:
    return [
        all(figures(value)) if isinstance(value, dict) else value >= 0 for value in result.values()
    ]


FAULTS = {
    "changed": "number + (number == 50)",
    "lost": "None if number == 50 else number",
    "repeated": "[number] * (1 + (number == 50))",
}

FAULTY_RING = """
import json, measure
from contextlib import contextmanager
from dataclasses import replace
from peers.mimocorb_ring import Ring
from shapes import SHAPES

class Faulty(Ring):
    def write(self, writer):
        with self.sink(writer) as sink:
            for number in [*range(100), -1]:
                wrong = {fault}
                for value in wrong if isinstance(wrong, list) else [wrong]:
                    if value is not None:
                        sink.get_new_buffer()[0] = value
                        sink.process_buffer()

try:
    result = measure.throughput(Faulty, replace(SHAPES["1-1"], events=100))
except measure.WrongResult as error:
    result = {{"wrong": str(error)}}
print(json.dumps(result))
"""


@pytest.mark.parametrize("fault", FAULTS)
def test_an_event_that_was_lost_repeated_or_changed_makes_the_run_wrong(fault: str) -> None:
    result = python(FAULTY_RING.format(fault=FAULTS[fault]))
    assert "group 0" in result["wrong"]
    assert "not 100 with sum 4950" in result["wrong"]


def test_a_writer_that_dies_makes_the_run_wrong_and_does_not_stop_the_benchmark() -> None:
    result = python(
        FAULTY_RING.format(fault="number if number < 50 else __import__('os')._exit(7)")
    )
    assert "EndOfStream" in result["wrong"]  # what its reader got before the end mark


def test_cells_that_failed_were_wrong_or_could_not_run_stand_in_the_table() -> None:
    text = python("""
import json
from cells import CELLS
from report import goals_table, tables
cells = [one for one in CELLS if one.section == "1-1"]
results = {one.key: [{"rate_hz": 5e4}, {"rate_hz": 7e4}, {"rate_hz": 6e4}] for one in cells}
results["1-1/queues:FasterFifo"] = [{"missing": "No module named 'faster_fifo'"}] * 3
results["1-1/zeromq:PushPull"] = [{"rate_hz": 8e4}] * 2 + [{"wrong": "group 0: 3 events"}]
results["1-1/mimocorb_ring:Batches"] = [{"rate_hz": 9e9}] * 2 + [{"wrong": "group 0: 4 events"}]
results["1-1/native:core"] = [{"failed": "no result within 180 s"}] * 3
results["1-1/mimocorb_ring:Ring"] = [{"rate_hz": 3.6e6}] * 3
print(json.dumps([tables(cells, results), goals_table(results)]))
""")
    table, goals = text
    assert "| mimocorb, one per call | 3600 [3600, 3600] | 60.0 |" in table
    assert "| multiprocessing.Queue | 60.0 [50.0, 70.0] | 1.00 |" in table
    assert "**missing**: No module named 'faster_fifo'" in table
    assert "**wrong** in 1 of 3 runs: group 0: 3 events | 80.0 [80.0, 80.0] | 1.33 |" in table
    assert "**wrong** in 1 of 3 runs: group 0: 4 events" in table
    assert "**failed** in 3 of 3 runs: no result within 180 s" in table
    assert "one per call, over mimoCoRB 1.0.2 | ≥ 50 × | 60 × | yes |" in goals
    assert "batches of 64, over one per call | ≥ 10 × | – | not measured |" in goals
    assert "best waiting Python peer | ≥ 3 × | – | not measured |" in goals  # one is missing
    assert "1→2 shared, 40 B, over mimoCoRB 1.0.2 | ≥ 22 × | – | not measured |" in goals


def test_one_command_prints_tables_with_machine_commit_and_versions(tmp_path: Path) -> None:
    output = tmp_path / "table.md"
    done = run(
        str(BENCHMARKS / "run.py"), "--quick", "--runs", "1", "--only", "calls",
        "--output", str(output),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for part in ("cores", "commit", "numpy", "load average", "--reference-python", "## Goals"):
        assert part in done.stdout
    assert output.read_text("utf-8") == done.stdout
    assert "[1/1" in done.stderr


def test_a_section_that_does_not_exist_is_refused_with_those_that_do() -> None:
    done = run(str(BENCHMARKS / "run.py"), "--only", "1-1,latence")
    assert done.returncode == 2
    assert "no section latence; there are 1-1, 1-2, 2-2" in done.stderr
