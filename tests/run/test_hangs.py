"""Workers that hang are killed where that was asked for; those that only wait never are."""

from __future__ import annotations

import os
import re
import signal

from running import Worker, buffer, chain, run, set_aside, write_setup

from mimocorb.run.options import RunOptions, SupervisorOptions
from mimocorb.run.run import Run, run_setup
from mimocorb.setup.dialects import read_setup

ROLES = {"RB_1": "read", "RB_2": "write"}
ON_FAILURE = {"policy": "on_failure", "backoff_s": 0.01}


def test_a_filter_that_hangs_is_killed_and_its_event_goes_to_the_next_process(tmp_path):
    """F9: killed first, then delivered again; nothing is lost."""
    middle = Worker("hangs_once", ROLES, keys={"hang_timeout_s": 1.0, "restart": ON_FAILURE})
    finished = run(chain(tmp_path, middle=middle))
    assert finished.code == 0, finished.text
    assert finished.values() == [2.0 * n for n in range(100)]
    (group,) = finished.summary["buffers"][0]["groups"]
    assert group["redelivered"] == 1
    warning, repeats = finished.summary["warnings"]
    assert repeats.startswith("sink: 1 event may be repeated")
    assert "hung: the 6th event published in RB_1 was in its hands for" in warning
    assert "hang_timeout_s is 1 (killed by SIGKILL)" in warning


def test_a_hanging_worker_that_is_required_ends_the_run_as_any_failure_does(tmp_path):
    middle = Worker("hangs_once", ROLES, processes=2, keys={"hang_timeout_s": 1.0})
    finished = run(chain(tmp_path, middle=middle))
    assert finished.code == 1
    assert "hung: the 6th event published in RB_1" in finished.summary["failures"][0]
    assert finished.values() == [2.0 * n for n in range(finished.published("RB_1"))]


def test_a_source_that_hangs_with_a_slot_is_killed_and_replaced(tmp_path):
    keys = {"hang_timeout_s": 1.0, "restart": ON_FAILURE}
    source = Worker("hangs_with_a_slot", {"RB_1": "write"}, {"events": 10}, keys=keys)
    finished = run(chain(tmp_path, source=source))
    assert finished.code == 0, finished.text
    assert finished.values() == [2.0 * n for n in range(10)]
    assert finished.summary["buffers"][0]["torn"] == 1
    assert "a slot of RB_1 that it had claimed" in finished.summary["warnings"][0]


def test_a_filter_that_waits_for_room_does_not_hang(tmp_path):
    """The sink needs longer for an event than the filter, which waits for it, may hold one."""
    workers = [
        Worker("numbers", {"RB_1": "write"}, {"events": 4}),
        Worker("double", ROLES, {}, keys={"hang_timeout_s": 0.8}),
        Worker("save_slowly", {"RB_2": "read"}, {"filename": "values.txt", "pause_s": 1.2}),
    ]
    finished = run(write_setup(tmp_path, [buffer("RB_1"), buffer("RB_2", slots=2)], workers))
    assert finished.code == 0, finished.text
    assert finished.summary["warnings"] == []
    assert finished.values() == [2.0 * n for n in range(4)]


HANGS_AT_FIRST = """
import time
from pathlib import Path

from mimocorb import sink

try:
    Path(__file__).with_name("was_here").touch(exist_ok=False)
    time.sleep(1000)
except FileExistsError:
    pass


@sink
def text(events):
    pass
"""


def test_a_worker_that_hangs_while_it_is_imported_is_killed_and_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hanging.py").write_text(HANGS_AT_FIRST)
    keys = {"file": "hanging.py", "hang_timeout_s": 0.5, "restart": ON_FAILURE}
    sink = Worker("text", {"RB_2": "read"}, keys=keys)
    supervisor = SupervisorOptions(start_grace_s=3.0)
    options = RunOptions(verbose=0, keyboard=False, supervisor=supervisor, examined=True)
    summary = run_setup(read_setup(chain(tmp_path, sink=sink)), options)
    assert summary.failures == []
    (warning,) = summary.warnings
    assert "sink text failed and was started again: hung: it was not ready after" in warning
    (ledger, _) = summary.view.buffers
    assert ledger.stats.published == ledger.stats.groups[0].acknowledged == 100


def test_what_hangs_again_and_again_is_set_aside_with_the_reasons(tmp_path):
    keys = {"hang_timeout_s": 0.1, "restart": ON_FAILURE}
    middle = Worker("hangs", {"RB_1": "read"}, keys=keys)
    source = Worker("numbers", {"RB_1": "write"}, {"events": 1})
    finished = run(chain(tmp_path, source=source, more=[middle]))
    assert finished.code == 1
    reasons = set_aside(finished.directory).metadata.notes[0].splitlines()
    assert len(reasons) == 3
    hung = "hung: the 1st event published in RB_1 was in its hands"
    assert all(hung in reason for reason in reasons)


def test_a_stopped_process_keeps_its_event_and_is_reported_as_suspect(tmp_path, monkeypatch):
    """F8: nobody asked to kill it, so it goes on when it is continued."""
    monkeypatch.chdir(tmp_path)
    setup = read_setup(chain(tmp_path, middle=Worker("stops_once", ROLES)))
    options = RunOptions(verbose=0, keyboard=False, supervisor=SupervisorOptions(suspect_s=0.2))
    summary, continued = run_and_continue(setup, options)
    assert summary.failures == []
    (warning,) = summary.warnings
    assert "a debugger, with the 6th event published in RB_1 in its hands; kill" in warning
    (worker,) = [worker for worker in summary.processes if worker.name == "filter stops_once"]
    assert continued == [worker.pid]
    (group,) = summary.view.buffers[0].stats.groups
    assert (group.acknowledged, group.redelivered) == (100, 0)


def run_and_continue(setup, options):
    """Run it, do what the log advises for each stopped process; summary, and who was continued."""
    continued = []

    def continue_it(line):
        if "has been stopped for" in line.text:
            continued.append(int(line.text.split("kill -CONT ")[1].split()[0]))
            os.kill(continued[-1], signal.SIGCONT)

    with Run(setup, options) as daq:
        daq.prepare()
        daq.log.listeners.append(continue_it)
        daq.execute()
        return daq.finish(), continued


def test_a_process_that_is_stopped_without_an_event_is_reported_as_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sink = Worker("stops_with_empty_hands", {"RB_2": "read"})
    options = RunOptions(verbose=0, keyboard=False, supervisor=SupervisorOptions(suspect_s=0.2))
    summary, _ = run_and_continue(read_setup(chain(tmp_path, sink=sink)), options)
    assert summary.failures == []
    (warning,) = summary.warnings
    assert "sink stops_with_empty_hands has been stopped for" in warning
    assert re.search(r", with \d+ events? of RB_2 waiting for its worker; kill -CONT", warning)
