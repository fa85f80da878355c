"""New processes in the place of failed ones: nothing lost, nothing twice, and an end to trying."""

from __future__ import annotations

import tarfile

import pytest
from running import (
    RunningDaq,
    Worker,
    buffer,
    chain,
    run,
    run_directories,
    set_aside,
    write_setup,
    written_run,
)

from mimocorb.run.options import RunOptions
from mimocorb.run.run import run_setup
from mimocorb.setup.dialects import read_setup

EVENTS, EVERY = 250, 100
POISON = [100, 200]


def restart(policy="on_failure", limit=20, backoff_s=0.001):
    return {"restart": {"policy": policy, "limit": limit, "backoff_s": backoff_s}}


@pytest.mark.parametrize(
    ("way", "start_method"),
    [
        ("raises", "fork"),
        ("exits", "fork"),
        ("exits without a word", "fork"),
        ("crashes", "forkserver"),
        ("is killed", "spawn"),
    ],
)
def test_what_makes_a_filter_fail_every_time_is_set_aside_and_the_run_goes_on(
    tmp_path, way, start_method
):
    """F10, F23: quarantined = poison, with payload and metadata; all others are processed."""
    source = Worker("numbers", {"RB_1": "write"}, {"events": EVENTS})
    middle = Worker(
        "poisoned", {"RB_1": "read", "RB_2": "write"}, {"every": EVERY, "way": way}, keys=restart()
    )
    setup = chain(tmp_path, source=source, middle=middle)
    finished = run(setup, "--start-method", start_method)
    assert finished.code == 1
    assert finished.summary["reason"] == "the source is exhausted"
    assert finished.values() == [2.0 * n for n in range(EVENTS) if n not in POISON]
    events = set_aside(finished.directory)
    assert sorted(events.metadata.counter.tolist()) == POISON
    assert sorted(events[:].data["value"][:, 0].tolist()) == POISON
    assert events.damage() == []
    (group,) = finished.summary["buffers"][0]["groups"]
    assert group["quarantined"] == len(POISON)
    assert group["redelivered"] >= 3 * len(POISON)
    (failure,) = finished.summary["failures"]
    assert failure == "2 events of RB_1 failed again and again in poisoned and were set aside"
    (warning,) = finished.summary["warnings"]
    assert warning.startswith("filter poisoned failed 6 times and was started again")
    assert finished.log.count("a new process starts in") == 6
    ends = [w for w in finished.summary["workers"] if w["name"] == "filter poisoned"]
    assert [w["state"] for w in ends] == ["failed"] * 6 + ["ended"]
    assert len({w["pid"] for w in ends}) == 7


def test_a_source_that_takes_the_place_of_another_goes_on_with_the_next_number(tmp_path):
    """F12: the source dies, again and again: no event is lost, no number comes twice."""
    source = Worker(
        "dies_with_numbers", {"RB_1": "write"}, {"events": 50, "each": 20}, keys=restart()
    )
    workers = [source, Worker("save_counters", {"RB_1": "read"})]
    finished = run(write_setup(tmp_path, [buffer("RB_1", values=4)], workers))
    assert finished.code == 0, finished.text
    lines = (finished.directory / "counters.txt").read_text().splitlines()
    assert lines == [f"{n} {float(n)}" for n in range(50)]
    (warning,) = finished.summary["warnings"]
    assert warning.startswith("source dies_with_numbers failed 2 times and was started again")


def test_the_stream_stays_open_for_a_process_that_died_before_it_opened_anything(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"events": 10})
    roles = {"RB_1": "read", "RB_2": "write"}
    middle = Worker("dies_before_it_opens", roles, {}, keys=restart(backoff_s=0.3))
    finished = run(chain(tmp_path, source=source, middle=middle))
    assert finished.code == 0, finished.text
    assert finished.values() == [2.0 * n for n in range(10)]


def test_the_stream_ends_without_the_processes_that_are_not_started_again(tmp_path):
    roles = {"RB_1": "read", "RB_2": "write"}
    middle = Worker("dies_before_it_opens", roles, {}, processes=2, keys=restart("never"))
    finished = run(chain(tmp_path, middle=middle))
    assert finished.code == 0, finished.text
    assert finished.values() == [2.0 * n for n in range(100)]
    (warning,) = finished.summary["warnings"]
    assert "failed: killed by SIGKILL" in warning
    assert warning.endswith("its colleagues go on without it")


