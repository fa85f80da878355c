"""The end of a run on one screen: at most 20 lines of 80 characters, what went wrong first."""

from __future__ import annotations

import math
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from running import Worker, chain, run
from test_displays import a_run, ledger, stats

from mimocorb.run.record.summary import RunSummary
from mimocorb.run.run_state import RunState

LONG = "a name that nobody would give to anything, and that a program may give " * 3


def summary(
    directory: Path = Path("target/x_run0007"),
    *,
    buffers: int = 3,
    title: str = "test",
    reason: str = "the source is exhausted",
    failures: int = 0,
    warnings: int = 0,
    results: int = 0,
    unfinished: Path | None = None,
    text: str = "filter fit failed: fit raised ValueError: boom",
) -> RunSummary:
    view = replace(a_run(buffers, 5), state=RunState.ENDED, reason=reason)
    view = replace(view, results={f"fit[{n}]": {"tau_us": 2.19} for n in range(results)})
    return RunSummary(
        7,
        title,
        directory.absolute(),
        reason,
        0.0,
        1.0,
        view,
        [f"{text} {n}" for n in range(failures)],
        [f"warning {text} {n}" for n in range(warnings)],
        unfinished=unfinished,
        exported=["200 events of waves as parquet"],
    )


def lines_on_screen(page: str) -> int:
    """How many lines a terminal of 80 columns needs, which folds what is longer."""
    return sum(max(1, math.ceil(len(line) / 80)) for line in page.splitlines())


@pytest.mark.parametrize("buffers", [0, 1, 3, 30])
@pytest.mark.parametrize("troubles", [0, 1, 2, 3, 40])
@pytest.mark.parametrize("text", ["short", LONG])
@pytest.mark.parametrize("depth", [1, 9])
def test_it_fits_20_lines_whatever_has_happened(buffers, troubles, text, depth):
    directory = Path("target", *["a_directory_with_a_long_name"] * depth, "x_run0007")
    for warnings in (0, troubles):
        page = summary(
            directory,
            buffers=buffers,
            title=text,
            reason=text,
            failures=troubles,
            warnings=warnings,
            results=troubles,
            unfinished=directory.absolute() if troubles else None,
            text=text,
        ).page()
        assert lines_on_screen(page) <= 20, page
        assert max(map(len, page.splitlines()[:-4])) <= 80, page
        if buffers:
            assert "  RB_1 " in page
        if buffers > 20:
            assert " more buffers\n" in page


def test_a_failed_run_names_its_cause_in_the_first_three_lines():
    lines = summary(failures=5, warnings=3).page().splitlines()
    assert lines[0] == "Run 7, test, FAILED:"
    assert lines[1] == "  filter fit failed: fit raised ValueError: boom 0"
    page = "\n".join(lines)
    assert "… and 2 more failures" in page or "boom 4" in page
    assert "warning" in page


def test_a_cause_too_long_for_the_screen_is_cut_and_the_others_are_counted():
    lines = summary(buffers=9, failures=9, text=LONG * 3).page().splitlines()
    assert lines[1].startswith("  a name that nobody would give")
    assert any(line.endswith(" …") for line in lines)
    assert any("more failures" in line for line in lines)


def test_a_path_is_in_one_piece_so_that_it_can_be_copied(tmp_path):
    directory = tmp_path / ("long" * 20) / "x_run0007"
    page = summary(directory).page()
    assert f"  output         {directory}\n" in page


def test_the_command_that_shows_more_can_be_given_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "  more           mimocorb runs 7\n" in summary().page()
    other = summary(Path("my data/x_run0007"))
    assert "  more           mimocorb runs 'my data' 7\n" in other.page()


def test_what_was_not_processed_stands_beside_the_buffer():
    view = a_run(1, 1)
    buffer = ledger(stats("RB_1", 12, 3), "fit", throughput_hz=3.0)
    done = summary(failures=1)
    page = replace(done, view=replace(view, buffers=(buffer,))).page()
    assert re.search(r"\n  RB_1 +1 234 567 +3\.0  15 not processed\n", page)


def test_where_nothing_could_be_written_the_screen_has_all_of_it():
    kept = summary()
    assert replace(kept, is_kept=False).page() == kept.text()


@pytest.mark.parametrize("events", [100])
def test_a_run_ends_with_its_page_and_the_rest_is_shown_by_runs(tmp_path, monkeypatch, events):
    done = run(chain(tmp_path, source=Worker("numbers", {"RB_1": "write"}, {"events": events})))
    page = done.text[done.text.index("Run 1, test_setup, is complete") :]
    assert lines_on_screen(page) <= 20
    assert "  quality        clean\n" in page
    assert "rates          throughput: the events do not come at random\n" in page
    assert f"  output         target{os.sep}{done.directory.name}\n" in page
    monkeypatch.chdir(tmp_path)
    assert "Ledger\n" in done.summary_text
