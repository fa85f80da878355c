"""Histograms are made in runs of their own, and none outlives its test."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimocorb.components.worker import Worker, become

sys.path.append(str(Path(__file__).parents[1] / "run"))

from running import RunningDaq


@pytest.fixture(autouse=True)
def no_run_outlives_its_test(tmp_path, monkeypatch) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as sockets:
        monkeypatch.setenv("XDG_RUNTIME_DIR", sockets)
        RunningDaq.started.clear()
        yield
        for daq in RunningDaq.started:
            daq.kill()
    become(Worker())
