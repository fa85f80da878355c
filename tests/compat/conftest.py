"""Leave nothing running, also when a test fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# the helpers that run set-ups as a user does
sys.path.append(str(Path(__file__).parents[1] / "run"))

from running import RunningDaq


@pytest.fixture(autouse=True)
def no_run_outlives_its_test() -> Iterator[None]:
    RunningDaq.started.clear()
    yield
    for daq in RunningDaq.started:
        daq.kill()
