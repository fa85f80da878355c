"""Workers that wait for one another: found before the run, and named by the run within seconds."""

from __future__ import annotations

import re
import signal

import pytest
from running import RunningDaq, run, written_run

from mimocorb.checks.preflight import preflight

CODE = """
import time

import mimocorb as mc


@mc.source
def numbers(*, events: int):
    for number in range(events):
        yield [float(number)], {"counter": number}


@mc.filter
def split(event):
    value = event["value"][0]
    return {"all": [[value]], "rare": [[value]] if value % 100 == 99 else None}


@mc.filter
def every(event):
    return True


@mc.filter
def seldom(event):
    return bool(event["value"][0] % 100 == 99)


@mc.filter
def pair(events):
    return {"pairs": [[events["all"]["value"][0]]]}
"""

BUFFER = "{slot_count: 16, data_length: 1, data_dtype: {value: float64}}"
SPLIT = """
Buffers: {raw: BUFFER, all: BUFFER, rare: BUFFER, pairs: BUFFER}
Workers:
  s: {file: work.py, function: numbers, sinks: [raw], config: {events: 1000}}
  f: {file: work.py, function: split, sources: [raw], sinks: [all, rare], number_of_processes: MANY}
  m: {file: work.py, function: pair, sources: [all, rare], sinks: [pairs]MERGE}
  t: {function: text, sources: [pairs], config: {filename: pairs}}
""".replace("BUFFER", BUFFER)
FAN = """
Buffers: {raw: BUFFER, all: BUFFER, some: BUFFER, rare: BUFFER, pairs: BUFFER}
Workers:
  s: {file: work.py, function: numbers, sinks: [raw], config: {events: 1000}}
  f: {file: work.py, function: every, sources: [raw], sinks: [all]}
  g: {file: work.py, function: seldom, sources: [raw], sinks: [some]}
  h: {file: work.py, function: every, sources: [some], sinks: [rare]}
  m: {file: work.py, function: pair, sources: [all, rare], sinks: [pairs]MERGE}
  t: {function: text, sources: [pairs], config: {filename: pairs}}
""".replace("BUFFER", BUFFER)
TIMEOUT = ", config: {merge: {timeout_s: 0.2}}"


def written(directory, setup, *, merge="", processes=1):
    text = setup.replace("MERGE", merge).replace("MANY", str(processes))
    return written_run(directory, text, CODE)


@pytest.mark.parametrize(("setup", "common"), [(SPLIT, "f"), (FAN, "s")])
def test_a_merge_of_what_has_been_split_is_warned_of_before_the_run(
    tmp_path, monkeypatch, setup, common
):
    monkeypatch.chdir(tmp_path)
    found = preflight(written(tmp_path, setup))
    assert found.errors == 0
    (problem,) = found.problems
    assert f"events of all or rare, which both come from {common}" in str(problem)
    assert preflight(written(tmp_path, setup, merge=TIMEOUT)).problems == []


def test_a_merge_of_two_sources_is_not_warned_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    setup = """
Buffers: {all: BUFFER, rare: BUFFER, pairs: BUFFER}
Workers:
  s: {file: work.py, function: numbers, sinks: [all], config: {events: 10}}
  r: {file: work.py, function: numbers, sinks: [rare], config: {events: 10}}
  m: {file: work.py, function: pair, sources: [all, rare], sinks: [pairs]}
  t: {function: text, sources: [pairs], config: {filename: pairs}}
""".replace("BUFFER", BUFFER)
    assert preflight(written_run(tmp_path, setup, CODE)).problems == []


@pytest.mark.parametrize(
    ("setup", "processes", "said"),
    [
        (
            SPLIT,
            1,
            "m pair waits for an event of rare, written by f split",
        ),
        (
            SPLIT,
            2,
            "f split waits for room in all, read by m pair",
        ),
        (
            FAN,
            1,
            "h every waits for an event of some, written by g seldom",
        ),
    ],
)
def test_the_run_says_who_waits_for_whom(tmp_path, setup, processes, said):
    daq = RunningDaq(written(tmp_path, setup, processes=processes), "--drain-timeout", "1")
    daq.wait_for("workers wait for one another")
    daq.wait_for("\n", count=daq.text.count("\n") + 1)
    (line,) = [line for line in daq.text.splitlines() if "alarm, stalled: " in line]
    assert said in line
    assert re.search(r"give merge of m a timeout_s, or all more than 16 slots", line)
    daq.interrupt(signal.SIGTERM)
    finished = daq.finish()
    assert any(said in warning for warning in finished.summary["warnings"])
    (alarm,) = [each for each in finished.summary["alarms"] if each["kind"] == "stalled"]
    assert said in alarm["text"]


@pytest.mark.parametrize("setup", [SPLIT, FAN])
def test_with_a_timeout_nothing_stands_still(tmp_path, setup):
    finished = run(written(tmp_path, setup, merge=TIMEOUT))
    assert finished.code == 0, finished.text
    assert "wait for one another" not in finished.text


QUIET = """
import time

import mimocorb as mc


@mc.source
def seldom(*, directory):
    yield [0.0]
    time.sleep(6)
    yield [1.0]


@mc.filter
def slow(event):
    time.sleep(5)
    return True
"""


def test_a_quiet_source_and_a_slow_filter_are_no_standstill(tmp_path):
    setup = """
Buffers: {raw: BUFFER, out: BUFFER}
Workers:
  s: {file: work.py, function: seldom, sinks: [raw]}
  f: {file: work.py, function: slow, sources: [raw], sinks: [out]}
  t: {function: text, sources: [out], config: {filename: values}}
""".replace("BUFFER", BUFFER.replace("16", "1"))
    finished = run(written_run(tmp_path, setup, QUIET))
    assert finished.code == 0, finished.text
    assert finished.summary["warnings"] == []
