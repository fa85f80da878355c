"""Leave nothing running, also when a test fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from running import RunningDaq


@pytest.fixture(autouse=True)
def no_run_outlives_its_test() -> Iterator[None]:
    RunningDaq.started.clear()
    yield
    for daq in RunningDaq.started:
        daq.kill()
