"""The log of a run: one text line and one JSON line for everything that happens.

Each line is written by one system call to a file opened for appending, so a crash at any moment
leaves whole lines. A full disk must not end the run it reports on: what could not be written is
counted.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["JSON_LOG", "TEXT_LOG", "LogLine", "RunLog"]

KEPT_LINES = 200
TEXT_LOG, JSON_LOG = "log.txt", "log.jsonl"


@dataclass(frozen=True)
class LogLine:
    """One entry: UTC time in seconds, level, who said it, and the text (may have several lines)."""

    time_s: float
    level: str
    origin: str
    text: str

    @property
    def clock(self) -> str:
        """UTC time of day with milliseconds."""
        moment = datetime.fromtimestamp(self.time_s, UTC)
        return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"

    def __str__(self) -> str:
        date = datetime.fromtimestamp(self.time_s, UTC).strftime("%Y-%m-%d")
        head = f"{date}T{self.clock}Z {self.level:<7} {self.origin}: "
        return head + self.text.replace("\n", "\n    ")


class RunLog:
    """Keeps the newest lines, tells listeners, and writes to files once it has a directory.

    Attributes
    ----------
    lines
        The newest entries, oldest first.
    listeners
        Called with each new entry.
    lost
        Lines that could not be written to a file.
    """

    def __init__(self) -> None:
        self.lines: deque[LogLine] = deque(maxlen=KEPT_LINES)
        self.listeners: list[Callable[[LogLine], None]] = []
        self.lost = 0
        self._files: list[int] = []

    def write_to(self, directory: Path) -> None:
        """Write what comes from now on to ``log.txt`` and ``log.jsonl`` in this directory."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._files = [os.open(directory / name, flags, 0o644) for name in (TEXT_LOG, JSON_LOG)]

    def add(
        self, level: str, origin: str, text: str, time_s: float | None = None, *, show: bool = True
    ) -> None:
        """Add one entry; `show` says whether displays get it too."""
        line = LogLine(time.time() if time_s is None else time_s, level, origin, text)
        if show:
            self.lines.append(line)
        if self._files:
            fields = {
                "time_s": line.time_s,
                "level": line.level,
                "origin": line.origin,
                "text": line.text,
            }
            self._write(self._files[0], f"{line}\n")
            self._write(self._files[1], json.dumps(fields, ensure_ascii=False) + "\n")
        if show:
            for listener in self.listeners:
                listener(line)

    def close(self) -> None:
        """Put everything on disk and close. Idempotent."""
        for descriptor in self._files:
            try:
                os.fsync(descriptor)
            except OSError:
                self.lost += 1
            os.close(descriptor)
        self._files = []

    def _write(self, descriptor: int, text: str) -> None:
        data = text.encode(errors="backslashreplace")
        try:
            written = os.write(descriptor, data)
        except OSError:
            written = 0
        self.lost += written != len(data)
