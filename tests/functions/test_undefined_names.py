"""Misspelt names are found before a run; names that are given in odd ways are left alone."""

import importlib.util
import sys
from pathlib import Path

import pytest

from mimocorb.checks.undefined_names import undefined_names
from mimocorb.model import FunctionReference

BEGIN = "import functools\nimport numpy as np\nimport mimocorb as mc\nLIMIT = 3\n"

WRONG = {
    "in a filter": ("@mc.filter\ndef f(event):\n    return evnt > 3", 7, "evnt", "event"),
    "in a branch": (
        "def f(event):\n    if event:\n        return nump.sum(event)",
        7,
        "nump",
        None,
    ),
    "of the module": ("def f(event):\n    return event > LIMT", 6, "LIMT", "LIMIT"),
    "built-in": ("def f(event):\n    return lenn(event)", 6, "lenn", "len"),
    "in what it calls": (
        "def g(x):\n    return unknown_thing\ndef f(event):\n    return g(event)",
        6,
        "unknown_thing",
        None,
    ),
    "in a comprehension": ("def f(event):\n    return [lo for x in event]", 6, "lo", None),
    "in a method": (
        "@mc.sink\nclass f:\n    def __call__(self, events):\n        prnt(events)",
        8,
        "prnt",
        "print",
    ),
    "in a property": (
        "class f:\n    @property\n    def x(self):\n        return nothing_here",
        8,
        "nothing_here",
        None,
    ),
    "bound to values": (
        "def g(event, threshold):\n    return treshold\nf = functools.partial(g, threshold=3)",
        6,
        "treshold",
        "threshold",
    ),
}

RIGHT = {
    "local, enclosing and built-in names": (
        "def f(event):\n    def g(x):\n        return event, x, len, __name__, __file__\n"
        "    return g"
    ),
    "a global statement": (
        "def f(event):\n    global made\n    made = 1\n    return g()\ndef g():\n    return made"
    ),
    "names given by force": "globals()['made'] = 1\ndef f(event):\n    return made",
    "a missing name is expected": (
        "def f(event):\n    try:\n        return made\n    except NameError:\n        return None"
    ),
    "names given when it is called": (
        "def f(event):\n    globals()['made'] = event\n    return made"
    ),
    "a class within": (
        "def f(event):\n    class A:\n        x = 1\n        y = x\n        def z(self):\n"
        "            return __class__\n    return A"
    ),
    "recursion": "def f(event):\n    return f(event)",
    "annotations are not evaluated": "def f(event):\n    x: NotThere = event\n    return x",
    "caught by name": "def f(event):\n    try:\n        pass\n    except ValueError as error:\n"
    "        raise error from None",
}


def found_in(text: str, folder: Path) -> list[tuple[int, str, str]]:
    path = folder / "module_of_a_user.py"
    path.write_text(BEGIN + text + "\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("module_of_a_user", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        reference = FunctionReference("module_of_a_user", "f", path)
        problems = list(undefined_names(module.f, reference))
    finally:
        del sys.modules[spec.name]
    return [(one.where.line, one.asked, one.remedy) for one in problems]


@pytest.mark.parametrize("name", WRONG)
def test_a_name_that_nobody_has_given_is_found(name, tmp_path):
    text, line, wrong, meant = WRONG[name]
    [(found_line, asked, remedy)] = found_in(text, tmp_path)
    assert found_line == line
    assert f"uses {wrong!r}" in asked
    assert remedy == (f"did you mean {meant!r}?" if meant else "define or import it")


@pytest.mark.parametrize("name", RIGHT)
def test_names_that_are_given_are_left_alone(name, tmp_path):
    assert found_in(RIGHT[name], tmp_path) == []
