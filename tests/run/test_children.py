"""Child processes that the supervisor's thread and the user's program wait for at once."""

from __future__ import annotations

import atexit
import os
import re
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path

import pytest
from running import WATCHDOG_S

from mimocorb.run.workers.child import CHILDREN, EXIT_UNKNOWN
from mimocorb.run.workers.processes import Lifeline

EXIT_CODE = 7


def end_soon(pause_s):
    time.sleep(pause_s)
    sys.exit(EXIT_CODE)


@pytest.mark.parametrize(("start_method", "children"), [("fork", 30), ("forkserver", 10)])
def test_every_thread_that_joins_a_child_learns_its_exit_code(start_method, children):
    learnt = []

    def wait_for(child):
        child.join()
        learnt.append(child.exitcode)

    for _ in range(children):
        child = CHILDREN[start_method](target=end_soon, args=(0.005,))
        child.start()
        threads = [threading.Thread(target=wait_for, args=(child,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WATCHDOG_S)
    assert learnt == [EXIT_CODE] * children * 4


def test_a_fork_server_that_hangs_holds_up_nobody_who_waits_for_a_child(monkeypatch):
    waited_s = []

    def counting(things, timeout_s=None):
        waited_s.append(timeout_s)
        return wait(things, timeout_s)

    monkeypatch.setattr("mimocorb.run.workers.child.PASSING_ON_S", 0.1)
    monkeypatch.setattr("mimocorb.run.workers.child.wait", counting)
    child, other = (CHILDREN["forkserver"](target=time.sleep, args=(WATCHDOG_S,)) for _ in "12")
    child.start()
    other.start()
    status = Path(f"/proc/{child.pid}/status").read_text()
    fork_server = int(re.search(r"PPid:\s+(\d+)", status)[1])
    os.kill(fork_server, signal.SIGSTOP)
    try:
        child.join(0.01)
        assert child.exitcode is None
        for process in (child, other):
            process.kill()
            process.join()
            assert process.exitcode == EXIT_UNKNOWN
        assert waited_s.count(0.1) == 1  # for the first of them only
    finally:
        os.kill(fork_server, signal.SIGCONT)
    child = CHILDREN["forkserver"](target=end_soon, args=(0.0,))
    child.start()
    child.join()
    assert child.exitcode == EXIT_CODE


def say_at_the_end(said):
    atexit.register(said.send, "at exit")
    said.send("function")
    sys.exit(EXIT_CODE)


def test_a_child_that_is_started_afresh_calls_what_was_to_be_called_at_its_exit():
    heard, said = Pipe(duplex=False)
    child = CHILDREN["spawn"](target=say_at_the_end, args=(said,))
    child.start()
    said.close()
    child.join()
    assert child.exitcode == EXIT_CODE
    assert [heard.recv(), heard.recv()] == ["function", "at exit"]


def descriptors():
    return {number for number in range(1000) if Path(f"/proc/self/fd/{number}").exists()}


def close_what_is_not_held(lifeline):
    before, reading = descriptors(), lifeline.reading.fileno()
    lifeline.close()
    assert before - descriptors() == {reading}  # the other number means something else by now
    sys.exit(EXIT_CODE)


def test_a_forked_process_that_closes_its_parents_lifeline_closes_nothing_else():
    lifeline = Lifeline()
    child = CHILDREN["fork"](target=close_what_is_not_held, args=(lifeline,))
    child.start()
    child.join()
    lifeline.close()
    assert child.exitcode == EXIT_CODE


def test_a_join_that_takes_too_long_returns_without_an_exit_code():
    child = CHILDREN["spawn"](target=end_soon, args=(WATCHDOG_S,))
    child.start()
    child.join(0.01)
    assert child.exitcode is None
    assert child.is_alive()
    child.kill()
    child.join()
    assert child.exitcode == -9
    child.join()


def test_a_worker_imports_nothing_that_only_the_main_process_needs():
    modules = "mimocorb.run.workers.worker, mimocorb.components.binding, mimocorb.buffer_control"
    heavy = ("yaml", "pydantic", "rich", "pyarrow", "matplotlib", "scipy")
    command = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    assert done.stdout == b"[]\n"
