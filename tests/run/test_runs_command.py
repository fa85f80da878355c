"""``mimocorb runs``: what is printed, on terminals and elsewhere."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from rich.console import Console
from running import chain_with_a_file, run

from mimocorb.cli import main
from mimocorb.cli.runs_view import runs_table
from mimocorb.run.record.catalogue import catalogue
from mimocorb.run.record.run_record import (
    RunRecord,
    read_record,
    utc,
    write_record,
)
from mimocorb.run.run_state import RunState, StateChange


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """The directory of a real run of 100 events."""
    return run(chain_with_a_file(tmp_path_factory.mktemp("recorded"))).directory


@pytest.fixture
def target(tmp_path, recorded, monkeypatch) -> Path:
    """Four runs in ``target``, and something else."""
    monkeypatch.chdir(tmp_path)
    parent = tmp_path / "target"
    comment = "second layer repaired [bold]high voltage 1.2 kV[/bold]\nand more"
    add_run(parent, recorded, 1, operator="A. Student", comment=comment)
    add_run(parent, recorded, 2, title="other_setup")
    add_run(parent, recorded, 3, quality={"incomplete": ["3 events lost"], "crashed workers": []})
    add_run(parent, recorded, 10, quality={"killed": ["gone"]}, result=None, state="killed")
    (parent / "plots").mkdir()
    return parent


def add_run(parent: Path, recorded: Path, number: int, **changes: object) -> RunRecord:
    directory = parent / f"test_setup_run{number:04d}"
    shutil.copytree(recorded, directory)
    record = replace(read_record(recorded), number=number, **changes)
    write_record(directory, record)
    return record


def listed(text: str) -> list[int]:
    """The numbers of the runs in a printed list."""
    return [int(line.split()[0]) for line in text.splitlines()[1:]]


def test_runs_are_listed_by_number_and_nothing_is_cut_off_in_a_pipe(target, capsys):
    assert main(["runs"]) == 0
    printed = capsys.readouterr()
    assert listed(printed.out) == [1, 2, 3, 10]
    header, first, _second, third, last = printed.out.splitlines()
    assert header.split("  ")[0] == "run"
    assert first.endswith("second layer repaired [bold]high voltage 1.2 kV[/bold] and more")
    assert re.search(r" 100 +\S+( \d+)? +[\d.]+ % +clean +A\. Student ", first)
    assert "incomplete, crashed workers" in third
    assert re.search(r"– +– +– +– +killed", last)
    problem = (
        "mimocorb: target/plots: no run.json, so it is not a run, or one of an earlier version\n"
    )
    assert printed.err == problem


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--last", "2"], [3, 10]),
        (["--quality", "clean"], [1, 2]),
        (["--quality", "clean", "--last", "1"], [2]),
        (["--quality", "crashed workers"], [3]),
        (["--quality", "killed"], [10]),
        (["--quality", "ended"], [1, 2, 3]),
        (["--setup", "other_setup"], [2]),
    ],
)
def test_options_choose_runs(target, capsys, options, numbers):
    assert main(["runs", str(target), *options]) == 0
    assert listed(capsys.readouterr().out) == numbers


def test_a_flag_that_does_not_exist_is_an_error_that_lists_them(target, capsys):
    assert main(["runs", "--quality", "claen"]) == 1
    assert "the flags are clean, incomplete, crashed workers" in capsys.readouterr().err


def test_programs_get_all_of_it_as_json(target, capsys):
    assert main(["runs", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["number"] for record in records] == [1, 2, 3, 10]
    assert records[0]["directory"] == "target/test_setup_run0001"
    assert records[0]["result"]["events"] == 100
    assert main(["runs", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "other_setup"
    assert main(["compare", "1", "2", "--json"]) == 0
    comparison = json.loads(capsys.readouterr().out)
    assert comparison["runs"] == [1, 2]
    first, _second = comparison["rates"]
    assert first["sigma"] is None  # the events of this source do not come at random
    assert first["throughput_hz"][0] == first["throughput_hz"][1] > 0


@pytest.mark.parametrize("width", [45, 60, 80, 120, 200])
def test_a_list_fits_any_terminal_and_no_number_is_cut(target, width):
    runs = catalogue(target).runs
    console = Console(width=width)
    with console.capture() as capture:
        console.print(runs_table(runs, width))
    header, *lines = capture.get().splitlines()
    assert max(len(line) for line in (header, *lines)) <= width
    assert listed(capture.get()) == [1, 2, 3, 10]
    assert len(lines) == 4
    for line in lines[:3]:
        assert re.search(r" 100 +\S+( \d+)? +", line)


def printed_list(target: Path, width: int) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(runs_table(catalogue(target).runs, width))
    return capture.get()


def test_set_ups_that_differ_are_shown_before_a_comment_and_no_flag_is_cut(target):
    page = printed_list(target, 84)
    assert "set-up" in page
    assert "comment" not in page
    assert "incomplete, crash" in page


def test_a_set_up_that_all_runs_have_is_the_first_to_fall_away(tmp_path, recorded):
    for number in (1, 2):
        add_run(tmp_path, recorded, number, comment="second layer repaired")
    page = printed_list(tmp_path, 80)
    assert "set-up" not in page
    assert "second" in page


def test_a_killed_run_is_shown_to_its_last_sign_of_life(target, recorded, capsys):
    begun = datetime.fromisoformat(read_record(recorded).started_utc).timestamp()
    gone = StateChange(utc(begun + 9000), RunState.KILLED, "the main process vanished")
    changes = {"last_sign_utc": utc(begun + 12.34), "states": [gone], "state": RunState.KILLED}
    add_run(target, recorded, 11, quality={"killed": []}, result=None, **changes)
    assert main(["runs"]) == 0
    assert " 12.3 s " in capsys.readouterr().out.splitlines()[-1]
    assert main(["runs", "11"]) == 0
    page = capsys.readouterr().out
    assert re.search(r"killed after +12\.3 s, or later\n", page)
    assert f"{changes['last_sign_utc']}  killed: the main process vanished; found at" in page


@pytest.mark.parametrize("name", ["1", "target/test_setup_run0001"])
def test_one_run_is_shown_in_full(target, capsys, name):
    assert main(["runs", name]) == 0
    page = capsys.readouterr().out
    for text in (
        "Run 1, test_setup",
        "quality        clean",
        "operator       A. Student",
        "[bold]high voltage",
        "RB_1       100 =       100 +       0 +    0",
        "draining: the source is exhausted",
        "configuration config.yaml",
        "slot_count: 16",
        f"numpy: {read_record(target / 'test_setup_run0001').versions['packages']['numpy']}",
    ):
        assert text in page


def test_a_run_without_results_is_shown_as_far_as_known(target, capsys):
    (target / "test_setup_run0010" / "summary.txt").unlink()
    assert main(["runs", "10"]) == 0
    page = capsys.readouterr().out
    assert "quality    killed\n             gone\n" in page
    assert "ended because" not in page


MISTAKES = {
    "no such number": (
        ["7"],
        1,
        "there is no run 7 in target; those that are there: mimocorb runs target",
    ),
    "no such place": (["nowhere"], 1, "nowhere: there is no such directory"),
    "a file": (["target/test_setup_run0001/run.json"], 1, "this is a file; name the directory"),
    "two runs": (["1", "2"], 2, "runs shows one run; to compare two: mimocorb compare RUN RUN"),
    "not a run": (["plots"], 1, "plots: there is no such directory"),
}


@pytest.mark.parametrize(("places", "code", "complaint"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_one_line(target, capsys, places, code, complaint):
    assert main(["runs", *places]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line


def test_an_empty_place_is_said_to_be_empty(tmp_path, capsys):
    assert main(["runs", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"no such runs in {tmp_path}\n"


ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e"


def test_what_would_act_on_a_terminal_is_shown_as_text(recorded, tmp_path, capsys):
    """A record may come from anybody."""
    directory = tmp_path / "target" / "run"
    shutil.copytree(recorded, directory)
    record = json.loads((directory / "run.json").read_text())
    record["title"] = record["operator"] = record["comment"] = ESCAPES
    record["result"]["reason"] = record["result"]["failures"] = [ESCAPES]
    record["result"]["reason"] = ESCAPES
    record["result"]["results"] = {ESCAPES: {ESCAPES: 1.0}}
    (directory / "run.json").write_text(json.dumps(record))
    (directory / "summary.txt").write_text(ESCAPES)
    for command in (
        ["runs", str(tmp_path / "target")],
        ["runs", str(directory)],
        ["runs", str(directory), str(directory)],
        ["stop", str(directory)],
        ["finish", str(directory)],
        ["describe", str(directory / ESCAPES)],
        ["check", str(directory / ESCAPES)],
    ):
        main(command)
        captured = capsys.readouterr()
        printed = captured.out + captured.err
        assert printed
        assert not [c for c in printed if c not in "\n\t" and not c.isprintable()], command
    assert main(["runs", str(directory)]) in (0, 1)
    assert r"\x1b[2J" in capsys.readouterr().out
