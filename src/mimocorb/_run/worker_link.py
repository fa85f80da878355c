"""What a worker tells its supervisor: lines through pipes.

Three pipes lead from each worker: its standard output and its standard error, byte by byte as the
user function and the libraries under it write them, and a channel of messages, one JSON object a
line. Pipes need no thread, survive the death of either side, and half a line harms nobody.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["LineSplitter", "LinkHandler", "Message", "MessageWriter", "redirect_output"]

LONGEST_LINE = 64 * 1024
# Colours and the like: a worker does not write to a terminal, so they would only garble one.
TERMINAL_CODE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\^_])")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Message:
    """One thing that a worker says.

    Parameters
    ----------
    kind
        ``"ready"``, ``"ended"``, ``"failed"``, ``"terminated"``, ``"result"`` or ``"log"``.
    text
        For the user; one line, except for a log record that has more. Of results, a JSON object.
    detail
        The traceback of a failure.
    level
        Level of a log record, ``"INFO"`` and so on.
    time_s
        UTC time in seconds at which it was said.
    """

    kind: str
    text: str = ""
    detail: str = ""
    level: str = "INFO"
    time_s: float = 0.0

    @classmethod
    def parse(cls, line: str) -> Message:
        """Read one line of the channel; ValueError if it is not a message."""
        fields: Any = json.loads(line)
        if not isinstance(fields, dict):
            raise TypeError(f"not a message: {line[:80]!r}")
        return cls(**fields)


class MessageWriter:
    """The worker's end of its message channel. Usable from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, kind: str, text: str = "", *, detail: str = "", level: str = "INFO") -> None:
        """Send one message; silently nothing if the supervisor has closed its end."""
        fields = {"kind": kind, "text": text, "detail": detail, "level": level}
        line = json.dumps({**fields, "time_s": time.time()}) + "\n"
        remaining = line.encode()
        with self._lock:
            try:
                while remaining:
                    remaining = remaining[os.write(self._descriptor, remaining) :]
            except BrokenPipeError:
                return


class LinkHandler(logging.Handler):
    """Sends log records of the worker to its supervisor."""

    def __init__(self, link: MessageWriter) -> None:
        super().__init__()
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record with its level and the name of its logger."""
        text = self.format(record)
        if record.name != "root":
            text = f"{record.name}: {text}"
        self._link.send("log", text, level=record.levelname)


class LineSplitter:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield every line that is complete now, without its end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            # A progress bar overwrites its line: only what was seen last is worth keeping.
            text = line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="backslashreplace")
            yield UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", TERMINAL_CODE.sub("", text))

    def finish(self) -> Iterator[str]:
        """Yield what came without an end of line."""
        if self._rest:
            yield from self.feed(b"\n")


def redirect_output(stdout: int, stderr: int) -> None:
    """Let everything this process prints go to these descriptors, also from C, line by line."""
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor is wanted
        os.dup2(nothing.fileno(), 0)
    sys.stdout = _line_stream(1)
    sys.stderr = _line_stream(2)


def _line_stream(descriptor: int) -> Any:
    return os.fdopen(
        descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
