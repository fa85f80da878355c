"""Runs of these tests have sockets of their own, and none outlives its test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "run"))

from own_places import no_run_outlives_its_test, places
from running import RunningDaq, Worker, chain

__all__ = ["no_run_outlives_its_test", "places"]


@pytest.fixture
def start(tmp_path):
    """Start a run that goes on until it is told to end; returns when it takes data."""

    def start_run(name: str = "one", *options: str, **more) -> RunningDaq:
        directory = tmp_path / name
        directory.mkdir()
        more.setdefault("source", Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001}))
        daq = RunningDaq(chain(directory, **more), *options)
        daq.wait_for("data taking begins")
        return daq

    return start_run
