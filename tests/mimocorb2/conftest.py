"""Set-ups as users of mimoCoRB2 write them, run with the helpers of the tests of runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
from running import Finished, run  # noqa: E402
from their_buffers import WAVES  # noqa: E402


@pytest.fixture
def run_theirs(tmp_path: Path) -> Callable[..., Finished]:
    """Run workers, given as mimoCoRB2 writes them, between waveforms and numbers."""

    def run_it(workers: dict[str, dict[str, Any]], *options: str, **buffers: Any) -> Finished:
        shutil.copy(HERE / "their_functions.py", tmp_path)
        for worker in workers.values():
            if "." not in worker["function"]:
                worker["file"] = "their_functions.py"
        source = {"file": "their_functions.py", "function": "pulses", "sinks": ["Input"]}
        setup = {
            "Buffers": {"Input": WAVES, **buffers},
            "Workers": {"input": source, **workers},
            "base_config": {"events": 100},
        }
        path = tmp_path / "setup.yaml"
        path.write_text(yaml.safe_dump(setup, sort_keys=False))
        return run(path, *options)

    return run_it
