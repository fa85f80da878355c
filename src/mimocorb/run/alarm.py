"""What somebody should know of a run who is perhaps not looking."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Alarm", "AlarmKind"]


class AlarmKind(StrEnum):
    """What an alarm is about. The value is what a user reads."""

    SILENT = "silent"
    """A source or a buffer has had no event for longer than its ``silent_after_s``."""
    DEVICE_LOST = "device lost"
    """A source has said that its device is away."""
    STALLED = "stalled"
    """Workers wait for one another, and no event moves."""
    DISK_LOW = "disk low"
    DISK_FULL = "disk full"
    RESTARTED = "worker restarted"
    SET_ASIDE = "events set aside"
    INCOMPLETE = "counts incomplete"
    """Events that were in a buffer have not been processed, and will not be."""
    DOUBTFUL = "live time doubtful"
    HOST_AWAY = "host away"
    """A host with which the run is connected gives no sign, or has ended before its time."""
    HOST_TWICE = "host runs twice"
    ENGINE_AWAY = "engine away"
    CLOCKS = "clocks differ"
    SETUPS = "set-ups differ"
    WORKER_FAILED = "worker failed"
    RUN_FAILED = "run failed"


@dataclass(frozen=True)
class Alarm:
    """What somebody should know who is perhaps not looking; each kind and subject once.

    Parameters
    ----------
    kind, subject
        What it is about: a worker, a buffer, a disk.
    text
        What has happened, the last time.
    first_utc, since_utc
        When it happened first, and the last time.
    until_utc
        When that was over; None: it goes on.
    count
        How often it has happened.
    lasted_s
        For how long, all together; 0 for what is over at once.
    acknowledged_by
        Who has said that he knows of it; empty: nobody has. It is so until it happens again.
    """

    kind: AlarmKind
    subject: str
    text: str
    first_utc: str
    since_utc: str
    until_utc: str | None = None
    count: int = 1
    lasted_s: float = 0.0
    acknowledged_by: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether it is not over."""
        return self.until_utc is None
