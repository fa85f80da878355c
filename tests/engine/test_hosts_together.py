"""What one sees and asks on one host of the runs on the others, over a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
import yaml
from running import RunningDaq, eventually
from several_hosts import assert_each_once, codes, kept, on_host, two_hosts

import mimocorb


def told_by(directory, *words):
    done = subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", *words],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def record_of(directory, host):
    (path,) = (directory / host).glob("*_run0001/run.json")
    return json.loads(path.read_text())


@pytest.fixture
def both(tmp_path, server):
    """The runs of both hosts, which know of each other."""
    setup = two_hosts(tmp_path, server.url, events=1_000_000, pause_s=0.002)
    runs = {name: on_host(setup, name) for name in ("pi", "pc")}
    for name in runs:
        eventually(lambda name=name: "Other hosts" in page_of(tmp_path, name))
    return runs


def page_of(directory, host):
    done = subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", "status", host],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout


def test_pause_and_stop_go_to_all_hosts_and_the_numbers_are_compared(tmp_path, server, both):
    looked = "status", "--engine", server.url, "--json"
    eventually(lambda: len(json.loads(told_by(tmp_path, *looked))) == 2)
    told_by(tmp_path, "pause", "pi")
    both["pc"].wait_for("paused by host pi, asked there by mimocorb pause")
    told_by(tmp_path, "resume", "pc")
    both["pi"].wait_for("resumed by host pc, asked there by mimocorb resume")
    told_by(tmp_path, "stop", "pc", "--no-wait")
    both["pi"].wait_for("stopped by host pc, asked there by mimocorb stop")
    assert codes(list(both.values())) == [0, 0]
    for host in ("pi", "pc"):  # one that ended long before the other is compared now
        assert "each of them once" in told_by(tmp_path, "runs", host, "1")
    records = {host: record_of(tmp_path, host) for host in ("pi", "pc")}
    (raw,) = (b for b in records["pi"]["result"]["buffers"] if b["name"] == "raw")
    assert_each_once(both["pi"].setup, raw["published"])
    for host, other in (("pi", "pc"), ("pc", "pi")):
        (connected,) = records[host]["connected"]
        assert connected["compared"], connected
        assert connected["sent"] == connected["came"] == [[1, raw["published"]]]
        assert not connected["missing"] + connected["twice"]
        assert [each["host"] for each in connected["partners"]] == [other]
        clock = records[host]["clocks"][other]
        assert abs(clock["offset_s"]) <= clock["uncertainty_s"] + 0.01  # one machine, one clock
    listed = told_by(tmp_path, "runs", "--engine", server.url)
    assert [line.split()[0] for line in listed.splitlines()] == ["host", "pi", "pc"] or [
        line.split()[0] for line in listed.splitlines()
    ] == ["host", "pc", "pi"]


def test_who_loses_its_partner_is_told_and_what_was_open_is_compared_later(tmp_path, both):
    os.kill(both["pc"].process.pid, signal.SIGKILL)
    both["pi"].wait_for("alarm, host away: run 1 of pc")
    again = on_host(both["pi"].setup, "pc")
    both["pi"].wait_for("alarm is over, host away: pc is back")
    both["pi"].interrupt()
    assert codes([both["pi"], again]) == [0, 0]
    told = told_by(tmp_path, "runs", "pi", "1")
    (connected,) = record_of(tmp_path, "pi")["connected"]
    assert connected["compared"], connected
    assert connected["missing"] == []
    assert [each["number"] for each in connected["partners"]] == [1, 2]
    assert "raw to pc (run 1) and pc (run 2)" in told


def test_another_set_up_on_one_host_is_told(tmp_path, server):
    setup = two_hosts(tmp_path, server.url, events=100_000, pause_s=0.002)
    pi = on_host(setup, "pi")
    pi.wait_for("data taking begins")
    setup.write_text(setup.read_text().replace("filename: kept", "filename: kept2"))
    pc = on_host(setup, "pc")
    pi.wait_for("alarm, set-ups differ: the set-up of pc is another one than here: line")
    pi.interrupt()
    assert codes([pi, pc]) == [0, 0]
    with pytest.raises(KeyError):
        kept(setup)


@pytest.mark.parametrize("first", ["writer", "reader"])
def test_two_set_ups_share_a_buffer_without_hosts(tmp_path, server, first):
    whole = yaml.safe_load(two_hosts(tmp_path, server.url, events=200).read_text())
    del whole["Hosts"]
    whole["Buffers"]["raw"]["backend"] = "jetstream"
    runs = {}
    for name, worker in (("writer", "device"), ("reader", "keep")):
        keys = {key: value for key, value in whole["Workers"][worker].items() if key != "host"}
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**whole, "Workers": {worker: keys}}))
    for name in (first, {"writer": "reader", "reader": "writer"}[first]):
        runs[name] = RunningDaq(tmp_path / f"{name}.yaml", "--output", name)
        runs[name].wait_for("data taking begins")
        if name == "writer" and first == "writer":
            runs[name].wait_for("has no reader of it yet")
    assert codes(list(runs.values())) == [0, 0]
    (directory,) = (tmp_path / "reader").glob("*_run0001")
    numbers = mimocorb.open(directory)["kept"].metadata.counter
    assert numbers.tolist() == list(range(200))


def test_a_host_that_runs_already_is_not_started_again(tmp_path, both):
    again = on_host(both["pi"].setup, "pi")
    assert again.finish().code == 2
    assert "pi of two runs already: run 1, process" in again.text
    both["pi"].interrupt()
    assert codes(list(both.values())) == [0, 0]
