"""The two ways to show a page in a network, as the how-to has them: a tunnel of SSH, and TLS."""

from __future__ import annotations

import getpass
import json
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2 as httpx
import pytest
from gateways import WebPage
from running import run
from web_runs import short
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from mimocorb.engine.server import free_port

HOW_TO = Path(__file__).parents[2] / "docs/how-to/open-the-page-of-a-run.md"
NAME = "muons.lab.example"
SSHD = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
WATCHDOG_S = 30.0


@pytest.fixture
def page(tmp_path, serve) -> WebPage:
    """The page of a run that has ended, which knows the name of the proxy."""
    finished = run(short(tmp_path))
    return serve(tmp_path, "view", str(finished.directory), "--host-name", NAME)


@contextmanager
def serving(command: list[str], port: int, log: Path) -> Iterator[None]:
    """Run a program until it listens at a port, and end it."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        deadline_s = time.monotonic() + WATCHDOG_S
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline_s, log.read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(WATCHDOG_S)


def made(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.skipif(not (SSHD and shutil.which("ssh")), reason="needs openssh-server and a client")
def test_through_a_tunnel_of_ssh(page, tmp_path):
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    for name in ("host", "user"):
        made("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name)
    server, ours = free_port(), free_port()
    given = [
        *(f"-oHostKey={keys}/host", f"-oAuthorizedKeysFile={keys}/user.pub"),
        *("-oListenAddress=127.0.0.1", "-oStrictModes=no", "-oUsePAM=no", "-oPidFile=none"),
    ]
    with suppress(PermissionError):  # root separates privileges there
        Path("/run/sshd").mkdir(exist_ok=True)
    command = re.search(r"^ssh (-L \S+) daq-machine", HOW_TO.read_text(), re.MULTILINE)
    assert command is not None
    tunnel = command[1].split()
    assert tunnel[1] == "8765:127.0.0.1:8765"
    tunnel[1] = f"127.0.0.1:{ours}:127.0.0.1:{page.port}"
    ssh = ["ssh", "-N", "-p", str(server), "-i", f"{keys}/user", "-oStrictHostKeyChecking=no"]
    ssh += [f"-oUserKnownHostsFile={keys}/known", "-oExitOnForwardFailure=yes", *tunnel]
    ssh += [f"{getpass.getuser()}@127.0.0.1"]
    with (
        serving([SSHD, "-D", "-e", "-f", "/dev/null", "-p", str(server), *given], server,
                tmp_path / "sshd.log"),
        serving(ssh, ours, tmp_path / "ssh.log"),
    ):  # fmt: skip
        answer = httpx.get(
            f"http://127.0.0.1:{ours}/api/me", headers={"authorization": f"Bearer {page.viewer}"}
        )
        assert answer.json() == {"may_steer": False}
        first = first_message(f"ws://127.0.0.1:{ours}/socket", page.viewer, ours)
        assert first["type"] == "about"


@pytest.mark.skipif(not (NGINX and shutil.which("openssl")), reason="needs nginx and openssl")
def test_behind_a_proxy_with_tls(page, tmp_path):
    certificate, key, port = tmp_path / "muons.pem", tmp_path / "muons.key", free_port()
    made(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-keyout", key, "-out", certificate, "-subj", f"/CN={NAME}"),
        *("-addext", f"subjectAltName=DNS:{NAME}"),
    )
    block = re.search(r"```nginx\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    assert block is not None
    server = block[1]
    for documented, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/muons.pem", str(certificate)),
        ("/etc/ssl/muons.key", str(key)),
        ("127.0.0.1:8765", f"127.0.0.1:{page.port}"),
    ):
        assert documented in server
        server = server.replace(documented, here)
    bodies = [f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy")]
    bodies += [f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("fastcgi", "uwsgi", "scgi")]
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {' '.join(bodies)}\n{server}\n}}"
    )
    command = [NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]
    with serving(command, port, tmp_path / "nginx.log"):
        trusted = ssl.create_default_context(cafile=certificate)
        address = f"wss://{NAME}:{port}/socket"
        first = first_message(
            address, page.viewer, port, ssl=trusted, origin=f"https://{NAME}:{port}"
        )
        assert first["type"] == "about"
        with pytest.raises(InvalidStatus):
            first_message(address, page.viewer, port, ssl=trusted, origin="https://evil.example")
        with pytest.raises(InvalidStatus):
            first_message(address, "w" * 32, port, ssl=trusted, origin=f"https://{NAME}:{port}")


def first_message(address: str, token: str, port: int, **more) -> dict:
    """Open the socket of the page, whatever name it has, on this machine; returns what it says."""
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        connect(address, sock=plain, subprotocols=["mimocorb", f"token.{token}"], **more) as link,
    ):
        return json.loads(link.recv(timeout=WATCHDOG_S))
