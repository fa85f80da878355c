"""Ctrl-C, signals and keys: what has been taken is processed, unless somebody insists."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
from running import WATCHDOG_S, RunningDaq, Screen, Terminal, Worker, chain, controlled, eventually

from mimocorb.run.operator_signals import ONE_WISH_S, OTHER_ENDS, Wishes
from mimocorb.run.options import RunOptions, SupervisorOptions
from mimocorb.run.run import Run
from mimocorb.run.run_state import Command, RunState
from mimocorb.setup.dialects import read_setup

ENDLESS = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})


def backlog(tmp_path, pause_s=0.02):
    """A source that is always ahead of its slow filter by a full buffer."""
    return chain(
        tmp_path,
        source=Worker("numbers", {"RB_1": "write"}, {}),
        middle=Worker("double", {"RB_1": "read", "RB_2": "write"}, {"pause_s": pause_s}),
    )


BEGUN = "data taking begins"
VERY_LONG_S = 1000.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_group_drains_the_backlog_and_loses_nothing(tmp_path, number):
    daq = RunningDaq(backlog(tmp_path))
    daq.wait_for(BEGUN)
    daq.interrupt(number)
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert f"stopped by {number.name}: draining" in finished.text
    taken = finished.published("RB_1")
    assert finished.values() == [2.0 * n for n in range(taken)]


def test_a_second_interrupt_ends_at_once_and_counts_what_is_lost(tmp_path):
    daq = RunningDaq(backlog(tmp_path, pause_s=VERY_LONG_S))
    daq.wait_for("first event")
    daq.interrupt()
    daq.wait_for("draining")
    time.sleep(ONE_WISH_S)
    daq.interrupt()
    finished = daq.finish()
    assert finished.code == 1
    assert "ended at once by SIGINT" in finished.summary["reason"]
    (ledger, _) = finished.summary["buffers"]
    (group,) = ledger["groups"]
    assert ledger["published"] == group["acknowledged"] + group["lost"]
    assert group["lost"] > 0
    lost = rf"{group['lost']} events? of RB_1 (was|were) not processed by double"
    assert re.search(lost, finished.text)


def test_every_further_interrupt_is_answered_and_ends_saving(tmp_path, monkeypatch):
    """The sink has failed: what is due to it is saved, event by event, until it is unwanted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mimocorb.run.supervision.spill.PIECE_EVENTS", 1)
    middle = Worker("double", {"RB_1": "read", "RB_2": "write"})
    (tmp_path / "obstacle").touch()
    sink = Worker("fails_while_there", {"RB_2": "read"}, {"file": str(tmp_path / "obstacle")})
    setup = read_setup(chain(tmp_path, source=ENDLESS, middle=middle, sink=sink))
    with Run(setup, RunOptions(verbose=0, keyboard=False)) as daq:
        daq.prepare()
        supervisor = daq.supervisor
        supervisor.start(daq.directory)
        deadline = time.monotonic() + WATCHDOG_S
        while supervisor.state is not RunState.RUNNING and time.monotonic() < deadline:
            supervisor.turn()
        eventually(lambda: not supervisor.buffers["RB_2"].stats().free_slots)
        while supervisor.state is not RunState.DRAINING and time.monotonic() < deadline:
            supervisor.turn()
        for _ in range(3):  # dealt with before anything else happens
            supervisor.post(Command.END, "SIGINT")
        supervisor.turn()
        (group,) = supervisor.buffers["RB_2"].stats().groups
        assert group.readers == 0, "nobody stands in for the sink any more"
        while not supervisor.ended and time.monotonic() < deadline:
            supervisor.turn()
        summary = daq.finish()
    log = (daq.directory / "log.txt").read_text()
    second, third = (line for line in log.splitlines() if "SIGINT: ending already; " in line)
    assert re.search(
        r"waiting for (source numbers, )?filter double, to be killed in \d\.\d s; saving"
        r" events, [1-9]\d* events? to go; asked once more it saves no more of them$",
        second,
    )
    assert re.search(r"; [1-9]\d* events? not saved$", third)
    assert "ended at once by SIGINT" in summary.reason


