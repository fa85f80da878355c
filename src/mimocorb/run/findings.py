"""What a run has to say for itself: its log meanwhile, and what its summary must not miss."""

from __future__ import annotations

from mimocorb.run.run_log import RunLog

__all__ = ["ORIGIN", "Findings"]

ORIGIN = "mimocorb"


class Findings:
    """Collects failures and warnings; each of them is logged at once.

    Attributes
    ----------
    failures
        What makes the run a failed one.
    warnings
        What an operator should look at, although every event was dealt with.
    """

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self.failures: list[str] = []
        self.warnings: list[str] = []

    def tell(self, text: str, level: str = "INFO") -> None:
        """Log what the summary need not repeat."""
        self._log.add(level, ORIGIN, text)

    def warn(self, text: str) -> None:
        """Add a warning."""
        self.warnings.append(text)
        self._log.add("WARNING", ORIGIN, text)

    def fail(self, text: str) -> None:
        """Add a failure."""
        self.failures.append(text)
        self._log.add("ERROR", ORIGIN, text)
