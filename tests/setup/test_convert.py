"""mimocorb convert: what is written in the recommended form means the same."""

import datetime
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mimocorb.cli import main
from mimocorb.model import (
    BufferSpec,
    OnFailure,
    Setup,
    StopCondition,
    WorkerSpec,
)
from mimocorb.model.problem import NOWHERE
from mimocorb.setup.dialects import read_setup, read_setup_or_problems
from mimocorb.setup.recommended_form import recommended_form
from mimocorb.setup.user_code.user_functions import locate

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
SETUPS = [*DATA.glob("*setup*.yaml"), *(ROOT / "examples").glob("*setup*.yaml")]


def meaning(setup: Setup) -> Setup:
    """The set-up without what says how and where it was written."""
    workers = [
        replace(
            spec,
            function=replace(spec.function, asked="", where=setup_where, name_where=setup_where),
            config_files=(),
            where=setup_where,
        )
        for spec in setup.workers
    ]
    return replace(
        setup,
        buffers=tuple(replace(spec, where=setup_where) for spec in setup.buffers),
        workers=tuple(workers),
        stop_when=tuple(replace(condition, where=setup_where) for condition in setup.stop_when),
        path=None,
        base_directory=Path(),
        config_files=(),
        dialect="",
    )


setup_where = NOWHERE


@pytest.mark.parametrize("path", SETUPS, ids=lambda path: path.name)
@pytest.mark.parametrize("place", ["beside", "elsewhere"])
def test_a_converted_setup_means_the_same(tmp_path: Path, path: Path, place: str) -> None:
    shutil.copytree(path.parent, tmp_path / "here", ignore=shutil.ignore_patterns("target"))
    (tmp_path / "elsewhere").mkdir()
    before = read_setup(tmp_path / "here" / path.name)
    new = tmp_path / ("here" if place == "beside" else "elsewhere") / "new.yaml"
    new.write_text(recommended_form(before, new.parent).text)
    after = read_setup(new)
    assert after.dialect == "mimoCoRB2"
    assert meaning(replace(after, title="")) == meaning(replace(before, title=""))
    # What was written once more says the same, word for word.
    assert recommended_form(after, new.parent).text == new.read_text()


def test_files_stay_files_where_they_are_used_as_a_whole(example: Path) -> None:
    form = recommended_form(read_setup("muon_setup.yaml"), example)
    assert "config/filter.yaml" in form.text
    assert "config: config/text.yaml" in form.text
    assert form.dropped_files == ()
    form = recommended_form(read_setup("simultest_setup.yaml"), example)
    assert "config/simulation_config.yaml" not in form.text
    assert form.dropped_files == (example / "config" / "simulation_config.yaml",)


def test_what_all_workers_share_is_written_once(example: Path) -> None:
    text = recommended_form(read_setup("simultest_setup.yaml"), example).text
    assert "base_config: {number_of_samples: 4250, sample_time_ns: 4}\n" in text
    assert text.count("number_of_samples") == 1


def test_the_command_writes_and_says_what_is_lost(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", "simultest_setup.yaml", "-o", "new.yaml"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "mimocorb convert: what workers take from config/simulation_config.yaml is in the new "
        "file, the rest of it is not"
    ]
    assert read_setup("new.yaml").worker("Fkt_1").config["eventcount"] == 10000
    written = (example / "new.yaml").read_text()
    assert main(["convert", "simultest_setup.yaml", "--set", "runtime=5"]) == 0
    assert "runtime: 5\n" in capsys.readouterr().out
    assert main(["convert", "muon_setup.yaml", "-o", "new.yaml"]) == 2
    assert "new.yaml exists; choose another name, or --force" in capsys.readouterr().err
    assert (example / "new.yaml").read_text() == written
    assert main(["convert", "muon_setup.yaml", "-o", "new.yaml", "--force"]) == 0
    assert (example / "new.yaml").read_text() != written
    assert main(["convert", "muon_setup.yaml", "-o", "nowhere/new.yaml"]) == 2
    assert "cannot write nowhere/new.yaml: No such file" in capsys.readouterr().err


COMMENTED = """\
# taken by Ada
title: "run #1"  # not the first
RingBuffer:
- RB_1:
    # waveforms of the scope
    number_of_slots: 16  # one second
    channel_per_slot: 1
    data_type: {1: ['h # 1', "float64"]}
# who works
Functions:
  # our driver
  - Fkt_1: {file_name: own, fkt_name: take, RB_assign: {RB_1: write}}

  # keeps all
  - Fkt_2:
      file_name: own
      fkt_name: keep  # later: a file
      RB_assign: {RB_1: read}
# the end
"""


