"""The manual's example in a directory of its own, to be changed by one slip at a time."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mimocorb.checks import trial
from mimocorb.checks.preflight import preflight

DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def _modules_are_tried_out_in_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As from the command line: the threads of pytest hold no lock that a child needs."""
    monkeypatch.setattr(trial, "start_method_now", lambda asked: asked or "fork")


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a copy of the examples."""
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def problems_after(example: Path) -> Callable[..., list[str]]:
    """Change a set-up by replacing text, and return the messages about it.

    The first argument is the file, then come pairs of old and new text.
    """

    def change(name: str, *pairs: tuple[str, str]) -> list[str]:
        path = example / name
        text = path.read_text()
        for old, new in pairs:
            assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
            text = text.replace(old, new)
        path.write_text(text)
        start = "simultest_setup.yaml" if "/" in name else name
        return [str(problem) for problem in preflight(start).problems]

    return change
