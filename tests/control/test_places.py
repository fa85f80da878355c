"""Where the socket of a run lies, who may open it, and what becomes of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from running import Worker, chain, eventually, processes_of
from talking import STATUS, call, directory_of, hear, socket_of

import mimocorb
from mimocorb.errors import RunUnreachable
from mimocorb.run.remote.place import listening, noted_socket, run_name, short_name
from mimocorb.run.remote.server import ControlServer
from mimocorb.run.run_log import RunLog
from mimocorb.run.supervision.supervisor import Supervisor
from mimocorb.setup.dialects import read_setup

NOBODY = 65534


@pytest.fixture
def place_of_a_socket(tmp_path):
    """Make the socket of a run that has not begun; returns its path."""
    opened = []

    def make() -> Path:
        supervisor = Supervisor(read_setup(chain(tmp_path)), RunLog())
        opened.append((ControlServer(supervisor, tmp_path), supervisor))
        return noted_socket(tmp_path)

    yield make
    for control, supervisor in opened:
        control.close()
        supervisor.close()


def mode(path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_only_the_owner_can_open_the_socket_and_nothing_stays_behind(start, places):
    daq = start()
    path = socket_of(daq)
    assert path.parent == places[0] / "mimocorb"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    directory = directory_of(daq)
    daq.interrupt()
    assert daq.finish().code == 0
    assert list(path.parent.iterdir()) == []
    assert not (directory / "control.json").exists()


def test_a_directory_that_others_can_open_is_closed_to_them(place_of_a_socket, places):
    (places[0] / "mimocorb").mkdir(mode=0o777)
    (places[0] / "mimocorb").chmod(0o777)
    assert mode(place_of_a_socket().parent) == 0o700


def test_without_a_runtime_directory_the_one_for_temporary_files_is_taken(
    place_of_a_socket, places
):
    shutil.rmtree(places[0])
    assert place_of_a_socket().parent == places[1] / f"mimocorb-{os.geteuid()}"


def test_a_name_that_leads_elsewhere_is_not_followed(place_of_a_socket, places, tmp_path):
    (tmp_path / "trap").mkdir()
    (places[0] / "mimocorb").symlink_to(tmp_path / "trap")
    assert place_of_a_socket().parent.parent == places[1]
    assert list((tmp_path / "trap").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="making files of another user needs root")
def test_a_directory_of_another_user_is_not_used(place_of_a_socket, places):
    (places[0] / "mimocorb").mkdir(mode=0o777)
    os.chown(places[0] / "mimocorb", NOBODY, NOBODY)
    assert place_of_a_socket().parent.parent == places[1]


def test_a_run_without_a_place_for_a_socket_goes_on_and_says_so(start, places):
    for taken in (places[0] / "mimocorb", places[1] / f"mimocorb-{os.geteuid()}"):
        taken.write_text("a file")
    daq = start()
    daq.interrupt()
    finished = daq.finish()
    assert finished.code == 0
    assert "there is no place for its control socket" in finished.log


@pytest.mark.skipif(os.geteuid() != 0, reason="being two users needs root")
def test_another_user_gets_no_answer_even_where_permissions_would_let_him_in(start, monkeypatch):
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)
        path = socket_of(start())
        for opened in (path.parent.parent, path.parent):
            opened.chmod(0o755)
        path.chmod(0o666)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
                with call(path) as link:
                    with suppress(OSError):  # refused before anything was asked
                        link.sendall(STATUS)
                    os.write(writing, hear(link))
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        answer = json.loads(os.read(reading, 65536))
        os.close(reading)
    assert (answer["ok"], answer["error"]) == (False, "this run belongs to root")


def test_paths_may_be_longer_than_a_socket_address(start, places, monkeypatch):
    deep = places[0].joinpath(*["a directory with a long name"] * 8)
    deep.mkdir(parents=True)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    daq = start("a set-up in a directory that has a long name " * 4)
    assert len(str(socket_of(daq))) > 200
    assert mimocorb.connect().pause().state.value == "paused"


def test_a_socket_that_was_taken_away_is_made_again_in_another_place(start, places):
    daq = start()
    run = mimocorb.connect()
    before = socket_of(daq)
    # Gone at once, as at a logout: the run could make the socket again while a tree is removed.
    places[0].rename(places[0].with_name("removed"))
    eventually(lambda: socket_of(daq) != before)
    assert socket_of(daq).parent.parent == places[1]
    assert run.status().state.value == "running"
    assert mimocorb.connect(directory_of(daq)).pid == daq.process.pid
    run.stop()
    run.wait(60)
    assert daq.finish().code == 0


def test_what_a_killed_run_leaves_is_not_taken_for_a_run_and_is_cleaned_up(start, places):
    daq = start("killed")
    run = mimocorb.connect()
    directory, path = directory_of(daq), socket_of(daq)
    os.kill(daq.process.pid, signal.SIGKILL)
    with pytest.raises(RunUnreachable, match=rf"no last .* {daq.process.pid} was killed"):
        run.wait(60)
    daq.process.wait()  # its sockets are closed a moment before it has gone
    assert path.exists()
    with pytest.raises(RunUnreachable, match=r"no run of .* is running"):
        mimocorb.connect()
    with pytest.raises(RunUnreachable, match="was killed while it was running"):
        mimocorb.connect(directory)
    os.utime(path, (0, 0))
    start("next")
    assert not path.exists()
    assert mimocorb.connect().directory.parent.parent.name == "next"


def test_a_run_that_is_just_being_killed_is_said_to_be(start):
    """Its sockets are closed a moment before it has gone, and not all at once."""
    daq = start()
    directory = directory_of(daq)

    def refusal() -> str:
        with pytest.raises(RunUnreachable) as raised:
            mimocorb.connect(directory)
        return str(raised.value)

    os.kill(daq.process.pid, signal.SIGKILL)
    while daq.process.poll() is None:
        assert "the run was killed while it was" in refusal()
    assert "the run was killed while it was" in refusal()


def test_workers_hold_no_copy_of_the_socket(start):
    """Or clients would wait at a run whose main process has gone, instead of hearing the end."""
    again = {"restart": {"policy": "on_failure", "backoff_s": 0.01}}
    middle = Worker("dies_once", {"RB_1": "read", "RB_2": "write"}, keys=again)
    daq = start("one", "--start-method", "fork", middle=middle)
    run = mimocorb.connect()
    eventually(lambda: run.status().view.workers[1].restarts == 1)
    eventually(lambda: run.status().view.workers[1].alive == 1)
    listed = Path("/proc/net/unix").read_text().splitlines()
    sockets = {f"socket:[{line.split()[6]}]" for line in listed if socket_of(daq).name in line}
    processes = processes_of(daq.process.pid)
    assert [pid for pid in processes if sockets & open_files(pid)] == [daq.process.pid]


def open_files(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(os.readlink(link))  # noqa: PTH115
    return found


@pytest.mark.parametrize("name", ["muons_run0001", "with-some-hyphens", 90 * "ä" + "_run0007"])
def test_the_name_of_a_socket_tells_the_end_of_that_of_its_run(places, name):
    listener, path = listening(places[0] / "mimocorb", name)
    listener.close()
    assert run_name(path) == short_name(name)
    assert name.endswith(run_name(path))
    assert run_name(path)[-8:] == name[-8:]


def test_a_run_that_is_suspended_says_so_by_whatever_it_is_called(start):
    daq = start()
    os.kill(daq.process.pid, signal.SIGSTOP)
    for name in (None, directory_of(daq).name, "test_setup", 1):
        with pytest.raises(RunUnreachable, match=rf"suspended .*kill -CONT {daq.process.pid}"):
            mimocorb.connect(name)
    listed = rf"is called 'muons'; running are:\n  {directory_of(daq).name}: .* is suspended"
    with pytest.raises(RunUnreachable, match=listed):
        mimocorb.connect("muons")
    os.kill(daq.process.pid, signal.SIGCONT)
    assert mimocorb.connect().status().state.value == "running"


def test_a_run_of_another_release_is_refused_with_both_numbers(places):
    listener, _path = listening(places[0] / "mimocorb", "later")
    listener.setblocking(True)

    def other_release() -> None:
        link, _ = listener.accept()
        with link:
            hear(link)
            link.sendall(b'{"protocol": 99, "mimocorb": "3.1", "ok": true}\n')

    thread = threading.Thread(target=other_release)
    thread.start()
    with pytest.raises(
        RunUnreachable, match=r"protocol 99 \(mimocorb 3.1\), this side protocol \d+"
    ):
        mimocorb.connect()
    thread.join()
    listener.close()
