"""plot_buffer, histogram_buffer, bufferinfoGUI and observer_plot, without a window system."""

from __future__ import annotations

import multiprocessing
import queue
import threading
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from mimocorb.bufferinfoGUI import bufferinfoGUI, plot_bufferinfo
from mimocorb.errors import SetupError
from mimocorb.histogram_buffer import animHists, histogram_buffer, plot_Histograms
from mimocorb.mimo_buffer import Writer
from mimocorb.observer_plot import PlotKDE, PlotOscilloscope
from mimocorb.plot_buffer import animWaveformPlotter, plot_buffer

WAVES = [("chA", "f4"), ("chB", "f4")]
DECAYS = [("decay_time", "i4"), ("height", "f8")]
PNG = b"\x89PNG"


@pytest.fixture(autouse=True)
def no_window_system(monkeypatch, tmp_path):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shown(monkeypatch):
    """Return the texts of all figures that have been shown, at the last time."""
    figures: list[Figure] = []
    of_figure = Figure.__init__

    def noted(self, *args, **kwargs):
        of_figure(self, *args, **kwargs)
        figures.append(self)

    monkeypatch.setattr(Figure, "__init__", noted)

    def texts() -> str:
        from matplotlib.text import Text

        return "\n".join(text.get_text() for figure in figures for text in figure.findobj(Text))

    return texts


@pytest.fixture
def decays(filled):
    return filled([(100, 1.0), (300, 2.0), (300, 9.0), (5000, 5.0)], dtype=DECAYS)


# --- waveforms

CONFIG = {
    "title": "Muon waveform",
    "min_sleeptime": 0,
    "sample_time_ns": 4,
    "pre_trigger_samples": 2,
    "channel_range": 300.0,
    "analogue_offset": -0.48,
    "trigger_level": -440,
    "trigger_channel": "A",
    "trigger_direction": "rising",
}


@pytest.mark.parametrize("kind", [plot_buffer, PlotOscilloscope])
def test_waveforms_of_the_newest_event_are_shown(new_buffer, tmp_path, kind, shown):
    buffer = new_buffer(4, 10, WAVES)
    config = {**CONFIG, "directory_prefix": str(tmp_path)}
    plot = kind(None, None, [buffer.new_observer()], config, RB_1="observe")
    assert plot.settings.trigger_level == pytest.approx(-440 + 480)
    assert plot.settings.analogue_offset == -480
    with Writer(buffer.new_writer()) as writer:
        writer.get_new_buffer()["chA"] = 1.0
        writer.process_buffer()
    plot.start() if kind is PlotOscilloscope else plot()
    assert plot.event_count == 1
    assert (tmp_path / "RB_1_waveforms.png").read_bytes().startswith(PNG)
    assert "Muon waveform" in shown()
    assert "event 0" in shown()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"trigger_level": "high"}, "trigger_level is 'high'"),
        ({"sample_time_ns": -4}, "sample_time_ns is -4"),
        ({"min_sleeptime": "soon"}, "min_sleeptime is 'soon'"),
    ],
)
def test_a_wrong_configuration_of_waveforms_is_told(new_buffer, config, words):
    with pytest.raises(SetupError, match=words):
        plot_buffer(None, None, [new_buffer(4, 10, WAVES).new_observer()], config)


def test_a_plotter_shows_the_event_it_is_called_with(new_buffer, shown):
    setup = new_buffer(4, 10, WAVES).new_observer()
    plotter = animWaveformPlotter(conf_dict=CONFIG, source_dict=setup)
    assert len(plotter.init()) == 2
    assert plotter.dtypes[0][0] == "chA"
    data = np.zeros(10, WAVES)
    data["chA"] = np.arange(10)
    plotter(data, np.array([(7, 1.7e9, 0.25)], [("n", "i8"), ("t", "f8"), ("d", "f8")]))
    assert Path("RB_1_waveforms.png").read_bytes().startswith(PNG)
    assert "event 7" in shown()
    line = plotter.init()[0]
    assert line.get_ydata().tolist() == [value + 480 for value in range(10)]
    plotter(data, (8, 1.7e9, 0.25))
    assert "event 8" in shown()
    plotter(data)
    with pytest.raises(SetupError, match="needs source_dict"):
        animWaveformPlotter(CONFIG)


