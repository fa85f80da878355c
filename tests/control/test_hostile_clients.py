"""Whatever a client does, the run neither ends nor waits, and everybody else is still served."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from running import RunningDaq, Worker, chain, eventually
from talking import STATUS, call, directory_of, hear, say, socket_of

import mimocorb
from mimocorb.run.remote.place import noted_socket
from mimocorb.run.remote.protocol import LONGEST_REQUEST, PROTOCOL
from mimocorb.run.remote.server import LONGEST_CREDIT_S, ControlServer
from mimocorb.run.run_log import RunLog
from mimocorb.run.run_state import Command, RunState
from mimocorb.run.supervision.supervisor import Supervisor
from mimocorb.setup.dialects import read_setup

GARBAGE = [
    b"hello?\n",
    b"\x00\xff\xfe" * 1000 + b"\n",
    b"[" * 4000 + b"\n",
    b'{"protocol": %d}\n' % PROTOCOL,
    b'{"protocol": %d, "command": "fly"}\n' % PROTOCOL,
    b'{"protocol": %d, "command": ["stop"]}\n' % PROTOCOL,
    b'{"protocol": %d, "command": "pause", "timeout_s": "NaN"}\n' % PROTOCOL,
    b'{"protocol": %d, "command": "pause", "timeout_s": NaN}\n' % PROTOCOL,
    b'{"protocol": %d, "command": "status", "lines": -1}\n' % PROTOCOL,
    b'{"protocol": %d, "command": "status", "lines": Infinity}\n' % PROTOCOL,
    b"1" * 3000 + b"\n",
    STATUS + STATUS,
    b"no end " * (LONGEST_REQUEST // 7 + 1),
]


@pytest.fixture(scope="module")
def daq(tmp_path_factory):
    """One run for all that is tried on it; it has to end in order after all of it."""
    directory = tmp_path_factory.mktemp("hostile")
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    daq = RunningDaq(
        chain(directory, source=source), env={**os.environ, "XDG_RUNTIME_DIR": str(directory)}
    )
    RunningDaq.started.remove(daq)  # or the first test would end it
    try:
        daq.wait_for("data taking begins")
        yield daq
        daq.interrupt()
        assert daq.finish().code == 0
    finally:
        daq.kill()


def test_what_is_no_request_is_answered_by_what_is_wrong_and_hung_up_on(daq):
    path = socket_of(daq)
    for data in GARBAGE:
        with call(path) as link:
            link.sendall(data)
            answer = json.loads(hear(link))
            assert (answer["ok"], answer["kind"]) == (False, "request"), data[:60]
            with suppress(ConnectionResetError):  # hung up with something unread
                assert link.recv(1) == b""
    assert mimocorb.connect(directory_of(daq)).status().state.value == "running"


def test_another_protocol_is_refused_with_both_numbers(daq):
    request = b'{"protocol": 7, "mimocorb": "9.9", "command": "stop"}\n'
    error = say(socket_of(daq), request)["error"]
    assert "protocol 7 (mimocorb 9.9)" in error
    assert f"protocol {PROTOCOL} (mimocorb {mimocorb.__version__})" in error
    assert mimocorb.connect(directory_of(daq)).status().state.value == "running"


def test_silent_half_open_and_deaf_clients_delay_nobody(start):
    daq = start()
    path = socket_of(daq)
    links = [call(path) for _ in range(20)]
    for link in links[5:10]:
        link.sendall(STATUS[:20])
    for link in links[10:15]:
        link.sendall(STATUS)
        link.shutdown(socket.SHUT_WR)
    silent = links[15]
    silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    silent.sendall(b'{"protocol": %d, "command": "status", "lines": 200}\n' % PROTOCOL)
    for link in links[16:]:
        link.sendall(b'{"protocol": %d, "command": "follow"}\n' % PROTOCOL)
    run = mimocorb.connect()
    before = run.status().view.events
    eventually(lambda: run.status().view.events > before + 100)
    run.stop()
    last = run.wait(60)
    finished = daq.finish()
    assert finished.code == 0
    assert len(finished.values()) == last.view.events
    assert json.loads(hear(links[16]))["status"]["view"]["state"] == "ended"
    for link in links:
        link.close()


def test_when_too_many_come_the_longest_silent_goes_and_newcomers_are_served(daq):
    path = socket_of(daq)
    crowd = [call(path) for _ in range(200)]
    assert say(path, STATUS)["ok"]
    crowd[-1].sendall(STATUS)
    assert json.loads(hear(crowd[-1]))["ok"]
    assert crowd[0].recv(1) == b""
    for link in crowd:
        link.close()


def test_a_client_that_is_killed_while_it_waits_changes_nothing(daq):
    program = (
        "import mimocorb, sys; run = mimocorb.connect(sys.argv[1]);"
        "o = run.observer('RB_1'); o.get(); run.pause(); print(flush=True); run.wait()"
    )
    directory = directory_of(daq)
    client = subprocess.Popen(
        [sys.executable, "-c", program, str(directory)], stdout=subprocess.PIPE
    )
    assert client.stdout is not None
    client.stdout.readline()
    client.send_signal(signal.SIGKILL)
    client.wait()
    client.stdout.close()
    run = mimocorb.connect(directory)
    assert run.status().state.value == "paused"
    run.resume()
    before = run.status().view.events
    eventually(lambda: run.status().view.events > before)


def serve(supervisor: Supervisor, control: ControlServer, link: socket.socket) -> None:
    """Do what the main process of a run does for its clients, until this one has an answer."""
    while not select.select([link], [], [], 0)[0]:
        supervisor.loop.turn(control.next_look_s())
        control.update()


def test_a_fault_while_answering_costs_a_client_its_connection_and_nothing_else(tmp_path):
    supervisor = Supervisor(read_setup(chain(tmp_path)), RunLog())
    control = ControlServer(supervisor, tmp_path)
    supervisor.results["source"] = {("no", "key of JSON"): 1.0}
    link = call(noted_socket(tmp_path))
    link.sendall(STATUS)
    serve(supervisor, control, link)
    assert any(line.level == "ERROR" for line in supervisor.log.lines)
    assert link.recv(1) == b""
    link.close()
    supervisor.results.clear()
    with call(noted_socket(tmp_path)) as link:
        link.sendall(STATUS)
        serve(supervisor, control, link)
        assert json.loads(hear(link))["ok"]
    control.close()
    supervisor.close()


def test_however_many_ask_all_clients_together_get_a_tenth_of_the_time(tmp_path, monkeypatch):
    """Answers that take long are counted here as the server counts them: by the clock."""
    supervisor = Supervisor(read_setup(chain(tmp_path)), RunLog())
    look, answers_s = supervisor.view, []

    def look_slowly(*arguments, **options):
        began_s = time.monotonic()
        time.sleep(0.01)
        try:
            return look(*arguments, **options)
        finally:
            answers_s.append(time.monotonic() - began_s)

    control = ControlServer(supervisor, tmp_path)  # which looks now and then on its own account
    monkeypatch.setattr(supervisor, "view", look_slowly)
    links = [call(noted_socket(tmp_path)) for _ in range(8)]
    for link in links:
        link.sendall(STATUS)
    began_s = time.monotonic()
    while len(answers_s) < 30:
        supervisor.loop.turn(control.next_look_s())
        control.update()
        for link in select.select(links, [], [], 0)[0]:
            assert json.loads(hear(link))["ok"]
            link.sendall(STATUS)
    elapsed_s = time.monotonic() - began_s
    for link in links:
        link.close()
    control.close()
    supervisor.close()
    # The last answer may be begun with the last of the time, and time may be saved for a rush.
    assert sum(answers_s) - max(answers_s) - LONGEST_CREDIT_S < 0.1 * elapsed_s


def test_everybody_is_answered_before_anybody_is_answered_again(tmp_path, monkeypatch):
    """Answers take longer than the time that all clients have together."""
    supervisor = Supervisor(read_setup(chain(tmp_path)), RunLog())
    control = ControlServer(supervisor, tmp_path)
    look = supervisor.view
    monkeypatch.setattr(supervisor, "view", lambda: (time.sleep(0.03), look())[1])
    links = [call(noted_socket(tmp_path)) for _ in range(8)]
    for link in links:
        link.sendall(STATUS)
    answers = dict.fromkeys(links, 0)
    while sum(answers.values()) < 80:
        supervisor.loop.turn(control.next_look_s())
        control.update()
        for link in select.select(links, [], [], 0)[0]:
            assert json.loads(hear(link))["ok"]
            link.sendall(STATUS)
            answers[link] += 1
        assert max(answers.values()) - min(answers.values()) <= 1
    for link in links:
        link.close()
    control.close()
    supervisor.close()


def test_a_command_is_passed_on_in_the_round_in_which_it_comes(tmp_path, monkeypatch):
    supervisor = Supervisor(read_setup(chain(tmp_path)), RunLog())
    control = ControlServer(supervisor, tmp_path)
    posted: list[object] = []
    monkeypatch.setattr(supervisor, "post", lambda command, _by: posted.append(command))
    supervisor.state = RunState.RUNNING
    links = [call(noted_socket(tmp_path)) for _ in range(9)]
    for link in links[:-1]:
        link.sendall(STATUS)
    links[-1].sendall(b'{"protocol": %d, "command": "stop"}\n' % PROTOCOL)
    serve(supervisor, control, links[0])
    assert posted == [Command.STOP]
    for link in links:
        link.close()
    control.close()
    supervisor.close()


def test_an_observer_that_stands_still_holds_nobody_up(start):
    daq = start()
    with mimocorb.connect() as run:
        kept = run.observer("RB_1").get()
        first = kept["value"][0]
        eventually(lambda: run.status().view.events > first + 100)
        run.stop()
        run.wait(60)
        assert daq.finish().code == 0
        assert kept["value"][0] == first
