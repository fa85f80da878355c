"""A set-up is checked against the parameters of its functions, with the place of every key."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from mimocorb.checks.preflight import preflight
from mimocorb.components.component import Component
from mimocorb.components.configuration import configure
from mimocorb.model import ConfigOrigin, FunctionReference, WorkerSpec
from mimocorb.model.problem import Where
from mimocorb.setup.dialects import read_setup

FILTER = """\
from pathlib import Path
from typing import Annotated, Literal
from annotated_types import Gt
from mimocorb import filter

@filter
def f(
    event,
    *,
    threshold_mV: Annotated[float, Gt(0)],
    window_ns: float = 100.0,
    mode: Literal["first", "all"] = "all",
    channels: list[int] | None = None,
    template: Path | None = None,
):
    pass
"""
WORKER = """\
  w:
    file: own.py
    function: f
    sources: [raw]
    sinks: [pulses]
    config:
"""
Check = Callable[[str, str], list[str]]


def test_what_fits_is_accepted(problems: Check) -> None:
    lines = "threshold_mV: 5|window_ns: 1e3|mode: first|channels: [1, 2]|template: pulse.npy"
    config = "".join(f"      {line}\n" for line in lines.split("|"))
    assert problems(FILTER, WORKER + config) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "treshold_mV: 5.0",
            "8:7: error: f has the parameters threshold_mV, window_ns, mode, channels, template; "
            "found 'treshold_mV' in the configuration of w; did you mean 'threshold_mV'?",
        ),
        (
            "threshold_mV: high",
            "8:7: error: threshold_mV of f is Annotated[float, Gt(gt=0)] in mV; "
            "found the text 'high'; input should be a valid number",
        ),
        (
            'threshold_mV: "5.0"',
            "8:7: error: threshold_mV of f is Annotated[float, Gt(gt=0)] in mV; "
            "found the text '5.0'; input should be a valid number",
        ),
        (
            "threshold_mV: true",
            "8:7: error: threshold_mV of f is Annotated[float, Gt(gt=0)] in mV; found True; "
            "input should be a valid number",
        ),
        (
            "threshold_mV: -1",
            "8:7: error: threshold_mV of f is Annotated[float, Gt(gt=0)] in mV; found -1; "
            "input should be greater than 0",
        ),
        (
            "{threshold_mV: 1, mode: last}",
            "8:25: error: mode of f is 'first' or 'all'; found the text 'last'; write one of these",
        ),
        (
            "{threshold_mV: 1, channels: [1, 2.5]}",
            "8:25: error: channels of f is list[int] | None; found a list of 2; "
            "item 1: input should be a valid integer",
        ),
        (
            "{threshold_mV: 1, template: 3}",
            "8:25: error: template of f is Path | None; found 3; input is not a valid path",
        ),
        (
            "window_ns: 5.0",
            "2:3: error: f needs threshold_mV, Annotated[float, Gt(gt=0)] in mV; found none in the "
            "configuration of w; add 'threshold_mV'",
        ),
        (
            "{threshold_mV: 1, colour: red}",
            "8:25: error: f has the parameters threshold_mV, window_ns, mode, channels, template; "
            "found 'colour' in the configuration of w; remove it",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(
    problems: Check, line: str, message: str
) -> None:
    assert problems(FILTER, f"{WORKER}      {line}\n") == [f"setup.yaml:{message}"]


def test_all_slips_come_at_once(problems: Check) -> None:
    config = "      threshold_mv: 0\n      mode: last\n      window_ns: wide\n"
    found = problems(FILTER, WORKER + config)
    assert [message.split(":")[1] for message in found] == ["8", "8", "9", "10"]


@pytest.mark.parametrize("kind", ["int", "int | None", "Annotated[int, Gt(0)]"])
def test_a_whole_number_that_is_written_with_an_exponent_is_written_out(
    problems: Check, kind: str
) -> None:
    module = FILTER.replace("threshold_mV: Annotated[float, Gt(0)]", f"events: {kind}")
    (message,) = problems(module, f"{WORKER}      events: 1e6\n")
    shown = kind.replace("Gt(0)", "Gt(gt=0)")
    assert message == (
        f"setup.yaml:8:7: error: events of f is {shown}; found 1000000.0; write 1000000"
    )


@pytest.mark.parametrize(
    ("roles", "found"),
    [
        ("sources: [raw]", "reads raw"),
        ("sinks: [pulses]", "writes pulses"),
        ("sources: [raw], sinks: [pulses], observes: [marks]", None),
    ],
)
def test_a_filter_reads_and_writes(problems: Check, roles: str, found: str | None) -> None:
    worker = f"  w: {{file: own.py, function: f, {roles}, config: {{threshold_mV: 1}}}}\n"
    (message,) = problems(FILTER, worker)
    found = found or "reads raw and writes pulses and observes marks"
    assert message == (
        "setup.yaml:2:3: error: f is a filter, which reads one or more buffers and writes one or "
        f"more buffers; found that w {found}; correct its buffers"
    )


@pytest.mark.parametrize(
    ("module", "roles", "asked"),
    [
        ("@source\ndef f(): yield 1", "sources: [raw]", "f is a source, which writes one buffer"),
        ("@sink\ndef f(events): pass", "observes: [raw]", "f is a sink, which reads one buffer"),
        (
            "@observer\ndef f(event): pass",
            "sources: [raw]",
            "f is an observer, which observes one buffer",
        ),
    ],
)
def test_each_kind_has_its_buffers(problems: Check, module: str, roles: str, asked: str) -> None:
    module = f"from mimocorb import observer, sink, source\n{module}\n"
    (message,) = problems(module, f"  w: {{file: own.py, function: f, {roles}}}\n")
    assert asked in message


def test_a_function_that_cannot_be_called_is_shown_in_its_file(problems: Check) -> None:
    module = "from mimocorb import filter\n\n@filter\ndef f(event, limit): pass\n"
    (message,) = problems(module, WORKER)
    assert message == (
        "setup.yaml:4:15: error: a filter is written f(event, *, …) or f(event, metadata, *, …); "
        "found f(event, limit) in line 3; put * before limit: what stands behind it is the "
        "configuration"
    )


def test_what_mimocorb_gives_cannot_be_configured(problems: Check) -> None:
    module = "from mimocorb import sink\n@sink\ndef f(events, *, directory): pass\n"
    worker = "  w: {file: own.py, function: f, sources: [raw], config: {directory: here}}\n"
    assert problems(module, worker) == [
        "setup.yaml:2:59: error: directory is the directory of the run (a Path), where files are "
        "written; mimocorb gives it to f; found it in the configuration; remove it"
    ]


def test_a_display_may_be_slowed_down_without_knowing_it(problems: Check) -> None:
    module = "from mimocorb import observer\n@observer\ndef f(event): pass\n"
    worker = "  w: {file: own.py, function: f, observes: [raw], config: {min_sleeptime: %s}}\n"
    assert problems(module, worker % 0.1) == []
    (message,) = problems(module, worker % "often")
    assert "min_sleeptime of f is float in s; found the text 'often'" in message


def test_common_keys_need_not_be_known(problems: Check) -> None:
    common = "base_config: {sample_time_ns: 4, threshold_mV: 3}\n"
    worker = f"{WORKER}      window_ns: 5\n"
    assert problems(FILTER, worker) != []
    path = Path("setup.yaml")
    path.write_text(common + path.read_text())
    assert preflight("setup.yaml").problems == []
    assert read_setup("setup.yaml").worker("w").config_origin.common == {
        "sample_time_ns",
        "threshold_mV",
    }


def test_a_common_key_of_the_wrong_type_is_shown_where_it_stands(problems: Check) -> None:
    problems(FILTER, f"{WORKER}      window_ns: 5\n")
    path = Path("setup.yaml")
    path.write_text(f"base_config: {{threshold_mV: low}}\n{path.read_text()}")
    (problem,) = preflight("setup.yaml").problems
    assert str(problem.where) == "setup.yaml:1:15"


def test_keys_of_a_file_that_several_workers_name_are_common(problems: Check) -> None:
    Path("shared.yaml").write_text("threshold_mV: 3\nsample_time_ns: 4\n")
    Path("alone.yaml").write_text("window: 4\n")
    config = "    config: [shared.yaml, alone.yaml]\n"
    worker = WORKER.replace("    config:\n", config)
    other = worker.replace("  w:", "  v:").replace(", alone.yaml", "").replace("pulses", "marks")
    (message,) = problems(FILTER, worker + other)
    assert message.startswith("alone.yaml:1:1: error: f has the parameters")
    assert "did you mean 'window_ns'?" in message


def test_in_the_manuals_dialect_general_is_common_and_a_section_is_not(here: Path) -> None:
    (here / "own.py").write_text(FILTER)
    (here / "feed.py").write_text("def feed(*lists, **rb_info): pass\n")
    (here / "config.yaml").write_text(
        "general: {sample_time_ns: 4}\nf:\n  threshold_mV: 1\n  a: 2\n"
    )
    (here / "setup.yaml").write_text(
        "RingBuffer:\n"
        "- a: {number_of_slots: 8, channel_per_slot: 1, data_type: float64}\n"
        "- b: {number_of_slots: 8, channel_per_slot: 1, data_type: float64}\n"
        "Functions:\n"
        "- Fkt_main: {config_file: config.yaml}\n"
        "- Fkt_1: {file_name: feed, fkt_name: feed, RB_assign: {a: write}}\n"
        "- Fkt_2: {file_name: own, fkt_name: f, RB_assign: {a: read, b: write}}\n"
        "- Fkt_3: {file_name: feed, fkt_name: feed, RB_assign: {b: read}}\n"
    )
    (problem,) = preflight("setup.yaml").problems
    assert str(problem.where) == "config.yaml:4:3"


# --- conversion


class Edge(Enum):
    RISING = "rising"


def configured(annotation: Any, value: Any) -> Any:
    """What a parameter of this type gets for a value of the set-up."""

    def f(event, *, a):
        pass

    f.__annotations__["a"] = annotation
    f.__mimocorb_kind__ = "filter"
    origin = ConfigOrigin({"a": Where("setup.yaml", 3, 4)}, directory=Path("/lab"))
    spec = WorkerSpec("w", FunctionReference("own", "f"), config={"a": value}, config_origin=origin)
    values, problems = configure(Component.of(f), spec)
    return str(problems[0]) if problems else values["a"]


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (float, 5, 5.0),
        (int, 5, 5),
        (bool, True, True),
        (str, "spectrum", "spectrum"),
        (Path, "data/run.npz", Path("/lab/data/run.npz")),
        (Path, "/data/run.npz", Path("/data/run.npz")),
        (list[Path], ["a", "/b"], [Path("/lab/a"), Path("/b")]),
        (dict[str, Path], {"a": "b"}, {"a": Path("/lab/b")}),
        (tuple[float, float], [1, 2.5], (1.0, 2.5)),
        (tuple[int, ...], [1, 2, 3], (1, 2, 3)),
        (set[int], [1, 1], {1}),
        (dict[int, str], {1: "chA"}, {1: "chA"}),
        (int | None, None, None),
        (Edge, "rising", Edge.RISING),
        (Any, {"whatever": [1]}, {"whatever": [1]}),
    ],
)
def test_values_become_what_the_parameter_says(annotation: Any, value: Any, expected: Any) -> None:
    found = configured(annotation, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (int, 5.5, "found 5.5; input should be a valid integer"),
        (int, 1000.0, "found 1000.0; write 1000"),
        (int, True, "found True; input should be a valid integer"),
        (bool, 1, "found 1; input should be a valid boolean"),
        (str, 5, "found 5; input should be a valid string"),
        (Edge, "up", "found the text 'up'; input should be 'rising'"),
        (int | str, 2.5, "input should be a valid integer, or input should be a valid string"),
        (list[float], 3, "found 3; input should be a valid list"),
        (float, None, "found nothing; input should be a valid number"),
    ],
)
def test_nothing_is_turned_into_something_else(annotation: Any, value: Any, words: str) -> None:
    message = configured(annotation, value)
    assert message.startswith("setup.yaml:3:4: error: a of f is ")
    assert words in message


def test_a_type_that_no_set_up_can_give_is_refused() -> None:
    message = configured(type("Scope", (), {}), 3)
    assert "a of f has a type whose values can be written in a set-up; found Scope" in message


def test_the_directory_of_the_set_up_goes_with_the_worker(problems: Check, here: Path) -> None:
    problems(FILTER, f"{WORKER}      threshold_mV: 5\n")
    assert read_setup("setup.yaml").worker("w").config_origin.directory == here


WITHOUT_PYDANTIC = """
import sys
from pathlib import Path
from typing import Literal
from mimocorb import filter
from mimocorb.components.component import Component
from mimocorb.components.configuration import configure
from mimocorb.model import FunctionReference, WorkerSpec

@filter
def f(event, *, a: int, b: float | None, c: Path, d: Literal["x"], e: list[str], g: dict): ...

config = {"a": 1, "b": 2, "c": "here", "d": "x", "e": ["y"], "g": {"z": 1}}
print(configure(Component.of(f), WorkerSpec("w", FunctionReference("own", "f"), config=config))[1])
print([name for name in ("pydantic", "yaml") if name in sys.modules])
"""


def test_common_types_are_converted_without_pydantic() -> None:
    """A worker that is started afresh would wait for it."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYDANTIC], capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n[]\n", done.stderr
