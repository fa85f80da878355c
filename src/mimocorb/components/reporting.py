"""Numbers that a user function reports while it runs: a fit's error, a count, a temperature."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from numbers import Integral, Real

from mimocorb._texts import identifier
from mimocorb.errors import SetupError

__all__ = ["DISORDER", "Results", "connect", "flush", "report"]

DISORDER = "disordered_events"
"""Result of a merging worker: how often a counter or a time went back, or a counter came twice."""

SHORTEST_INTERVAL_S = 0.1
MOST_NAMES = 1000
"""Of one process: results are numbers that people look at, and stand in the record of a run."""
LONGEST_NAME = 200

_log = logging.getLogger("report")  # a warning of the function that reports

Results = Mapping[str, float]


class _Reporter:
    """Sends numbers on, each name at most ten times a second."""

    def __init__(self) -> None:
        self.send: Callable[[Results], None] | None = None
        self._held_back: dict[str, float] = {}
        self._sent_s: dict[str, float] = {}
        self._names: set[str] = set()
        self._has_warned = False

    def report(self, results: Results) -> None:
        if self.send is None:
            return
        now_s = time.monotonic()
        self._held_back.update(self._admitted(results))
        due = [
            name
            for name in self._held_back
            if now_s - self._sent_s.get(name, 0.0) >= SHORTEST_INTERVAL_S
        ]
        if due:
            self._sent_s.update(dict.fromkeys(due, now_s))
            self.send({name: self._held_back.pop(name) for name in due})

    def _admitted(self, results: Results) -> Results:
        """Return the results whose names are known, or new and not too many."""
        known = {name: value for name, value in results.items() if name in self._names}
        for name in [each for each in results if each not in known]:
            if len(self._names) >= MOST_NAMES:
                if not self._has_warned:
                    self._has_warned = True
                    _log.warning("only the first %d names are kept, not %r", MOST_NAMES, name)
                break
            self._names.add(name)
            known[name] = results[name]
        return known

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
        on at most ten times a second, and the last value in any case when the worker ends. A
        process may report 1000 names.

    Raises
    ------
    SetupError
        A value is not a number, or a whole number that a float does not hold, or a name is too
        long.

    Examples
    --------
    Outside a run nobody listens, so that a function that reports can be tried by hand:

    >>> from mimocorb import report
    >>> report(lifetime_us=2.19, relative_error=0.012)
    """
    for name, value in results.items():
        if len(name) > LONGEST_NAME:
            raise SetupError(
                f"report() takes names of at most {LONGEST_NAME} characters, found {len(name)}: "
                f"{name:.60}…"
            )
        if not isinstance(value, Real):
            raise SetupError(
                f"report({name}=…) takes a number, found {type(value).__name__} {value!r:.60}"
            )
        if isinstance(value, Integral) and not _is_exact(value):
            raise SetupError(
                f"report({name}=…) takes numbers that a float holds exactly, found {value!r:.60};"
                " write float(…) for one that may be rounded"
            )
    _reporter.report({identifier(name): float(value) for name, value in results.items()})


def _is_exact(value: Integral) -> bool:
    try:
        return float(value) == int(value)
    except OverflowError:
        return False


def connect(send: Callable[[Results], None]) -> None:
    """Let `send` have what is reported in this process from now on."""
    _reporter.send = send


def flush() -> None:
    """Send what has been held back."""
    _reporter.flush()
