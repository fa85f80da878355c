"""Set-ups whose parts run on several hosts, here all of them on this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from engine_functions import BEGIN_NS
from running import RunningDaq

import mimocorb

FUNCTIONS = Path(__file__).with_name("engine_functions.py")


def two_hosts(directory: Path, url: str, *, data_length: int = 1, **config: Any) -> Path:
    """Write a set-up: a source on the host pi, a recording on the host pc."""
    setup = {
        "Engine": {"nats": url},
        "Hosts": {"pi": {}, "pc": {}},
        "Buffers": {
            "raw": {
                "slot_count": 64,
                "data_length": data_length,
                "data_dtype": {"number": "int32"},
            }
        },
        "Workers": {
            "device": {
                "file": str(FUNCTIONS),
                "function": "numbered",
                "sinks": ["raw"],
                "host": "pi",
                "config": config,
            },
            "keep": {
                "function": "record",
                "sources": ["raw"],
                "host": "pc",
                "config": {"filename": "kept"},
            },
        },
    }
    path = directory / "two.yaml"
    path.write_text(yaml.safe_dump(setup, sort_keys=False))
    return path


def on_host(setup: Path, host: str, *options: str) -> RunningDaq:
    """Start the part of a host; its runs are in a directory of its name."""
    return RunningDaq(setup, "--host", host, "--output", host, *options)


def process_of(run: RunningDaq, worker: str) -> int:
    """Return the number of the process of a worker, 0 while there is none."""
    told = subprocess.run(
        ["ps", "-eo", "pid,sid,comm"], capture_output=True, text=True, check=True
    ).stdout
    for line in told.splitlines()[1:]:
        pid, session, name = line.split(None, 2)
        if name.startswith(worker[:15]) and int(session) == os.getsid(run.process.pid):
            return int(pid)
    return 0


def kept(setup: Path) -> mimocorb.Recording:
    """Return what the host pc has recorded."""
    (directory,) = (setup.parent / "pc").glob("*_run0001")
    return mimocorb.open(directory)["kept"]


def assert_each_once(setup: Path, events: int) -> None:
    """Check that every event is there, once, in order, as it was sent."""
    found = kept(setup)
    numbers = np.concatenate([block.data["number"].ravel() for block in found.blocks()])
    assert numbers.tolist() == list(range(events))
    assert found.metadata.counter.tolist() == list(range(events))
    assert (found.metadata.time_ns - BEGIN_NS).tolist() == list(range(events))


def codes(runs: Sequence[RunningDaq]) -> list[int]:
    """Wait for the ends; returns the exit codes."""
    return [run.finish().code for run in runs]
