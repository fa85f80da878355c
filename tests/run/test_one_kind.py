"""Worker processes are one kind, whatever the start method and whatever their parent has done."""

from __future__ import annotations

import subprocess
import sys

import pytest
from running import written_run

START_METHODS = ("fork", "forkserver", "spawn")

NOISE = """
import random

import numpy as np

import mimocorb as mc


@mc.source
def noise(*, directory, name):
    numbers = [f"{random.random()} {np.random.normal()}\\n" for _ in range(5)]
    (directory / f"{name}.txt").write_text("".join(numbers))
    yield [0.0]


@mc.sink
def drain(events):
    pass
"""

TWO_SOURCES = """
Buffers:
  raw: {slot_count: 16, data_length: 1, data_dtype: {value: float64}}
Workers:
  one: {file: work.py, function: noise, sinks: [raw], config: {name: one}}
  two: {file: work.py, function: noise, sinks: [raw], config: {name: two}}
  sink: {file: work.py, function: drain, sources: [raw]}
"""

PROGRAM = """
import atexit
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

from mimocorb.run.options import RunOptions, SupervisorOptions
from mimocorb.run.run import run_setup
from mimocorb.setup.dialects import read_setup

random.random(), np.random.normal()
atexit.register(lambda: print("the program ends", flush=True))
left_open = open("left_open.txt", "w")
left_open.write("once")
options = RunOptions(verbose=0, supervisor=SupervisorOptions(start_method=sys.argv[1]))
with tempfile.TemporaryDirectory() as directory:
    summary = run_setup(read_setup("setup.yaml"), options)
    assert Path(directory).is_dir()
    assert not summary.failures, summary
"""


def run_by_program(directory, start_method):
    """Run the set-up by a program that has random numbers, exit functions and open files."""
    (directory / "program.py").write_text(PROGRAM)
    command = [sys.executable, "program.py", start_method]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("start_method", START_METHODS)
def test_every_worker_draws_random_numbers_of_its_own(tmp_path, start_method):
    """Also if the program has drawn some, so that there is a state that forked ones could share."""
    written_run(tmp_path, TWO_SOURCES, NOISE)
    run_by_program(tmp_path, start_method)
    (one,) = tmp_path.glob("target/*/one.txt")
    two = one.with_name("two.txt")
    numbers = (one.read_text() + two.read_text()).split()
    assert len(numbers) == len(set(numbers)) == 20


AT_EXIT = """
import atexit
import logging.handlers
import weakref

import mimocorb as mc


class Device:
    pass


@mc.source
def device(*, directory):
    found = directory / "closed.txt"
    atexit.register(found.write_text, "closed")
    device.kept = Device()
    weakref.finalize(device.kept, (directory / "finalized.txt").write_text, "finalized")
    target = logging.FileHandler(directory / "own.txt")
    handler = logging.handlers.MemoryHandler(1000, target=target)
    logging.getLogger().addHandler(handler)
    logging.getLogger().warning("kept back")
    yield [0.0]


@mc.sink
def drain(events):
    pass
"""

ONE_SOURCE = """
Buffers:
  raw: {slot_count: 16, data_length: 1, data_dtype: {value: float64}}
Workers:
  source: {file: work.py, function: device, sinks: [raw]}
  sink: {file: work.py, function: drain, sources: [raw]}
"""


@pytest.mark.parametrize("start_method", START_METHODS)
def test_exit_functions_of_a_worker_run_at_its_end_and_those_of_the_program_do_not(
    tmp_path, start_method
):
    written_run(tmp_path, ONE_SOURCE, AT_EXIT)
    printed = run_by_program(tmp_path, start_method)
    assert (tmp_path / "left_open.txt").read_text() == "once"
    assert printed.count("the program ends") == 1
    assert "the program ends" not in next(tmp_path.glob("target/*/log.txt")).read_text()
    (closed,) = tmp_path.glob("target/*/closed.txt")
    assert closed.read_text() == "closed"
    assert closed.with_name("finalized.txt").read_text() == "finalized"
    assert closed.with_name("own.txt").read_text() == "kept back\n"
