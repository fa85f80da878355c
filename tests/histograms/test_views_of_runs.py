"""What people look at: ``mimocorb top``, acknowledged alarms, windows, the report."""

from __future__ import annotations

import fcntl
import html.parser
import json
import os
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from running import (
    WATCHDOG_S,
    RunningDaq,
    Terminal,
    Worker,
    buffer,
    eventually,
    run,
    run_directories,
    write_setup,
)

import mimocorb
from mimocorb.analysis.histograms.text_plot import text_plot
from mimocorb.cli import main
from mimocorb.run.screen.panels import sparkline, trace


class Top:
    """A ``mimocorb top`` in a terminal of its own."""

    def __init__(self, directory: Path, columns: int, lines: int) -> None:
        self._terminal = Terminal()
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self._terminal.theirs, termios.TIOCSWINSZ, size)
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mimocorb.cli", "top", str(directory)],
            stdin=self._terminal.theirs,
            stdout=self._terminal.theirs,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.set_blocking(self._terminal.ours, False)

    def press(self, key: str) -> None:
        self.text = ""
        self._terminal.press(key.encode())

    def wait_for(self, text: str) -> None:
        deadline_s = time.monotonic() + WATCHDOG_S
        while text not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text):
            assert time.monotonic() < deadline_s, f"it never showed {text!r}:\n{self.text[-3000:]}"
            try:
                self.text += os.read(self._terminal.ours, 65536).decode(errors="replace")
            except BlockingIOError:
                time.sleep(0.02)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._terminal.ours)
        os.close(self._terminal.theirs)


def setup(directory: Path, *, pause_s: float = 0.002, events: int = 10**6, **keys: Any) -> Path:
    source = Worker("numbers", {"RB_1": "write"}, {"events": events, "pause_s": pause_s})
    fills = Worker("histogram", {"RB_1": "read"}, {"x": "value", "x_from": 0, "x_to": 1000})
    return write_setup(directory, [buffer("RB_1", values=4)], [source, fills], **keys)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_top_shows_rates_histograms_and_events_and_obeys_keys(tmp_path, size):
    daq = RunningDaq(setup(tmp_path))
    daq.wait_for("data taking begins")
    (directory,) = run_directories(tmp_path / "target")
    top = Top(directory, *size)
    try:
        top.wait_for(" /s")
        top.press("h")
        top.wait_for("sink (1 of 1)")
        top.wait_for("█")
        top.press("o")
        top.wait_for("RB_1 value (1 of 1): event ")
        top.press(" ")
        top.wait_for("paused by mimocorb top")
        assert mimocorb.connect(directory).status().state.value == "paused"
        top.press(" ")
        top.wait_for("running")
        top.press("q")
        top.wait_for("goes on")
        assert top.process.wait(WATCHDOG_S) == 0
        assert mimocorb.connect(directory).status().state.value == "running"
    finally:
        top.close()
    daq.interrupt()
    assert daq.finish().code == 0


def test_what_is_drawn_with_characters():
    assert sparkline([0, 1, 4, 8]) == " ▂▅█"
    assert sparkline([0, 0]) == "  "
    lines = trace(np.array([0.0, 0.0, 9.0, 0.0]), 4, 3)
    assert lines == ["  ██", "  ██", "████"]
    assert trace(np.zeros(1000), 20, 2) == [" " * 20, "█" * 20]


def test_text_plots_keep_to_their_size_and_show_single_entries():
    import boost_histogram as bh

    from mimocorb.analysis.histograms.run_histogram import RunHistogram

    counts = bh.Histogram(bh.axis.Regular(500, 0, 1))
    counts.fill(np.r_[np.full(1000, 0.25), 0.75])
    plane = bh.Histogram(bh.axis.Regular(300, 0, 1), bh.axis.Regular(3, 0, 1))
    plane.fill([0.5, 0.5], [0.1, 0.9])
    for each in (counts, plane):
        lines = text_plot(RunHistogram("h", each), 60, 10)
        assert len(lines) <= 10
        assert max(map(len, lines)) <= 60
    assert "▁" in "".join(text_plot(RunHistogram("h", counts), 60, 10))


