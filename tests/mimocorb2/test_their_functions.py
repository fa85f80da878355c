"""User files of mimoCoRB2 run unchanged, without mimoCoRB2."""

from __future__ import annotations

import importlib.util

import pytest
from their_buffers import NUMBERS, WAVES


def lines(finished, name):
    text = (finished.directory / f"{name}.txt").read_text()
    return [tuple(float(part) for part in line.split()) for line in text.splitlines()]


def test_mimocorb2_is_not_installed():
    """Otherwise the tests here would prove nothing."""
    assert importlib.util.find_spec("mimocorb2") is None


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_chain_of_all_templates_runs_to_its_end(run_theirs, method):
    done = run_theirs(
        {
            "filter": {"function": "copy_some", "sources": ["Input"], "sinks": ["Even"]},
            "process": {"function": "heights", "sources": ["Even"], "sinks": ["Heights"]},
            "save": {"function": "save", "sources": ["Heights"]},
            "save_waves": {"function": "save", "sources": ["Even"]},
            "watch": {"function": "watch", "observes": ["Input"]},
            "alive": {"function": "alive", "observes": ["Input"]},
        },
        "--start-method",
        method,
        Even=WAVES,
        Heights=NUMBERS,
    )
    assert done.code == 0, done.text
    assert lines(done, "save") == [(n, n, 10) for n in range(2, 100, 2)]
    assert lines(done, "save_waves") == [(n, n, -1) for n in range(0, 100, 2)]
    assert "watched ['Input'] until event 99" in done.log
    assert "the buffer is dead" in done.log


def test_each_sink_of_a_filter_gets_what_is_meant_for_it(run_theirs):
    done = run_theirs(
        {
            "filter": {
                "function": "sort_by_parity",
                "sources": ["Input"],
                "sinks": ["Even", "Odd"],
            },
            "save_even": {"function": "save", "sources": ["Even"]},
            "save_odd": {"function": "save", "sources": ["Odd"]},
        },
        Even=WAVES,
        Odd=WAVES,
    )
    assert done.code == 0, done.text
    assert [counter for counter, *_ in lines(done, "save_even")] == list(range(0, 100, 2))
    assert [counter for counter, *_ in lines(done, "save_odd")] == list(range(1, 100, 2))
    told = [
        line for line in done.log.splitlines() if "other than in mimoCoRB2: filter: a sink" in line
    ]
    assert len(told) == 1


def test_an_event_whose_function_fails_is_not_lost(run_theirs):
    done = run_theirs(
        {
            "filter": {
                "function": "fail_once",
                "sources": ["Input"],
                "sinks": ["Good"],
                "restart": "on_failure",
            },
            "save": {"function": "save", "sources": ["Good"]},
        },
        Good=WAVES,
    )
    assert sorted(counter for counter, *_ in lines(done, "save")) == list(range(100)), done.text
    assert "no high voltage" in done.log


def test_handles_used_by_hand_in_several_processes_keep_the_order_if_asked(run_theirs):
    done = run_theirs(
        {
            "hand": {
                "function": "by_hand",
                "sources": ["Input"],
                "sinks": ["Heights"],
                "number_of_processes": 3,
                "ordered": True,
            },
            "save": {"function": "save", "sources": ["Heights"]},
        },
        Heights=NUMBERS,
    )
    assert done.code == 0, done.text
    assert lines(done, "save") == [(n, n, 10) for n in range(100)]


def test_a_name_that_is_not_offered_is_told_with_those_that_are(run_theirs):
    done = run_theirs({"gui": {"function": "wants_gui", "sources": ["Input"]}})
    assert done.code != 0
    assert "'Control' of mimocorb2 is not offered by mimocorb" in done.log
    assert "mimocorb2 has BufferIO, Exporter" in done.log
