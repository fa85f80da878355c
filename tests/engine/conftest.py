"""Runs over a real server; they have sockets of their own, and none outlives its test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimocorb.engine.server import EngineServer

sys.path.append(str(Path(__file__).parents[1] / "run"))

from own_places import no_run_outlives_its_test, places

__all__ = ["no_run_outlives_its_test", "places"]


@pytest.fixture
def server(tmp_path) -> Iterator[EngineServer]:
    """A server that ends with the test."""
    with EngineServer(tmp_path / "engine") as started:
        yield started
