"""Finding functions without running them, and loading them in a process of any kind."""

import multiprocessing
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimocorb.errors import UserFunctionError
from mimocorb.model import FunctionReference
from mimocorb.model.problem import Problem
from mimocorb.setup.user_code.user_functions import (
    check_function,
    load_function,
    locate,
    read_module,
)


@pytest.fixture(autouse=True)
def _imports_stay_here() -> Iterator[None]:
    paths, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        if "mimocorb_user" in name or "neighbour" in name:
            del sys.modules[name]


def reference(directory: Path, text: str, name: str = "f", stem: str = "own") -> FunctionReference:
    (directory / f"{stem}.py").write_text(text)
    return locate(stem, name, directory)


def finding(asked: FunctionReference) -> str:
    """The message about a function, empty if it can be a worker."""
    module = read_module(asked)
    problem = module if isinstance(module, Problem) else check_function(asked, module)
    return str(problem or "")


@pytest.mark.parametrize("asked", ["modules/source", "modules/source.py", "./modules/source"])
def test_modules_are_found_relative_to_the_setup(tmp_path: Path, asked: str) -> None:
    assert locate(asked, "f", tmp_path).path == tmp_path / "modules" / "source.py"


@pytest.mark.parametrize("asked", ["mimocorb/plot", "mimocorb.plot", "mimocorb/plot.py"])
def test_modules_of_mimocorb_are_found_as_installed(tmp_path: Path, asked: str) -> None:
    found = locate(asked, "plot_graph", tmp_path)
    assert (found.path, found.module) == (None, "mimocorb.plot")
    assert finding(found) == ""


def test_names_with_dots_and_links_stay_as_they_are(tmp_path: Path) -> None:
    assert locate("v1.2/own", "f", tmp_path).path == tmp_path / "v1.2" / "own.py"
    assert locate("../own", "f", tmp_path / "a").path == tmp_path / "own.py"
    assert locate("~nobody-of-this-name/own", "f", tmp_path).path is not None


@pytest.mark.parametrize(
    "text",
    [
        "def f(source_list, sink_list, observe_list, config_dict, **rb_info): pass",
        "def f(*args, **kwargs): pass",
        "def f(a, b, c, d, e=1, **kwargs): pass",
        "f = print",
        "import os as f",
        "from os import path as f",
        "try:\n    from a import f\nexcept ImportError:\n    f = None",
        "try:\n    pass\nexcept ImportError:\n    pass\nelse:\n    def f(*a, **k): pass",
        "if True:\n    def f(*a, **k): pass",
        "from somewhere import *",
        "def __getattr__(name): return print",
        "import x\n@x.decorated\ndef f(event, threshold=3): yield event",
        "def f(*a, **k):\n    def inner():\n        yield 1\n    return inner",
        "pattern = '\\d'\nf = print",
        "# -*- coding: latin-1 -*-\nf = print",
    ],
)
def test_functions_that_can_be_workers_are_accepted(tmp_path: Path, text: str) -> None:
    assert finding(reference(tmp_path, text)) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def g(): pass", "found none; correct the name, or write the function"),
        ("def ff(): pass", "did you mean 'ff'?"),
        ("import ff\ndef g(): pass", "found none; correct the name, or write the function"),
        ("from elsewhere import ff", "did you mean 'ff'?"),
        ("class C:\n    def f(self): pass", "found none"),
        ("def f(source_list, **kwargs): pass", "found (source_list, **kwargs) in line 1 of own"),
        ("def f(a, b, c, d, e, **kwargs): pass", "found (a, b, c, d, e, **kwargs)"),
        ("def f(a, b, c, d): pass", "found (a, b, c, d)"),
        ("def f(*a, **k):\n    for x in a:\n        yield x", "a generator"),
        ("async def f(*a, **k): pass", "an asynchronous function"),
        ("def f(:", "own.py:1:7: error: 'own' must be valid Python; found: invalid syntax"),
        ("x = 1\nreturn x", "own.py:2:1: error"),
        ("x = '\0'", "must be valid Python"),
        ("f = " + "-" * 100_000 + "1", "must be valid Python"),
    ],
)
def test_functions_that_cannot_be_workers_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in finding(reference(tmp_path, text))


