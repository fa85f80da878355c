"""What is read from the text of a module is what the loaded function says, with the same words."""

from __future__ import annotations

from pathlib import Path

import pytest

from mimocorb.components.inspected import plain_signature
from mimocorb.setup.user_code.annotations import UNKNOWN
from mimocorb.setup.user_code.signatures import PlainSignature
from mimocorb.setup.user_code.static_signatures import read_signature
from mimocorb.setup.user_code.user_functions import load_function, locate, read_module

START = "from mimocorb import filter, observer, sink, source\n"


def from_text(directory: Path, text: str, name: str = "f") -> PlainSignature | None:
    (directory / "own.py").write_text(text)
    module = read_module(locate("own", name, directory))
    return read_signature(module.names, name)  # type: ignore[union-attr]


def from_function(directory: Path) -> PlainSignature | None:
    return plain_signature(load_function(locate("own", "f", directory)))


@pytest.mark.parametrize(
    "text",
    [
        "@source\ndef f(): yield 1",
        "@filter\ndef f(event): pass",
        "@filter\ndef f(event, metadata): pass",
        "@filter\ndef f(event, *, threshold_mV: float): pass",
        "@sink\ndef f(events, *, filename: str = 'spectrum', bins: int = 50): pass",
        "@observer\ndef f(event, *, names: list[str], limit: float | None = None): pass",
        "@source\ndef f(*, rate_hz=100.0, directory, number_of_samples): yield 1",
        "@source\ndef f(*, seed: 'int' = -1):\n    '''Do it.\n\n    In steps.\n    '''\n    yield",
        "@sink\nclass f:\n    def __call__(self, events): pass",
        "@sink\nclass f:\n    '''Keep.'''\n    def __init__(self, *, n: int = 3): pass\n"
        "    def __call__(self, events, metadata): pass",
        "@filter\nclass f:\n    def __init__(self, bins: int, width_ns: float = 1.0): pass\n"
        "    def __call__(self, event): pass",
        "import mimocorb\n@mimocorb.filter\ndef f(event, *, n: int): pass",
        "from mimocorb import filter as select\n@select\ndef f(event, *, n: int): pass",
        "from pathlib import Path\nfrom typing import Literal, Optional\nimport typing as t\n"
        "@source\ndef f(*, p: Path, m: Literal['a', 'b'], o: Optional[int], "
        "u: t.Union[int, str] = 1): yield",
    ],
)
def test_text_and_function_tell_the_same(here: Path, text: str) -> None:
    read = from_text(here, START + text)
    loaded = from_function(here)
    assert read is not None
    assert loaded is not None
    assert read.fault is loaded.fault is None
    assert read == loaded


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
def test_what_cannot_be_called_is_refused_from_text_and_when_loaded(
    here: Path, text: str, asked: str, found: str, remedy: str
) -> None:
    for signature in (from_text(here, START + text), from_function(here)):
        assert signature is not None
        assert signature.fault is not None
        shown = signature.fault.found.removesuffix(" in line 2")
        assert (signature.fault.asked, shown, signature.fault.remedy) == (asked, found, remedy)
    assert from_text(here, START + text) == from_function(here)


def test_a_forgotten_import_is_noticed(here: Path) -> None:
    signature = from_text(here, "@filter\ndef f(event): pass")
    assert signature is not None
    assert signature.fault == (
        "the decorator @filter comes from mimocorb",
        "found it in line 1 without an import",
        "add the line: from mimocorb import filter",
    )


@pytest.mark.parametrize(
    "text",
    [
        "def f(event): pass",
        "from elsewhere import filter\n@filter\ndef f(event): pass",
        "from elsewhere import *\n@filter\ndef f(event): pass",
        "from mimocorb import filter\nf = filter(print)",
    ],
)
def test_other_functions_are_none_of_its_business(here: Path, text: str) -> None:
    assert from_text(here, text) is None


@pytest.mark.parametrize(
    "text",
    [
        "from numba import njit\n@filter\n@njit\ndef f(event, n): pass",
        "from base import Base\n@sink\nclass f(Base): pass",
        "from dataclasses import dataclass\n@sink\n@dataclass\nclass f:\n    n: int\n",
    ],
)
def test_what_the_text_leaves_open_is_left_to_the_worker(here: Path, text: str) -> None:
    signature = from_text(here, START + text)
    assert signature is not None
    assert signature.parameters is None
    assert signature.fault is None


def test_the_parameters_of_a_dataclass_are_known_when_it_is_loaded(here: Path) -> None:
    text = (
        "from dataclasses import dataclass\n@filter\n@dataclass\nclass f:\n"
        "    '''Find pulses.\n\n    Parameters\n    ----------\n"
        "    limit_mV\n        Height.\n    '''\n"
        "    limit_mV: float\n    n: 'int' = 3\n    def __call__(self, event): pass"
    )
    from_text(here, START + text)
    loaded = from_function(here)
    assert loaded is not None
    assert loaded.parameters is not None
    shown = [(p.name, p.type, p.default, p.meaning, p.unit) for p in loaded.parameters]
    assert shown == [("limit_mV", float, None, "Height.", "mV"), ("n", int, "3", "", "")]


@pytest.mark.parametrize(
    "annotation", ["Mine", "np.ndarray", "list[Mine]", "open('x')", "Literal[Mine]", "'no type'"]
)
def test_a_type_that_only_the_module_knows_stays_unknown(here: Path, annotation: str) -> None:
    text = "import numpy as np\nfrom typing import Literal\nclass Mine: pass\n"
    signature = from_text(here, f"{START}{text}@source\ndef f(*, a: {annotation}): yield 1")
    assert signature is not None
    assert signature.parameters is not None
    assert signature.parameters[0].type is UNKNOWN


def test_a_type_that_is_there_for_type_checkers_only_is_named_when_loaded(here: Path) -> None:
    text = (
        f"from __future__ import annotations\nfrom typing import TYPE_CHECKING\n{START}"
        "if TYPE_CHECKING:\n    from enum import Enum\n"
        "@filter\ndef f(event: NotThere, *, mode: Enum): pass"
    )
    from_text(here, text)
    loaded = from_function(here)
    assert loaded is not None
    assert loaded.fault == (
        "the type of mode is defined when the module has been loaded",
        "found Enum: name 'Enum' is not defined",
        "import it outside of TYPE_CHECKING, or correct it",
    )


def test_reading_runs_nothing(here: Path) -> None:
    text = f"open({str(here / 'trace')!r}, 'w')\n{START}@filter\ndef f(event, *, n: int): pass"
    assert from_text(here, text) is not None
    assert not (here / "trace").exists()
