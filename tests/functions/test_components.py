"""What a decorated function or class takes, and why one cannot be called."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from mimocorb.components.component import Component, Parameter
from mimocorb.setup.user_code.user_functions import load_function, locate

START = "from mimocorb import filter, observer, sink, source\n"


def component(directory: Path, text: str) -> Component:
    (directory / "own.py").write_text(text)
    return Component.of(load_function(locate("own", "f", directory)))


def parameter(name: str, kind: object = Any, default: str | None = None, **more: str) -> Parameter:
    text = more.get("text", "" if kind is Any else getattr(kind, "__name__", str(kind)))
    return Parameter(name, text, kind, default, more.get("meaning", ""), more.get("unit", ""))


TAKES = {
    "@source\ndef f(): yield 1": ("source", []),
    "@filter\ndef f(event): pass": ("filter", []),
    "@filter\ndef f(event, *, threshold_mV: float): pass": (
        "filter",
        [parameter("threshold_mV", float, unit="mV")],
    ),
    "@sink\ndef f(events, *, filename: str = 'spectrum', bins: int = 50): pass": (
        "sink",
        [parameter("filename", str, "'spectrum'"), parameter("bins", int, "50")],
    ),
    "@observer\ndef f(event, *, names: list[str], limit: float | None = None): pass": (
        "observer",
        [
            parameter("names", list[str], text="list[str]"),
            parameter("limit", float | None, "None", text="float | None"),
        ],
    ),
    "@filter(batch=True)\ndef f(events, *, low=1.5): pass": (
        "filter",
        [parameter("low", Any, "1.5")],
    ),
    "@source\ndef f(*, seed: 'int' = -1): yield": ("source", [parameter("seed", int, "-1")]),
    "@sink\nclass f:\n    def __call__(self, events): pass": ("sink", []),
    "@filter\nclass f:\n    def __init__(self, bins: int, width_ns: float = 1.0): pass\n"
    "    def __call__(self, event): pass": (
        "filter",
        [parameter("bins", int), parameter("width_ns", float, "1.0", unit="ns")],
    ),
    "from pathlib import Path\nfrom typing import Literal\nimport typing as t\n"
    "@source\ndef f(*, p: Path, m: Literal['a', 'b'], u: t.Union[int, str] = 1): yield": (
        "source",
        [
            parameter("p", Path),
            parameter("m", Literal["a", "b"], text="Literal['a', 'b']"),
            parameter("u", int | str, "1", text="Union[int, str]"),
        ],
    ),
    "import functools\ndef again(g): return functools.wraps(g)(lambda *a, **k: g(*a, **k))\n"
    "@filter\n@again\ndef f(event, *, n: int): pass": ("filter", [parameter("n", int)]),
}


@pytest.mark.parametrize("text", TAKES)
def test_its_keyword_parameters_are_its_configuration(here: Path, text: str) -> None:
    kind, parameters = TAKES[text]
    found = component(here, START + text)
    assert (found.kind, list(found.parameters), found.fault) == (kind, parameters, None)
    assert found.complete


def test_what_mimocorb_gives_is_no_configuration(here: Path) -> None:
    text = "@source\ndef f(*, rate_hz=100.0, directory, number_of_samples): yield 1"
    found = component(here, START + text)
    assert found.given == ("directory", "number_of_samples")
    assert [each.name for each in found.parameters] == ["rate_hz"]


@pytest.mark.parametrize(("arguments", "takes"), [("event", False), ("event, metadata", True)])
def test_it_may_be_called_with_metadata(here: Path, arguments: str, takes: bool) -> None:
    assert component(here, f"{START}@filter\ndef f({arguments}): pass").takes_metadata == takes


def test_the_docstrings_of_a_class_and_its_constructor_tell_the_meaning(here: Path) -> None:
    text = (
        "@sink\nclass f:\n    '''Keep.'''\n    def __init__(self, *, n: int = 3):\n"
        "        '''Make.\n\n        Parameters\n        ----------\n        n\n"
        "            Width in ns.\n        '''\n    def __call__(self, events, metadata): pass"
    )
    found = component(here, START + text)
    assert (found.summary, found.line) == ("Keep.", 2)
    assert found.parameters == (parameter("n", int, "3", meaning="Width in ns.", unit="ns"),)


@pytest.mark.parametrize(
    ("text", "asked", "found", "remedy"),
    [
        (
            "@filter\ndef f(event, threshold_mV): pass",
            "a filter is written f(event, *, …) or f(event, metadata, *, …)",
            "found f(event, threshold_mV)",
            "put * before threshold_mV: what stands behind it is the configuration",
        ),
        (
            "@source\ndef f(rate_hz=1.0): yield 1",
            "a source is written f(*, …)",
            "found f(rate_hz)",
            "put * before rate_hz: what stands behind it is the configuration",
        ),
        (
            "@sink\ndef f(*, filename): pass",
            "a sink is written f(events, *, …) or f(events, metadata, *, …)",
            "found f(*, filename)",
            "add 'events' as the first parameter",
        ),
        (
            "@observer\ndef f(event, *, a, **options): pass",
            "an observer is written f(event, *, …) or f(event, metadata, *, …)",
            "found f(event, *, a, **options)",
            "give each parameter a name: only then it can be checked",
        ),
        (
            "@filter\ndef f(event, metadata, n): pass",
            "a filter is written f(event, *, …) or f(event, metadata, *, …)",
            "found f(event, metadata, n)",
            "put * before n: what stands behind it is the configuration",
        ),
        (
            "@sink\nclass f:\n    pass",
            "a sink is written f.__call__(self, events) or f.__call__(self, events, metadata)",
            "found no __call__ in the class f",
            "write it: it is called with what the worker reads",
        ),
        (
            "@sink\nclass f:\n    def __call__(self, events, bins): pass",
            "a sink is written f.__call__(self, events) or f.__call__(self, events, metadata)",
            "found f.__call__(self, events, bins)",
            "make bins a parameter of __init__",
        ),
        (
            "@sink\nclass f:\n    def __call__(self, events, *, bins): pass",
            "a sink is written f.__call__(self, events) or f.__call__(self, events, metadata)",
            "found f.__call__(self, events, *, bins)",
            "make the others parameters of __init__",
        ),
        (
            "@source\nclass f:\n    pass",
            "a source is a generator function: f(*, …) with yield",
            "found the class f",
            "write a function; what it needs from one event to the next are its variables",
        ),
        (
            "@filter\ndef f(event):\n    yield event",
            "a filter returns; only a source yields",
            "found yield in the function",
            "use return, or mark the function as a source",
        ),
        (
            "@filter\nasync def f(event): pass",
            "a filter is an ordinary function",
            "found an asynchronous one",
            "remove async",
        ),
    ],
)
def test_what_cannot_be_called_is_refused(
    here: Path, text: str, asked: str, found: str, remedy: str
) -> None:
    fault = component(here, START + text).fault
    assert fault is not None
    shown = fault.found.removesuffix(" in line 2")
    assert (fault.asked, shown, fault.remedy) == (asked, found, remedy)


def test_the_parameters_of_a_dataclass_are_known_when_it_is_loaded(here: Path) -> None:
    text = (
        "from dataclasses import dataclass\n@filter\n@dataclass\nclass f:\n"
        "    '''Find pulses.\n\n    Parameters\n    ----------\n"
        "    limit_mV\n        Height.\n    '''\n"
        "    limit_mV: float\n    n: 'int' = 3\n    def __call__(self, event): pass"
    )
    loaded = component(here, START + text)
    shown = [(p.name, p.type, p.default, p.meaning, p.unit) for p in loaded.parameters]
    assert shown == [("limit_mV", float, None, "Height.", "mV"), ("n", int, "3", "", "")]


def test_a_type_that_is_there_for_type_checkers_only_is_named_when_loaded(here: Path) -> None:
    text = (
        f"from __future__ import annotations\nfrom typing import TYPE_CHECKING\n{START}"
        "if TYPE_CHECKING:\n    from enum import Enum\n"
        "@filter\ndef f(event: NotThere, *, mode: Enum): pass"
    )
    assert component(here, text).fault == (
        "the type of mode is defined when the module has been loaded",
        "found Enum: name 'Enum' is not defined",
        "import it outside of TYPE_CHECKING, or correct it",
    )


# --- functions of the older forms

LISTS = "source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info"
LISTED = '''
from dataclasses import dataclass
from mimocorb.buffer_control import BufferToTxtfile

@dataclass
class Settings:
    """How pulses are made."""
    seed: int = 1
    height_mV: float = 5.0

def f(LISTS):
    """Do it.

    Keys of the configuration: those of :class:`own.Settings` and :class:`~x.BufferToTxtfile`, and

    ``limit`` : float
        Time in ns.
    ``names`` : list of texts, optional
        What they are called.
    """
'''.replace("LISTS", LISTS)


def test_a_docstring_lists_the_keys_of_a_function_of_an_older_form(here: Path) -> None:
    found = component(here, LISTED)
    assert (found.kind, found.complete) == (None, True)
    by_name = {each.name: each for each in found.parameters}
    assert set(by_name) == {"filename", "header_alias", "seed", "height_mV", "limit", "names"}
    assert by_name["limit"] == parameter("limit", float, meaning="Time in ns.", unit="ns")
    assert by_name["names"].type is Any
    assert by_name["seed"] == parameter("seed", int, "1")


@pytest.mark.parametrize(
    "doc", ["Do it.", "Keys of the configuration: those of :class:`not_there.Settings`."]
)
def test_without_such_a_list_it_may_take_any_key(here: Path, doc: str) -> None:
    found = component(here, f"def f({LISTS}):\n    '''{doc}'''\n")
    assert (found.parameters, found.complete) == ((), False)
