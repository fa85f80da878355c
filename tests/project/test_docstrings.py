"""The examples in docstrings run and print what they show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "src"
WATCHDOG_S = 120

PROGRAM = """
import doctest, faulthandler, importlib, sys
faulthandler.dump_traceback_later(float(sys.argv[2]), exit=True)
outcome = doctest.testmod(importlib.import_module(sys.argv[1]), optionflags=doctest.ELLIPSIS)
sys.exit(outcome.failed > 0 or outcome.attempted == 0)
"""


def modules_with_examples() -> list[str]:
    """Names of the modules whose text has a prompt."""
    return sorted(
        ".".join(path.relative_to(SOURCES).with_suffix("").parts)
        for path in SOURCES.rglob("*.py")
        if ">>> " in path.read_text("utf-8")
    )


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_print_what_they_show(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name, str(WATCHDOG_S)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=2 * WATCHDOG_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
