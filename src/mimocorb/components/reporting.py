"""Numbers that a user function reports while it runs: a fit's error, a count, a temperature."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from numbers import Real

from mimocorb.errors import SetupError

__all__ = ["DISORDER", "Results", "connect", "flush", "report"]

DISORDER = "disordered_events"
"""Result of a merging worker: how often a counter or a time went back, or a counter came twice."""

SHORTEST_INTERVAL_S = 0.1

Results = Mapping[str, float]


class _Reporter:
    """Sends numbers on, each name at most ten times a second."""

    def __init__(self) -> None:
        self.send: Callable[[Results], None] | None = None
        self._held_back: dict[str, float] = {}
        self._sent_s: dict[str, float] = {}

    def report(self, results: Results) -> None:
        if self.send is None:
            return
        now_s = time.monotonic()
        self._held_back.update(results)
        due = [
            name
            for name in self._held_back
            if now_s - self._sent_s.get(name, 0.0) >= SHORTEST_INTERVAL_S
        ]
        if due:
            self._sent_s.update(dict.fromkeys(due, now_s))
            self.send({name: self._held_back.pop(name) for name in due})

    def flush(self) -> None:
        if self.send is not None and self._held_back:
            self.send(self._held_back)
            self._held_back = {}


_reporter = _Reporter()


def report(**results: float) -> None:
    """Report results of this worker: shown while the run goes on, and kept in its record.

    A set-up can end the run on them: ``stop_when: ["fit.relative_error < 0.01"]`` does so when the
    worker ``fit`` has called ``report(relative_error=0.0099)``. Several processes of a worker
    report each for itself, as ``fit[1]`` and so on; it is enough if the condition holds for one of
    them. Never blocks for longer than a write to a pipe.

    Parameters
    ----------
    **results
        Numbers by name; the unit belongs into the name, as in ``lifetime_us``. Each name is passed
        on at most ten times a second, and the last value in any case when the worker ends.

    Raises
    ------
    SetupError
        A value is not a number.

    Examples
    --------
    Outside a run nobody listens, so that a function that reports can be tried by hand:

    >>> from mimocorb import report
    >>> report(lifetime_us=2.19, relative_error=0.012)
    """
    for name, value in results.items():
        if not isinstance(value, Real):
            raise SetupError(
                f"report({name}=…) takes a number, found {type(value).__name__} {value!r:.60}"
            )
    _reporter.report({name: float(value) for name, value in results.items()})


def connect(send: Callable[[Results], None]) -> None:
    """Let `send` have what is reported in this process from now on."""
    _reporter.send = send


def flush() -> None:
    """Send what has been held back."""
    _reporter.flush()
