"""Whatever a set-up file contains, reading it gives a set-up or problems, never a traceback.

Row F25 of the fault matrix: each error has its line, and nothing starts.
"""

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_keys_of_runs import TOP, WORKER

from mimocorb.cli import main
from mimocorb.errors import SetupError
from mimocorb.model import Setup
from mimocorb.model.problem import Problem
from mimocorb.setup.dialects import read_setup_or_problems, setup_from_dicts
from mimocorb.setup.drawing.flow import flow_of
from mimocorb.setup.drawing.flow_picture import flow_picture
from mimocorb.setup.drawing.picture_files import svg_text
from mimocorb.setup.graph import Graph
from mimocorb.setup.recommended_form import recommended_form

DATA = Path(__file__).parent / "data"
FILES = (
    "simultest_setup.yaml",
    "release_setup.yaml",
    "muon_setup.yaml",
    "supervised_setup.yaml",
)
TEXTS = [(DATA / name).read_text() for name in FILES]
TEXTS += [
    f"{TOP}\n{TEXTS[0].replace('num_process: 2', 'num_process: 2' + WORKER)}",
    TEXTS[2].replace(
        "runevents: 1000", "Options: {overarching_config: {a: 1}, debug_workers: true}"
    )
    + "restart_of_all: &r {policy: on_failure, limit: 3}\nstop_when: PulseParameters.events > 3\n",
]
WORDS = sorted({word for text in TEXTS for word in text.replace("\n", " ").split(" ") if word})
VALUES = [yaml.safe_load(text) for text in TEXTS]
SLIPS = [
    "\t",
    "",
    "[",
    "}",
    "&a ",
    "*a",
    "<<: ",
    "!!set ",
    "? ",
    "|",
    "---\n",
    "-1",
    "1e999",
    ".inf",
]
SLIPS += [
    "0x",
    "9" * 40,
    "true",
    "null",
    "{a: 1}",
    "[1, 2]",
    '"',
    "'",
    "%",
    "\\0",
    "ä",
    "\x07",
    "=",
    "@",
]

generously = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def read_bytes(directory: Path, content: bytes) -> None:
    """Read a file and check what every outcome has in common."""
    path = directory / "setup.yaml"
    path.write_bytes(content)
    check_outcome(*read_setup_or_problems(path))


def check_outcome(setup: Setup | None, problems: list[Problem]) -> None:
    """Check what every outcome has in common; a set-up without errors can be drawn and written."""
    has_errors = any(problem.severity == "error" for problem in problems)
    assert (setup is None) == has_errors
    for problem in problems:
        assert problem.file.endswith((".yaml", ".py")) or problem.where.is_option
        assert problem.asked
        assert problem.found
        assert "\n" not in str(problem)
    if setup is not None:
        Graph(setup).text()
        svg_text(flow_picture(flow_of(setup)))
        recommended_form(setup, setup.base_directory)


@st.composite
def changed_texts(draw: st.DrawFn) -> str:
    """A set-up with a few lines and words changed, moved or lost."""
    lines = draw(st.sampled_from(TEXTS)).split("\n")
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, len(lines) - 1))
        change = draw(st.sampled_from(["drop", "indent", "word", "slip", "repeat", "cut"]))
        line = lines[number]
        if change == "drop" and len(lines) > 1:
            del lines[number]
        elif change == "indent":
            lines[number] = " " * draw(st.integers(0, 12)) + line.strip()
        elif change == "word":
            old = draw(st.sampled_from(line.split(" ")))
            lines[number] = line.replace(old, draw(st.sampled_from(WORDS)), 1)
        elif change == "slip":
            at = draw(st.integers(0, len(line)))
            lines[number] = line[:at] + draw(st.sampled_from(SLIPS)) + line[at:]
        elif change == "repeat":
            lines.insert(number, lines[draw(st.integers(0, len(lines) - 1))])
        else:
            lines[number] = line[: draw(st.integers(0, len(line)))]
    return "\n".join(lines)


@generously
@given(text=changed_texts())
def test_changed_setups_give_problems_only(example: Path, text: str) -> None:
    read_bytes(example, text.encode())


@generously
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_foreign_files_give_problems_only(example: Path, content: bytes) -> None:
    read_bytes(example, content)


