"""The keys that a worker of the manual's form takes from its configuration, read from its text."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mimocorb.setup.dialects import read_setup_or_problems

Check = Callable[[str, str], list[str]]

HEAD = "def f(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):\n"
WORKER = "  w:\n    file: own.py\n    function: f\n    sources: [raw]\n    sinks: [pulses]\n"


def configured(*lines: str) -> str:
    return f"{WORKER}    config:\n" + "".join(f"      {line}\n" for line in lines)


def function(*lines: str, behind: str = "", doc: str = "") -> str:
    return HEAD + "".join(f"    {line}\n" for line in (f'"""{doc}"""', *lines)) + behind


NEEDED = {
    "in brackets": function("limit = config_dict['limit']"),
    "taken out": function("limit = config_dict.pop('limit')"),
    "under another name of the parameter": (
        "def f(a, b, c, settings, **rb_info):\n    return settings['limit']\n"
    ),
    "in a function of the module": function(
        "go(1, config_dict)", behind="def go(n, conf):\n    conf['limit']\n"
    ),
    "in a function with keywords": function(
        "go(conf=config_dict)", behind="def go(*, conf):\n    conf['limit']\n"
    ),
    "in a class of the module": function(
        "Search(config_dict)",
        behind="class Search:\n    def __init__(self, conf):\n        self.x = conf['limit']\n",
    ),
    "before it is handed on": function("limit = config_dict['limit']", "open(config_dict)"),
    "behind a class of mimocorb": "from mimocorb.buffer_control import SourceToBuffer\n"
    + function("SourceToBuffer(None, sink_list, None, config_dict)", "config_dict['limit']"),
    "with a branch before it": function("if source_list:", "    print(1)", "config_dict['limit']"),
    "in a condition": function("if config_dict['limit'] > 5:", "    pass"),
    "by its docstring": function(
        "open(config_dict)", doc="Do.\n\n    Keys of the configuration:\n\n    ``limit`` : Any\n"
        "        In mV.\n    "
    ).replace("def f", "from typing import Any\ndef f"),
}  # fmt: skip

NOT_NEEDED = {
    "with a default": function("config_dict.get('limit', 5)"),
    "if it is there": function("if 'limit' in config_dict:", "    config_dict['limit']"),
    "unless it fails": function("try:", "    config_dict['limit']", "except KeyError:", "    pass"),
    "in a function of the same name inside": function(
        "def go(conf):", "    pass", "go(config_dict)", behind="def go(conf):\n    conf['limit']\n"
    ),
    "in a function that a parameter hides": function(
        "source_list(config_dict)", behind="def source_list(conf):\n    conf['limit']\n"
    ),
    "in something that only has the name of a class of mimocorb": (
        "from mimocorb.buffer_control import rbDrain\n"
        + function("rbDrain = source_list", "rbDrain(config_dict)", "config_dict['limit']")
    ),
    "in a coroutine": function("async def show():", "    config_dict['limit']"),
    "where a group of errors is caught": function(
        "try:", "    config_dict['limit']", "except* KeyError:", "    pass"
    ),
    "in an assertion": function("assert 'limit' not in config_dict, config_dict['limit']"),
    "behind a way out": function("if not sink_list:", "    return", "config_dict['limit']"),
    "set by the function": function("config_dict['limit'] = 5", "config_dict['limit']"),
    "set unless it is there": function(
        "config_dict.setdefault('limit', 5)", "config_dict['limit']"
    ),
    "set with others": function("config_dict.update(limit=5)", "config_dict['limit']"),
    "set by somebody else": function("open(config_dict)", "config_dict['limit']"),
    "of another dictionary": function("config_dict = {'limit': 5}", "config_dict['limit']"),
    "in a function that nobody calls": function(
        "pass", behind="def go(config_dict):\n    config_dict['limit']\n"
    ),
    "in a generator": function(
        "go(config_dict)", behind="def go(conf):\n    yield conf['limit']\n"
    ),
    "in a function with a decorator": function(
        "go(config_dict)", behind="import functools\n@functools.cache\ndef go(c):\n    c['limit']\n"
    ),
    "in one of two functions of a name": function(
        "go(config_dict)", behind="def go(c):\n    pass\ndef go(c):\n    c['limit']\n"
    ),
    "in one that calls itself": function(
        "go(config_dict)", behind="def go(c):\n    go(c)\n    c.get('limit')\n"
    ),
    "given by mimocorb": function("config_dict['directory_prefix']"),
}


@pytest.mark.parametrize("module", NEEDED.values(), ids=NEEDED.keys())
def test_a_key_that_is_needed_has_to_be_there(problems: Check, module: str) -> None:
    assert problems(module, configured("limit: 5")) == []
    (message,) = problems(module, configured("other: 1"))
    assert message.startswith("setup.yaml:2:3: error: f needs limit, ")
    assert message.endswith("found none in the configuration of w; add 'limit'")


@pytest.mark.parametrize("module", NOT_NEEDED.values(), ids=NOT_NEEDED.keys())
def test_a_key_that_is_not_needed_may_be_missing(problems: Check, module: str) -> None:
    assert problems(module, configured("other: 1")) == []


def test_a_misspelt_key_that_is_needed_is_an_error(problems: Check) -> None:
    assert problems(NEEDED["in brackets"], configured("other: 1", "limmit: 5")) == [
        "setup.yaml:9:7: error: f needs 'limit'; found 'limmit' in the configuration of w; "
        "did you mean 'limit'?"
    ]


@pytest.mark.parametrize("what", ["with a default", "set by somebody else"])
def test_a_misspelt_key_that_is_not_needed_is_a_warning(problems: Check, what: str) -> None:
    assert problems(NOT_NEEDED[what], configured("limmit: 5")) == [
        "setup.yaml:8:7: warning: f takes 'limit'; found 'limmit' in the configuration of w; "
        "did you mean 'limit'?"
    ]


@pytest.mark.parametrize(
    ("lines", "given"),
    [
        (["config_dict.get('limit')", "open(config_dict)"], ["limit: 1", "limits: 2"]),
        (["config_dict.get('random')"], ["random_seed: 3"]),
        (["config_dict.get('limit_a')", "config_dict.get('limit_b')"], ["limit_c: 3"]),
        (["config_dict[f'{source_list}_scaling']"], ["chA_scaling: 3"]),
        (["config_dict.get('limit')"], ["1: 3"]),
    ],
    ids=["beside the right one", "a longer name", "one of several", "at run time", "a number"],
)
def test_a_key_that_may_be_for_somebody_else_is_left_alone(
    problems: Check, lines: list[str], given: list[str]
) -> None:
    assert problems(function(*lines), configured(*given)) == []


TYPED = """Do it.

    Keys of the configuration:

    ``pause`` : float, default 0.0
        Time between events in s.
    ``names`` : list of texts, optional
        Anything.
    """


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pause: 1", None),
        ("pause: null", None),
        ("names: 5", None),
        (
            "pause: soon",
            "pause of f is float in s; found the text 'soon'; input should be a valid number",
        ),
        (
            'pause: "1"',
            "pause of f is float in s; found the text '1'; input should be a valid number",
        ),
    ],
)
def test_a_type_in_the_docstring_is_checked(
    problems: Check, line: str, message: str | None
) -> None:
    expected = [f"setup.yaml:8:7: warning: {message}"] if message else []
    assert problems(function("open(config_dict)", doc=TYPED), configured(line)) == expected


EXAMPLES = Path(__file__).parents[2] / "examples"


def test_slips_in_the_configuration_of_the_shipped_example_are_found(here: Path) -> None:
    for part in ("config", "modules", "simultest_setup.yaml"):
        copy = shutil.copytree if (EXAMPLES / part).is_dir() else shutil.copy
        copy(EXAMPLES / part, here / part)
    path = here / "config/simulation_config.yaml"
    assert read_setup_or_problems("simultest_setup.yaml")[1] == []
    slips = {"sleeptime": "slptime", "peak_minimal_distance": "peak_minimal_distanse"}
    text = path.read_text()
    for right, wrong in slips.items():
        text = text.replace(f"  {right}:", f"  {wrong}:")
    path.write_text(text)
    _, found = read_setup_or_problems("simultest_setup.yaml")
    assert [(each.severity, each.found.split("'")[1], each.remedy) for each in found] == [
        ("warning", "slptime", "did you mean 'sleeptime'?"),
        ("error", "peak_minimal_distanse", "did you mean 'peak_minimal_distance'?"),
    ]
    path.write_text(text.replace("slptime: 0.0", "sleeptime: abc").replace("distanse", "distance"))
    (problem,) = read_setup_or_problems("simultest_setup.yaml")[1]
    assert problem.message == (
        "sleeptime of simulation_source is float in s; found the text 'abc'; input should be a"
        " valid number"
    )