def test_the_last_process_of_a_function_that_is_never_started_again_ends_the_run(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    middle = Worker("refuses_13", {"RB_1": "read", "RB_2": "write"}, keys=restart("never"))
    finished = run(chain(tmp_path, source=source, middle=middle))
    assert finished.code == 1
    assert finished.summary["reason"] == "filter refuses_13 failed"
    assert finished.values() == [2.0 * n for n in range(13)]


def test_a_run_ends_in_order_when_the_limit_of_new_processes_is_reached(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    middle = Worker("refuses_13", {"RB_1": "read", "RB_2": "write"}, keys=restart(limit=1))
    finished = run(chain(tmp_path, source=source, middle=middle))
    assert finished.code == 1
    assert finished.summary["reason"] == "filter refuses_13 failed"
    assert finished.summary["failures"][0].endswith("its limit of 1 new processes is used up")
    assert finished.values() == [2.0 * n for n in range(13)]
    (group,) = finished.summary["buffers"][0]["groups"]
    assert group["saved"] == finished.published("RB_1") - 13


MODULES = {"wrong.py": "import no_such_package\n", "empty.py": "nothing = None\n"}


@pytest.mark.parametrize(
    ("worker", "said"),
    [
        ({"config": {"every": 5, "way": "asks for the impossible"}}, "there is no channel Q"),
        ({"keys": {"file": "wrong.py"}}, "No module named 'no_such_package'"),
        ({"keys": {"file": "empty.py"}}, "function or class 'double' in empty.py; found none"),
    ],
)
def test_what_a_new_process_could_not_mend_either_is_not_tried_again(
    tmp_path, monkeypatch, worker, said
):
    monkeypatch.chdir(tmp_path)
    for file, text in MODULES.items():
        (tmp_path / file).write_text(text)
    name = "poisoned" if "config" in worker else "double"
    keys = restart() | worker.get("keys", {})
    roles = {"RB_1": "read", "RB_2": "write"}
    middle = Worker(name, roles, worker.get("config", {}), keys=keys)
    # Not examined before: that may pass on another machine, or with a package since removed.
    options = RunOptions(verbose=0, keyboard=False, examined=True)
    summary = run_setup(read_setup(chain(tmp_path, middle=middle)), options)
    failure = next(failure for failure in summary.failures if said in failure)
    assert failure.endswith("; a new process would fail in the same way")
    assert summary.warnings == []
    assert len([end for end in summary.processes if end.worker == "filter"]) == 1


def test_events_that_are_still_due_are_processed_by_a_new_process_while_draining(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"events": 12})
    roles = {"RB_1": "read", "RB_2": "write"}
    config = {"every": 10, "way": "is killed"}
    # The third time is a second after the first: by then the end of the source has been noticed.
    middle = Worker("poisoned", roles, config, keys=restart(backoff_s=0.35))
    finished = run(chain(tmp_path, source=source, middle=middle))
    assert "a new process starts" in finished.log.split("the source is exhausted: draining")[1]
    assert finished.values() == [2.0 * n for n in range(12) if n != 10]


def test_a_source_is_not_started_again_when_the_run_ends(tmp_path):
    config = {"events": 50, "each": 20}
    source = Worker("dies_with_numbers", {"RB_1": "write"}, config, keys=restart(backoff_s=60.0))
    daq = RunningDaq(chain(tmp_path, source=source))
    daq.wait_for("a new process starts in 5 s")
    daq.interrupt()
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert "source dies_with_numbers is not started again, as the run ends" in finished.text
    assert finished.values() == [2.0 * n for n in range(20)]


def test_a_display_may_be_started_again(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    display = Worker("looks_badly", {"RB_2": "observe"}, keys=restart(limit=2))
    daq = RunningDaq(chain(tmp_path, source=source, more=[display]))
    daq.wait_for("its limit of 2 new processes is used up")
    daq.interrupt()
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert finished.log.count("a new process starts in") == 2


def test_the_pause_before_a_new_process_is_no_time_without_progress(tmp_path):
    """A drain timeout shorter than the pause: nothing is given up, nothing is spilled."""
    source = Worker("numbers", {"RB_1": "write"}, {"events": 12})
    middle = Worker("dies_once", {"RB_1": "read", "RB_2": "write"}, {}, keys=restart(backoff_s=2.5))
    finished = run(chain(tmp_path, source=source, middle=middle), "--drain-timeout", "2")
    assert finished.values() == [2.0 * n for n in range(12)]
    assert "no progress" not in finished.text
    assert not (finished.directory / "spill.zip").exists()


def test_what_was_set_aside_outlives_a_killed_supervisor(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    config = {"every": 100, "way": "is killed"}
    middle = Worker("poisoned", {"RB_1": "read", "RB_2": "write"}, config, keys=restart())
    daq = RunningDaq(chain(tmp_path, source=source, middle=middle))
    daq.wait_for("an event that failed every time is in")
    daq.process.kill()
    daq.process.wait()
    (directory,) = (tmp_path / "target").glob("*/")
    assert set_aside(directory)[0].data["value"][0] == 100.0


def counters_in(path):
    """The numbers of the events in an output file, in its order."""
    if path.suffix == ".tar":
        with tarfile.open(path) as archive:
            return [int(name.split("_")[-1].split(".")[0]) for name in archive.getnames()]
    return [int(line.split("\t")[0]) for line in path.read_text().splitlines()[1:]]


@pytest.mark.parametrize("form", ["txt", "tar"])
def test_a_sink_that_takes_the_place_of_another_goes_on_in_a_file_of_its_own(tmp_path, form):
    source = Worker("numbers", {"RB_1": "write"}, {"events": 200, "pause_s": 0.001})
    config = {"filename": "values", "format": form}
    sink = Worker("saves_until_killed", {"RB_2": "read"}, config, keys=restart())
    finished = run(chain(tmp_path, source=source, sink=sink))
    assert finished.code == 0, finished.text
    first, second = (
        counters_in(finished.directory / f"{name}.{form}") for name in ("values", "values_2")
    )
    assert len(first) >= 20
    # What was written and not acknowledged when it was killed comes once more, nothing else.
    assert sorted({*first, *second}) == list(range(200))
    assert len(first) == len({*first})
    assert len(second) == len({*second})


def test_what_a_process_reported_before_it_failed_stands_beside_what_its_successor_reports(
    tmp_path,
):
    """Nobody but the user knows whether these are counts, which add up, or a fit."""
    sink = Worker("counts_and_fails_once", {"RB_2": "read"}, keys=restart())
    finished = run(chain(tmp_path, sink=sink))
    assert finished.code == 0, finished.text
    assert finished.summary["results"] == {
        "before restart 1 of sink": {"events": 5},
        "sink": {"events": 95},
    }
    assert "  result         before restart 1 of sink: events = 5\n" in finished.text


EDITED = """
import time
from pathlib import Path

import mimocorb as mc
from constants import GAIN


@mc.source
def numbers(*, directory):
    for number in range(3):
        yield [float(number)]
    while not (directory / "edited").exists():
        time.sleep(0.01)
    for number in range(3, 6):
        yield [float(number)]


@mc.filter
def gain(event, *, directory):
    if event["value"][0] == 3 and not (directory / "failed").exists():
        (directory / "failed").touch()
        raise RuntimeError("once")
    return [[GAIN * event["value"][0]]]


assert Path(__file__).with_name("constants.py").exists()
"""

EDITED_SETUP = """
Buffers:
  raw: {slot_count: 16, data_length: 1, data_dtype: {value: float64}}
  out: {slot_count: 16, data_length: 1, data_dtype: {value: float64}}
Workers:
  source: {file: work.py, function: numbers, sinks: [raw]}
  filter: {file: work.py, function: gain, sources: [raw], sinks: [out], restart: on_failure}
  save: {function: text, sources: [out], config: {filename: values}}
"""


@pytest.mark.parametrize("start_method", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("constants.py", "GAIN = 1000.0\n"),
        ("work.py", EDITED.replace("GAIN * event", "1000.0 * event")),
        ("work.py", "def half_saved("),
    ],
)
def test_a_new_process_runs_the_code_that_the_record_shows(tmp_path, file, content, start_method):
    (tmp_path / "constants.py").write_text("GAIN = 1.0\n")
    daq = RunningDaq(written_run(tmp_path, EDITED_SETUP, EDITED), "--start-method", start_method)
    daq.wait_for("data taking begins")
    (tmp_path / file).write_text(content)
    (directory,) = run_directories(tmp_path / "target")
    (directory / "edited").touch()
    finished = daq.finish()
    assert finished.code == 0, finished.text
    assert finished.values() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    told = [w for w in finished.summary["warnings"] if "has been edited since the run began" in w]
    assert len(told) == 1
    assert file in told[0]
    assert "GAIN = 1.0" in (directory / "constants.py").read_text()