def test_comments_stay_with_the_buffers_and_workers_that_they_stand_at(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example / "own.py").write_text("def take(**lists): pass\n\n\ndef keep(**lists): pass\n")
    (example / "commented.yaml").write_text(COMMENTED)
    assert main(["convert", "commented.yaml", "-o", "new.yaml"]) == 0
    lines = [line.strip() for line in (example / "new.yaml").read_text().splitlines()]
    assert lines[2:6] == ["# taken by Ada", "# not the first", "# who works", ""]
    place = lines.index("RB_1:")
    assert lines[place - 2 : place] == ["# waveforms of the scope", "# one second"]
    place = lines.index("Fkt_1:")
    assert lines[place - 2 : place] == ["Workers:", "# our driver"]
    place = lines.index("Fkt_2:")
    assert lines[place - 3 : place] == ["# keeps all", "# later: a file", "# the end"]
    assert read_setup("new.yaml").title == "run #1"
    assert main(["convert", "new.yaml"]) == 0  # and once more
    again = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert sorted(line for line in lines if line.startswith("#")) == sorted(
        line for line in again[1:] if line.startswith("#")
    )


def test_a_setup_with_errors_is_not_converted(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", "muon_setup.yaml", "--set", "runtime=x", "-o", "new.yaml"]) == 2
    assert "runtime must be a number" in capsys.readouterr().err
    assert not (example / "new.yaml").exists()


NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_ .+-]{0,6}[A-Za-z0-9_]", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["1e-3", "=", "<<", "~", "on", "0x1f", "1:30", "2020-01-01", " x ", "#", "a\nb", "&a", "*a"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.dates(datetime.date(1000, 1, 1)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["i4", ">i2", "f8", "f4", "u1", "?", "S7", "c16", "U3"])
FIELDS = st.lists(
    st.tuples(NAMES, TYPES, st.sampled_from([(), (), (3,), (2, 3)])),
    min_size=1,
    max_size=3,
    unique_by=lambda field: field[0],
)
DTYPES = st.one_of(TYPES, FIELDS).map(np.dtype)
SECONDS = st.none() | st.floats(1e-6, 1e9) | st.integers(1, 100).map(float)


@st.composite
def setups(draw: st.DrawFn) -> Setup:
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    buffers = tuple(
        BufferSpec(name, draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(DTYPES))
        for name in names
    )
    workers = []
    for index in range(1 + draw(st.integers(1, 3))):
        role = "writes" if index == 0 else draw(st.sampled_from(["reads", "observes"]))
        source, sink = ("simulation_source", "simulation_source"), ("save_files", "save_parquet")
        module, function = source if index == 0 else sink
        workers.append(
            WorkerSpec(
                f"{draw(NAMES)}{index}",
                locate(f"modules/{module}", function, DATA),
                number_of_processes=draw(st.integers(1, 4)),
                **{role: tuple(names)},
                config=draw(st.dictionaries(TEXTS.filter(bool), VALUES, max_size=3)),
                on_failure=draw(
                    st.none()
                    | st.builds(
                        OnFailure,
                        st.sampled_from(["end_run", "restart", "go_on"]),
                        st.integers(0, 9),
                        st.floats(0, 1e3),
                    )
                ),
                hang_timeout_s=draw(SECONDS),
                rejected_sample=draw(st.none() | st.integers(1, 9)) if role == "reads" else None,
            )
        )
    return Setup(
        buffers,
        tuple(workers),
        title=draw(NAMES),
        runtime_s=draw(SECONDS),
        drain_timeout_s=draw(SECONDS),
        stop_when=tuple(
            draw(
                st.lists(
                    st.builds(
                        StopCondition,
                        st.just(workers[-1].name),
                        st.sampled_from(["events", "error_1"]),
                        st.sampled_from(["<", "<=", ">", ">=", "=="]),
                        st.floats(allow_nan=False, allow_infinity=False),
                    ),
                    max_size=2,
                )
            )
        ),
        operator=draw(NAMES | st.just("")),
        runevents=draw(
            st.none()
            | st.integers(1, 99)
            | st.dictionaries(st.sampled_from(names), st.integers(1, 99), min_size=1)
        ),
        keyboard_control=draw(st.booleans()),
        output_directory=draw(st.none() | st.just(DATA / "runs")),
    )


def test_line_ends_of_unicode_in_keys_and_texts_come_back(example: Path) -> None:
    before = read_setup("simultest_setup.yaml")
    strange = {"\x85": "a\x85b", "\u2028": ["\u2029 ", "\x85"]}
    workers = (replace(before.workers[0], config=strange), *before.workers[1:])
    path = example / "new.yaml"
    text = recommended_form(replace(before, workers=workers), example).text
    path.write_text(text, encoding="utf-8")
    assert read_setup(path).workers[0].config == strange


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(setup=setups())
def test_any_setup_is_read_as_it_was_written(example: Path, setup: Setup) -> None:
    text = recommended_form(setup, DATA).text
    path = example / "any.yaml"
    moved: Any = text.replace(str(DATA), str(example))
    path.write_text(moved, encoding="utf-8")
    after, problems = read_setup_or_problems(path)
    assert after is not None, [str(problem) for problem in problems]
    expected = replace(
        setup,
        output_directory=setup.output_directory and example / "runs",
        workers=tuple(
            replace(
                spec,
                function=replace(
                    spec.function, path=example / "modules" / (spec.function.path or Path()).name
                ),
            )
            for spec in setup.workers
        ),
    )
    assert meaning(after) == meaning(expected)
