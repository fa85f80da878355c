"""Modules of users, written for one test, and what the checks say of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mimocorb.checks import trial
from mimocorb.checks.preflight import preflight

BUFFERS = """\
Buffers:
  raw: {slot_count: 16, data_length: 4, data_dtype: {chA: float64, chB: float64}}
  pulses: {slot_count: 16, data_length: 1, data_dtype: {height_mV: float64}}
  marks: {slot_count: 16, data_length: 1, data_dtype: {height_mV: float64}}
"""


@pytest.fixture(autouse=True)
def _modules_are_tried_out_in_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As from the command line: the threads of pytest hold no lock that a child needs."""
    monkeypatch.setattr(trial, "start_method_now", lambda asked: asked or "fork")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    modules, paths = set(sys.modules), list(sys.path)
    yield tmp_path
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        if "mimocorb_user" in name:
            del sys.modules[name]


@pytest.fixture
def problems(here: Path) -> Callable[[str, str], list[str]]:
    """Return the messages about a worker `w`, written from line 2, whose module is given."""

    def check(module: str, worker: str) -> list[str]:
        (here / "own.py").write_text(module)
        others = """\
  feed: {file: "feed.py", function: feed, sinks: [raw]}
  empty: {file: "feed.py", function: feed, sources: [raw], sinks: [pulses, marks]}
  see: {file: "feed.py", function: feed, observes: [raw, pulses, marks]}
"""
        (here / "feed.py").write_text("def feed(*lists, **rb_info): pass\n")
        (here / "setup.yaml").write_text(f"Workers:\n{worker}{others}{BUFFERS}")
        return [str(problem) for problem in preflight("setup.yaml").problems]

    return check
