"""Finishing one run several times at once: one of them processes the events, once."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from running import WATCHDOG_S, Worker, chain, run, run_directories

from mimocorb.recording.spill_file import SpillFile
from mimocorb.recording.spilled_rows import event_dtype


def test_of_four_commands_at_once_one_processes_the_events(tmp_path):
    middle = Worker("double", {"RB_1": "read", "RB_2": "write"}, {"pause_s": 0.05})
    first = run(chain(tmp_path, middle=middle)).directory
    rows = np.zeros(40, event_dtype(np.dtype([("value", "float64")]), 4))
    rows["sequence"] = np.arange(1, 41)
    with SpillFile(first / "spill.zip", "test_setup.yaml") as file:
        file.add("RB_1", "filter", rows)
    command = [sys.executable, "-m", "mimocorb.cli", "finish", str(first), "--lines"]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(4)
    ]
    texts = [process.communicate(timeout=WATCHDOG_S)[0] for process in started]
    codes = [process.returncode for process in started]
    finished = [path for path in run_directories(tmp_path / "target") if path != first]
    assert len(finished) == 1, "\n".join(texts)
    for text, code in zip(texts, codes, strict=True):
        refused = "is being processed by another command" in text
        late = "all of its events have been processed already" in text
        assert refused + late + (code == 0 and not late) == 1, text
