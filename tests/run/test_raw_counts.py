"""A run with raw counts: stored as they come, analysed, shown and kept in units."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

import mimocorb
from mimocorb.analysis.histograms.files import read_histograms
from mimocorb.cli import main
from mimocorb.mimo_buffer import NewBuffer, Observer, Writer
from mimocorb.recording.channel_notes import COUNTS
from mimocorb.run.record.run_record import read_record
from mimocorb.web.axes import axes_of
from mimocorb.web.recorded_events import RecordedEvents

SCALE, OFFSET, EVENTS = 0.061, -12.5, 20

SETUP = """\
runevents: 20
Buffers:
  raw:
    slot_count: 8
    data_length: 200
    channels:
      chA: {dtype: int16, unit: mV, scale: 0.061, offset: -12.5}
      chB: int16
  pulses: {slot_count: 8, data_length: 1, data_dtype: {height: float64, channel: int32}}
Workers:
  digitizer: {file: own.py, function: digitizer, sinks: [raw]}
  find:
    function: find_pulses
    sources: [raw]
    sinks: [pulses]
    config: {quantities: [height, channel], sample_period_ns: 4.0, least_height: 1500.0}
  keep_pulses: {function: record, sources: [pulses], config: {filename: pulses}}
  keep: {function: record, sources: [raw], config: {filename: waves}}
  table: {function: parquet, sources: [raw], config: {filename: table}}
  archive: {function: parquet_tar, sources: [raw], config: {filename: archive}}
  spectrum:
    function: histogram
    sources: [raw]
    config: {x: max(chA), x_bins: 40, x_from: 0, x_to: 4000}
  sum: {file: own.py, function: total, sources: [raw]}
"""

FUNCTIONS = """\
import mimocorb as mc
import numpy as np


@mc.source
def digitizer():
    while True:
        event = np.zeros((2, 200), np.int16)
        event[0, 50:60] = 32767  # a count times itself would overflow
        yield event


@mc.sink
class total:
    def __init__(self, *, buffer):
        self.buffer = buffer

    def __call__(self, event):
        mc.report(top_mV=float(mc.in_units(event["chA"], self.buffer, "chA").max()))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("counts")
    (directory / "setup.yaml").write_text(SETUP)
    (directory / "own.py").write_text(FUNCTIONS)
    command = [sys.executable, "-m", "mimocorb.cli", "run", "--quiet", "setup.yaml"]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (directory / "target").glob("*/")
    return made


def test_counts_are_stored_and_their_meaning_is_kept_in_every_file(run: Path):
    for name in ("waves", "table.parquet", "archive.tar"):
        place = run / name
        with mimocorb.open(place) as events:
            data = events[3].data
            assert data["chA"].dtype == np.int16
            assert data["chA"].max() == 32767
            assert events.units == {"chA": COUNTS}
            one = events.channels["chA"]
            assert (one.unit, one.scale, one.offset) == ("mV", SCALE, OFFSET)
            values = mimocorb.in_units(data, events)
            assert values["chA"].max() == pytest.approx(32767 * SCALE + OFFSET)
            assert values["chB"].dtype == np.int16


def test_other_programs_see_at_the_column_that_these_are_counts(run: Path):
    field = pq.read_schema(run / "table.parquet").field("chA")
    assert field.metadata[b"unit"] == COUNTS.encode()
    assert field.metadata[b"scaled_unit"] == b"mV"
    assert float(field.metadata[b"scale"]) == SCALE


def test_pulses_histograms_and_own_functions_work_in_the_unit(run: Path):
    height = 32767 * SCALE
    with mimocorb.open(run / "pulses") as pulses:
        found = pulses[:].data["height"]
        assert set(pulses[:].data["channel"].ravel()) == {0}
        assert len(found) == EVENTS
        assert found == pytest.approx(height)
    spectrum = read_histograms(run)["spectrum"]
    (full,) = np.flatnonzero(spectrum.counts.values())
    low, high = spectrum.counts.axes[0][int(full)]
    assert low <= height + OFFSET < high
    record = json.loads((run / "run.json").read_text())
    assert record["result"]["results"]["sum"]["top_mV"] == pytest.approx(height + OFFSET)


