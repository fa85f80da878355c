"""What a worker tells its supervisor: lines through pipes.

Three pipes lead from each worker: its standard output and its standard error, byte by byte as the
user function and the libraries under it write them, and a channel of messages, one JSON object a
line. Pipes need no thread, survive the death of either side, and half a line does no harm.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

__all__ = [
    "LONGEST_MESSAGE",
    "LineSplitter",
    "LinkHandler",
    "Message",
    "MessageWriter",
    "flush_output",
    "printable",
    "redirect_output",
]

LONGEST_LINE = 64 * 1024
LONGEST_TEXT = 32 * 1024
LONGEST_MESSAGE = 1024 * 1024
"""In bytes; two of the longest texts fit in, whatever characters they have."""
# Colours and the like: a worker does not write to a terminal, so they would only garble one.
# In this order: control sequences (CSI), strings with an end (OSC, DCS, …), all other ones.
TERMINAL_CODE = re.compile(
    r"(\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[]PX^_][^\x07\x1b]*(\x07|\x1b\\)|\x1b[ -/]*[0-~]"
)
# Control characters, line ends that are none in files, and what turns the direction of writing.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
OWN_MODULE = re.compile(r"^mimocorb_user_(.+)_[0-9a-f]{8}$")
"""The name under which a module of the user is loaded, see ``setup/user_code``."""
LINE_BUFFERED = 1  # _IOLBF of stdio.h, the same in all C libraries of Linux


@dataclass(frozen=True)
class Message:
    """One thing that a worker says.

    Parameters
    ----------
    kind
        ``"ready"``, ``"ended"``, ``"failed"``, ``"terminated"``, ``"held up"`` (in its end, by what
        the text says), ``"result"``, ``"log"``, ``"device lost"``, ``"device back"``, or
        ``"disk"``: why it waits for one that takes nothing more, empty when it goes on.
    text
        For the user; one line, except for a log record that has more. Of results, a JSON object.
    detail
        The traceback of a failure.
    level
        Level of a log record, ``"INFO"`` and so on.
    permanent
        Whether a new process would fail in the same way.
    of_function
        Whether a log record comes from a function or a device, not from the rest of mimocorb.
    time_s
        UTC time in seconds at which it was said.
    """

    kind: str
    text: str = ""
    detail: str = ""
    level: str = "INFO"
    permanent: bool = False
    of_function: bool = False
    time_s: float = 0.0

    @classmethod
    def parse(cls, line: str) -> Message:
        """Read one line of the channel; ValueError if it is not a message."""
        fields: Any = json.loads(line)
        if not isinstance(fields, dict):
            raise TypeError(f"not a message: {line[:80]!r}")
        message = cls(**fields)
        return replace(message, text=printable(message.text), detail=printable(message.detail))


class MessageWriter:
    """The worker's end of its message channel. Usable from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(
        self,
        kind: str,
        text: str = "",
        *,
        detail: str = "",
        level: str = "INFO",
        permanent: bool = False,
        of_function: bool = False,
    ) -> None:
        """Send one message; silently nothing if the supervisor has closed its end."""
        if kind != "result":  # it is read by a program
            text, detail = _shortened(text), _shortened(detail)
        message = Message(kind, text, detail, level, permanent, of_function, time.time())
        remaining = json.dumps(asdict(message)).encode() + b"\n"
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
        """Send one record with its level and, of other libraries, the name of its logger."""
        text = self.format(record)
        of_mimocorb = record.name.startswith("mimocorb.")
        if record.name != "root" and not of_mimocorb:
            name = OWN_MODULE.sub(r"\1", record.name)
            text = f"{name}: {text}"
        of_function = not of_mimocorb or record.name.startswith("mimocorb.devices.")
        of_function = getattr(record, "of_function", of_function)
        self._link.send("log", text, level=record.levelname, of_function=of_function)


def printable(text: str) -> str:
    """Return the text without what would act on a terminal instead of being shown."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", TERMINAL_CODE.sub("", text))


def _shortened(text: str) -> str:
    """Return a text without its middle if it is too long: begin and end say most."""
    left_out = len(text) - LONGEST_TEXT
    if left_out <= 0:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]} … {left_out:,} characters left out … {text[-half:]}"


class LineSplitter:
    """Cuts a stream of bytes into lines.

    Parameters
    ----------
    longest
        Bytes after which a line is cut although it has not ended.
    """

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield every line that is complete now, without its end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self._longest:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            # A progress bar overwrites its line: only what was seen last is worth keeping.
            seen = line.rstrip(b"\r").rpartition(b"\r")[2]
            yield printable(seen.decode(errors="backslashreplace"))

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
    # C would keep what it prints into a pipe until there are some thousand characters.
    library = ctypes.CDLL(None)
    library.setvbuf(ctypes.c_void_p.in_dll(library, "stdout"), None, LINE_BUFFERED, 0)


def flush_output() -> None:
    """Send what this process has printed so far, also from C: its end may not do that."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # a function may have closed them
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def _line_stream(descriptor: int) -> Any:
    return os.fdopen(
        descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