def test_who_wants_no_more_saved_is_heard_for_those_who_go_later_as_well(tmp_path, monkeypatch):
    """Draining got stuck: the sink has gone when that is asked for, the filter goes after it."""
    monkeypatch.chdir(tmp_path)
    path = chain(
        tmp_path, source=ENDLESS, middle=Worker("hangs_at_5", {"RB_1": "read", "RB_2": "write"})
    )
    setup = read_setup(path, {"drain_timeout_s": 0.2})
    patient = SupervisorOptions(kill_grace_s=VERY_LONG_S)
    with Run(setup, RunOptions(verbose=0, keyboard=False, supervisor=patient)) as daq:
        daq.prepare()
        supervisor = daq.supervisor
        supervisor.start(daq.directory)

        def turn_until(condition):
            deadline = time.monotonic() + WATCHDOG_S
            while not condition():
                assert time.monotonic() < deadline
                supervisor.turn()

        turn_until(lambda: not supervisor.buffers["RB_1"].stats().free_slots)
        supervisor.post(Command.STOP)
        _, middle, sink = supervisor.functions
        turn_until(lambda: sink.gone)
        assert supervisor.state is RunState.ENDING
        for _ in range(2):
            supervisor.post(Command.END, "SIGINT")
        supervisor.turn()
        assert middle.unread(), "the filter has left something"
        os.kill(middle.processes[0].pid, signal.SIGKILL)
        turn_until(lambda: supervisor.ended)
        summary = daq.finish()
    log = (daq.directory / "log.txt").read_text()
    assert "saving events, what still comes; asked once more it saves no more of them" in log
    assert "no more events are saved" in log
    assert "0 events" not in log
    assert not (daq.directory / "spill.zip").exists()
    assert any("of RB_1 were not processed by hangs_at_5" in text for text in summary.failures)


def test_an_interrupt_before_data_taking_begins_ends_in_order(tmp_path):
    daq = RunningDaq(backlog(tmp_path), "--start-method", "spawn")
    daq.wait_for("started 3 workers")
    daq.interrupt()
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert finished.values() == [2.0 * n for n in range(finished.published("RB_1"))]


def test_a_source_that_waits_for_its_device_is_interrupted_and_may_tidy_up(tmp_path):
    daq = RunningDaq(chain(tmp_path, source=Worker("sleeps_for_ever", {"RB_1": "write"})))
    daq.wait_for("source waits")
    daq.interrupt()
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert "source has tidied up" in finished.log
    assert finished.published("RB_1") == 1
    assert finished.values() == [0.0]


def test_keys_pause_resume_and_stop_a_run_and_the_terminal_is_given_back(tmp_path):
    terminal = Terminal()
    before = terminal.modes()
    daq = controlled(backlog(tmp_path), terminal)
    daq.wait_for(BEGUN)
    eventually(lambda: terminal.modes() != before)
    terminal.press(b"p")
    daq.wait_for("mimocorb: paused")
    terminal.press(b"R")
    daq.wait_for("mimocorb: resumed")
    terminal.press(b" ")
    daq.wait_for("mimocorb: paused", count=2)
    terminal.press(b"?xs")
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert terminal.modes() == before
    assert finished.values() == [2.0 * n for n in range(finished.published("RB_1"))]
    assert finished.summary["active_s"] < finished.summary["elapsed_s"]


def test_the_key_for_the_end_does_not_wait_for_the_backlog(tmp_path):
    terminal = Terminal()
    before = terminal.modes()
    daq = controlled(backlog(tmp_path, pause_s=VERY_LONG_S), terminal)
    daq.wait_for("first event")
    eventually(lambda: terminal.modes() != before)
    terminal.press(b"q")
    finished = daq.finish()
    assert finished.code == 1
    assert "ended at once by a key" in finished.text


def test_functions_that_are_interrupted_are_not_blamed_for_it(tmp_path):
    daq = RunningDaq(backlog(tmp_path, pause_s=VERY_LONG_S))
    daq.wait_for("first event")
    daq.interrupt()
    daq.wait_for("draining")
    time.sleep(ONE_WISH_S)  # sooner it would be the same wish
    daq.interrupt()
    finished = daq.finish()
    assert finished.code == 1
    (worker,) = [w for w in finished.summary["workers"] if w["name"] == "filter double"]
    assert worker["how"] == "asked to end now (exit code 143)"
    assert finished.summary["warnings"] == []
    assert "sys.exit" not in finished.text + finished.log


