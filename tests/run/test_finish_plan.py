"""Which workers mimocorb finish runs together, and which one after the other."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from spilled import FLOAT, some_events

from mimocorb.errors import SetupError
from mimocorb.model import BufferSpec, FunctionReference, Setup, WorkerSpec
from mimocorb.recording.spill_file import SpillFile
from mimocorb.run.finish import Rest

FUNCTION = FunctionReference("modules/mine", "anything", Path("modules/mine.py"))
BUFFERS = tuple(BufferSpec(name, 8, 2, FLOAT) for name in ("raw", "good", "extra"))


def lists(roles: Mapping[str, str]) -> dict[str, Any]:
    """The buffers of a worker by what it does with them, from the role of each."""
    fields = {"read": "reads", "write": "writes", "observe": "observes"}
    return {
        field: tuple(name for name, given in roles.items() if given == role)
        for role, field in fields.items()
    }


def worker(name: str, **roles: str) -> WorkerSpec:
    return WorkerSpec(name, FUNCTION, **lists(roles))


SETUP = Setup(
    buffers=BUFFERS,
    workers=(
        worker("source", raw="write"),
        worker("select", raw="read", good="write"),
        worker("keep", raw="read"),
        worker("save", good="read"),
        worker("view", good="observe"),
    ),
    title="muons",
    runevents=10,
)


def planned(tmp_path: Path, **left: tuple[int, ...]) -> list[dict[str, tuple[str, ...]]]:
    """The stages for these events by worker: worker to the buffers it reads or writes."""
    reads = {spec.name: spec.reads[0] for spec in SETUP.workers if spec.reads}
    with SpillFile(tmp_path / "spill.zip", "muons.yaml") as file:
        for name, sequences in left.items():
            file.add(reads[name], name, some_events(*sequences))
    stages = Rest(tmp_path).stages(SETUP)
    assert all(stage.setup.runevents is None for stage in stages)
    return [{w.name: tuple(w.roles) for w in stage.setup.workers} for stage in stages]


def test_readers_left_with_the_same_events_run_together(tmp_path):
    assert planned(tmp_path, select=(3, 4), keep=(3, 4)) == [
        {"rest_of_raw": ("raw",), "select": ("raw", "good"), "keep": ("raw",), "save": ("good",)}
    ]


def test_readers_left_with_different_events_run_one_after_the_other(tmp_path):
    assert planned(tmp_path, select=(3, 4), keep=(4,)) == [
        {"rest_of_raw": ("raw",), "select": ("raw", "good"), "save": ("good",)},
        {"rest_of_raw": ("raw",), "keep": ("raw",)},
    ]


def test_what_is_left_further_down_runs_with_what_comes_from_above(tmp_path):
    assert planned(tmp_path, select=(9,), save=(1, 2)) == [
        {
            "rest_of_raw": ("raw",),
            "rest_of_good": ("good",),
            "select": ("raw", "good"),
            "save": ("good",),
        }
    ]


def test_a_buffer_that_is_only_read_together_with_another_ends_at_once(tmp_path):
    merging = replace(
        SETUP,
        workers=(
            *SETUP.workers,
            worker("source2", extra="write"),
            worker("merge", good="read", extra="read"),
        ),
    )
    with SpillFile(tmp_path / "spill.zip", "muons.yaml") as file:
        file.add("raw", "select", some_events(1))
    (stage,) = Rest(tmp_path).stages(merging)
    assert [w.name for w in stage.setup.workers] == [
        "rest_of_raw", "rest_of_extra", "select", "save", "merge",
    ]  # fmt: skip


def test_another_set_up_is_refused(tmp_path):
    with SpillFile(tmp_path / "spill.zip", "muons.yaml") as file:
        file.add("raw", "fit", some_events(1))
    with pytest.raises(SetupError, match="has events of raw for fit, found no such reader"):
        Rest(tmp_path).stages(SETUP)
