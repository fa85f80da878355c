"""Fixtures: runs of a test have sockets of their own, and none outlives its test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def own_places() -> Iterator[list[Path]]:
    """Give two directories in which sockets may lie; nothing of other runs is in them.

    Their paths are short, as those of the sockets that a fork server of Python makes in them.
    """
    with tempfile.TemporaryDirectory() as parent, pytest.MonkeyPatch.context() as changed:
        runtime, temporary = Path(parent, "runtime"), Path(parent, "tmp")
        runtime.mkdir(mode=0o700)
        temporary.mkdir(mode=0o700)
        changed.setenv("XDG_RUNTIME_DIR", str(runtime))
        changed.setenv("TMPDIR", str(temporary))
        changed.setattr(tempfile, "tempdir", None)
        yield [runtime, temporary]


@pytest.fixture(autouse=True)
def places(tmp_path) -> Iterator[list[Path]]:
    """Places for the sockets of a test; `tmp_path` is made before, in the usual place."""
    with own_places() as found:
        yield found


@pytest.fixture(autouse=True)
def no_run_outlives_its_test(places, no_run_outlives_its_test) -> None:
    """After `places`, so that the runs have gone when these directories are removed."""
