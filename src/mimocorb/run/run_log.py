"""The log of a run: one text line and one JSON line for everything that happens.

Each line is written by one system call to a file opened for appending, so a crash at any moment
leaves whole lines. A full disk must not end the run it reports on: what could not be written is
counted. Nor must a worker that prints without end fill the disk or hide everything else on the
screen: the files have a limit for what workers say, and displays get a part of a flood.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mimocorb._json import to_json
from mimocorb._words import how_many
from mimocorb.errors import OutputError
from mimocorb.run.line_limiter import LineLimiter
from mimocorb.run.own_files import free_name

__all__ = ["JSON_LOG", "TEXT_LOG", "LogLine", "RunLog", "utc"]

KEPT_LINES = 200
LARGEST_FILE_BYTES = 256_000_000
MOST_UNWRITTEN_BYTES = 1 << 20
TEXT_LOG, JSON_LOG = "log.txt", "log.jsonl"


def utc(time_s: float) -> str:
    """Return a time as logs and records have it: ISO 8601, UTC, milliseconds."""
    moment = datetime.fromtimestamp(time_s, UTC)
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


@dataclass(frozen=True)
class LogLine:
    """One entry: UTC time in seconds, level, origin, and the text (may have several lines)."""

    time_s: float
    level: str
    origin: str
    text: str

    @property
    def clock(self) -> str:
        """UTC time of day with milliseconds."""
        return utc(self.time_s)[11:-1]

    def as_json(self) -> str:
        """Return the entry as one line of JSON."""
        fields = {
            "time_s": self.time_s,
            "level": self.level,
            "origin": self.origin,
            "text": self.text,
        }
        return to_json(fields)

    def __str__(self) -> str:
        head = f"{utc(self.time_s)} {self.level:<7} {self.origin}: "
        return head + self.text.replace("\n", "\n    ")


class _LogFile:
    """A file that grows line by line; beside one that another has put into its place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size_bytes = 0
        self._descriptor = self._open()

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self.path, flags, 0o644)

    def write(self, data: bytes) -> int:
        """Write at least a part; returns how many bytes."""
        written = os.write(self._descriptor, data)
        self._size_bytes += written
        return written

    def moves_if_another_writes(self) -> str:
        """Go on in a file of another name if a worker writes this one; say so, or nothing."""
        found = os.fstat(self._descriptor)
        if found.st_nlink and found.st_size == self._size_bytes:
            return ""
        before, self.path = self.path, free_name(self.path, "run")
        descriptor, self._descriptor = self._descriptor, self._open()
        self._size_bytes = 0
        os.close(descriptor)
        return (
            f"{before.name} is a file of the run, but was written or deleted by another; the log"
            f" goes on in {self.path.name}"
        )

    def close(self) -> None:
        """Put it on disk and close it."""
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)


class RunLog:
    """Keeps the newest lines, tells listeners, and writes to files once it has a directory.

    Attributes
    ----------
    lines
        The newest entries for displays, oldest first.
    listeners
        Called with each new entry for displays.
    lost
        Lines that could not be written to a file.
    cut_off
        Lines of workers that were not written, because the files had reached their limit.

    Parameters
    ----------
    limit_bytes
        Size of a file from which on nothing that workers say is added to it.
    """

    def __init__(self, limit_bytes: int = LARGEST_FILE_BYTES) -> None:
        self.lines: deque[LogLine] = deque(maxlen=KEPT_LINES)
        self.listeners: list[Callable[[LogLine], None]] = []
        self.lost = 0
        self.cut_off = 0
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._gate = LineLimiter()
        self.moved: list[str] = []
        """Which of its files had to get another name, one sentence each."""
        self._files: list[_LogFile] = []
        self._unwritten: deque[tuple[_LogFile, bytes]] = deque()
        self._unwritten_bytes = 0

    def write_to(self, directory: Path) -> None:
        """Write what comes from now on to ``log.txt`` and ``log.jsonl`` in this directory.

        Raises
        ------
        OutputError
            One of them cannot be opened.
        """
        for name in (TEXT_LOG, JSON_LOG):
            try:
                self._files.append(_LogFile(directory / name))
            except OSError as error:
                self.close()
                raise OutputError(f"cannot write {directory / name}: {error.strerror}") from error

    def add(
        self, level: str, origin: str, text: str, time_s: float | None = None, *, show: bool = True
    ) -> None:
        """Add one entry; `show` says whether displays get it too."""
        line = LogLine(time.time() if time_s is None else time_s, level, origin, text)
        self._keep(line)
        if show:
            self._show(line)

    def add_said(self, level: str, origin: str, text: str, time_s: float | None = None) -> None:
        """Add what a worker says: displays get so much of it as can be read, files up to a limit.

        How much was left out is said in both.
        """
        line = LogLine(time.time() if time_s is None else time_s, level, origin, text)
        if self._size_bytes < self._limit_bytes:
            self._keep(line)
            if self._size_bytes >= self._limit_bytes:
                self._warn_of_limit()
        else:
            self.cut_off += 1
        self.catch_up()
        if self._gate.lets_pass((origin, level), time.monotonic()):
            self._show(line)

    def catch_up(self, *, at_end: bool = False) -> None:
        """Tell displays how many lines they did not get, where that can be said by now."""
        for (origin, level), lines in self._gate.held_back(time.monotonic(), all_of_them=at_end):
            text = f"… {how_many(lines, 'more line')}, see {TEXT_LOG}"
            self._show(LogLine(time.time(), level, origin, text))

    def close(self) -> None:
        """Put everything on disk and close. Idempotent."""
        self.catch_up(at_end=True)
        self.give_up_what_is_left()
        for file in self._files:
            try:
                file.close()
            except OSError:
                self.lost += 1
        self._files = []

    def give_up_what_is_left(self) -> None:
        """Try once more to write what a full disk has not taken; what it does not take is lost."""
        self._write_what_is_left()
        self.lost += len(self._unwritten)
        self._unwritten.clear()
        self._unwritten_bytes = 0

    def _show(self, line: LogLine) -> None:
        self.lines.append(line)
        for listener in self.listeners:
            listener(line)

    def _keep(self, line: LogLine) -> None:
        if not self._files:
            return
        text_file, json_file = self._files
        self._write(text_file, f"{line}\n")
        # The larger one of both, as each line is longer than the same one in the other.
        self._size_bytes += self._write(json_file, f"{line.as_json()}\n")

    def _warn_of_limit(self) -> None:
        megabytes = self._limit_bytes / 1e6
        self.add(
            "WARNING",
            "mimocorb",
            f"the log has reached {megabytes:,.0f} MB: what workers say is not written any more",
        )

    def _write(self, file: _LogFile, text: str) -> int:
        """Write the text at once or count it as lost; returns its size in bytes."""
        data = text.encode(errors="backslashreplace")
        self._unwritten.append((file, data))
        self._unwritten_bytes += len(data)
        self._write_what_is_left()
        if self._unwritten_bytes > MOST_UNWRITTEN_BYTES:
            self.lost += 1
            self._unwritten_bytes -= len(self._unwritten.pop()[1])
        return len(data)

    def _write_what_is_left(self) -> None:
        """Write as much as the disk takes; the rest is kept for when it takes more."""
        while self._unwritten:
            file, data = self._unwritten[0]
            try:
                if moved := file.moves_if_another_writes():
                    self.moved.append(moved)
                written = file.write(data)
            except OSError:
                return
            self._unwritten_bytes -= written
            if written == len(data):
                self._unwritten.popleft()
            else:
                self._unwritten[0] = file, data[written:]