@st.composite
def changed_values(draw: st.DrawFn) -> Any:
    """A set-up in which some values are of an unexpected kind; always valid YAML."""
    odd = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=10),
        st.sampled_from(
            ["", "RB_1", "read", "O", "V0", "f4,f4", "10a", "~nobody/x", "a\0b", "mimocorb/"]
        ),
        st.lists(st.integers(), max_size=3),
        st.dictionaries(st.one_of(st.integers(), st.text(max_size=3)), st.none(), max_size=3),
    )

    def walk(value: Any) -> Any:
        if draw(st.integers(0, 60)) == 0:
            return draw(odd)
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        return [walk(item) for item in value] if isinstance(value, list) else value

    return walk(draw(st.sampled_from(VALUES)))


@generously
@given(value=changed_values())
def test_values_of_any_kind_give_problems_only(example: Path, value: Any) -> None:
    read_bytes(example, yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass"))
    buffers, functions = ("RingBuffer", "Functions")
    if isinstance(value, dict) and {buffers, functions} <= value.keys():
        with contextlib.suppress(SetupError):
            setup_from_dicts(value[buffers], value[functions], "out", example)


@settings(generously, max_examples=40)
@given(value=changed_values())
def test_nothing_starts_with_a_faulty_setup(example: Path, value: Any) -> None:
    content = yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass")
    path = example / "setup.yaml"
    path.write_bytes(content)
    setup, problems = read_setup_or_problems(path)
    for problem in problems:  # what a set-up lacks altogether is in no line
        assert problem.line >= 1 or problem.asked.startswith("a set-up has at least one")
    if setup is not None:
        return
    before = set(example.iterdir())
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        assert main(["run", path.name]) == 2
    assert said.getvalue().endswith("nothing was started\n")
    assert set(example.iterdir()) == before


PATHS = [word.strip(",:[]{}\"'") for word in WORDS] + [
    "",
    ".",
    "Workers",
    "Fkt_1.config",
    "base_config",
]


@settings(generously, max_examples=60)
@given(
    name=st.sampled_from(FILES),
    path=st.lists(st.sampled_from(PATHS) | st.text(max_size=4), min_size=1, max_size=4),
    value=st.sampled_from([*SLIPS, *WORDS]) | st.text(max_size=6),
)
def test_settings_of_any_kind_give_problems_only(
    example: Path, name: str, path: list[str], value: str
) -> None:
    setting = f"{'.'.join(path)}={value}".replace("\0", "")
    check_outcome(*read_setup_or_problems(example / name, None, [setting], "data"))
    check_outcome(*read_setup_or_problems(example / name, None, [setting]))


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n"
            for i in range(12)
        ),
        "a: &a {"
        + ", ".join(f"k{i}: 1" for i in range(400))
        + "}\n"
        + "b: {"
        + ", ".join(["<<: *a"] * 400)
        + "}\n",
        "[" * 100_000,
        "- " * 20_000 + "1",
        "a: &a [*a]",
        "&a [*a]",
        "a: " + ":".join(["1"] * 50_000),
        "a: " + "9" * 50_000,
        "a: 0x" + "f" * 50_000,
        "? [a]\n: b",
        "a: !!python/object/apply:os.system [true]",
        "a: !!timestamp nonsense",
        "a: !!int ''",
        "a: !!float ''",
        "a: !!bool maybe",
        "a: !!binary 'ä'",
        "a: !!omap [1]",
        "<<: 3",
        "<<: [3]",
        "%YAML 9.9\n---\na: 1",
        "a: 1\n---\nb: 2",
        "a: \udcff",
        "",
        "\ufeff",
        "# nothing but a comment\n",
        "x" * (1 << 20) + "x",
    ],
    ids=lambda text: repr(text[:24]),
)
def test_hostile_files_give_problems_only(example: Path, text: str) -> None:
    read_bytes(example, text.encode("utf-8", "surrogateescape"))
    (example / "config" / "simulation_config.yaml").write_bytes(
        text.encode("utf-8", "surrogateescape")
    )
    _, problems = read_setup_or_problems("simultest_setup.yaml")
    assert all(problem.message for problem in problems)
