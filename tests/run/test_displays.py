"""What a run shows: the live view, plain lines, and a terminal that is left as it was."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from dataclasses import replace
from fcntl import ioctl
from pathlib import Path

import pytest
from rich.console import Console
from running import WATCHDOG_S, Worker, chain, run

from mimocorb.buffers.stats import BufferStats, GroupStats, WaitingTime
from mimocorb.run.record.summary import RunSummary
from mimocorb.run.run_log import RunLog
from mimocorb.run.run_state import RunState, WorkerState
from mimocorb.run.run_view import BufferView, Goal, GroupView, ProcessView, RunView, WorkerView
from mimocorb.run.screen.picture import render
from mimocorb.run.screen.terminal import PlainLines
from mimocorb.run.wording import status_line


def stats(name: str, *due: int, published: int = 1234567) -> BufferStats:
    groups = tuple(
        GroupStats(g, published, published - d, 0, d, 0, 0, 0, 1, 0.0, 1) for g, d in enumerate(due)
    )
    return BufferStats(
        name, 128, 64, published, published, 0, 0, 0, 1.0, 1, False, False,
        WaitingTime(0.0, 0.0), 0, 0, groups,
    )  # fmt: skip


def ledger(stats: BufferStats, *readers: str, **more: object) -> BufferView:
    """What a run knows of a buffer."""
    names = (*readers, *("second reader",) * (len(stats.groups) - len(readers)))
    groups = (
        GroupView.of(group, stats.published, name)
        for group, name in zip(stats.groups, names, strict=True)
    )
    return BufferView.of(stats, tuple(groups), **more)


def at_work(worker: str, number: int) -> ProcessView:
    return ProcessView(f"{worker} f[{number}]", worker, True, number, WorkerState.RUNNING)


def a_run(buffers: int = 3, workers: int = 5) -> RunView:
    return RunView(
        title="simultest_setup",
        state=RunState.RUNNING,
        reason="",
        elapsed_s=83.0,
        active_s=80.0,
        events=1234567,
        goals=(Goal("events", "RB_1", 1234567, 2_000_000),),
        results={},
        buffers=tuple(
            ledger(
                stats(f"RB_{n}", 12, 3),
                "calculate_decay_time",
                throughput_hz=12345.6,
                dead_fraction=0.123,
            )
            for n in range(1, buffers + 1)
        ),
        workers=tuple(
            WorkerView(
                f"fit_{n}",
                "calculate_decay_time",
                (at_work(f"fit_{n}", 1), at_work(f"fit_{n}", 2)),
            )
            for n in range(1, workers + 1)
        ),
    )


def test_the_ledger_in_a_summary_fits_a_terminal_of_80_columns():
    view = a_run()
    buffer = ledger(
        stats("waveforms_of_all_detectors", 12, 3, published=123_456_789),
        "save BufferToParquetfile",
        "look",
    )
    view = replace(view, buffers=(buffer, *view.buffers[1:]))
    summary = RunSummary(7, "test", Path("target"), "stopped", 0.0, 1.0, view, (), ())
    text = summary.text().partition("\nLedger\n")[2]
    assert max(map(len, text.splitlines())) <= 80
    assert "…all_detectors 123 456 789 = 123 456 777 +" in text
    assert "  RB_2             1 234 567 =   1 234 555 +" in text
    assert "  waveforms_of_all_detectors: 12 still due to save BufferToParquetfile\n" in text


def drawn(view: RunView, width: int = 80, height: int = 24, *, unicode: bool = True) -> list[str]:
    log = RunLog()
    for number in range(30):
        log.add("INFO", "source source", f"line {number} " + "long " * 30)
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    console.print(render(view, log.lines, width, height, unicode=unicode))
    return console.export_text().splitlines()


@pytest.mark.parametrize(("buffers", "workers"), [(1, 2), (3, 5), (12, 9), (3, 40)])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 50), (60, 16)])
def test_the_view_fits_the_terminal(buffers, workers, width, height):
    lines = drawn(a_run(buffers, workers), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "simultest_setup" in lines[0]
    assert "running" in lines[0]
    assert "stop" in lines[-1]


def test_the_view_has_the_numbers_and_the_newest_log_lines():
    text = "\n".join(drawn(a_run()))
    for expected in ("1 234 567", "12 346", "12.3 %", "50 %", "62 %", "2/2", "line 29"):
        assert expected in text
    assert "line 1 " not in text


def test_what_does_not_fit_is_counted_not_hidden():
    text = "\n".join(drawn(a_run(12, 9)))
    assert re.search(r"… \d+ more", text)


def test_a_number_that_was_not_measured_is_not_shown_as_zero():
    view = a_run(1, 1)
    unmeasured = replace(view.buffers[0], throughput_hz=None, dead_fraction=None)
    early = replace(view, elapsed_s=None, active_s=None, buffers=(unmeasured,))
    text = "\n".join(drawn(early))
    assert "–  " in text
    assert "0.0 %" not in text
    assert "– events/s" in status_line(early)


def test_a_terminal_without_unicode_gets_plain_characters():
    text = "\n".join(drawn(replace(a_run(), elapsed_s=None), unicode=False))
    assert "#" in text
    assert "━" not in text


def test_draining_shows_how_many_events_are_still_due_and_where():
    view = a_run()
    buffers = tuple(replace(buffer, to_drain=1024) for buffer in view.buffers)
    draining = replace(view, state=RunState.DRAINING, buffers=buffers)
    assert "15 of 1 024 still due in RB_1" in drawn(draining, 200)[1]
    assert "15 of 1 024 still due in RB_1, 15 of" in status_line(draining)
    assert drawn(draining, 60)[1] == " 15 of 1 024 still due in RB_1, … 2 more"


def test_a_paused_run_says_why():
    paused = replace(a_run(), state=RunState.PAUSED, cause="paused by mimocorb pause (process 7)")
    assert "paused by mimocorb pause (process 7)" in drawn(paused)[1]
    assert "paused by mimocorb pause (process 7)" in status_line(paused)


def test_dead_time_is_shown_by_cause_where_there_is_room():
    view = a_run()
    causes = {"ring_full": 0.1, "paused": 0.0, "reading_out": 0.023}
    buffers = tuple(replace(buffer, dead_time=causes) for buffer in view.buffers)
    shown = replace(view, buffers=buffers)
    expected = "12.3 %  ring full 10.0 %, reading out 2.3 %"
    assert any(expected in line for line in drawn(shown, 140))
    assert not any("ring full" in line for line in drawn(shown, 80))
    assert "dead time 12.3 % (ring full 10.0 %, reading out 2.3 %)" in status_line(shown)


@pytest.mark.parametrize("width", range(24, 130, 3))
def test_what_matters_least_falls_away_but_no_number_is_ever_cut(width):
    lines = drawn(a_run(1, 2), width)
    assert max(map(len, lines)) <= width
    progress, heading, row = lines[1], lines[3], lines[4]
    assert "1 234 567" in row
    for title, number in {"events/s": "12 346", "dead": "12.3 %", "due": " 12 "}.items():
        assert (title in heading.split()) == (number in f"{row} ")
    assert not re.search(r"\d…", row + progress)
    assert ("━" in row) == (width >= 73)
    assert len([line for line in lines if "2/2  running" in line]) == 2


def test_plain_lines_survive_a_reader_that_has_gone():
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    log = RunLog()
    lines = PlainLines(Gone(), a_run, log)
    lines.start()
    log.add("INFO", "somebody", "says something")


def test_output_that_is_no_terminal_is_plain_text(tmp_path):
    text = run(chain(tmp_path)).text
    assert "\x1b" not in text
    assert re.search(r"^20\d\d-\d\d-\d\dT[\d:.]+Z INFO ", text, re.MULTILINE)


def read_to_the_end(descriptor: int, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + WATCHDOG_S
    text = b""
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        if select.select([descriptor], [], [], 0.1)[0]:
            text += os.read(descriptor, 65536)
        elif ended:
            break
    return text.decode(errors="replace")


def test_the_live_view_gives_the_terminal_back_as_it_was(tmp_path):
    setup = chain(
        tmp_path, source=Worker("numbers", {"RB_1": "write"}, {"events": 100, "pause_s": 0.01})
    )
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [sys.executable, "-m", "mimocorb.cli", "run", setup.name],
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
        preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )
    text = read_to_the_end(ours, process)
    after = termios.tcgetattr(theirs)
    assert process.wait(WATCHDOG_S) == 0, text
    os.close(theirs)
    os.close(ours)
    assert after == before
    assert text.count("\x1b[?1049h") == text.count("\x1b[?1049l") == 1
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") >= 1
    shown, _, summary = text.partition("\x1b[?1049l")
    assert "filter" in shown
    assert "complete: every event was processed" in summary