def test_the_page_shows_recorded_events_in_their_unit(run: Path):
    record = read_record(run)
    assert axes_of(record.setup, "raw")["units"] == {"chA": "mV"}
    channels = {"chA": {"dtype": "int16", "unit": "V", "scale": 0.001}}
    worker = {"sinks": ["raw"], "config": {"trigger_level_mv": 150.0, "sample_time_ns": 4.0}}
    setup = {"Buffers": {"raw": {"channels": channels}}, "Workers": {"scope": worker}}
    assert axes_of(setup, "raw") == {
        "sample_time_ns": 4.0,
        "trigger_level": 0.15,
        "units": {"chA": "V"},
        "unit": "mV",
    }
    seen = RecordedEvents(run, record).event("raw", 3)
    assert seen.data["chA"].max() == pytest.approx(32767 * SCALE + OFFSET)


def test_windows_terminal_and_notebook_show_the_unit():
    from matplotlib.figure import Figure

    from mimocorb.displays.waveform_figure import EventInfo, WaveformFigure, WaveformSettings
    from mimocorb.run.screen.panels import Panels

    channels = {"chA": {"unit": "V", "scale": 0.5, "offset": -1.0}}
    with NewBuffer(4, 100, [("chA", "i2")], name="raw", channels=channels) as buffer:
        with Writer(buffer.new_writer()) as writer:
            writer.write(np.full(100, 30000, np.int16))
        event = Observer(buffer.new_observer())
        figure = Figure()
        settings = WaveformSettings.of("oscilloscope", buffer.new_observer(), trigger_level=0.25)
        drawing = WaveformFigure(figure, settings)
        drawing.show(event.get(), EventInfo(3, 1.5e9, 0.01, 0.5, 2))
        axes = figure.axes[0]
        assert axes.get_ylabel() == "signal (V)"
        lines = {line.get_label(): line for line in axes.lines}
        assert set(lines["chA"].get_ydata()) == {14999.0}
        assert axes.get_ylim() == (-0.5, 0.5)
        event.close()
        event = Observer(buffer.new_observer())
        looked_at = SimpleNamespace(observer=lambda _name: event, directory=Path())
        panels = Panels(looked_at)
        panels._rates["raw"] = deque([1.0])
        panels.choose("o")
        assert "from 1.5e+04 to 1.5e+04 V" in panels.draw(100, 10)[0].plain
        event.close()


def test_they_are_played_back_into_a_buffer_of_the_same_meaning_only(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    setup = tmp_path / "again.yaml"
    text = """\
Buffers:
  raw: {slot_count: 8, data_length: 200, channels: {chA: %s, chB: int16}}
Workers:
  play: {function: replay, sinks: [raw], config: {data: %s}}
  end: {function: drain, sources: [raw]}
"""
    right = "{dtype: int16, unit: mV, scale: 0.061, offset: -12.5}"
    setup.write_text(text % (right, run / "waves"))
    assert main(["check", str(setup)]) == 0
    capsys.readouterr()
    for wrong in ("{dtype: int16, unit: mV, scale: 0.06, offset: -12.5}", "int16"):
        setup.write_text(text % (wrong, run / "waves"))
        assert main(["check", str(setup)]) != 0
        said = " ".join(capsys.readouterr().out.split())
        assert f"channels: {{chA: {right}, chB: int16}}" in said


def test_a_sink_that_contradicts_its_buffer_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "own.py").write_text(FUNCTIONS)
    for sink, given in (
        ("record", "scale: {chA: 0.06}"),
        ("hdf5", "units: {chA: V}"),
        ("csv", "units: {chA: V}"),
        ("parquet_tar", "units: {chA: V}"),
    ):
        wrong = SETUP.replace("data_length: 200", "data_length: 1") if sink == "csv" else SETUP
        (tmp_path / "setup.yaml").write_text(
            wrong.replace(
                "{function: record, sources: [raw], config: {filename: waves}}",
                f"{{function: {sink}, sources: [raw], config: {{filename: w, {given}}}}}",
            )
        )
        assert main(["check", str(tmp_path / "setup.yaml")]) != 0
        said = " ".join(capsys.readouterr().out.split())
        assert "of chA is" in said
        assert "but the buffer raw says" in said
