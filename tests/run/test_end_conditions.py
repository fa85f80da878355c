"""A run ends at what its set-up says: events of any buffer, results of a worker."""

from __future__ import annotations

import re

import numpy as np
import pytest
from running import Finished, RunningDaq, Worker, chain

from mimocorb import report
from mimocorb.errors import SetupError

ENDLESS = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})


def run(setup) -> Finished:
    return RunningDaq(setup).finish()


def test_a_source_buffer_takes_exactly_as_many_events_as_asked(tmp_path):
    finished = run(chain(tmp_path, source=ENDLESS, runevents={"RB_1": 37}))
    assert finished.code == 0, finished.text
    assert finished.published("RB_1") == 37
    assert finished.summary["reason"] == "37 events have been taken"


def test_a_buffer_behind_a_filter_ends_the_run_when_it_has_enough(tmp_path):
    finished = run(chain(tmp_path, source=ENDLESS, runevents={"RB_2": 20}))
    assert finished.code == 0, finished.text
    assert finished.published("RB_2") >= 20
    assert finished.published("RB_1") == finished.published("RB_2")
    assert finished.summary["reason"] == "20 events have come into RB_2"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("RB_2.events >= 20", lambda value: value >= 20),
        ("sink_2.relative_error < 0.05", lambda value: value < 0.05),
    ],
)
def test_a_condition_on_a_result_ends_the_run(tmp_path, condition, holds):
    fit = Worker("Fits", {"RB_2": "read"}, {"pause_s": 0.01})
    setup = chain(tmp_path, source=ENDLESS, more=[fit])
    setup.write_text(setup.read_text() + f"stop_when: ['{condition}']\n")
    finished = run(setup)
    assert finished.code == 0, finished.text
    stated, _, value = finished.summary["reason"].partition(" holds: it is ")
    assert stated == condition
    assert holds(float(value))


def test_the_last_results_are_in_the_record_of_the_run(tmp_path):
    fit = Worker("Fits", {"RB_2": "read"}, {})
    finished = run(chain(tmp_path, more=[fit]))
    assert finished.code == 0, finished.text
    assert finished.summary["results"] == {"sink_2": {"relative_error": 0.01, "events": 100.0}}


def test_what_is_not_a_number_is_no_result(tmp_path):
    fit = Worker("reports_text", {"RB_2": "read"}, {})
    finished = run(chain(tmp_path, more=[fit]))
    assert finished.code == 1
    assert "report(quality=…) takes a number, found str 'good'" in finished.text


@pytest.mark.parametrize("value", [10**400, 2**53 + 1, np.uint64(2**64 - 1)])
def test_a_result_that_a_float_does_not_hold_is_refused_not_rounded(value):
    with pytest.raises(SetupError, match="numbers that a float holds exactly"):
        report(count=value)


def test_processes_of_one_worker_report_each_for_itself(tmp_path):
    fit = Worker("Fits", {"RB_2": "read"}, {"pause_s": 0.001}, processes=2)
    setup = chain(tmp_path, source=ENDLESS, more=[fit])
    setup.write_text(setup.read_text() + "stop_when: ['sink_2.events >= 20']\n")
    finished = run(setup)
    assert finished.code == 0, finished.text
    assert re.match(
        r"sink_2.events >= 20 holds: it is \d+ in sink_2\[[12]\]", finished.summary["reason"]
    )
    results = finished.summary["results"]
    assert results.keys() <= {"sink_2[1]", "sink_2[2]"}
    # Each has counted its own share, so that together they have counted every event once.
    assert sum(result["events"] for result in results.values()) == finished.published("RB_2")
