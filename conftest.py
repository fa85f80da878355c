"""What all tests take for granted of the process that runs them, and leave behind: nothing."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, nothing of what is tested.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_configure() -> None:
    """Let Ctrl-C and a closing terminal work, here and in every process that a test starts.

    A shell ignores SIGINT and SIGQUIT for what it starts in its background, nohup SIGHUP; that is
    inherited.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def no_run_outlives_its_test() -> Iterator[None]:
    """Kill the runs that a test has started and not ended."""
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
