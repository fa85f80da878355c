"""What a run says about its time and its decisions, with real processes."""

from __future__ import annotations

import json
import math
import mmap
import os
import re
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import running
import yaml
from running import (
    WATCHDOG_S,
    RunningDaq,
    Worker,
    buffer,
    chain,
    eventually,
    run,
    write_setup,
)

import mimocorb
from mimocorb.buffer_control import SourceToBuffer
from mimocorb.cli import main
from mimocorb.components.meter import Meter
from mimocorb.components.meter_page import PAGE_BYTES, Activity, read_page
from mimocorb.mimo_buffer import Reader
from mimocorb.model import FunctionReference, Setup, WorkerSpec
from mimocorb.run.accounts.arrivals import Finding
from mimocorb.run.accounts.live_time import LiveTime
from mimocorb.run.accounts.process_account import AccountReading, ProcessAccount
from mimocorb.run.options import RunOptions, SupervisorOptions
from mimocorb.run.run import Run, run_setup
from mimocorb.run.run_state import Command
from mimocorb.run.supervision.accounts import Accounts
from mimocorb.run.workers.processes import is_stopped
from mimocorb.setup.dialects import read_setup

FUNCTIONS = Path(__file__).with_name("account_functions.py")


@pytest.fixture(autouse=True)
def functions_of_these_tests(monkeypatch):
    monkeypatch.setattr(running, "FUNCTIONS", (FUNCTIONS,))


def source(name="numbers", **config):
    return Worker(name, {"RB_1": "write"}, config)


def middle(name="select", processes=1, **config):
    roles = {"RB_1": "read", "RB_2": "write"}
    return Worker(name, roles, config or {"pause_s": 0.0}, processes)


def with_key(setup, worker, **keys):
    """Add keys to a worker of the set-up, such as rejected_sample."""
    content = yaml.safe_load(setup.read_text())
    content["Workers"][worker].update(keys)
    setup.write_text(yaml.safe_dump(content))
    return setup


