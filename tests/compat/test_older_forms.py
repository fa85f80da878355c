"""Set-ups of every form mean what they meant when each form had a reader of its own."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mimocorb.model import Setup
from mimocorb.setup.dialects import read_setup_or_problems

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SETUPS = [
    *sorted((ROOT / "tests/setup/data").glob("*setup.yaml")),
    ROOT / "examples/simultest_setup.yaml",
    HERE / "data/first_mimocorb2.yaml",
    HERE / "data/manual_variants.yaml",
]
OLD_WORDS = {"end_run": "required", "restart": "on_failure", "go_on": "never"}
MEANINGS = HERE / "meanings.json"


def meaning(setup: Setup) -> dict[str, Any]:
    """What a set-up says, in words that no form has, with the places."""
    return {
        "title": setup.title,
        "form": setup.dialect,
        "end after s": setup.runtime_s,
        "end after events": setup.runevents,
        "end when": [f"{condition} ({condition.where})" for condition in setup.stop_when],
        "drain s": setup.drain_timeout_s,
        "people": [setup.operator, setup.comment],
        "directory": beside(setup.output_directory),
        "keys steer": setup.keyboard_control,
        "files": [beside(path) for path in setup.config_files],
        "buffers": {
            f"{spec.name} ({spec.where})": [
                spec.slot_count,
                spec.data_length,
                spec.data_dtype.str
                if spec.data_dtype.names is None
                else str(spec.data_dtype.descr),
            ]
            for spec in setup.buffers
        },
        "workers": {
            f"{spec.name} ({spec.where})": {
                "function": f"{spec.function.name} ({spec.function.name_where})",
                "from": f"{spec.function.asked} ({spec.function.where})",
                "found": spec.function.module or beside(spec.function.path),
                "processes": spec.number_of_processes,
                "reads": [f"{name} ({spec.places[name]})" for name in spec.reads],
                "writes": [f"{name} ({spec.places[name]})" for name in spec.writes],
                "observes": [f"{name} ({spec.places[name]})" for name in spec.observes],
                "config": plain(spec.config),
                "places": {
                    **{str(key): str(where) for key, where in spec.config_origin.places.items()},
                    **{key: str(where) for key, where in spec.config_origin.places_below.items()},
                },
                "common": sorted(map(str, spec.config_origin.common)),
                "files": [beside(path) for path in spec.config_files],
                "if it fails": spec.on_failure
                and [
                    OLD_WORDS[spec.on_failure.action],
                    spec.on_failure.limit,
                    spec.on_failure.backoff_s,
                ],
                "hangs after s": spec.hang_timeout_s,
                "in order": spec.ordered,
                "one rejected in": spec.rejected_sample,
            }
            for spec in setup.workers
        },
    }


def beside(path: Path | None) -> str | None:
    return None if path is None else os.path.relpath(path, ROOT)


def plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def meaning_of(path: Path) -> dict[str, Any]:
    setup, problems = read_setup_or_problems(path.relative_to(ROOT))
    assert setup is not None, problems
    said: dict[str, Any] = json.loads(json.dumps(meaning(setup)))
    return said


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SETUPS, ids=name_of)
def test_a_set_up_means_what_it_meant(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert meaning_of(path) == json.loads(MEANINGS.read_text())[name_of(path)]


if __name__ == "__main__":
    os.chdir(ROOT)
    text = json.dumps({name_of(path): meaning_of(path) for path in SETUPS}, indent=1)
    MEANINGS.write_text(text + "\n")