MANUAL = "source_list, sink_list, observe_list, config_dict, **rb_info"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("class f: pass", "no __init__"),
        ("class f:\n    def __init__(self, *, a=3): pass", "__init__(self, *, a=3)"),
        ("class f:\n    def __init__(self, a, b, c, d): pass", "__init__(self, a, b, c, d)"),
    ],
)
def test_a_class_that_cannot_be_made_as_a_worker_is_refused(
    tmp_path: Path, text: str, found: str
) -> None:
    assert finding(reference(tmp_path, text)) == (
        "set-up: error: 'f' is called as f(source_list, sink_list, observe_list, config_dict, "
        f"**rb_info); found {found} in the class in line 1 of own; put @filter, @sink or @observer "
        "above it (from mimocorb import filter), or write __init__ with these arguments"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"class f:\n    def __init__(self, {MANUAL}): pass",
        "class f:\n    def __init__(self, *lists, **rb_info): pass",
        "class f:\n    __init__ = print",
        "class f:\n    def __new__(cls, *lists, **rb_info): pass",
        "class f(Base): pass",
        "class f(metaclass=Meta): pass",
        "@dataclass\nclass f:\n    a: int",
    ],
)
def test_a_class_that_may_be_made_as_a_worker_is_accepted(tmp_path: Path, text: str) -> None:
    assert finding(reference(tmp_path, text)) == ""


def test_looking_for_a_function_runs_nothing(tmp_path: Path) -> None:
    text = f"open({str(tmp_path / 'trace')!r}, 'w')\ndef f(*args, **rb_info): pass"
    assert finding(reference(tmp_path, text)) == ""
    assert not (tmp_path / "trace").exists()


def test_a_function_is_loaded_with_its_neighbours(example: Path) -> None:
    function = load_function(locate("modules/lifetime_filter", "calculate_decay_time", example))
    assert function() == 42


def test_a_module_is_imported_once(tmp_path: Path) -> None:
    asked = reference(tmp_path, "class f: pass\ncount = []\ng = count.append")
    assert load_function(asked) is load_function(asked)


def test_modules_of_one_name_in_two_places_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = reference(tmp_path / "a", "def f(): return 'a'")
    second = reference(tmp_path / "b", "def f(): return 'b'")
    assert (load_function(first)(), load_function(second)()) == ("a", "b")


def test_a_module_named_like_one_of_python_hides_nothing(tmp_path: Path) -> None:
    import colorsys

    asked = reference(tmp_path, "import colorsys\ndef f(): return colorsys", stem="colorsys")
    assert load_function(asked)() is colorsys


def test_a_function_of_mimocorb_is_loaded(tmp_path: Path) -> None:
    from mimocorb.buffer_control import SourceToBuffer

    assert (
        load_function(locate("mimocorb/buffer_control", "SourceToBuffer", tmp_path))
        is SourceToBuffer
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 / 0", "own cannot be imported for the function f: ZeroDivisionError: division by zero"),
        ("import not_there", "No module named 'not_there'"),
        ("raise SystemExit(0)", "own cannot be imported for the function f: SystemExit: 0"),
        ("def ff(): pass", "own has no function 'f'; did you mean 'ff'?"),
        ("f = 3", "own has no function 'f'"),
    ],
)
def test_what_cannot_be_loaded_is_named(tmp_path: Path, text: str, words: str) -> None:
    asked = reference(tmp_path, text)
    for _ in range(2):  # a failed import leaves nothing behind
        with pytest.raises(UserFunctionError) as raised:
            load_function(asked)
        assert words in str(raised.value)


def call_loaded(asked: FunctionReference, expected: int) -> None:
    """Run in a child process."""
    assert load_function(asked)() == expected


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_function_is_loaded_in_a_child_process(example: Path, method: str) -> None:
    asked = locate("modules/lifetime_filter", "calculate_decay_time", example)
    child = multiprocessing.get_context(method).Process(target=call_loaded, args=(asked, 42))
    child.start()
    child.join(60)
    assert child.exitcode == 0