def test_a_plotter_draws_into_a_given_figure(new_buffer, tmp_path):
    figure = Figure()
    setup = new_buffer(4, 10, WAVES).new_observer()
    plotter = animWaveformPlotter(CONFIG, setup["dtype"], setup, figure)
    plotter(np.zeros(10, WAVES), (3, 1.7e9, 0.0))
    assert plotter.fig is figure
    assert figure.axes
    assert list(tmp_path.iterdir()) == []


# --- histograms

HISTOGRAMS = {
    "decay_time": [0.0, 1000.0, 10, 9.9, "Tau (ns)", 1],
    "height": [0.0, 10.0, 5, 9.9, "ph 1A", 0],
}


def test_histograms_count_every_event(decays, tmp_path, shown):
    config = {"histograms": HISTOGRAMS, "title": "on-line", "directory_prefix": str(tmp_path)}
    reading = histogram_buffer([decays], None, None, config, RB_1="read")
    assert (reading.nHist, reading.varnams) == (2, ["decay_time", "height"])
    reading()
    assert (reading.count, reading.event_count, reading.last_event_number) == (4, 4, 3)
    assert reading.deadtime_f == pytest.approx(4 * 0.25)
    assert (tmp_path / "RB_1_histograms.png").read_bytes().startswith(PNG)
    for text in ("on-line", "Tau (ns)", "ph 1A", "3 entries\nmean 283.3", "4 entries\nmean 4.5"):
        assert text in shown()


def test_without_histograms_events_are_read_only(decays, tmp_path):
    reading = histogram_buffer([decays], {"directory_prefix": str(tmp_path)})
    reading()
    assert (reading.nHist, reading.count) == (0, 4)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_variable_is_told_and_events_are_read_all_the_same(decays, caplog):
    reading = histogram_buffer([decays], {"histograms": {"hight": [0, 1, 2, 1, "h", 0]}})
    assert "RB_1 has no hight, only decay_time, height" in caplog.text
    reading()
    assert (reading.nHist, reading.count) == (0, 4)


def test_a_buffer_without_events_has_a_picture_as_well(filled, tmp_path, shown):
    histogram_buffer([filled([], dtype=DECAYS)], {"histograms": HISTOGRAMS})()
    assert (tmp_path / "RB_1_histograms.png").exists()
    assert "no event came" in shown()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"histograms": {"height": [0, 10]}}, r"histogram of height is \[0, 10\]; give for each"),
        ({"histograms": {"height": [10, 0, 5, 1, "h", 0]}}, "histogram of height"),
        ({"histograms": {"height": [0, 10, 0, 1, "h", 0]}}, "histogram of height"),
        ({"histograms": {"height": 5}}, "histogram of height is 5"),
        ({"histograms": [1, 2]}, r"histograms is \[1, 2\]"),
        ({"interval": "often"}, "interval is 'often'"),
    ],
)
def test_a_wrong_description_is_told(decays, config, words):
    with pytest.raises(SetupError, match=words):
        histogram_buffer([decays], config)


def test_histograms_for_programs():
    histograms = animHists([[0.0, 10.0, 5, 9.9, "height", 0], [0.0, 1.0, 2, 9.9, "x", 1]])
    assert len(histograms.init()) == 4
    histograms([[1.0, 3.0, 3.5, 10.0, 11.0, float("nan")], [0.2]])
    assert histograms(None) == histograms.init()
    assert histograms.frqs[0].tolist() == [1, 2, 0, 0, 1]
    assert histograms.entries.tolist() == [4, 1]
    figure = Figure()
    assert animHists([[0, 1, 2, 1, "x", 0]], "Name", figure).fig is figure
    assert figure.axes


