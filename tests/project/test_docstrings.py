"""The examples in docstrings run and print what they show."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import warnings
from pathlib import Path

import pytest

import mimocorb


def modules_with_examples() -> list[str]:
    """Names of the modules whose text has a prompt."""
    found = []
    for module in pkgutil.walk_packages(mimocorb.__path__, "mimocorb."):
        spec = module.module_finder.find_spec(module.name, None)  # type: ignore[call-arg]
        if spec and spec.origin and spec.origin.endswith(".py"):
            if ">>> " in Path(spec.origin).read_text("utf-8"):
                found.append(module.name)
    return found


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_print_what_they_show(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        outcome = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert outcome.attempted > 0
    assert outcome.failed == 0
