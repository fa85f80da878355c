"""A run that waits for a result that nobody reports says so."""

from __future__ import annotations

import numpy as np
import pytest
from running import RunningDaq, Worker, chain

from mimocorb.model import BufferSpec, Setup, StopCondition
from mimocorb.run.alarms import Alarms
from mimocorb.run.findings import Findings
from mimocorb.run.options import SupervisorOptions
from mimocorb.run.run_log import RunLog
from mimocorb.run.supervision import unreported
from mimocorb.run.supervision.unreported import UnreportedResults
from mimocorb.run.supervision.watcher import RunParts


@pytest.fixture
def watched():
    """The watch of a run with three conditions, its results, its clock and its log."""
    conditions = (
        StopCondition("fit", "relativ_error", "<", 0.01),
        StopCondition("fit", "chi2", "<", 1.5),
        StopCondition("raw", "events", ">", 10.0),
    )
    raw = BufferSpec("raw", 4, 1, np.dtype("f8"))
    log, setup = RunLog(), Setup((raw,), (), stop_when=conditions)
    findings = Findings(log)
    parts = RunParts(setup, SupervisorOptions(), findings, Alarms(setup, findings, 1.0))
    return UnreportedResults(parts), parts.results, parts.clock, log


def test_what_looks_like_a_reported_name_is_told_at_once_and_once(watched):
    watch, results, clock, log = watched
    clock.start()
    watch.look()
    assert not log.lines
    results["fit[2]"] = {"relative_error": 0.2, "lifetime_us": 2.1}
    watch.look()
    watch.look()
    (line,) = log.lines
    assert (line.level, line.text) == (
        "WARNING",
        "stop_when fit.relativ_error < 0.01: 'relativ_error' has not been reported by fit, which "
        "reports lifetime_us, relative_error; did you mean 'relative_error'?",
    )


def test_what_looks_like_nothing_is_told_after_a_while(watched, monkeypatch):
    watch, results, clock, log = watched
    results["fit"] = {"relativ_error": 0.2}
    clock.start()
    watch.look()
    assert not log.lines
    monkeypatch.setattr(unreported, "PATIENCE_S", 0.0)
    watch.look()
    (line,) = log.lines
    assert line.text.endswith("'chi2' has not been reported by fit, which reports relativ_error")


def test_a_result_that_is_not_a_slip_of_another_one_may_still_come(watched, monkeypatch):
    watch, results, clock, log = watched
    results["fit"] = {"relative_error": 0.2, "chi3": 0.9}
    clock.start()
    watch.look()
    (line,) = log.lines  # about relativ_error alone
    assert line.text.endswith("reports chi3, relative_error; did you mean 'relative_error'?")
    monkeypatch.setattr(unreported, "PATIENCE_S", 0.0)
    watch.look()
    assert log.lines[1].text.endswith(
        "'chi2' has not been reported by fit, which reports chi3, relative_error"
    )


def test_what_has_come_in_the_end_is_not_listed(watched):
    watch, results, _, _ = watched
    results["fit"] = {"chi2": 0.9}
    (text,) = watch.finish()
    assert text == (
        "stop_when fit.relativ_error < 0.01: 'relativ_error' was never reported by fit, which "
        "reports chi2"
    )


def test_the_summary_of_a_run_says_what_was_never_reported(tmp_path):
    fit = Worker("Fits", {"RB_2": "read"})
    setup = chain(tmp_path, more=[fit])
    setup.write_text(setup.read_text() + "stop_when: ['sink_2.chi2 < 1', 'sink_2.events < 0']\n")
    finished = RunningDaq(setup).finish()
    assert finished.code == 0, finished.text
    (warning,) = finished.summary["warnings"]
    assert warning == (
        "stop_when sink_2.chi2 < 1: 'chi2' was never reported by sink_2, which reports events, "
        "relative_error"
    )
    assert warning in finished.summary_text


@pytest.mark.parametrize(
    ("workers", "code"),
    [
        ({"middle": Worker("rejects_all", {"RB_1": "read", "RB_2": "write"})}, 0),
        ({"sink": Worker("leaves_early", {"RB_2": "read"}, {"events": 10})}, 1),
    ],
    ids=["no event came", "the run failed"],
)
def test_a_worker_that_had_no_chance_to_report_is_not_accused(tmp_path, workers, code):
    fit = Worker("drain", {"RB_2": "read"})
    setup = chain(tmp_path, **workers, more=[fit])
    setup.write_text(setup.read_text() + "stop_when: ['sink_2.chi2 < 1']\n")
    finished = RunningDaq(setup).finish()
    assert finished.code == code, finished.text
    assert finished.summary["warnings"] == []


def test_a_worker_that_reported_nothing_of_its_events_is_named(tmp_path):
    fit = Worker("drain", {"RB_2": "read"})
    setup = chain(tmp_path, more=[fit])
    setup.write_text(setup.read_text() + "stop_when: ['sink_2.chi2 < 1']\n")
    (warning,) = RunningDaq(setup).finish().summary["warnings"]
    assert "'chi2' was never reported by sink_2, which reports nothing" in warning
