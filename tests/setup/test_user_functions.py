"""Finding functions, and loading them in a process of any kind."""

import multiprocessing
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimocorb.errors import UserFunctionError
from mimocorb.model import FunctionReference
from mimocorb.setup.user_code.user_functions import load_function, locate


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


@pytest.mark.parametrize("asked", ["modules/source", "modules/source.py", "./modules/source"])
def test_modules_are_found_relative_to_the_setup(tmp_path: Path, asked: str) -> None:
    assert locate(asked, "f", tmp_path).path == tmp_path / "modules" / "source.py"


@pytest.mark.parametrize("asked", ["mimocorb/plot", "mimocorb.plot", "mimocorb/plot.py"])
def test_modules_of_mimocorb_are_found_as_installed(tmp_path: Path, asked: str) -> None:
    found = locate(asked, "plot_graph", tmp_path)
    assert (found.path, found.module) == (None, "mimocorb.plot")
    assert load_function(found).__name__ == "plot_graph"


def test_names_with_dots_and_links_stay_as_they_are(tmp_path: Path) -> None:
    assert locate("v1.2/own", "f", tmp_path).path == tmp_path / "v1.2" / "own.py"
    assert locate("../own", "f", tmp_path / "a").path == tmp_path / "own.py"
    assert locate("~nobody-of-this-name/own", "f", tmp_path).path is not None


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
        ("def ff(): pass", "function or class 'f' in own; found none; did you mean 'ff'?"),
        ("from math import sin as ff", "found none; did you mean 'ff'?"),
        ("f = 3", "expected a function or class 'f' in own; found none; correct the name"),
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
