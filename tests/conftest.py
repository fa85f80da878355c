"""Nothing that a test has started outlives it, also if it fails."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def no_run_outlives_its_test() -> Iterator[None]:
    yield
    running = sys.modules.get("running")
    if running is not None:
        for daq in running.RunningDaq.started:
            daq.kill()
        running.RunningDaq.started.clear()


@pytest.fixture
def start() -> Iterator[Callable[..., BaseProcess]]:
    """Start functions in processes."""
    started: list[BaseProcess] = []

    def start_process(
        function: Callable[..., Any], *args: Any, method: str = "fork"
    ) -> BaseProcess:
        process = multiprocessing.get_context(method).Process(target=function, args=args)  # type: ignore[attr-defined]
        process.start()
        started.append(process)
        return process  # type: ignore[no-any-return]

    yield start_process
    for process in started:
        process.kill()
        process.join()
