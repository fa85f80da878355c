"""One request to a run, from the client's side."""

from __future__ import annotations

import json
import os
import select
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mimocorb.errors import CommandRefused, CommandTimeout, RunUnreachable
from mimocorb.run.remote.place import connected, peer, user_name
from mimocorb.run.remote.protocol import LONGEST_ANSWER, PROTOCOL, Request, other_protocol
from mimocorb.run.workers.processes import is_stopped

__all__ = ["ANSWER_TIMEOUT_S", "RunHasGone", "ask", "open_link", "read_line", "understood"]

ANSWER_TIMEOUT_S = 20.0
"""A run answers within milliseconds, unless other programs leave its machine no time."""

LOOK_S = 0.5
PIECE = 1 << 16
_ERRORS = {"refused": CommandRefused, "timeout": CommandTimeout}


class RunHasGone(RunUnreachable):
    """No listener any more: the run has ended, or was killed."""


def ask(path: Path, request: Request, timeout_s: float = ANSWER_TIMEOUT_S) -> dict[str, Any]:
    """Send one request to the run that listens at `path`; returns the answer.

    Raises
    ------
    RunUnreachable
        It is not this user's, it speaks another protocol, it is suspended, or it does not answer
        within `timeout_s`; :class:`RunHasGone` if there is no listener, or no longer.
    CommandRefused, CommandTimeout
        The run says so.
    """
    link = open_link(path, timeout_s)
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused already: it says why
            link.sendall(request.encoded())
        deadline_s = time.monotonic() + timeout_s
        _wait_for_answer(link, deadline_s)
        line = read_line(link, deadline_s)
    except TimeoutError:
        pid, _uid = peer(link)
        raise RunUnreachable(
            f"the run of process {pid} does not answer within {timeout_s:g} s: its main process "
            "is busy, or its machine is; try again"
        ) from None
    except RunUnreachable:  # an OSError as well
        raise
    except OSError as error:
        raise RunHasGone(f"the run has gone while it was asked: {error}") from error
    finally:
        link.close()
    return understood(line)


def open_link(path: Path, timeout_s: float) -> socket.socket:
    """Return a connection to the run that listens at `path`, if it is this user's."""
    try:
        link = connected(path, timeout_s)
    except PermissionError as error:
        raise RunUnreachable(f"the run belongs to another user: {path}") from error
    except (ConnectionRefusedError, FileNotFoundError) as error:
        raise RunHasGone(f"no run listens at {path}: {error.strerror or error}") from error
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


def _wait_for_answer(link: socket.socket, deadline_s: float) -> None:
    """Wait until something comes; a suspended run is not waited for."""
    pid, _uid = peer(link)
    poll = select.poll()
    poll.register(link, select.POLLIN)
    while not poll.poll(1000 * max(0.0, min(LOOK_S, deadline_s - time.monotonic()))):
        if is_stopped(pid):
            raise RunUnreachable(
                f"the run of process {pid} is suspended (Ctrl-Z) and cannot answer; bring it back "
                f"with fg, or kill -CONT {pid}"
            )
        if time.monotonic() >= deadline_s:
            raise TimeoutError


def understood(line: bytes) -> dict[str, Any]:
    """Return what an answer grants; raise what it refuses."""
    if not line:
        raise RunHasGone("the run has ended without an answer")
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