def adds_up(process):
    causes = ("live", "ring_full", "paused", "reading_out", "device_lost")
    parts = (process[f"{name}_ns"] for name in causes)
    return sum(parts) == process["total_ns"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_slow_filter_is_the_limit_and_the_dead_time(tmp_path, method):
    setup = chain(tmp_path, source=source(events=80), middle=middle(pause_s=0.03))
    done = run(with_key(setup, "filter", rejected_sample=1), "--start-method", method)
    assert done.code == 0, done.text
    accounts = done.summary["accounts"]
    (live,) = accounts["live_time"]
    (process,) = live["processes"]
    assert adds_up(process)
    assert process["total_ns"] > 1.2e9
    assert live["events"] == 80
    assert live["dead_fractions"]["ring_full"] > 0.25
    (first, _) = done.summary["buffers"]
    assert first["dead_fraction"] == pytest.approx(sum(live["dead_fractions"].values()))
    assert (live["arrivals"], live["rate_hz"], first["rate_hz"]) == ("not random", None, None)
    text = (done.directory / "summary.txt").read_text()
    assert "filter select is busy " in accounts["limit"]
    assert "in 1 process and limits the rate; " in accounts["limit"]
    assert accounts["limit"] in text

    (decisions,) = accounts["decisions"]
    assert decisions["known"]
    assert (decisions["accepted"], decisions["rejected"], decisions["failed"]) == (35, 45, 0)
    assert decisions["reasons"] == {"odd": 35, "too small": 10}
    assert decisions["accepted_for"] == {"RB_2": 35}
    assert "80 events = 35 accepted (RB_2 35) + 45 rejected" in text
    with mimocorb.open(done.directory / "rejected_filter_1") as events:
        assert len(events) == decisions["sampled"] == 45
    assert "45 of the rejected are kept in rejected_filter_*.arrows, 1 in 1 at random" in text


def test_rates_stand_below_each_other_whatever_the_buffers_are_called(tmp_path):
    names = ("RB_1", "a_buffer_with_a_long_name")
    roles = ({names[0]: "write"}, {names[0]: "read", names[1]: "write"}, {names[1]: "read"})
    configs = {
        "numbers": {"events": 10},
        "select": {"pause_s": 0.0},
        "save": {"filename": "values"},
    }
    workers = [Worker(*each) for each in zip(configs, roles, configs.values(), strict=True)]
    done = run(write_setup(tmp_path, [buffer(name) for name in names], workers))
    assert done.code == 0, done.text
    text = (done.directory / "summary.txt").read_text()
    first, second = re.findall(
        r"^  (\w+ +)\d.* events per second of (?:data taking|live time)$", text, re.MULTILINE
    )
    assert len(first) == len(second) == len(names[1]) + 1


def test_what_functions_do_by_themselves_is_said_to_be_unknown(tmp_path):
    setup = chain(
        tmp_path,
        source=source("numbers_by_hand", events=30, pause_s=0.005),
        middle=middle("select_by_hand"),
    )
    done = run(with_key(setup, "filter", rejected_sample=10))
    assert done.code == 0, done.text
    accounts = done.summary["accounts"]
    (live,) = accounts["live_time"]
    (process,) = live["processes"]
    assert process["reading_out_ns"] is None
    assert process["check"] is None
    assert list(live["dead_fractions"]) == ["ring_full", "paused"]
    assert live["live_ns"] + process["ring_full_ns"] + process["paused_ns"] == live["total_ns"]
    assert live["events"] == 30
    assert accounts["decisions"] == [{"name": "filter", "known": False}]
    text = (done.directory / "summary.txt").read_text()
    assert "it writes by itself: reading out is not told from waiting" in text
    assert "filter select_by_hand: not known, it reads and writes by itself" in text
    assert "no sample was kept of what it rejected" in text


def test_several_processes_have_each_a_clock_of_their_own(tmp_path):
    sources = Worker("numbers", {"RB_1": "write"}, {"events": 40, "pause_s": 0.005}, processes=2)
    done = run(chain(tmp_path, source=sources, middle=middle()))
    assert done.code == 0, done.text
    (live,) = done.summary["accounts"]["live_time"]
    assert all(adds_up(process) for process in live["processes"])
    assert live["total_ns"] == sum(process["total_ns"] for process in live["processes"])
    assert [process["events"] for process in live["processes"]] == [40, 40]
    rate = sum(process["events"] / (process["live_ns"] / 1e9) for process in live["processes"])
    assert live["effective_live_s"] == pytest.approx(80 / rate)


def test_the_account_of_a_killed_filter_goes_on_with_its_successor(tmp_path):
    setup = chain(tmp_path, source=source(events=60), middle=middle("select_and_die_once"))
    done = run(with_key(setup, "filter", restart={"policy": "on_failure", "backoff_s": 0.01}))
    assert (done.directory / "died").exists()
    (decisions,) = done.summary["accounts"]["decisions"]
    assert decisions["known"]
    # event 7 was in its hands, undecided; those before it may have been counted already
    (group,) = done.summary["buffers"][0]["groups"]
    total = decisions["accepted"] + decisions["rejected"]
    assert 60 <= total <= 60 + group["redelivered"]
    assert done.published("RB_2") == 30
    assert not [text for text in done.summary["failures"] if "add up" in text]


def test_the_time_until_a_new_process_is_ready_is_neither_busy_nor_idle(tmp_path):
    setup = chain(tmp_path, source=source(events=60), middle=middle("select_and_die_once"))
    done = run(with_key(setup, "filter", restart={"policy": "on_failure", "backoff_s": 1.5}))
    assert (done.directory / "died").exists()
    uses = {worker["name"]: worker for worker in done.summary["accounts"]["time_use"]}
    failed, others = uses["filter"], [uses["source"], uses["sink"]]
    assert failed["restarting_ns"] > 1.5e9
    assert [other["restarting_ns"] for other in others] == [0, 0]
    parts = ("busy", "waiting_for_input", "waiting_for_room", "restarting")
    assert sum(failed["run"][part] for part in parts) == pytest.approx(1.0)
    assert "because filter select_and_die_once fails" in done.summary["accounts"]["limit"]
    text = (done.directory / "summary.txt").read_text()
    assert re.search(r"^Where the time goes .* no room +restart$", text, re.MULTILINE)


def stopped_while_it_does(supervisor, worker, doing):
    """Stop the process of a worker, as Ctrl-Z or a debugger do, while it does that."""
    (process,) = worker.processes

    eventually(lambda: supervisor.turn() or supervisor.view().events > 10)

    def is_caught():
        supervisor.turn()
        os.kill(process.pid, signal.SIGSTOP)
        eventually(lambda: is_stopped(process.pid))
        if process.account.read().page.doing is doing:
            return True
        os.kill(process.pid, signal.SIGCONT)
        return False

    eventually(is_caught)
    return process.pid


@pytest.mark.parametrize("which", ["sink", "source"])
def test_the_time_for_which_a_process_is_stopped_is_a_cause_of_its_own(
    tmp_path, monkeypatch, which
):
    monkeypatch.chdir(tmp_path)
    sink = Worker("save", {"RB_1": "read"}, {"filename": "values"})
    path = write_setup(tmp_path, [buffer("RB_1")], [source(pause_s=0.001), sink])
    looks_often = SupervisorOptions(suspect_s=0.2)
    options = RunOptions(verbose=0, keyboard=False, supervisor=looks_often)
    with Run(read_setup(path), options) as daq:
        daq.prepare()
        supervisor = daq.supervisor
        supervisor.start(daq.directory)
        number, doing = {"source": (0, Activity.WORKING), "sink": (1, Activity.NO_INPUT)}[which]
        stopped = supervisor.functions[number]

        def most_of_the_time():
            supervisor.turn()
            accounts = supervisor.view().accounts
            span = accounts.workers[number].span
            return span.total_ns > 2e9 and sum(span.stopped_ns) > 0.8 * span.total_ns

        pid = stopped_while_it_does(supervisor, stopped, doing)
        eventually(most_of_the_time)
        limit = supervisor.view().accounts.limit
        os.kill(pid, signal.SIGCONT)
        supervisor.post(Command.STOP)
        eventually(lambda: supervisor.turn() or supervisor.ended)
        summary = daq.finish()
    assert summary.failures == []
    accounts = summary.view.accounts
    use = accounts.workers[number].use
    assert use.stopped > 0.0
    parts = (use.busy, use.waiting_for_input, use.waiting_for_room, use.stopped)
    assert sum(parts) == pytest.approx(1.0)
    who = {"sink": stopped.label, "source": "it"}[which]
    assert f"because {who} was stopped for" in limit
    assert re.search(r"^Where the time goes .* no room +stopped$", summary.text(), re.MULTILINE)
    doubts = [text for text in accounts.doubts if "was stopped for at least" in text]
    assert len(doubts) == (which == "source")


def test_a_pause_is_dead_time_of_its_own_and_nobody_seems_idle_for_it(tmp_path):
    setup = chain(tmp_path, source=source(pause_s=0.001), middle=middle())
    daq = RunningDaq(setup)
    daq.wait_for("data taking begins")
    (directory,) = running.run_directories(tmp_path / "target")
    with mimocorb.connect(directory) as control:
        eventually(lambda: control.buffers["RB_1"].stats.published > 20)
        control.pause()
        # So much that the time from resuming to the end cannot make it small.
        eventually(lambda: control.buffers["RB_1"].dead_time.get("paused", 0.0) > 0.6)
        control.resume()
        view = control.stop().view
        assert view.accounts is not None
        control.wait(WATCHDOG_S)
    done = daq.finish()
    accounts = done.summary["accounts"]
    (live,) = accounts["live_time"]
    assert adds_up(live["processes"][0])
    assert live["dead_fractions"]["paused"] > 0.25
    source_use, *_ = accounts["time_use"]
    used = source_use["run"]  # of the time without the pause
    assert used["busy"] + used["waiting_for_input"] + used["waiting_for_room"] > 0.99


def test_a_run_that_fails_before_data_taking_has_no_account_of_its_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Late enough for the others to be at work, or rather to wait.
    kill = "import os, signal, time\ntime.sleep(1)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    kill += "def numbers(source_list, sink_list, observe_list, config_dict, **more): ...\n"
    (tmp_path / "dying.py").write_text(kill)
    dies = Worker("numbers", {"RB_1": "write"}, keys={"file": "dying.py"})
    options = RunOptions(verbose=0, keyboard=False, examined=True)
    summary = run_setup(read_setup(chain(tmp_path, source=dies, middle=middle())), options)
    assert "source numbers" in summary.failures[0]
    text = summary.text()
    for title in ("Live time", "Rates", "Where the time goes"):
        assert title not in text
    accounts = summary.result().accounts
    assert [worker["run"] for worker in accounts["time_use"]] == [None] * 3
    assert (accounts["live_time"], accounts["limit"]) == ([], "")


POISSON = {"events": 1000, "rate_hz": 500.0, "dead_s": 0.0005, "tells": True, "seed": 3}
KINDS = {
    "Poisson": ("detector", POISSON, "random"),
    "as fast as possible": ("numbers", {"events": 500}, "not random"),
    "periodic": ("numbers", {"events": 100, "pause_s": 0.01}, "not random"),
    "replay": ("recorded", {"events": 301}, "recorded"),
    "by hand": ("numbers_by_hand", {"events": 50}, "unknown"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_source_whose_events_come_at_random_has_a_rate_with_an_uncertainty(tmp_path, kind):
    function, config, arrivals = KINDS[kind]
    done = run(chain(tmp_path, source=source(function, **config), middle=middle()))
    assert done.code == 0, done.text
    (live,) = done.summary["accounts"]["live_time"]
    assert live["arrivals"] == arrivals
    first, second = done.summary["buffers"]
    page = done.text[done.text.index("\nRun 1, ") :]
    assert first["throughput_hz"] == pytest.approx(config["events"] / done.summary["active_s"])
    for each in (first, second):
        if kind == "Poisson":
            part, events = each["published"] / config["events"], each["published"]
            assert each["rate_hz"] == pytest.approx(500 * part, abs=5 * each["rate_sigma_hz"])
            assert each["rate_sigma_hz"] == pytest.approx(each["rate_hz"] / math.sqrt(events))
        else:
            assert (each["rate_hz"], each["rate_sigma_hz"]) == (None, None)
    assert ("±" in page) is ("±" in done.summary_text) is (kind == "Poisson")
    assert ("dead time" in page) is (kind == "Poisson")
    if kind == "replay":
        assert first["recorded_rate_hz"] == pytest.approx(50.0)
        half = second["published"] / 301
        assert second["recorded_rate_hz"] == pytest.approx(50.0 * half)
        assert "50.0 when recorded" in page
        assert "50.0 events per second of the recorded times" in done.summary_text
    else:
        assert (first["recorded_rate_hz"], second["recorded_rate_hz"]) == (None, None)


def test_two_replays_of_one_file_do_not_differ_by_any_sigma(tmp_path, capsys):
    setup = chain(tmp_path, source=source("recorded", events=301), middle=middle())
    for _ in range(2):
        assert run(setup).code == 0
    runs = sorted(map(str, (tmp_path / "target").iterdir()))[-2:]
    assert main(["compare", *runs, "--json"]) == 0
    rates = json.loads(capsys.readouterr().out)["rates"]
    assert [rate["sigma"] for rate in rates] == [None, None]


@pytest.mark.parametrize("tells", [True, False])
def test_a_dead_time_that_nobody_has_told_makes_the_live_time_doubtful(tmp_path, capsys, tells):
    config = {"events": 3000, "rate_hz": 500.0, "dead_s": 0.001, "tells": tells, "seed": 3}
    done = run(chain(tmp_path, source=source("detector", **config), middle=middle()))
    assert done.code == 0, done.text
    accounts = done.summary["accounts"]
    (live,) = accounts["live_time"]
    (process,) = live["processes"]
    quality = done.record["quality"]
    text = (done.directory / "summary.txt").read_text()
    if tells:
        # live 2 ms of 3 ms, and λ while live
        assert process["reading_out_ns"] == 3000 * 10**6
        assert live["rate_hz"] == pytest.approx(500, abs=4 * live["rate_sigma_hz"])
        assert process["check"]["finding"] == "agree"
        assert accounts["doubts"] == []
        assert list(quality) == ["clean"]
        assert "by the arrival times: they agree" in text
        assert "doubtful" not in text
    else:
        assert process["check"]["finding"] == "disagree"
        assert process["check"]["by_arrivals"] == pytest.approx(2 / 3, abs=0.06)
        assert quality["live time doubtful"] == accounts["doubts"]
        assert "clock and arrival times disagree" in text
        assert text.count(" (doubtful) events per second of live time") == 2
    assert [b["live_time_doubtful"] for b in done.summary["buffers"]] == [not tells] * 2
    capsys.readouterr()
    assert main(["runs", str(done.directory.parent)]) == 0
    listed = capsys.readouterr().out
    assert (re.search(r"\d\? +\d+\.\d %\? ", listed) is None) is tells
    assert live["marks_reading"] is tells


# --- the arithmetic of a counter with dead time, in simulated time and with real rings


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dead_s", [0.0005, 0.002])
def test_rates_while_live_are_those_of_the_particles(own_meter, new_buffer, seed, dead_s):
    from account_functions import SimulatedDetector

    config = {"events": 2000, "rate_hz": 500.0, "dead_s": dead_s, "tells": True, "seed": seed}
    buffer = new_buffer(slots=2048, values=4)
    writer, group = buffer.new_writer(), buffer.new_reader_group()
    detector = SimulatedDetector(config)
    own_meter.use_clock(detector.clock_ns)
    own_meter.begin()
    began_ns = detector.now_ns
    SourceToBuffer(sink_list=[writer], data_source=detector.events())()
    own_meter.end()
    page = read_page(bytes(own_meter.page), detector.now_ns)
    found = LiveTime.of([AccountReading(page, 0, 0)], page.events)
    assert found.total_ns == detector.now_ns - began_ns == found.live_ns + found.reading_out_ns
    assert found.reading_out_ns == round(dead_s * 1e9) * 2000
    rate_hz, sigma_hz = 2000 / found.live_ns * 1e9, math.sqrt(2000) / found.live_ns * 1e9
    assert rate_hz == pytest.approx(500, abs=4.5 * sigma_hz)
    observed_hz = 2000 / found.total_ns * 1e9
    assert rate_hz == pytest.approx(observed_hz / (1 - observed_hz * dead_s), rel=1e-6)  # Leo 5.7
    assert found.check.finding is Finding.AGREE
    # Dead for the same time in each interval: so the dead part of it tells how long it was.
    with Reader(group) as reader:
        deadtimes = np.array([reader.get_metadata()[2] for _ in reader])
    assert sum(dead_s / deadtimes) * 1e9 == pytest.approx(found.total_ns)


@pytest.mark.parametrize("limits", [{"RB_1": 3}, {"RB_1": 4}, {"another": 3}])
def test_time_ends_with_the_last_event_wanted_or_else_when_data_taking_ends(limits):
    spec = WorkerSpec("source", FunctionReference("device", "device"), writes=("RB_1",))
    account = ProcessAccount("device", 1)
    with account.open() as descriptor:
        page = mmap.mmap(descriptor.fileno(), PAGE_BYTES)
    device = SimpleNamespace(
        spec=spec,
        label="device",
        accounts=[account],
        processes=[],
        must_finish=True,
        gone=False,
        readers={},
    )
    accounts = Accounts(Setup((), (spec,)), [device])
    accounts.begin()
    meter = Meter(page)
    meter.begin()
    meter.source_begins()
    for _ in range(3):
        time.sleep(0.01)
        meter.event_is_there()
        meter.event_is_published()
    last_event_ns = meter.since_ns
    time.sleep(0.05)
    stats = {"RB_1": SimpleNamespace(published=3, groups=())}
    accounts.end(stats, limits)
    (source,) = accounts.view(stats, 0).sources
    total_ns = last_event_ns - read_page(page[:], last_event_ns).began_ns
    if limits == {"RB_1": 3}:
        assert source.total_ns == total_ns
    else:
        assert source.total_ns >= total_ns + 50e6
    account.close()
