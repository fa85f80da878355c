"""The manual's own unit test runs as printed, under every start method (checklist 4.8)."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def run(*command):
    return subprocess.run(
        [sys.executable, "-W", "error", *map(str, command)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_unit_test_of_the_manual_passes_under_every_start_method(method):
    done = run(HERE / "start_method.py", method, "rb_unittest")
    assert done.returncode == 0, done.stderr
    assert "Ran 1 test" in done.stderr


def test_the_unit_test_of_the_manual_runs_as_a_script():
    done = run(HERE.parent / "rb_unittest.py")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
