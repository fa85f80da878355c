"""One request to a run, from the client's side."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mimocorb._run.remote.place import connected, peer, user_name
from mimocorb._run.remote.protocol import LONGEST_ANSWER, PROTOCOL, Request, other_protocol
from mimocorb.errors import CommandRefused, CommandTimeout, RunUnreachable

__all__ = ["ANSWER_TIMEOUT_S", "ask", "open_link", "read_line", "understood"]

ANSWER_TIMEOUT_S = 5.0
PIECE = 1 << 16
_ERRORS = {"refused": CommandRefused, "timeout": CommandTimeout}


def ask(path: Path, request: Request, timeout_s: float = ANSWER_TIMEOUT_S) -> dict[str, Any]:
    """Send one request to the run that listens at `path`; returns the answer.

    Raises
    ------
    RunUnreachable
        Nobody listens there, it is not this user's, it speaks another protocol, or it does not
        answer within `timeout_s`.
    CommandRefused, CommandTimeout
        The run says so.
    """
    link = open_link(path, timeout_s)
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused already: it says why
            link.sendall(request.encoded())
        line = read_line(link, time.monotonic() + timeout_s)
    except TimeoutError:
        pid, _uid = peer(link)
        raise RunUnreachable(
            f"the run of process {pid} does not answer within {timeout_s:g} s: {_why_silent(pid)}"
        ) from None
    except OSError as error:
        raise RunUnreachable(f"the run has gone while it was asked: {error}") from error
    finally:
        link.close()
    return understood(line)


def open_link(path: Path, timeout_s: float) -> socket.socket:
    """Return a connection to the run that listens at `path`, if it is this user's."""
    try:
        link = connected(path, timeout_s)
    except PermissionError as error:
        raise RunUnreachable(f"the run belongs to another user: {path}") from error
    except OSError as error:
        raise RunUnreachable(f"no run listens at {path}: {error.strerror or error}") from error
    _pid, uid = peer(link)
    if uid != os.geteuid():
        link.close()
        raise RunUnreachable(f"what listens at {path} belongs to {user_name(uid)}")
    return link


def read_line(link: socket.socket, deadline_s: float) -> bytes:
    """Read one line; b"" if the other side closes before its end."""
    data = bytearray()
    while not data.endswith(b"\n"):
        link.settimeout(max(0.001, deadline_s - time.monotonic()))
        piece = link.recv(PIECE)
        data += piece
        if not piece or len(data) > LONGEST_ANSWER:
            return b""
    return bytes(data)


def _why_silent(pid: int) -> str:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "it has just ended"
    if state in "Tt":
        return f"it is suspended (Ctrl-Z); bring it back with fg, or kill -CONT {pid}"
    return "its main process is busy; try again"


def understood(line: bytes) -> dict[str, Any]:
    """Return what an answer grants; raise what it refuses."""
    if not line:
        raise RunUnreachable("the run has ended without an answer")
    try:
        content = json.loads(line)
        protocol, granted = content["protocol"], content["ok"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunUnreachable("what listens there is no run of mimocorb") from error
    if protocol != PROTOCOL:
        raise RunUnreachable(other_protocol(content, "the run"))
    if not granted:
        text = str(content.get("error"))
        raise _ERRORS.get(content.get("kind"), RunUnreachable)(text)
    return dict(content)