def test_a_run_started_by_nohup_outlives_its_terminal(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"events": 50, "pause_s": 0.01})
    daq = RunningDaq(
        chain(tmp_path, source=source),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    daq.wait_for(BEGUN)
    daq.interrupt(signal.SIGHUP)
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert finished.published("RB_1") == 50


def test_keys_are_ignored_when_asked_for(tmp_path):
    terminal = Terminal()
    before = terminal.modes()
    source = Worker("numbers", {"RB_1": "write"}, {"events": 30, "pause_s": 0.01})
    daq = controlled(chain(tmp_path, source=source), terminal, "--no-keyboard")
    terminal.press(b"q")
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert terminal.modes() == before
    assert finished.published("RB_1") == 30


def test_a_closed_standard_input_does_not_matter(tmp_path):
    daq = RunningDaq(chain(tmp_path), preexec_fn=lambda: os.close(0))
    assert daq.finish().code == 0


INT, TERM, HUP, QUIT = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT
S, E = Command.STOP, Command.END


@pytest.mark.parametrize(
    ("what", "signals", "wishes"),
    [
        ("Ctrl-C", [(INT, 0)], [S]),
        ("Ctrl-C, passed on by a wrapper", [(INT, 0), (INT, 0.005)], [S]),
        ("Ctrl-C twice, both passed on", [(INT, 0), (INT, 0), (INT, 2), (INT, 2.01)], [S, E]),
        ("Ctrl-C three times", [(INT, 0), (INT, 2), (INT, 3.5)], [S, E, E]),
        ("a closed terminal and its shell", [(HUP, 0), (HUP, 0.003), (HUP, 5)], [S]),
        ("a log-out", [(HUP, 0), (TERM, 0.001)], [S, S]),
        ("a log-out that takes its time", [(TERM, 0), (HUP, 3), (HUP, 4)], [S, S]),
        ("a service manager, and an operator", [(TERM, 0), (INT, 5)], [S, S]),
        ("an operator without a terminal", [(TERM, 0), (TERM, 5)], [S, E]),
        ("a batch system near its limit", [(signal.SIGUSR1, 0), (signal.SIGUSR1, 9)], [S]),
        ("Ctrl-\\", [(QUIT, 0)], [E]),
    ],
)
def test_one_wish_may_come_as_several_signals(what, signals, wishes):
    heard = Wishes()
    meant = [heard.meant_by(number, at_s) for number, at_s in signals]
    assert [command for command in meant if command is not None] == wishes, what


@pytest.mark.parametrize(
    "numbers",
    [(HUP, HUP), (HUP, TERM), (TERM, HUP), (INT, INT), (INT, TERM, HUP), (INT, INT, INT)],
    ids=lambda numbers: "-".join(number.name for number in numbers),
)
def test_signals_that_are_one_wish_lose_nothing(tmp_path, numbers):
    daq = RunningDaq(backlog(tmp_path))
    daq.wait_for(BEGUN)
    for number in numbers:
        os.kill(daq.process.pid, number)
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert finished.values() == [2.0 * n for n in range(finished.published("RB_1"))]


def test_the_first_ctrl_c_of_a_run_that_drains_already_throws_nothing_away(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"events": 16})
    (tmp_path / "obstacle").touch()
    config = {"file": str(tmp_path / "obstacle")}
    middle = Worker("waits_while_there", {"RB_1": "read", "RB_2": "write"}, config)
    daq = RunningDaq(chain(tmp_path, source=source, middle=middle))
    daq.wait_for("the source is exhausted: draining")
    daq.interrupt()
    daq.wait_for("SIGINT: draining already; a second Ctrl-C, or mimocorb stop --now, gives up")
    (tmp_path / "obstacle").unlink()
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert len(finished.values()) == 16


@pytest.mark.parametrize("number", [*OTHER_ENDS[-1:], *OTHER_ENDS[:2], signal.SIGXCPU])
def test_what_would_end_the_process_ends_the_run_in_order(tmp_path, number):
    daq = RunningDaq(chain(tmp_path, source=ENDLESS))
    daq.wait_for(BEGUN)
    os.kill(daq.process.pid, number)
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert finished.summary["reason"].startswith("stopped by ")


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM])
@pytest.mark.parametrize("options", [(), ("--no-keyboard",)])
def test_a_terminal_is_whole_again_whatever_signal_ends_the_run(tmp_path, number, options):
    screen = Screen(chain(tmp_path, source=ENDLESS), *options)
    screen.wait_for("\x1b[?1049h")
    screen.wait_for("running")
    os.kill(screen.process.pid, number)
    code = screen.finish()
    assert code == 0 or number == signal.SIGQUIT, "what was lost is counted"
    assert screen.modes() == screen.modes_before
    assert screen.text.rindex("\x1b[?1049l") > screen.text.rindex("\x1b[?1049h")
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")
    said = "ended at once by SIGQUIT" if number == signal.SIGQUIT else f"stopped by {number.name}"
    assert said in (screen.directory / "summary.txt").read_text()


def test_workers_do_not_inherit_what_the_run_does_with_signals(tmp_path):
    source = Worker("wakes_itself_by_an_alarm", {"RB_1": "write"})
    daq = RunningDaq(chain(tmp_path, source=source))
    finished = daq.finish()
    assert finished.code == 1
    assert "killed by SIGALRM" in finished.text, "as in any program that sets no handler"
