"""The size of the code: what counts as a docstring, what as code."""

from __future__ import annotations

import importlib.util
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "size.py"

MODULE = '''"""A module."""

import math  # a comment


# Another comment.
def half(number):
    """Return the half.

    Of a number.
    """
    text = """no
    docstring"""
    return number / len(
        text
    )
'''


def test_lines_of_docstrings_and_of_code_are_counted_apart() -> None:
    spec = importlib.util.spec_from_file_location("size_of_code", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.Size.of(MODULE) == (1, 16, 5, 7)
    found = tool.sizes([("run", MODULE), ("run", MODULE), ("errors.py", MODULE)])
    assert found["all"] == (3, 48, 15, 21)
    assert found["run/"] == (2, 32, 10, 14)
