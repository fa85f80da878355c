"""Fixtures: runs of a test have sockets of their own, and none outlives its test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


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
