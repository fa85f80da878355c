"""A run that stands still is told: in its log, its view, its record, and to a program."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from running import RunningDaq, Worker, buffer, eventually, run, write_setup

from mimocorb.model import Setup
from mimocorb.run.alarm import AlarmKind
from mimocorb.run.alarms import Alarms
from mimocorb.run.findings import Findings
from mimocorb.run.run_log import RunLog
from mimocorb.run.supervision.figures_watch import FiguresWatch
from mimocorb.setup.dialects import read_setup_or_problems

NOTES_ALARMS = """
import json, os, pathlib, sys
said = {key: value for key, value in os.environ.items() if key.startswith("MIMOCORB_")}
with pathlib.Path(sys.argv[1]).open("a") as file:
    file.write(json.dumps(said) + "\\n")
"""
"""A program for alarms: keeps what it is told in a file."""


def noting(tmp_path):
    """Return the words of a program that notes alarms, and the file of the notes."""
    (tmp_path / "notes.py").write_text(NOTES_ALARMS)
    return [sys.executable, "notes.py", "notes.jsonl"], tmp_path / "notes.jsonl"


def told(file):
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def of_a_source(tmp_path, function, config=None, *, keys=None, **more):
    source = Worker(function, {"raw": "write"}, config, keys=keys or {})
    sink = Worker("text", {"raw": "read"}, {"filename": "values"})
    return write_setup(tmp_path, [buffer("raw")], [source, sink], **more)


def test_a_source_without_events_is_told_of_until_the_next_one_and_to_the_program(tmp_path):
    words, file = noting(tmp_path)
    setup = of_a_source(
        tmp_path,
        "waits_for_a_file",
        {"file": str(tmp_path / "go_on")},
        keys={"silent_after_s": 0.1},
        on_alarm=words,
    )
    daq = RunningDaq(setup)
    daq.wait_for("alarm, silent: source waits_for_a_file has had no event for more than 0.100 s")
    eventually(lambda: len(told(file)) == 1)
    (tmp_path / "go_on").touch()
    daq.wait_for("alarm is over, silent: source waits_for_a_file has an event again")
    daq.interrupt()
    finished = daq.finish()
    assert finished.code == 0, finished.text
    begin, *_ = told(file)
    assert begin["MIMOCORB_ALARM"] == "silent"
    assert begin["MIMOCORB_ALARM_STATE"] == "begin"
    assert begin["MIMOCORB_ALARM_SUBJECT"] == "source waits_for_a_file"
    assert begin["MIMOCORB_RUN_DIRECTORY"] == str(finished.directory)
    assert begin["MIMOCORB_RUN_NUMBER"] == "1"
    assert told(file)[-1]["MIMOCORB_ALARM_STATE"] == "end"
    (alarm,) = finished.summary["alarms"]
    assert alarm["kind"] == "silent"
    assert alarm["lasted_s"] > 0.1
    assert alarm["until_utc"] is not None
    (reason,) = finished.record["quality"]["stood still"]
    assert reason in finished.summary_text
    assert "stood still" in finished.text


def test_a_buffer_without_events_is_told_of_and_a_run_without_silence_is_clean(tmp_path):
    buffers = [buffer("raw"), buffer("rare")]
    buffers[1]["rare"]["silent_after_s"] = 0.05
    buffers[0]["raw"]["silent_after_s"] = 3600
    workers = [
        Worker("numbers", {"raw": "write"}, {"pause_s": 0.002}),
        Worker("rejects_all", {"raw": "read", "rare": "write"}),
        Worker("text", {"rare": "read"}, {"filename": "values"}),
    ]
    daq = RunningDaq(write_setup(tmp_path, buffers, workers))
    daq.wait_for("alarm, silent: rare has had no event")
    daq.interrupt()
    finished = daq.finish()
    assert [alarm["subject"] for alarm in finished.summary["alarms"]] == ["rare"]


def test_a_source_that_waits_for_room_is_told_of_with_the_reason(tmp_path):
    (tmp_path / "obstacle").touch()
    config = {"file": str(tmp_path / "obstacle")}
    workers = [
        Worker("numbers", {"raw": "write"}, {"events": 10}, keys={"silent_after_s": 0.1}),
        Worker("waits_while_there", {"raw": "read", "out": "write"}, config),
        Worker("text", {"out": "read"}, {"filename": "values"}),
    ]
    daq = RunningDaq(write_setup(tmp_path, [buffer("raw", 2), buffer("out")], workers))
    daq.wait_for("there is no room, those who read do not go on")
    (tmp_path / "obstacle").unlink()
    assert daq.finish().code == 0


def test_a_lost_device_and_warnings_of_its_function_are_in_summary_quality_and_record(tmp_path):
    finished = run(of_a_source(tmp_path, "loses_its_device"))
    assert finished.code == 0, finished.text
    text = "device lost, {}: source loses_its_device: the device is lost: no answer on port 7"
    (reason,) = finished.record["quality"]["stood still"]
    assert reason.startswith("device lost, ")
    assert text.partition("{}")[2] in reason
    assert finished.record["quality"]["warnings"] == [
        "source has logged 2 warnings, the last: timed out again"
    ]
    assert "source has logged 2 warnings" in finished.summary_text
    (source,) = finished.summary["accounts"]["live_time"]
    assert source["processes"][0]["device_lost_ns"] >= 0.05e9, "it is dead meanwhile"


def test_little_room_on_the_disk_is_told_in_the_view_and_in_the_summary(tmp_path):
    daq = RunningDaq(of_a_source(tmp_path, "numbers", {"pause_s": 0.001}, disk_low_gb=1e9))
    daq.wait_for("| ALARM disk low: ")
    daq.interrupt()
    finished = daq.finish()
    assert finished.code == 0
    assert finished.record["quality"] == {"clean": []}, "nothing is wrong with the data"
    (alarm,) = finished.summary["alarms"]
    assert alarm["text"] in finished.summary_text


def test_a_worker_that_is_replaced_and_what_is_set_aside_are_told_to_the_program(tmp_path):
    words, file = noting(tmp_path)
    filter_ = Worker(
        "poisoned",
        {"raw": "read", "out": "write"},
        {"every": 10, "way": "raises"},
        keys={"on_failure": {"action": "restart", "backoff_s": 0.001}},
    )
    workers = [
        Worker("numbers", {"raw": "write"}, {"events": 20}),
        filter_,
        Worker("text", {"out": "read"}, {"filename": "values"}),
    ]
    setup = write_setup(tmp_path, [buffer("raw", values=4), buffer("out")], workers, on_alarm=words)
    finished = run(setup)
    alarms = {said["MIMOCORB_ALARM"]: said for said in told(file)}
    assert alarms.keys() == {"worker restarted", "events set aside", "run failed"}
    assert "filter poisoned failed: " in alarms["worker restarted"]["MIMOCORB_ALARM_TEXT"]
    counted = [int(s["MIMOCORB_ALARM_COUNT"]) for s in told(file) if "restarted" in str(s)]
    assert sum(counted) == 3, "what comes at once is told at once, or together, and counted"
    assert finished.code == 1


def test_the_end_of_a_failed_run_is_told_to_the_program(tmp_path):
    words, file = noting(tmp_path)
    finished = run(of_a_source(tmp_path, "raises", {"events": 3}, on_alarm=words))
    assert finished.code == 1
    assert [said["MIMOCORB_ALARM"] for said in told(file)] == ["worker failed", "run failed"]
    assert "source raises failed" in told(file)[-1]["MIMOCORB_ALARM_TEXT"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sh", "-c", "echo no route to host; exit 3"], "exit code 3: no route to host"),
        (["sh", "-c", "kill -9 $$"], "SIGKILL"),
        (["sh", "-c", "rm $0; exec sleep 1000", "gone"], "killed, it was not over after 0.300 s"),
    ],
)
def test_a_program_that_fails_is_a_warning_of_the_run_and_holds_nothing_up(words, said, tmp_path):
    findings = Findings(RunLog())
    alarms = Alarms(Setup((), (), on_alarm=tuple(words), base_directory=tmp_path), findings, 0.3)
    alarms.tell(AlarmKind.DISK_FULL, "disk", "the disk is full")
    assert not findings.warnings, "it was not waited for"
    (failure,) = alarms.finish()
    assert failure == f"on_alarm, sh failed: {said}"
    assert findings.warnings == [failure]


def test_a_program_that_has_gone_since_the_check_is_told_of(tmp_path):
    findings = Findings(RunLog())
    setup = Setup((), (), on_alarm=("./gone.sh",), base_directory=tmp_path)
    alarms = Alarms(setup, findings, 10.0)
    alarms.tell(AlarmKind.DISK_FULL, "disk", "the disk is full")
    assert findings.warnings == [
        "on_alarm, ./gone.sh failed: it cannot be started: No such file or directory"
    ]


def test_what_is_told_passes_no_shell_and_may_be_any_text(tmp_path):
    words, file = noting(tmp_path)
    findings = Findings(RunLog())
    alarms = Alarms(
        Setup((), (), on_alarm=(*words, "$(touch bad)"), base_directory=tmp_path), findings, 10.0
    )
    alarms.tell(
        AlarmKind.WORKER_FAILED, "f", "$(touch bad) `touch bad` caf\udce9 \0 ü\n; touch bad"
    )
    assert alarms.finish() == []
    (said,) = told(file)
    text = "$(touch bad) `touch bad` caf\\udce9 \\x00 ü\n; touch bad"
    assert said["MIMOCORB_ALARM_TEXT"] == text
    assert not (tmp_path / "bad").exists()


def test_what_happens_again_and_again_is_told_once_a_minute_with_its_number(tmp_path):
    words, file = noting(tmp_path)
    findings = Findings(RunLog())
    alarms = Alarms(Setup((), (), on_alarm=tuple(words), base_directory=tmp_path), findings, 10.0)
    for number in range(500):
        alarms.tell(AlarmKind.SET_ASIDE, "raw", f"event {number}")
        alarms.look()
    eventually(lambda: alarms.look() is None and len(told(file)) == 1)
    alarms.finish()
    first, last = told(file)
    assert first["MIMOCORB_ALARM_TEXT"] == "event 0"
    assert (last["MIMOCORB_ALARM_TEXT"], last["MIMOCORB_ALARM_COUNT"]) == ("event 499", "499")
    (alarm,) = alarms.view()
    assert alarm.count == 500


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_program", "on_alarm names a program; found no program 'no_such_program'"),
        ("'./not_there.sh'", "on_alarm names a program; found no program './not_there.sh'"),
        ('"sh -c \'echo"', "on_alarm must be a program with its arguments"),
        ("7", "on_alarm must be a program with its arguments, as a text or a list of texts"),
    ],
)
def test_a_program_that_is_not_there_is_found_before_the_start(tmp_path, value, message):
    path = of_a_source(tmp_path, "numbers")
    path.write_text(f"on_alarm: {value}\n{path.read_text()}")
    _, problems = read_setup_or_problems(path)
    assert any(message in str(problem) and ":1:11: error" in str(problem) for problem in problems)


def test_a_program_is_looked_for_beside_the_set_up(tmp_path, monkeypatch):
    program = tmp_path / "tell.sh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    path = of_a_source(tmp_path, "numbers", on_alarm="./tell.sh 'two words'")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    setup, problems = read_setup_or_problems(path)
    assert not problems
    assert setup.on_alarm == ("./tell.sh", "two words")


@pytest.mark.parametrize("function", ["double", "text"])
def test_only_sources_can_be_silent(tmp_path, function):
    workers = [
        Worker("numbers", {"raw": "write"}),
        Worker("double", {"raw": "read", "out": "write"}),
        Worker("text", {"out": "read"}, {"filename": "values"}),
    ]
    (worker,) = (each for each in workers if each.function == function)
    worker.keys = {"silent_after_s": 3}
    path = write_setup(tmp_path, [buffer("raw", values=4), buffer("out")], workers)
    _, problems = read_setup_or_problems(path)
    (problem,) = (p for p in problems if "silent_after_s" in str(p))
    assert "is for a worker that writes a buffer and reads none" in str(problem)


def test_the_program_and_what_it_has_started_end_with_the_time_out(tmp_path):
    words = ("sh", "-c", "sleep 1000 & echo $! > child; wait")
    findings = Findings(RunLog())
    alarms = Alarms(Setup((), (), on_alarm=words, base_directory=tmp_path), findings, 1.5)
    told = []
    findings.tell = lambda text, *_: told.append(text)
    alarms.tell(AlarmKind.DISK_FULL, "disk", "the disk is full")
    began_s = time.monotonic()
    assert alarms.finish()
    assert time.monotonic() - began_s >= 1.4
    assert "waiting for sh, which on_alarm names; it is killed 1.50 s after its start" in told
    child = int((tmp_path / "child").read_text())

    def has_gone():
        try:
            return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    eventually(has_gone)


def test_an_observer_that_warns_is_in_the_summary_and_the_data_are_clean(tmp_path):
    source = Worker("numbers", {"raw": "write"}, {"pause_s": 0.002})
    sink = Worker("text", {"raw": "read"}, {"filename": "values"})
    looks = Worker("WarnsOfWhatItSees", {"raw": "observe"})
    daq = RunningDaq(write_setup(tmp_path, [buffer("raw")], [source, sink, looks]))
    daq.wait_for("this looks odd")
    daq.interrupt()
    finished = daq.finish()
    said = "observer has logged 1 warning, the last: this looks odd"
    assert said in finished.summary["warnings"]
    assert finished.record["quality"] == {"clean": []}


def view_of(*, lost: int = 0, doubts: tuple[str, ...] = ()):
    """Return what the watch of the figures asks a view for."""
    group = SimpleNamespace(lost=lost, reader="sink text")
    buffers = [SimpleNamespace(name="raw", groups=[group])]
    return SimpleNamespace(buffers=buffers, accounts=SimpleNamespace(doubts=list(doubts)))


def test_figures_that_cannot_be_believed_raise_an_alarm_while_the_run_goes_on():
    findings = Findings(RunLog())
    alarms = Alarms(Setup((), ()), findings, 1.0)
    views = [
        view_of(doubts=("checks disagree",)),
        view_of(doubts=("checks disagree",), lost=3),
        view_of(lost=3),
    ]
    parts = SimpleNamespace(
        **dict.fromkeys(("setup", "options", "clock", "buffers", "functions", "results")),
        findings=findings,
        alarms=alarms,
    )
    watch = FiguresWatch(parts, lambda: views.pop(0))
    watch.look()
    assert alarms.view() == (), "a doubt may be gone at the next look"
    watch.look()
    assert [(str(each.kind), each.goes_on) for each in alarms.view()] == [
        ("counts incomplete", True),
        ("live time doubtful", True),
    ]
    watch.look()
    lost, doubtful = alarms.view()
    assert lost.goes_on
    assert lost.text == "3 events of raw not processed by sink text"
    assert not doubtful.goes_on
