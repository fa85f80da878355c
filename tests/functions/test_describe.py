"""``mimocorb describe`` says what can be configured, and what it shows can be pasted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from mimocorb.cli import main
from mimocorb.setup.dialects import read_setup

MODULE = '''\
from pathlib import Path
import numpy as np
from mimocorb import filter, observer, sink, source

LIMIT = 3

@source
def muons(*, number_of_samples: int, rate_hz: float = 100.0, events: int | None = None):
    """Simulate cosmic muons,
    one after the other.

    Parameters
    ----------
    rate_hz
        Mean rate.
    events : int
        How many; `None`
        for no end.
    """
    yield np.zeros(number_of_samples)

@filter
def pulses(event, metadata, *, threshold: float, limit: int = LIMIT, names: list[str] = ["chA"]):
    """Find pulses.

    Parameters
    ----------
    threshold
        Least height, in mV.
    """

@sink
class Save:
    """Save."""

    def __init__(self, *, filename: str, directory: Path):
        pass

    def __call__(self, events):
        pass

@observer
def scope(event):
    pass

def old(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Do it the old way.

    Keys of the configuration:

    ``threshold``
        Least height in mV.
    """

def new(buffer_io):
    """Do it their way."""

def helper(event, other):
    pass
'''


@pytest.fixture
def own(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # another test may have had one, and left its place
    monkeypatch.delitem(sys.modules, "own", raising=False)
    monkeypatch.syspath_prepend(here)
    (here / "own.py").write_text(MODULE)
    return here


def describe(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["describe", *arguments]) == 0
    return capsys.readouterr().out


def test_a_function_is_described(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert describe(capsys, "own.py:muons") == (
        "muons: source, in own.py, line 7\n\n"
        "Simulate cosmic muons, one after the other.\n\n"
        "parameter   type         unit   default   meaning\n"
        "──────────────────────────────────────────────────────────────────────\n"
        "rate_hz     float        Hz     100.0     Mean rate.\n"
        "events      int | None          None      How many; `None` for no end.\n\n"
        "Given by mimocorb: number_of_samples: samples of each channel.\n\n"
        "For a set-up:\n\n"
        "Workers:\n"
        "  muons:\n"
        "    file: own.py\n"
        "    function: muons\n"
        "    sinks: […]  # buffers that it writes\n"
        "    config:\n"
        "      rate_hz: 100.0  # float in Hz\n"
        "      events: null  # int | None\n"
    )


def test_the_functions_of_a_module_are_listed(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert describe(capsys, "own") == (
        "muons   source     Simulate cosmic muons, one after the other.\n"
        "pulses  filter     Find pulses.\n"
        "Save    sink       Save.\n"
        "scope   observer\n"
        "old     manual     Do it the old way.\n"
        "new     buffer_io  Do it their way.\n"
    )


def test_json_has_everything(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = json.loads(describe(capsys, "--json", "own.py:pulses"))
    threshold, limit, names = found["parameters"]
    assert (found["name"], found["kind"], found["line"]) == ("pulses", "filter", 22)
    assert threshold == {
        "name": "threshold",
        "type": "float",
        "default": None,
        "unit": "mV",
        "meaning": "Least height, in mV.",
    }
    assert (limit["default"], names["default"]) == ("3", "['chA']")
    assert found["given"] == {"metadata": "counter, timestamp, deadtime and time_ns"}


@pytest.mark.parametrize("name", ["muons", "pulses", "Save", "scope", "old", "new"])
def test_what_is_shown_for_a_set_up_is_one(
    own: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (found,) = json.loads(describe(capsys, "--json", f"own.py:{name}"))
    worker = yaml.safe_load(found["snippet"])["Workers"][name]
    assert (worker["file"], worker["function"]) == ("own.py", name)
    assert f"\n{found['snippet']}\n" in describe(capsys, f"own.py:{name}")


def test_a_pasted_worker_runs_with_its_defaults(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snippets = []
    for name, buffer in (("muons", "raw"), ("scope", "raw")):
        (found,) = json.loads(describe(capsys, "--json", f"own.py:{name}"))
        snippets.append(found["snippet"].replace("[…]", f"[{buffer}]"))
    text = snippets[0] + snippets[1].removeprefix("Workers:")
    (own / "setup.yaml").write_text(
        f"{text}\nBuffers:\n  raw: {{slot_count: 8, data_length: 8, data_dtype: float64}}\n"
    )
    assert read_setup("setup.yaml").worker("muons").config == {"rate_hz": 100.0, "events": None}


def test_a_worker_is_described_with_its_values(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "setup.yaml").write_text(
        "Buffers:\n  raw: {slot_count: 8, data_length: 8, data_dtype: float64}\n"
        "Workers:\n"
        "  a: {file: own.py, function: muons, sinks: [raw], config: {rate_hz: 7.5}}\n"
        "  b: {file: own.py, function: scope, observes: [raw]}\n"
    )
    assert "rate_hz     float        Hz     100.0     7.5    Mean rate." in describe(
        capsys, "setup.yaml", "a"
    )
    (found,) = json.loads(describe(capsys, "--json", "setup.yaml", "a"))
    assert found["parameters"][0]["configured"] == 7.5
    assert [line.split()[:2] for line in describe(capsys, "setup.yaml").splitlines()] == [
        ["a", "muons"],
        ["b", "scope"],
    ]


def test_a_worker_is_described_as_it_stands_in_the_set_up(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "setup.yaml").write_text(
        "Buffers:\n  raw: {slot_count: 8, data_length: 8, data_dtype: float64}\n"
        "  high: {slot_count: 8, data_length: 8, data_dtype: float64}\n"
        "Workers:\n"
        "  a: {file: own.py, function: muons, sinks: [raw]}\n"
        "  b: {file: own.py, function: old, number_of_processes: 2, sources: [raw], sinks: [high],"
        " config: {threshold: 5, other: x}}\n"
        "  c: {file: own.py, function: scope, observes: [high]}\n"
    )
    text = describe(capsys, "setup.yaml", "b")
    assert text.startswith("b runs old: worker function, form manual, in own.py, line ")
    assert text.endswith(
        "In the set-up, written in the recommended form:\n\n"
        "Workers:\n"
        "  b:\n"
        "    file: own.py\n"
        "    function: old\n"
        "    number_of_processes: 2\n"
        "    sources: [raw]\n"
        "    sinks: [high]\n"
        "    config: {threshold: 5, other: x}\n"
    )
    (found,) = json.loads(describe(capsys, "--json", "setup.yaml", "b"))
    assert (found["worker"], found["name"]) == ("b", "old")
    assert found["snippet"] in text


def test_what_says_how_events_are_merged_is_described(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "With several sources, merge in its configuration takes by, window_s, incomplete, " in (
        describe(capsys, "own.py:pulses")
    )
    (own / "both.py").write_text(
        "from mimocorb import filter, source\n@source\ndef s(): yield 1.0\n"
        "@filter\ndef both(events): pass\n"
    )
    form = "{slot_count: 8, data_length: 1, data_dtype: float64}"
    (own / "setup.yaml").write_text(
        f"Buffers: {{a: {form}, b: {form}, c: {form}}}\n"
        "Workers:\n"
        "  s: {file: both.py, function: s, sinks: [a]}\n"
        "  t: {file: both.py, function: s, sinks: [b]}\n"
        "  m: {file: both.py, function: both, sources: [a, b], sinks: [c],"
        " config: {merge: {by: time, window_s: 0.5}}}\n"
        "  o: {file: own.py, function: scope, observes: [c]}\n"
    )
    text = describe(capsys, "setup.yaml", "m")
    assert "by           counter | time              'counter'   time   counter: events" in text
    assert "nothing to configure" not in text
    (found,) = json.loads(describe(capsys, "--json", "setup.yaml", "m"))
    assert [(one["name"], one.get("configured")) for one in found["merge"][:2]] == [
        ("by", "time"),
        ("window_s", 0.5),
    ]


def test_functions_of_mimocorb_are_described(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = describe(capsys, "mimocorb/plot:plot_graph")
    assert "sample_time_ns        float   ns        optional   time between two samples" in text
    assert "channel_range         float   mV        500.0      half of the voltage range" in text
    assert "    function: plot.plot_graph\n    observes: […]" in text
    assert "sources" not in text
    assert "BufferToTxtfile" in describe(capsys, "mimocorb/buffer_control")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("buffer_control.BufferToTxtfile", "filename       str              required"),
        ("buffer_control.BufferToParquetfile", '"snappy"   none, snappy, lz4'),
        ("exporters.csv", "function: exporters.csv"),
        ("mimocorb.plot.plot_graph", "function: plot.plot_graph"),
        ("plot:plot_graph", "function: plot.plot_graph"),
        ("buffer_control", "BufferToParquetfile  manual  Save data to a set of"),
        ("data", "clocked_importer   buffer_io  Play back"),
        ("mimocorb/functions/data", "clocked_importer   buffer_io  Play back"),
    ],
)
def test_functions_of_mimocorb_go_by_the_names_that_set_ups_have_for_them(
    own: Path, capsys: pytest.CaptureFixture[str], asked: str, words: str
) -> None:
    assert words in describe(capsys, asked)


def test_a_file_of_the_user_goes_before_a_module_of_mimocorb(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "plot.py").write_text(MODULE)
    assert "muons   source" in describe(capsys, "plot")


def test_a_class_that_needs_a_function_is_not_offered_for_set_ups(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = describe(capsys, "buffer_control.SourceToBuffer")
    assert "data_source   None      Where the events come from" in text
    assert "a set-up cannot name it" in text
    assert "Workers:" not in text
    (found,) = json.loads(describe(capsys, "--json", "buffer_control.SourceToBuffer"))
    assert found["snippet"] is None


def test_a_function_that_only_python_knows_is_loaded(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "more.py").write_text(
        "from dataclasses import dataclass\nfrom mimocorb import filter\nfrom own import pulses\n"
        "@filter\n@dataclass\nclass Window:\n    '''Keep.'''\n    low_mV: float = 2.0\n"
        "    def __call__(self, event): pass\n"
    )
    assert "low_mV      float   mV     2.0" in describe(capsys, "more.py:Window")
    assert "threshold   float       mV     required" in describe(capsys, "more.py:pulses")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["own.py:muon"], "mimocorb: own.py: error: expected a function or class 'muon' in own.py; "
         "found none; did you mean 'muons'?"),
        (["onw.py:muons"], "mimocorb: onw.py: error: the module is onw.py; found: no such file"),
        (["mimocorb/plott"], "'mimocorb/plott' is a module of mimocorb; found no such module; did "
         "you mean 'mimocorb/plot'?"),
        (["mimocorb/functions"], "mimocorb/functions: error: expected functions for set-ups in it; "
         "found none; there are mimocorb/buffer_control"),
        (["own.py:helper"], "'helper' is called as helper(source_list, sink_list, "),
        (["empty.py"], "expected functions for set-ups in it; found none; mark one as source, "),
        (["none.yaml", "a"], "the set-up file is none.yaml; found: no such file"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(
    own: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (own / "empty.py").write_text("x = 1\n")
    assert main(["describe", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_worker_that_is_not_there_is_said(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "setup.yaml").write_text(
        "Buffers:\n  raw: {slot_count: 8, data_length: 8, data_dtype: float64}\n"
        "Workers:\n  muons: {file: own.py, function: muons, sinks: [raw]}\n"
        "  scope: {file: own.py, function: scope, observes: [raw]}\n"
    )
    assert main(["describe", "setup.yaml", "muon"]) == 2
    assert capsys.readouterr().err == (
        "mimocorb: setup.yaml: error: the set-up has a worker 'muon'; found muons, scope; did you "
        "mean 'muons'?\n"
    )
