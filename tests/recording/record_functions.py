"""A source, and a sink like `record` whose process is killed in the worst moment."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import mimocorb as mc
from mimocorb.recording.parquet_format import Parquet
from mimocorb.recording.record import Record


@mc.source
def numbers(*, count: int, pause_s: float = 0.0):
    """Count.

    Parameters
    ----------
    count
        How far.
    pause_s
        Time before each, in s.
    """
    for number in range(count):
        time.sleep(pause_s)
        yield {"number": float(number)}


@mc.filter
def odd_ones(event):
    """Keep odd numbers."""
    return True if event["number"][0] % 2 else mc.Reject("even")


@mc.sink
class KilledRecord(Record):
    """Record events; the process is killed when a batch was written, and not acknowledged yet.

    Parameters
    ----------
    filename
        Name of the recording.
    kills
        How often.
    """

    def __init__(self, *, filename: str, kills: int, buffer, directory: Path):
        super().__init__(filename=filename, buffer=buffer, directory=directory)
        self.marks = [directory / f"killed_{number}" for number in range(kills)]

    def __call__(self, events, metadata):
        super().__call__(events, metadata)
        for mark in self.marks:
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)

    @classmethod
    def check(cls, buffer, **config):
        config.pop("kills")
        return super().check(buffer, **config)

    @classmethod
    def accept(cls, buffer, **config):
        config.pop("kills", None)
        super().accept(buffer, **config)


@mc.sink
class KilledParquet(Parquet):
    """Save events as Parquet; the process is killed once, when a batch was written, not given back.

    Parameters
    ----------
    filename
        Name of the file.
    """

    def __init__(self, *, filename: str, buffer, directory: Path):
        super().__init__(filename=filename, buffer=buffer, directory=directory)
        self.mark = directory / "killed"

    def __call__(self, events, metadata):
        super().__call__(events, metadata)
        if not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
