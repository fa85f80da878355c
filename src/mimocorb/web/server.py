"""The process of the gateway: a port, a low priority, and the link to the page."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import uvicorn

from mimocorb.errors import OutputError
from mimocorb.web.app import new_app
from mimocorb.web.gateway import Gateway
from mimocorb.web.shown_run import ShownRun
from mimocorb.web.tokens import tokens_of

__all__ = ["DEFAULT_PORT", "serve"]

DEFAULT_PORT = 8765
PORTS_TRIED = 50
NICENESS = 15
"""Displays give way first; on a saturated machine this leaves the gateway 3 % of a core."""

SWITCH_INTERVAL_S = 0.001
"""A frame must not wait for 5 ms until another thread gives way."""


def serve(
    directory: Path,
    begin: Callable[[], ShownRun],
    tell: Callable[[str], None],
    *,
    port: int | None = None,
    address: str = "127.0.0.1",
    host_names: Sequence[str] = (),
    as_long_as: Callable[[], None] | None = None,
) -> None:
    """Serve the page of a run until a signal ends it.

    Parameters
    ----------
    directory
        Of the run.
    begin
        Returns the run; it may wait for it.
    tell
        Called with the address of the page as soon as it can be opened.
    port
        Where to listen; None: the first free one from :data:`DEFAULT_PORT` on.
    address
        At which address of this machine.
    host_names
        Names under which the page may be called besides those of this machine.
    as_long_as
        Returns when the page is no longer needed for its own sake: then it is served as long as the
        run goes on or somebody looks; None: until a signal.

    Raises
    ------
    OutputError
        The port is not free.
    """
    tokens = tokens_of(directory)
    listener = _listening(address, port)
    launcher = ThreadPoolExecutor(1, thread_name_prefix="launcher")
    launcher.submit(int).result()  # its thread is made now: what it starts has the usual priority
    _give_way()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    chosen = listener.getsockname()[1]
    shown_as = f"[{address}]" if ":" in address else address
    tell(f"http://{shown_as}:{chosen}/")
    gateway = Gateway(begin(), tokens, launcher)
    config = uvicorn.Config(
        new_app(gateway, host_names),
        log_level="critical",
        access_log=False,
        lifespan="on",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=1 << 16,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    with listener:
        server = uvicorn.Server(config)
        if as_long_as is not None:
            threading.Thread(target=_leave, args=(as_long_as, gateway, server), daemon=True).start()
        server.run(sockets=[listener])
    launcher.shutdown(wait=False, cancel_futures=True)


def _leave(as_long_as: Callable[[], None], gateway: Gateway, server: uvicorn.Server) -> None:
    """Wait for the end, and then until nobody looks any more."""
    as_long_as()

    def leave() -> None:
        server.should_exit = True

    gateway.leave_when_alone = leave
    gateway.ask_soon_from_elsewhere()


def _give_way() -> None:
    """Lower the priority of this thread, and of all that it makes from now on."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _listening(address: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    ports = [port] if port is not None else range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED)
    trouble: OSError | None = None
    for number in ports:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, number))
            listener.listen(64)
        except OSError as error:
            listener.close()
            trouble = error
        else:
            return listener
    asked = f"port {port}" if port is not None else f"ports {ports[0]} to {ports[-1]}"
    why = trouble.strerror if trouble else ""
    raise OutputError(
        f"the page cannot be served at {address}, {asked}: {why}; choose another --port"
    )
