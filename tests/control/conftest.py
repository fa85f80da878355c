"""Runs of these tests have sockets of their own, and none outlives its test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import RunningDaq, Worker, chain


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch) -> Iterator[list[Path]]:
    """The two directories in which sockets may lie; nothing of other runs is in them.

    Their paths are short, as those of the sockets that a fork server of Python makes in them.
    `tmp_path` is made before, in the usual place.
    """
    with tempfile.TemporaryDirectory() as parent:
        runtime, temporary = Path(parent, "runtime"), Path(parent, "tmp")
        runtime.mkdir(mode=0o700)
        temporary.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        monkeypatch.setenv("TMPDIR", str(temporary))
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield [runtime, temporary]


@pytest.fixture(autouse=True)
def no_run_outlives_its_test(places, no_run_outlives_its_test) -> None:
    """After `places`, so that the runs have gone when these directories are removed."""


@pytest.fixture
def start(tmp_path):
    """Start a run that goes on until it is told to end; returns when it takes data."""

    def start_run(name: str = "one", *options: str, **more) -> RunningDaq:
        directory = tmp_path / name
        directory.mkdir()
        more.setdefault("source", Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001}))
        daq = RunningDaq(chain(directory, **more), *options)
        daq.wait_for("data taking begins")
        return daq

    return start_run
