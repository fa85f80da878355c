"""Kills in runs with two sinks; all of it by ``tests/faults/repeat_campaign.py``."""

from repeat_campaign import measure_window_s, run_campaign


def test_kills_lose_nothing_and_leave_no_repeat_without_a_mark(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = run_campaign(15, seed=20261130, place=tmp_path)
    assert report.faultless, report
    assert report.kills == 15
    assert report.published > 15
    assert report.marked >= report.repeats


def test_the_time_between_publication_and_acknowledgement_is_measured_for_each_batch():
    windows_s = measure_window_s(100)
    assert 1 <= len(windows_s) <= 100
    assert windows_s.min() > 0
