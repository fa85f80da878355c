"""Waiting in tests: for a condition or for a thread, never longer than a watchdog allows.

The watchdog is far above anything a loaded machine needs; reaching it means a hang, not slowness.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["WATCHDOG_S", "Background", "wait_until"]

WATCHDOG_S = 60.0

Result = TypeVar("Result")


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return as soon as `condition()` is true; fail, naming `what`, when the watchdog bites."""
    deadline = time.monotonic() + WATCHDOG_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {WATCHDOG_S:g} s in vain until {what}")
        time.sleep(0.001)


class Background(Generic[Result]):
    """A call made in another thread.

    >>> Background(sum, [1, 2]).result()
    3
    """

    def __init__(self, function: Callable[..., Result], *args: Any, **keywords: Any) -> None:
        self._outcome: list[Result] = []
        self._error: BaseException | None = None

        def call() -> None:
            try:
                self._outcome.append(function(*args, **keywords))
            except BaseException as error:  # EndOfStream is a SystemExit
                self._error = error

        self._thread = threading.Thread(target=call, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the call has not returned yet."""
        return self._thread.is_alive()

    def result(self) -> Result:
        """Return what the call returned or raise what it raised, once it has."""
        self._thread.join(WATCHDOG_S)
        if self._thread.is_alive():
            raise AssertionError(f"the call still blocks after {WATCHDOG_S:g} s")
        if self._error is not None:
            raise self._error
        return self._outcome[0]