# --- alarms


def test_an_alarm_is_acknowledged_by_a_person_and_new_when_it_comes_again(tmp_path, capsys):
    source = Worker("waits_for_a_file", {"raw": "write"}, {"file": str(tmp_path / "go_on")},
                    keys={"silent_after_s": 0.1})  # fmt: skip
    sink = Worker("text", {"raw": "read"}, {"filename": "values"})
    daq = RunningDaq(write_setup(tmp_path, [buffer("raw")], [source, sink]))
    daq.wait_for("alarm, silent")
    (directory,) = run_directories(tmp_path / "target")
    assert main(["acknowledge", str(directory)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("silent")
    assert "acknowledged by mimocorb acknowledge (process" in said
    with mimocorb.connect(directory) as client:
        (alarm,) = client.status().view.alarms
        assert alarm.goes_on
        assert alarm.acknowledged_by.startswith("mimocorb acknowledge")
    assert main(["acknowledge", str(directory)]) == 0
    assert "there is no alarm that nobody knows of" in capsys.readouterr().out
    (tmp_path / "go_on").touch()
    daq.wait_for("alarm is over")
    daq.interrupt()
    finished = daq.finish()
    (kept,) = finished.summary["alarms"]
    assert kept["acknowledged_by"].startswith("mimocorb acknowledge")
    assert "acknowledged by mimocorb acknowledge" in finished.log


# --- windows


def test_windows_of_histograms_and_rates_are_pictures_where_there_is_no_window(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    path = setup(tmp_path)
    content = yaml.safe_load(path.read_text())
    for name in ("histogram_window", "rate_window"):
        content["Workers"][name] = {"function": name, "observes": ["RB_1"]}
    path.write_text(yaml.safe_dump(content))
    daq = RunningDaq(path)
    daq.wait_for("data taking begins")
    (directory,) = run_directories(tmp_path / "target")
    pictures = [directory / "RB_1_histograms.png", directory / "RB_1_rate.png"]
    eventually(lambda: all(picture.exists() for picture in pictures))
    daq.interrupt()
    assert daq.finish().code == 0
    for picture in pictures:
        assert picture.read_bytes().startswith(b"\x89PNG")


# --- the report


class Page(html.parser.HTMLParser):
    """What a browser would read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.shown = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.shown += data


NASTY = '<script>alert(1)</script> & "x" <img src=x onerror=alert(1)>'


def test_a_report_has_everything_and_loads_nothing(tmp_path, monkeypatch):
    path = setup(tmp_path, events=500, title=NASTY, comment=NASTY)
    finished = run(path)
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 0
    page = Page((finished.directory / "report.html").read_text())
    assert "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert len(sources) == 2  # a histogram and the data flow
    assert all(value.startswith("data:image/svg+xml;base64,") for value in sources)
    assert page.shown.count(NASTY) >= 2
    for heading in ("Histograms", "Data flow", "Event counts", "Live time and rates",
                    "Log: warnings and errors", "Summary", "set-up: test_setup.yaml"):  # fmt: skip
        assert heading in page.shown
    assert "500 events" in page.shown


def test_a_report_of_a_run_that_was_killed_says_so(tmp_path):
    daq = RunningDaq(setup(tmp_path))
    daq.wait_for("data taking begins")
    (directory,) = run_directories(tmp_path / "target")
    time.sleep(0.3)
    daq.kill()
    assert main(["report", str(directory), "-o", str(tmp_path / "r.html")]) == 0
    page = Page((tmp_path / "r.html").read_text())
    assert "killed" in page.shown
    assert json.loads((directory / "run.json").read_text())["title"] in page.shown


def test_what_is_no_run_has_no_report(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) != 0
    assert str(tmp_path) in capsys.readouterr().err
