"""What `mimocorb check` finds when it has loaded the functions, no run starts with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mimocorb.checks.preflight import preflight
from mimocorb.cli import main

Check = Callable[[str, str], list[str]]

MODULE = """\
from mimocorb import filter, observer, sink, source
from mimocorb.buffer_control import BufferToTxtfile

@source
def feed(*, number_of_samples: int):
    yield [0.0]

@filter
def heights(event, *, limit_mV: float = 1.0):
    return {"height_mV": event["chA"].max()}

@filter
def loud(event):
    return event["chA"].max() > 1

@sink
def keep(events):
    pass

def save(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)()
"""
SETUP = """\
Buffers:
  raw: {slot_count: 8, data_length: 9, data_dtype: {chA: float64}}
  pulses: {slot_count: 8, data_length: 1, data_dtype: {height_mV: float64}}
Workers:
  feed: {file: own.py, function: feed, sinks: [raw]}
  heights: {file: own.py, function: heights, sources: [raw], sinks: [pulses]}
  keep: {file: own.py, function: keep, sources: [pulses]}
  table: {function: buffer_control.BufferToTxtfile, sources: [pulses], config: {filename: table}}
"""
TABLE = (
    "  other: {function: buffer_control.BufferToTxtfile, sources: [pulses],"
    " config: {filename: NAME}}\n"
)

# What is written otherwise, with the place and words of the one message that follows.
REFUSED = {
    "copies of events by a trigger into a buffer of another form": (
        SETUP.replace("Workers:", "  wide: {slot_count: 8, data_length: 9, DTYPE}\nWorkers:")
        .replace("DTYPE", "data_dtype: {chB: float64}")
        + "  wide: {function: trigger, sources: [raw], sinks: [wide], config: {condition: max(chA)"
        " > 1}}\n  drain: {function: drain, sources: [wide]}\n",
        "10:53: error: an event of wide has chB; found copies of events of raw, with chA, which"
        " trigger hands on; give wide the form of raw, or hand on records of its own form",
    ),
    "copies of events by a decision into a buffer of another length": (
        SETUP.replace("own.py, function: heights", "own.py, function: loud")
        .replace("{height_mV:", "{chA:"),
        "6:67: error: an event of pulses has data_length 1; found copies of events of raw, with"
        " data_length 9, which loud writes in line 14 of own.py; give pulses the form of raw, or"
        " hand on records of its own form",
    ),
    "a fit of a histogram that nobody fills": (
        SETUP
        + "  hist: {function: histogram, sources: [pulses], config: {x: height_mV, x_bins: 9,"
        " x_from: 0, x_to: 9}}\n"
        "  life: {function: fit, observes: [pulses], config: {histogram: hst, model: gaussian}}\n",
        "10:54: error: life works on what a worker of the set-up fills; found 'hst'; did you mean"
        " 'hist'?",
    ),
    "a fit of what is no histogram": (
        SETUP
        + "  hist: {function: histogram, sources: [pulses], config: {x: height_mV, x_bins: 9,"
        " x_from: 0, x_to: 9}}\n"
        "  life: {function: fit, observes: [pulses], config: {histogram: keep, model: gaussian}}\n",
        "10:54: error: life works on what a worker of the set-up fills; found 'keep', which fills"
        " nothing; write one of hist",
    ),
    "pulses with other quantities than their buffer": (
        SETUP
        + "  search: {function: find_pulses, sources: [raw], sinks: [pulses], config: {quantities:"
        " [height], least_height: 1, sample_period_ns: 1}}\n",
        "9:59: error: search writes height into pulses; found that pulses has height_mV; give the"
        " buffer and the configuration the same names",
    ),
    "pulses with the usual quantities": (
        SETUP
        + "  search: {function: find_pulses, sources: [raw], sinks: [pulses], config:"
        " {least_height: 1, sample_period_ns: 1}}\n",
        "9:59: error: search writes channel, height, integral, time_ns into pulses; found",
    ),
    "a search for pulses that does not know what a pulse is": (
        SETUP
        + "  search: {function: find_pulses, sources: [raw], sinks: [pulses], config: {quantities:"
        " [height], sample_period_ns: 1}}\n",
        "9:3: error: search can work with raw; least_height or least_prominence says what is a"
        " pulse and what is noise; found none of them",
    ),
    "two workers on one file": (
        SETUP + TABLE.replace("NAME", "table"),
        "9:81: error: other writes a file of its own in the directory of the run; found table.txt"
        " for table and other; give other another filename",
    ),
    "two processes on one file": (
        SETUP.replace("sources: [pulses], c", "sources: [pulses], number_of_processes: 2, c"),
        "8:105: error: table writes a file of its own in the directory of the run; found table.txt"
        " for 2 processes; set number_of_processes to 1",
    ),
    "a name of a file of the run": (
        SETUP.replace("{filename: table}", "{filename: summary}"),
        "8:81: error: table writes a file of its own in the directory of the run; found summary.txt"
        ", which the run writes itself; give table another filename",
    ),
    "a waveform into columns of text": (
        SETUP.replace("sources: [pulses], config", "sources: [raw], config"),
        "8:3: error: table can work with raw; BufferToTxtfile writes one row per event, but raw has"
        " 9 values",
    ),
    "a channel that is not there": (
        SETUP.replace("chA: float64", "chB: float64"),
        "6:56: error: heights reads the field 'chA' of raw in line 10 of own.py; found that raw has"
        " chB; did you mean 'chB'?",
    ),
    "more readers than a buffer takes": (
        SETUP
        + "".join(
            f"  r{number}: {{file: own.py, function: keep, sources: [pulses]}}\n"
            for number in range(15)
        ),
        "3:3: error: a buffer has at most 16 workers that read it; found 17 for pulses",
    ),
    "a misspelt key": (
        SETUP.replace("function: heights, s", "function: heights, config: {limit_mv: 3.0}, s"),
        "6:55: error: heights has the parameters limit_mV; found 'limit_mv' in the configuration of"
        " heights; did you mean 'limit_mV'?",
    ),
    "a misspelt key of a sink of mimocorb": (
        SETUP.replace("{filename: table}", "{filename: table, header_alais: {}}"),
        "8:98: error: BufferToTxtfile has the parameters filename, header_alias; found"
        " 'header_alais' in the configuration of table; did you mean 'header_alias'?",
    ),
    "another role": (
        SETUP.replace("file: own.py, function: heights", "file: own.py, function: keep"),
        "6:3: error: keep is a sink, which reads one buffer; found that heights reads raw and"
        " writes pulses; correct its buffers",
    ),
    "a component that nobody offers": (
        SETUP.replace("buffer_control.BufferToTxtfile", "plot_grap"),
        "8:21: error: 'plot_grap', without the key 'file', is offered by mimocorb or by one other"
        " package; found none that does; did you mean 'plot.plot_graph'? or add the key 'file'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_check_and_run_refuse_the_same_in_the_same_words(
    here: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    text, words = REFUSED[case]
    assert text != SETUP
    (here / "own.py").write_text(MODULE)
    (here / "setup.yaml").write_text(text)
    assert main(["check", "setup.yaml"]) == 2
    page = capsys.readouterr().out
    (line,) = [each for each in page.splitlines() if each.startswith("setup.yaml:")]
    assert line.startswith(f"setup.yaml:{words}")
    assert main(["run", "setup.yaml"]) == 2
    printed = capsys.readouterr()
    assert printed.err == f"{line}\nsetup.yaml: 1 error, nothing was started\n"
    assert not (here / "target").exists()


def test_what_is_not_refused_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "own.py").write_text(MODULE.replace("yield [0.0]", "yield [0.0] * 9"))
    (here / "setup.yaml").write_text(SETUP + TABLE.replace("NAME", "other"))
    assert main(["check", "setup.yaml", "--strict"]) == 0
    assert main(["run", "setup.yaml", "--quiet"]) == 0
    assert {"table.txt", "other.txt"} < {path.name for path in here.glob("target/*/*.txt")}


def test_a_function_that_may_give_its_sink_another_configuration_is_warned_only(here: Path) -> None:
    (here / "own.py").write_text(MODULE)
    own = TABLE.replace("function: buffer_control.BufferToTxtfile", "file: own.py, function: save")
    (here / "setup.yaml").write_text(SETUP + own.replace("[pulses]", "[raw]"))
    (problem,) = preflight("setup.yaml").problems
    assert (problem.severity, problem.line) == ("warning", 9)
    assert problem.found.startswith("BufferToTxtfile writes one row per event")


# --- functions of the older forms

MANUAL = "source_list, sink_list, observe_list, config_dict, **rb_info"
HEAD = f"def f({MANUAL}):\n"
WORKER = "  w:\n    file: own.py\n    function: f\n    sources: [raw]\n    sinks: [pulses]\n"


def configured(*lines: str) -> str:
    return f"{WORKER}    config:\n" + "".join(f"      {line}\n" for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}    pass",
        "def f(*args, **kwargs): pass",
        "def f(a, b, c, d, e=1, **kwargs): pass",
        "f = lambda *lists, **roles: None",
        "try:\n    from a import f\nexcept ImportError:\n    def f(*a, **k): pass",
        "import functools\ndef any(g): return functools.wraps(g)(lambda *a, **k: None)\n"
        "@any\ndef f(event, threshold=3): yield event",
        "def f(*a, **k):\n    def inner():\n        yield 1\n    return inner",
        "def __getattr__(name): return lambda *lists, **roles: None",
        "# -*- coding: latin-1 -*-\ndef f(*a, **k): 'ä'",
        f"class f:\n    def __init__(self, {MANUAL}): pass",
        "class f:\n    def __init__(self, *lists, **rb_info): pass",
        "class f:\n    def __new__(cls, *lists, **rb_info): pass",
        "class Base:\n    def __init__(self, *lists, **rb_info): pass\nclass f(Base): pass",
    ],
)
def test_functions_that_can_be_workers_are_accepted(problems: Check, text: str) -> None:
    assert problems(text, WORKER) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def g(): pass", "4:15: error: expected a function or class 'f' in own.py; found none; "
         "correct the name, or write the function"),
        ("def ff(): pass", "did you mean 'ff'?"),
        ("from math import fabs as ff", "did you mean 'ff'?"),
        ("class C:\n    def f(self): pass", "found none"),
        ("def f(source_list, **kwargs): pass", "4:15: error: 'f' is called as f(source_list, "
         "sink_list, observe_list, config_dict, **rb_info); found (source_list, **kwargs) in line "
         "1 of own.py; put @filter"),
        ("def f(a, b, c, d, e, **kwargs): pass", "found (a, b, c, d, e, **kwargs) in line 1"),
        ("def f(a, b, c, d): pass", "found (a, b, c, d) in line 1"),
        ("def f(*a, **k):\n    for x in a:\n        yield x", "found a generator"),
        ("async def f(*a, **k): pass", "found an asynchronous function in line 1"),
        ("class f: pass", "found __init__() in the class in line 1 of own.py; put @filter, @sink "
         "or @observer above it (from mimocorb import filter), or write __init__ with these"),
        ("class f:\n    def __init__(self, a, b, c, d): pass", "found __init__(a, b, c, d) in"),
        ("from mimocorb import sink\n@filter\ndef f(event): pass", "own.py:2: error: 'own.py' can "
         "be imported, as setup.yaml:3:11 asks; found TypeError"),
    ],
)  # fmt: skip
def test_functions_that_cannot_be_workers_are_refused(
    problems: Check, text: str, words: str
) -> None:
    (message,) = problems(text, WORKER)
    assert words in message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("def f(:", "own.py:1:7"),
        ("x = 1\nreturn x", "own.py:2:1"),
        ("x = '\0'", "setup.yaml:3:11"),
        ("f = " + "-" * 100_000 + "1", ""),
    ],
)
def test_broken_python_is_named_with_its_line(problems: Check, text: str, place: str) -> None:
    (message,) = problems(text, WORKER)
    assert message.startswith(place)
    assert "own.py' must be valid Python" in message or "can be imported" in message


LISTED = f'''\
{HEAD}    """Do it.

    Keys of the configuration:

    ``limit`` : float
        Height in mV.
    ``pause`` : float, default 0.0
        Time between events in s.
    ``names`` : list of texts, optional
        What they are called.
    """
'''


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["limit: 5"], None),
        (["limit: 5", "pause: null"], None),
        (["limit: 5", "names: 5"], None),
        (["pause: 1"], "2:3: error: f needs limit, float in mV; found none in the configuration of "
         "w; add 'limit'"),
        (["limmit: 5"], "8:7: error: f has the parameters limit, pause, names; found 'limmit' in "
         "the configuration of w; did you mean 'limit'?"),
        (["limit: 5", "colour: 5"], "9:7: warning: f has the parameters limit, pause, names; found "
         "'colour' in the configuration of w; remove it"),
        (["limit: high"], "8:7: warning: limit of f is float in mV; found the text 'high'; input "
         "should be a valid number"),
        (["limit: 1", 'pause: "1"'], "9:7: warning: pause of f is float in s; found the text '1'; "
         "input should be a valid number"),
    ],
)  # fmt: skip
def test_the_keys_that_a_docstring_lists_are_checked(
    problems: Check, lines: list[str], message: str | None
) -> None:
    expected = [f"setup.yaml:{message}"] if message else []
    assert problems(LISTED, configured(*lines)) == expected


def test_a_function_without_a_list_may_take_any_key(problems: Check) -> None:
    text = f"{HEAD}    config_dict['limit']\n"
    assert problems(text, configured("limit: 5", "limmit: 5", "1: 3")) == []


EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def examples(here: Path) -> Path:
    for part in ("config", "modules", "simultest_setup.yaml"):
        copy = shutil.copytree if (EXAMPLES / part).is_dir() else shutil.copy
        copy(EXAMPLES / part, here / part)
    return here


@pytest.mark.parametrize(
    ("key", "slip"),
    [
        ("random_seed", "random_sed"),
        ("sleeptime", "slptime"),
        ("peak_minimal_distance", "peak_minimal_distanse"),
        ("header_alias", "header_alais"),
        ("compression", "compresion"),
    ],
)
def test_slips_in_the_configuration_of_the_shipped_example_are_errors(
    examples: Path, key: str, slip: str
) -> None:
    path = examples / "config/simulation_config.yaml"
    assert preflight("simultest_setup.yaml").problems == []
    text = path.read_text()
    line = text[: text.index(f"  {key}:")].count("\n") + 1
    path.write_text(text.replace(f"  {key}:", f"  {slip}:"))
    (found,) = preflight("simultest_setup.yaml").problems
    assert str(found).startswith(f"config/simulation_config.yaml:{line}:3: error: ")
    assert f"found {slip!r}" in found.found
    assert found.remedy == f"did you mean {key!r}?"


@pytest.mark.parametrize("setting", ["simulation_source.seed=3", "Fkt_1.config.seed=3"])
def test_a_setting_that_no_function_takes_is_an_error(examples: Path, setting: str) -> None:
    (found,) = preflight("simultest_setup.yaml", [setting]).problems
    assert str(found).startswith(f"--set {setting}: error: simulation_source has the parameters ")
    assert "found 'seed' in the configuration of Fkt_1" in found.found
