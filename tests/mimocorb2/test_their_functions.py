"""User files of mimoCoRB2 run unchanged, without mimoCoRB2."""

from __future__ import annotations

import importlib.util

import pytest
from conftest import NUMBERS, WAVES


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
    assert "watched until the end, at least one of ['Input']" in done.log
    assert "the buffer is dead" in done.log
