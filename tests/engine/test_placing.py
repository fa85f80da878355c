"""What each host runs of a set-up, and what is refused before anything starts."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from several_hosts import FUNCTIONS, two_hosts

from mimocorb.engine.hosts import RECEIVE, SEND, connecting_buffers, part_of_host
from mimocorb.errors import SetupError
from mimocorb.setup.dialects import read_setup
from mimocorb.setup.drawing.flow import flow_of
from mimocorb.setup.graph import Graph

URL = "nats://127.0.0.1:4222"


def three_hosts(directory, **keys):
    """Write a set-up: pi writes, pc1 and pc2 share, disk stores what both keep."""
    worker = {"file": str(FUNCTIONS)}
    buffer = {"slot_count": 16, "data_length": 1, "data_dtype": {"number": "int32"}}
    setup = {
        "Engine": {"nats": URL},
        "Hosts": ["pi", "pc1", "pc2", "disk"],
        "Buffers": {"raw": buffer, "kept": buffer},
        "Workers": {
            "device": {**worker, "function": "numbered", "sinks": ["raw"], "host": "pi"},
            "search": {
                **worker,
                "function": "half",
                "sources": ["raw"],
                "sinks": ["kept"],
                "host": ["pc1", "pc2"],
            },
            "table": {
                "function": "text",
                "sources": ["kept"],
                "host": "disk",
                "config": {"filename": "kept"},
            },
        },
        **keys,
    }
    path = directory / "three.yaml"
    path.write_text(yaml.safe_dump(setup, sort_keys=False))
    return path


def workers(part):
    return {w.name: (w.function.name, w.reads, w.writes) for w in part.workers}


def test_a_buffer_of_one_host_stays_in_its_memory(tmp_path):
    setup = read_setup(two_hosts(tmp_path, URL))
    assert connecting_buffers(setup) == ["raw"]
    alone = two_hosts(tmp_path, URL)
    alone.write_text(alone.read_text().replace("host: pc", "host: pi"))
    assert connecting_buffers(read_setup(alone)) == []


def test_the_host_that_writes_sends_and_the_host_that_reads_receives(tmp_path):
    setup = read_setup(two_hosts(tmp_path, URL))
    assert workers(part_of_host(setup, "pi")) == {
        "device": ("numbered", (), ("raw",)),
        "send_raw": (SEND, ("raw",), ()),
    }
    assert workers(part_of_host(setup, "pc")) == {
        "keep": ("record", ("raw",), ()),
        "receive_raw": (RECEIVE, (), ("raw",)),
    }


def test_hosts_that_share_a_worker_take_events_under_one_name(tmp_path):
    setup = read_setup(three_hosts(tmp_path))
    parts = {host: part_of_host(setup, host) for host in setup.hosts}
    assert parts["pi"].worker("send_raw").config["readers"] == ["pc1-pc2"]
    for host in ("pc1", "pc2"):
        receives = parts[host].worker("receive_raw").config
        assert (receives["reader"], receives["shared"]) == ("pc1-pc2", True)
    assert parts["disk"].worker("receive_kept").config["senders"] == ["pc1", "pc2"]


def test_a_host_that_writes_and_reads_gets_what_comes_through_the_stream(tmp_path):
    path = two_hosts(tmp_path, URL)
    content = yaml.safe_load(path.read_text())
    content["Workers"]["look"] = {
        "function": "text",
        "sources": ["raw"],
        "host": "pi",
        "config": {"filename": "seen"},
    }
    path.write_text(yaml.safe_dump(content))
    part = part_of_host(read_setup(path), "pi")
    assert workers(part)["look"] == ("text", ("raw pi",), ())
    assert workers(part)["receive_raw pi"] == (RECEIVE, (), ("raw pi",))


def said_by_run(tmp_path, setup, *options):
    done = subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", "run", setup.name, *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


def test_who_does_not_say_the_host_is_told_how(tmp_path):
    said = said_by_run(tmp_path, two_hosts(tmp_path, URL))
    assert "--host pi or --host pc" in said
    assert "--all-local" in said


def test_a_host_that_is_not_there_is_told(tmp_path):
    said = said_by_run(tmp_path, two_hosts(tmp_path, URL), "--host", "pi2")
    assert "the set-up has no host 'pi2': it has pi, pc; did you mean 'pi'?" in said


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("host: pc", "host: pcc", "did you mean 'pc'?"),
        ("    host: pc\n", "", "add host: pi"),
        ("nats: nats", "natz: nats", "did you mean 'nats'?"),
        ("pi: {}", "pi: {cpu: 4}", "of a host is an empty mapping"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, old, new, says):
    setup = two_hosts(tmp_path, URL)
    assert old in setup.read_text()
    setup.write_text(setup.read_text().replace(old, new, 1))
    said = said_by_run(tmp_path, setup, "--host", "pi")
    assert says in said
    assert "two.yaml:" in said


def test_a_set_up_that_connects_hosts_needs_an_engine(tmp_path):
    setup = two_hosts(tmp_path, URL)
    content = yaml.safe_load(setup.read_text())
    del content["Engine"]
    setup.write_text(yaml.safe_dump(content))
    with pytest.raises(SetupError, match="for which there is an Engine in the set-up; found none"):
        part_of_host(read_setup(setup), "pi")


def test_an_event_that_is_too_large_for_a_message_is_refused(tmp_path):
    said = said_by_run(tmp_path, two_hosts(tmp_path, URL, data_length=3_000_000), "--host", "pi")
    assert "12 000 000 bytes" in said
    assert "data_length smaller" in said


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("pc: {}", "pc: {}\n  disk: {}", "found none on disk; give it to a worker with host: disk"),
        ("Engine:", "#", "raw connects hosts, which needs an Engine; found none; write Engine:"),
        ("nats://127.0.0.1:4222", "127.0.0.1:4222", "the address of the engine is like nats://"),
        ("host: pc", "host: pcc", "did you mean 'pc'?"),
    ],
)
def test_check_finds_for_every_host_what_a_run_would_refuse(tmp_path, old, new, says):
    setup = two_hosts(tmp_path, URL)
    text = setup.read_text()
    assert old in text
    text = text.replace("  nats", "#", 1) if old == "Engine:" else text
    setup.write_text(text.replace(old, new, 1))
    done = subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", "check", setup.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in " ".join((done.stdout + done.stderr).split())


def test_drawings_name_the_hosts(tmp_path):
    setup = read_setup(two_hosts(tmp_path, URL))
    assert "raw ──▶ keep record @ pc" in Graph(setup).text()
    assert "@ pi" in " ".join(flow_of(setup).nodes["worker", "device"].details)
