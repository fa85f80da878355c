"""A trigger with look-back in whole runs: killed, in time order, refused where it has no sense."""

from __future__ import annotations

import numpy as np
import pytest
from running import Worker, buffer, run, write_setup

import mimocorb
from mimocorb.checks.preflight import preflight

KEYS = {"events_before": 4, "events_after": 3}


def selecting(directory, middle, *, count=200, slots=32, pause_s=0.0):
    workers = [
        Worker("numbers", {"RB_1": "write"}, {"events": count, "pause_s": pause_s}),
        middle,
        Worker("record", {"RB_2": "read"}, {"filename": "selected"}),
    ]
    return write_setup(directory, [buffer("RB_1", slots), buffer("RB_2")], workers)


def test_a_filter_killed_around_a_trigger_loses_nothing_and_marks_what_comes_again(tmp_path):
    keys = {**KEYS, "on_failure": {"action": "restart", "limit": 9, "backoff_s": 0.001}}
    roles = {"RB_1": "read", "RB_2": "write"}
    middle = Worker("dies_around_50", roles, {"every": 50}, keys=keys)
    finished = run(selecting(tmp_path, middle))
    expected = [n for n in range(200) if n < 196 and (n % 50 >= 46 or n % 50 <= 3)]
    events = mimocorb.open(finished.directory)["selected"]
    batch = events[:]
    numbers = batch.data["value"][:, 0].astype(int)
    assert sorted(set(numbers.tolist())) == expected
    assert batch.metadata.counter.tolist() == numbers.tolist()
    marked = batch.metadata.may_repeat
    assert marked is not None
    assert len(set(numbers[~marked].tolist())) == np.count_nonzero(~marked)
    published, filtered = (each["groups"][0] for each in finished.summary["buffers"])
    assert (published["acknowledged"], published["due"], published["abandoned"]) == (200, 0, 0)
    assert published["quarantined"] == filtered["quarantined"] == 0
    (decided,) = (
        each for each in finished.summary["accounts"]["decisions"] if each["name"].startswith("fi")
    )
    assert decided["accepted"] + decided["rejected"] == 200


def test_an_event_that_waits_undecided_for_those_behind_it_does_not_hang(tmp_path):
    keys = {"events_before": 25, "hang_timeout_s": 0.25}
    middle = Worker("keeps_49_slowly", {"RB_1": "read", "RB_2": "write"}, keys=keys)
    finished = run(selecting(tmp_path, middle, count=50))
    assert finished.code == 0, finished.text
    batch = mimocorb.open(finished.directory)["selected"][:]
    assert batch.data["value"][:, 0].tolist() == list(range(24, 50))
    assert (np.diff(batch.metadata.timestamp) > 0).all()


REFUSED = {
    "in several processes": (
        "sinks: [chosen], number_of_processes: 2",
        "needs one process: several share the events",
    ),
    "with too few slots": (
        "sinks: [chosen], events_after: 9",
        "keeps up to 10 events in the slots of raw",
    ),
    "into a buffer of another form": ("sinks: [other]", "copies whole events from raw into other"),
    "into two buffers": ("sinks: [chosen, other]", "hands events on into one buffer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_where_looking_back_has_no_sense_the_check_says_why(tmp_path, name):
    keys, words = REFUSED[name]
    problems = checked(tmp_path, f"sources: [raw], {keys}", "max(chA) > 3")
    (found,) = [each for each in problems if each.severity == "error"]
    assert words in str(found)
    assert found.where.line == 9


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("chA > 3", "write max(…), min(…), mean(…) or count(…)"),
        ("max(chA)", "a condition is a comparison"),
        ("max(chB) > 3", "did you mean 'chA'?"),
        ("max(chA) > min(chA", "was never closed"),
        ("", "condition"),
    ],
)
def test_a_condition_that_is_none_is_found_by_the_check(tmp_path, condition, words):
    problems = checked(tmp_path, "sources: [raw], sinks: [chosen]", condition)
    assert words in "\n".join(str(each) for each in problems if each.severity == "error")


def test_a_source_does_not_look_back(tmp_path):
    problems = checked(tmp_path, "sources: [raw], sinks: [chosen]", "max(chA) > 3", before=0,
                       of_source="events_before: 2, ")  # fmt: skip
    assert "events_before is for a worker that reads and writes buffers" in "\n".join(
        map(str, problems)
    )


def checked(directory, keys, condition, *, before=3, of_source=""):
    (directory / "own.py").write_text(
        "import mimocorb as mc\n\n@mc.source\ndef feed():\n    yield [0.0]\n"
    )
    (directory / "setup.yaml").write_text(f"""\
Buffers:
  raw: {{slot_count: 8, data_length: 9, data_dtype: {{chA: float64}}}}
  chosen: {{slot_count: 8, data_length: 9, data_dtype: {{chA: float64}}}}
  other: {{slot_count: 8, data_length: 1, data_dtype: {{chA: float64}}}}
Workers:
  feed: {{file: own.py, function: feed, {of_source}sinks: [raw]}}
  fill: {{file: own.py, function: feed, sinks: [chosen]}}
  more: {{file: own.py, function: feed, sinks: [other]}}
  pick: {{function: trigger, events_before: {before}, {keys}, config: {{condition: "{condition}"}}}}
  save: {{function: drain, sources: [chosen]}}
  see: {{function: oscilloscope, observes: [other]}}
""")
    return preflight(directory / "setup.yaml").problems
