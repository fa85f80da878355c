"""Events go from host to host, each once, whoever dies on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from running import eventually
from several_hosts import assert_each_once, codes, kept, on_host, process_of, two_hosts

import mimocorb
from mimocorb.engine.server import EngineServer, free_port


@pytest.mark.parametrize("order", [("pi", "pc"), ("pc", "pi")])
def test_events_arrive_whichever_host_is_started_first(tmp_path, server, order):
    setup = two_hosts(tmp_path, server.url, events=500)
    first = on_host(setup, order[0])
    first.wait_for("data taking begins")
    second = on_host(setup, order[1])
    assert codes([first, second]) == [0, 0]
    assert_each_once(setup, 500)
    assert kept(setup).metadata.may_repeat is None
    assert not list((tmp_path / "pi" / "outbox" / "raw").glob("*/*.part"))


@pytest.fixture
def both(tmp_path, server):
    """The runs of both hosts, which go on until pi is interrupted."""
    setup = two_hosts(tmp_path, server.url, events=1_000_000, pause_s=0.002)
    runs = {name: on_host(setup, name) for name in ("pi", "pc")}
    for run in runs.values():
        run.wait_for("data taking begins")
    return runs


def assert_all_arrive(runs):
    """End the run on pi, and check that everything it took is there once."""
    runs["pi"].interrupt()
    assert codes(list(runs.values())) == [0, 0]
    setup = runs["pi"].setup
    (directory,) = (setup.parent / "pi").glob("*_run0001")
    record = json.loads((directory / "run.json").read_text())
    (raw,) = (each for each in record["result"]["buffers"] if each["name"] == "raw")
    assert_each_once(setup, raw["published"])


@pytest.mark.parametrize(
    ("host", "worker"), [("pi", "send_raw"), ("pc", "receive_raw")], ids=["sender", "receiver"]
)
def test_a_killed_process_loses_nothing_and_repeats_nothing(both, host, worker):
    eventually(lambda: process_of(both[host], worker))
    os.kill(process_of(both[host], worker), signal.SIGKILL)
    both[host].wait_for("killed by SIGKILL")
    eventually(lambda: process_of(both[host], worker))
    assert_all_arrive(both)


def test_an_engine_that_is_killed_loses_nothing_and_repeats_nothing(both, server):
    for _ in range(2):
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        server.start()
    assert_all_arrive(both)


def test_without_an_engine_the_source_goes_on_and_the_events_are_sent_later(tmp_path):
    port = free_port()
    setup = two_hosts(tmp_path, f"nats://127.0.0.1:{port}", events=300)
    pi = on_host(setup, "pi")
    pi.wait_for("cannot be reached")
    assert "of raw wait in the outbox" in pi.text
    with EngineServer(tmp_path / "engine", port=port):
        pc = on_host(setup, "pc")
        assert codes([pi, pc]) == [0, 0]
    assert_each_once(setup, 300)


def test_what_a_run_leaves_in_the_outbox_is_sent_by_the_next_one(tmp_path):
    port = free_port()
    setup = two_hosts(tmp_path, f"nats://127.0.0.1:{port}", events=300)
    pi = on_host(setup, "pi")
    pi.wait_for("cannot be reached")
    outbox = tmp_path / "pi" / "outbox" / "raw"
    eventually(lambda: sum(len(mimocorb.open(path)) for path in outbox.glob("*/*.arrows")) == 300)
    pi.kill()
    with EngineServer(tmp_path / "engine", port=port):
        again, pc = on_host(setup, "pi"), on_host(setup, "pc")
        assert codes([again, pc]) == [0, 0]
    found = kept(setup)
    assert sorted(found.metadata.counter.tolist()) == sorted([*range(300), *range(300)])


def test_all_hosts_run_on_one_machine_with_an_engine_of_their_own(tmp_path):
    setup = two_hosts(tmp_path, "nats://127.0.0.1:4222", events=200)
    done = subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", "run", setup.name, "--all-local"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pi | " in done.stdout
    assert "pc | " in done.stdout
    assert "engine: " in done.stdout
    (directory,) = (tmp_path / "target" / "pc").glob("*_run0001")
    assert (directory / "kept.000.arrows").exists()
