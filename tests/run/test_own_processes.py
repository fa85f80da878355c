"""Processes, pools and threads that worker functions start themselves."""

from __future__ import annotations

import re

import pytest
from running import run, written_run

START_METHODS = ("fork", "forkserver", "spawn")

POOLS = """
import concurrent.futures
import multiprocessing
import subprocess
import sys
import time

import mimocorb as mc


def square(number):
    return number * number


@mc.source
def numbers(*, events: int = 5):
    for number in range(events):
        yield [float(number)]


@mc.source
def with_helper():
    multiprocessing.Process(target=time.sleep, args=(3600,), daemon=True).start()
    yield from ([float(number)] for number in range(5))


@mc.sink
def drain(events):
    pass


@mc.filter
def pool(event):
    with multiprocessing.Pool(2) as workers:
        return [workers.map(square, [event["value"][0]])]


@mc.filter
def executor(event):
    with concurrent.futures.ProcessPoolExecutor(2) as workers:
        return [list(workers.map(square, [event["value"][0]]))]


@mc.filter
def process(event):
    helper = multiprocessing.Process(target=time.sleep, args=(3600,))
    helper.start()
    helper.terminate()
    helper.join()
    return [[event["value"][0] ** 2]]


@mc.filter
def program(event):
    number = str(event["value"][0])
    command = [sys.executable, "-c", f"print({number} ** 2)"]
    return [[float(subprocess.run(command, capture_output=True, check=True).stdout)]]
"""

CHAIN = """
Buffers:
  raw: {slot_count: 16, data_length: 1, data_dtype: {value: float64}}
  squares: {slot_count: 16, data_length: 1, data_dtype: {value: float64}}
Workers:
  source: {file: work.py, function: numbers, sinks: [raw]}
  filter: {file: work.py, function: FILTER, sources: [raw], sinks: [squares]}
  save: {function: text, sources: [squares], config: {filename: values}}
"""


@pytest.mark.parametrize("start_method", START_METHODS)
@pytest.mark.parametrize("function", ["pool", "executor", "process", "program"])
def test_a_worker_may_have_processes_of_its_own(tmp_path, function, start_method):
    setup = written_run(tmp_path, CHAIN.replace("FILTER", function), POOLS)
    finished = run(setup, "--start-method", start_method)
    assert finished.code == 0, finished.text
    assert finished.values() == [0.0, 1.0, 4.0, 9.0, 16.0]
    assert finished.summary["warnings"] == []


SHORT = """
Buffers:
  raw: {slot_count: 16, data_length: 1, data_dtype: {value: float64}}
Workers:
  source: {file: work.py, function: SOURCE, sinks: [raw]}
  sink: {file: work.py, function: SINK, sources: [raw]}
"""


def short(directory, source, sink, code):
    text = SHORT.replace("SOURCE", source).replace("SINK", sink)
    return written_run(directory, text, code)


@pytest.mark.parametrize("start_method", START_METHODS)
def test_a_daemon_helper_process_does_not_outlive_the_function(tmp_path, start_method):
    finished = run(short(tmp_path, "with_helper", "drain", POOLS), "--start-method", start_method)
    assert finished.code == 0, finished.text
    assert finished.published("raw") == 5
    assert finished.summary["warnings"] == []


FORGOTTEN = """
import atexit
import multiprocessing
import threading
import time

import mimocorb as mc

go_on = True


def readout():
    while go_on:
        time.sleep(0.01)


def numbers():
    for number in range(5):
        yield [float(number)]


@mc.source
def plain():
    yield from numbers()


@mc.source
def with_thread():
    threading.Thread(target=readout).start()
    yield from numbers()


@mc.source
def with_process():
    multiprocessing.Process(target=readout).start()
    yield from numbers()


@mc.source
def with_exit_function():
    atexit.register(readout)
    yield from numbers()


@mc.sink
def drain(events):
    pass


@mc.sink
class Background:
    def __init__(self):
        threading.Thread(target=readout).start()

    def __call__(self, events):
        pass


@mc.sink
class Writer:
    def __init__(self, *, directory):
        self.file = directory / "late.txt"

    def __call__(self, events):
        pass

    def close(self):
        threading.Thread(target=self.write).start()

    def write(self):
        time.sleep(3.0)
        self.file.write_text("all of it")
"""


@pytest.mark.parametrize("start_method", START_METHODS)
@pytest.mark.parametrize(
    ("source", "sink", "holder"),
    [
        (
            "with_thread",
            "drain",
            r"with_thread .* its thread Thread-\d+ \(readout\) \[.*py:",
        ),
        (
            "with_process",
            "drain",
            r"with_process .* its process .*Process-\d+.* \(process",
        ),
        ("with_exit_function", "drain", r"source with_exit_function .* registered for its exit"),
        ("plain", "Background", r"sink Background .* its thread Thread-\d+ \(readout\) \[.*py:"),
    ],
)
def test_what_keeps_an_ended_function_from_leaving_is_told_and_ended(
    tmp_path, source, sink, holder, start_method
):
    options = ("--start-method", start_method, "--drain-timeout", "3")
    finished = run(short(tmp_path, source, sink, FORGOTTEN), *options)
    assert finished.code == 0, finished.text
    assert re.search(holder, finished.text)
    assert finished.published("raw") == 5
    assert finished.summary["failures"] == []
    (warning,) = [w for w in finished.summary["warnings"] if "programs running" not in w]
    assert "was held up by" in warning


def test_a_source_that_does_not_leave_ends_the_run_all_the_same(tmp_path):
    """Nobody has said how long to wait, and nothing drains."""
    finished = run(short(tmp_path, "with_thread", "drain", FORGOTTEN))
    assert finished.code == 0, finished.text
    assert "in 10 s it is ended together with its process" in finished.text


def test_a_thread_of_a_sink_that_still_writes_is_waited_for(tmp_path):
    finished = run(short(tmp_path, "plain", "Writer", FORGOTTEN))
    assert finished.code == 0, finished.text
    assert (finished.directory / "late.txt").read_text() == "all of it"
    assert finished.summary["warnings"] == []
