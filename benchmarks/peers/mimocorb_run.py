"""Runs of mimocorb as a user starts them; also of an earlier version, in its own interpreter."""

from __future__ import annotations

import tempfile
from pathlib import Path

import user_functions

import functions
from functions import SETUP, Task, command


def per_event(name: str, events: int = 20_000) -> dict[str, float]:
    """The chain with functions that are called for each event."""
    return functions.run(Task.named(name), events, "numbers", "keep")


def batches(name: str, events: int = 20_000) -> dict[str, float]:
    """The chain with functions that are called for many events at once."""
    return functions.run(Task.named(name), events, "blocks_of_numbers", "keep_of_many")


def commands(name: str) -> dict[str, float]:
    """How long commands take, with one event."""
    with tempfile.TemporaryDirectory(prefix="mimocorb-benchmark-") as directory:
        place = Path(directory)
        setup = SETUP.format(
            slots=16, file=Path(user_functions.__file__), source="numbers", filter="keep", count=1,
            length=10,
            dtype="int32", processes=1, one_in=1, expected=1, started=place / "started",
            place=place / "ended",
        )  # fmt: skip
        (place / "setup.yaml").write_text(setup, encoding="utf-8")
        return {
            "run_s": command(place, "run", "setup.yaml"),
            "check_s": command(place, "check", "setup.yaml"),
            "help_s": command(place, "--help"),
        }
