"""Talking to the control socket of a run without the client: rightly, wrongly, or not at all."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from running import WATCHDOG_S, RunningDaq, run_directories

from mimocorb.run.remote.protocol import PROTOCOL

STATUS = b'{"protocol": %d, "command": "status"}\n' % PROTOCOL


def directory_of(daq: RunningDaq) -> Path:
    """The directory of the run."""
    (only,) = run_directories(daq.setup.parent / "target")
    return only


def socket_of(daq: RunningDaq) -> Path:
    """Where the run says that its socket is."""
    return Path(json.loads((directory_of(daq) / "control.json").read_text())["socket"])


def call(path: Path) -> socket.socket:
    """A connection to a socket, however deep it lies."""
    directory = os.open(path.parent, os.O_PATH)
    link = socket.socket(socket.AF_UNIX)
    link.connect(f"/proc/self/fd/{directory}/{path.name}")  # waits where many are before it
    link.settimeout(WATCHDOG_S)
    os.close(directory)
    return link


def hear(link: socket.socket) -> bytes:
    """One line, or what came before the other side closed."""
    data = b""
    while not data.endswith(b"\n"):
        piece = link.recv(65536)
        data += piece
        if not piece:
            break
    return data


def say(path: Path, data: bytes) -> Any:
    """The answer to one request."""
    with call(path) as link:
        link.sendall(data)
        return json.loads(hear(link))