def test_histograms_of_a_queue(tmp_path, shown):
    values: queue.Queue = queue.Queue()
    for each in ([[1.0, 3.0]], [[3.5]], None):
        values.put(each)
    plot_Histograms(values, [[0.0, 10.0, 5, 9.9, "height", 0]], 0.0, "Heights")
    assert (tmp_path / "Heights_histograms.png").read_bytes().startswith(PNG)
    assert "3 entries" in shown()


def test_histograms_in_a_process_of_their_own(tmp_path):
    context = multiprocessing.get_context("spawn")
    values = context.Queue()
    process = context.Process(
        target=plot_Histograms, args=(values, [[0.0, 10.0, 5, 9.9, "height", 0]], 0.1, "Heights")
    )
    process.start()
    values.put([[1.0]])
    values.put(None)
    process.join()
    assert process.exitcode == 0
    assert (tmp_path / "Heights_histograms.png").exists()


# --- the density of the first version


def test_the_density_of_decay_times(decays, tmp_path, shown):
    config = {"filename": "times", "title": "Decays", "directory_prefix": str(tmp_path)}
    plot = PlotKDE(config_dict=config, read=decays)
    plot.start()
    assert plot.data == [100.0, 300.0, 300.0, 5000.0]
    assert (tmp_path / "times.png").read_bytes().startswith(PNG)
    assert "Decays" in shown()


def test_a_density_is_one_in_all():
    from scipy.stats import gaussian_kde

    from mimocorb.displays.density_figure import density

    values = np.random.default_rng(1).exponential(2197.0, 500)
    at = np.linspace(-5000.0, 30000.0, 4000)
    ours = density(values, at)
    np.testing.assert_allclose(ours, gaussian_kde(values)(at), rtol=1e-6, atol=1e-12)
    assert np.trapezoid(ours, at) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs a source"),
        ({"source": WAVES}, "shows the field decay_time; RB_1 has chA, chB"),
        ({"source": DECAYS}, "needs the configuration key 'filename'"),
    ],
)
def test_a_density_without_decay_times_is_told(new_buffer, given, words):
    source = new_buffer(4, 1, given["source"]).new_reader_group() if given else None
    with pytest.raises(SetupError, match=words):
        PlotKDE(source)


# --- the state of buffers

STATE = ("Running", 12.0, 300, 0.05, {"RB_1": [300, 2, 25.0], "RB_2": [30, 0, 2.5]}, True)


def test_the_state_of_buffers_is_shown():
    states: queue.Queue = queue.Queue()
    figure = Figure()
    shown = plot_bufferinfo(states, ["RB_1", "RB_2"], fig=figure)
    states.put(STATE)
    *lines, text = shown(0)
    assert [line.get_ydata()[-1] for line in lines] == [25.0, 2.5]
    assert "Running" in text.get_text()
    assert "300 events" in text.get_text()
    assert shown(1) == shown.init()
    assert plot_bufferinfo(states, ["RB_1"]).fig is not figure


def test_the_control_window_is_a_picture_where_there_is_no_window(tmp_path, caplog):
    commands, log, states = queue.Queue(), queue.Queue(), queue.Queue()
    caplog.set_level("INFO")
    log.put("Run started")
    for state in (STATE, STATE, None):
        states.put(state)
    bufferinfoGUI(commands, log, states, ["RB_1", "RB_2"])
    assert (tmp_path / "buffer_information.png").read_bytes().startswith(PNG)
    assert "Run started" in caplog.text
    assert commands.empty()


def test_a_reader_with_histograms_does_not_wait_for_events_only(new_buffer, tmp_path):
    """What comes late is counted as well: the window is attended to in between."""
    buffer = new_buffer(4, 1, DECAYS)
    reading = histogram_buffer([buffer.new_reader_group()], {"histograms": HISTOGRAMS})
    writer = Writer(buffer.new_writer())
    work = threading.Thread(target=reading)
    work.start()
    threading.Event().wait(0.15)
    writer.get_new_buffer()[...] = (100, 1.0)
    writer.process_buffer()
    writer.close()
    work.join()
    assert reading.count == 1
