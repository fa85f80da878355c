"""Telling systemd how a run is doing, where it has started the run and asked for that.

A unit with ``Type=notify`` has the name of a socket in its environment. To it go, as described in
``sd_notify(3)``: ``READY=1`` when data are taken, ``STATUS=`` for ``systemctl status``, and
``STOPPING=1`` when the run begins to drain. While it starts and while it drains the time limits of
the unit are extended again and again: what a run takes its time for is bounded by the run itself.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from mimocorb.run.run_state import RunState
from mimocorb.run.run_view import RunView
from mimocorb.run.wording import status_line

__all__ = ["ServiceManager"]

INTERVAL_S = 5.0
EXTENSION_S = 30.0
STOPPING = (RunState.DRAINING, RunState.ENDING, RunState.ENDED)


class ServiceManager:
    """The service manager that has started this process, if there is one.

    Parameters
    ----------
    look
        Returns the run as it is now.
    """

    def __init__(self, look: Callable[[], RunView]) -> None:
        self._look = look
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        # As often as the manager wants to hear from us, and half of that again for safety.
        watchdog_s = int(os.environ.get("WATCHDOG_USEC") or 0) / 1e6
        self._interval_s = min(INTERVAL_S, watchdog_s / 2) if watchdog_s else INTERVAL_S
        self._next_s = 0.0
        self._state: RunState | None = None

    def update(self, state: RunState) -> None:
        """Tell a new state at once, and how the run is doing every few seconds."""
        now = time.monotonic()
        if not self._address or (state is self._state and now < self._next_s):
            return
        words = ["WATCHDOG=1", f"STATUS={status_line(self._look())}"]
        if state is not self._state and state is not RunState.STARTING:
            words.append("STOPPING=1" if state in STOPPING else "READY=1")
        if state is RunState.STARTING or state in STOPPING:
            words.append(f"EXTEND_TIMEOUT_USEC={EXTENSION_S * 1e6:.0f}")
        self._state, self._next_s = state, now + self._interval_s
        self._send("\n".join(words))

    def _send(self, text: str) -> None:
        address = self._address
        if address.startswith("@"):  # in the abstract name space
            address = f"\0{address[1:]}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link, suppress(OSError):
            link.setblocking(False)
            link.sendto(text.encode(), address)
