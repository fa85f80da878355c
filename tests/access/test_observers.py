"""rbObserver, plot_graph, rbExport, rbDrain: looking, handing over, throwing away."""

from __future__ import annotations

import sys
import threading
import time
from types import ModuleType
from typing import ClassVar

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mimocorb.buffer_control import rbDrain, rbExport, rbObserver
from mimocorb.displays.waveform_figure import EventInfo, WaveformSettings, envelope
from mimocorb.errors import SetupError, UserFunctionError
from mimocorb.mimo_buffer import Reader, Writer
from mimocorb.plot import WaveformDisplay, plot_graph

WAVES = [("chA", "f8"), ("chB", "f8")]
PNG = b"\x89PNG\r\n\x1a\n"
WATCHDOG_S = 60.0


def until(condition):
    """Wait for a condition under the watchdog."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < WATCHDOG_S
        time.sleep(0.005)


# rbExport and rbDrain


def test_export_hands_every_event_with_its_metadata_to_a_function(bench):
    _, group = bench.filled([np.array([n]) for n in (3.0, 4.0)])
    seen = []
    export = rbExport([group], ufunc=lambda data, meta: seen.append((data[0], meta)), RB_1="read")
    assert export.start() is None
    assert seen == [(3.0, (0, 1.5, 0.25)), (4.0, (1, 1.5, 0.25))]
    assert export.event_count == 2


def test_export_without_a_function_is_an_iterator_that_ends_with_none(bench):
    _, group = bench.filled([np.array([n]) for n in (3.0, 4.0)])
    events = [event and (float(event[0][0]), event[1][0]) for event in rbExport([group])()]
    assert events == [(3.0, 0), (4.0, 1), None]


def test_export_can_be_called_for_each_event_anew(bench):
    _, group = bench.filled([np.array([n]) for n in (3.0, 4.0)])
    export = rbExport(source_list=[group], config_dict={})
    assert next(export())[0][0] == 3.0
    assert next(export())[0][0] == 4.0
    assert next(export(), None) is None


def test_a_failing_export_is_named_and_the_event_is_given_back(bench):
    def send(data, metadata):
        raise ConnectionError("nobody listens")

    _, group = bench.filled([(np.array([3.0]), (7, 1.5, 0.0))])
    with pytest.raises(UserFunctionError, match=r"send failed on event 7.*nobody listens"):
        rbExport([group], ufunc=send)()
    with Reader(group) as reader:
        reader.get(timeout_s=WATCHDOG_S)
        assert reader.delivery == 2


def test_drain_reads_everything(bench):
    buffer, group = bench.filled([np.array([n]) for n in range(5)])
    drain = rbDrain(source_list=[group], config_dict={"directory_prefix": "."}, RB_1="read")
    drain.start()
    assert drain.event_count == 5
    assert buffer.stats().groups[0].acknowledged == 5


# rbObserver


def test_observer_calls_the_function_with_the_newest_event_until_the_end(bench, in_background):
    buffer = bench.buffer()
    seen = []
    watch = rbObserver(
        observe_list=[buffer.new_observer()],
        config_dict={"min_sleeptime": 0},
        ufunc=lambda data, metadata: seen.append((float(data[0]), metadata[0])),
        RB_1="observe",
    )
    running = in_background(watch)
    with Writer(buffer.new_writer()) as writer:
        for n in range(3):
            writer.write([n / 2], n, 1.5, 0.0)
            until(lambda n=n: len(seen) > n)
    running.finish()
    assert seen == [(0.0, 0), (0.5, 1), (1.0, 2)]
    assert watch.event_count == 3


def test_observer_skips_events_within_min_sleeptime_but_not_the_last(bench, in_background):
    buffer = bench.buffer(slots=4)
    seen = []
    watch = rbObserver(
        observe_list=[buffer.new_observer()],
        config_dict={"min_sleeptime": 1000},
        ufunc=lambda _, metadata: seen.append(metadata[0]),
    )
    running = in_background(watch)
    with Writer(buffer.new_writer()) as writer:
        writer.write([0.0], 0, 1.5, 0.0)
        until(lambda: seen)
        writer.write([0.0], 1, 1.5, 0.0)
        time.sleep(0.2)
        assert seen == [0]
        for n in range(2, 50):
            writer.write([0.0], n, 1.5, 0.0)
    running.finish()
    assert seen == [0, 49]


def test_observer_without_a_function_is_an_iterator_that_ends_with_none(bench):
    buffer = bench.buffer()
    watch = rbObserver(observe_list=[buffer.new_observer()], config_dict={"min_sleeptime": 0})
    with Writer(buffer.new_writer()) as writer:
        writer.write([2.0], 5, 1.5, 0.0)
        data, metadata = next(watch())
        assert (data[0], metadata) == (2.0, (5, 1.5, 0.0))
        writer.write([3.0], 6, 1.5, 0.0)
    assert [event and event[1][0] for event in watch()] == [6, None]


def test_a_failing_observer_function_is_named(bench):
    def draw(data, metadata):
        raise ZeroDivisionError

    buffer = bench.buffer()
    watch = rbObserver(observe_list=[buffer.new_observer()], ufunc=draw)
    with Writer(buffer.new_writer()) as writer:
        writer.write([2.0], 5, 1.5, 0.0)
    with pytest.raises(UserFunctionError, match="draw failed on event 5"):
        watch()


@pytest.mark.parametrize("interval", [-1, "1", None, True, float("nan")])
def test_an_impossible_min_sleeptime_is_refused(bench, interval):
    with pytest.raises(SetupError, match="min_sleeptime is"):
        rbObserver(
            observe_list=[bench.buffer().new_observer()], config_dict={"min_sleeptime": interval}
        )


# plot_graph


@pytest.fixture
def no_screen(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def waves(n, samples=200):
    event = np.zeros(samples, WAVES)
    event["chA"] = n + np.arange(samples)
    return event


def described(config):
    """Return what of a configuration is for the figure."""
    return {k: v for k, v in config.items() if k not in {"min_sleeptime", "directory_prefix"}}


def muon_config(directory, **config):
    return {
        "title": "Muon data",
        "min_sleeptime": 0,
        "sample_time_ns": 10,
        "channel_range": 500,
        "analogue_offset": 0.45,
        "pre_trigger_samples": 50,
        "directory_prefix": str(directory),
        **config,
    }


def test_without_a_screen_the_picture_is_refreshed_in_the_run_directory(
    bench, tmp_path, in_background, no_screen, caplog
):
    buffer = bench.buffer(values=200, dtype=WAVES, name="RB_2")
    display = WaveformDisplay(
        observe_list=[buffer.new_observer()], config_dict=muon_config(tmp_path), RB_2="observe"
    )
    running = in_background(display)
    picture = tmp_path / "RB_2_waveforms.png"
    with Writer(buffer.new_writer()) as writer:
        until(picture.exists)
        for n in range(3):
            writer.write(waves(n), n, 1.5e9, 0.1)
            until(lambda n=n: display.event_count > n)
        assert picture.read_bytes().startswith(PNG)
    running.finish()
    assert [file.name for file in tmp_path.iterdir()] == [picture.name]
    assert [r.message for r in caplog.records if "no window" in r.message] == [
        f"no window for 'Muon data' (neither DISPLAY nor WAYLAND_DISPLAY is set): see {picture}"
    ]


def test_a_display_that_comes_late_shows_the_last_event(bench, tmp_path, no_screen):
    buffer = bench.buffer(values=200, dtype=WAVES)
    observer = buffer.new_observer()
    with Writer(buffer.new_writer()) as writer:
        writer.write(waves(1))
    display = WaveformDisplay(observe_list=[observer], config_dict=muon_config(tmp_path))
    display.start()
    assert display.event_count == 1


def test_a_display_of_a_run_without_events_ends_as_well(bench, tmp_path, no_screen):
    buffer = bench.buffer(values=200, dtype=WAVES)
    observer = buffer.new_observer()
    Writer(buffer.new_writer()).close()
    plot_graph(observe_list=[observer], config_dict=muon_config(tmp_path), RB_1="observe")
    assert (tmp_path / "RB_1_waveforms.png").exists()


def test_a_picture_that_cannot_be_written_is_reported_once_and_stops_nobody(
    bench, tmp_path, no_screen, caplog
):
    buffer = bench.buffer(values=200, dtype=WAVES)
    observer = buffer.new_observer()
    with Writer(buffer.new_writer()) as writer:
        writer.write(waves(1))
    plot_graph(observe_list=[observer], config_dict=muon_config(tmp_path / "gone"))
    assert sum("The run goes on" in record.message for record in caplog.records) == 1


class WindowManager(FigureManagerBase):
    def show(self):
        WindowCanvas.titles.append(self.get_window_title())


class WindowCanvas(FigureCanvasAgg):
    """Looks like a window to matplotlib; the user closes it after the third look."""

    required_interactive_framework = "headless"
    manager_class = WindowManager
    titles: ClassVar[list[str]] = []
    looks = 0

    def flush_events(self):
        super().flush_events()
        WindowCanvas.looks += 1
        if WindowCanvas.looks == 3:
            self.callbacks.process("close_event", None)


def test_closing_the_window_ends_the_display_and_not_the_run(
    bench, tmp_path, monkeypatch, in_background
):
    backend = ModuleType("window_for_test")
    backend.FigureCanvas = WindowCanvas
    monkeypatch.setitem(sys.modules, "window_for_test", backend)
    monkeypatch.setenv("DISPLAY", ":nowhere")
    buffer = bench.buffer(values=200, dtype=WAVES)
    display = WaveformDisplay(
        observe_list=[buffer.new_observer()], config_dict=muon_config(tmp_path)
    )
    setup, display_ended = buffer.new_writer(), threading.Event()

    def run():
        with Writer(setup) as writer:
            writer.write(waves(1))
            assert display_ended.wait(WATCHDOG_S)
            writer.write(waves(2))

    running = in_background(run)
    with mpl.rc_context():
        mpl.use("module://window_for_test")
        display()
    display_ended.set()
    mpl.use("agg")
    running.finish()
    assert len(WindowCanvas.titles) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "label", "first", "last"),
    [
        ({"sample_time_ns": 10, "pre_trigger_samples": 50}, "time after trigger (ns)", -500, 1490),
        ({"sample_time_ns": 10}, "time after first sample (ns)", 0, 1990),
        ({"sample_time_ns": 100, "pre_trigger_samples": 50}, "time after trigger (µs)", -5, 14.9),
        ({"sample_time_ns": 8e3}, "time after first sample (µs)", 0, 1592),
        ({"sample_time_ns": 1e5}, "time after first sample (ms)", 0, 19.9),
        ({"sample_time_ns": 1e9}, "time after first sample (s)", 0, 199),
        ({"pre_trigger_samples": 50}, "samples after trigger", -50, 149),
    ],
)
def test_the_time_axis_is_in_the_fitting_unit_with_zero_at_the_trigger(
    bench, config, label, first, last
):
    buffer = bench.buffer(values=200, dtype=WAVES)
    times, text = WaveformSettings.of("plot_graph", buffer.new_observer(), **config).times()
    assert text == label
    assert (times[0], times[-1]) == pytest.approx((first, last))


def test_voltages_are_shown_without_the_analogue_offset(bench, tmp_path):
    from matplotlib.figure import Figure

    from mimocorb.displays.waveform_figure import WaveformFigure

    setup = bench.buffer(values=200, dtype=WAVES).new_observer()
    figure = Figure()
    drawing = WaveformFigure(
        figure, WaveformSettings.of("plot_graph", setup, **described(muon_config(tmp_path)))
    )
    drawing.show(waves(450), EventInfo(3, 1.5e9, 0.01, 0.5, 2))
    axes = figure.axes[0]
    assert axes.get_ylim() == (-950.0, 50.0)
    assert [line.get_label() for line in axes.lines if not line.get_label().startswith("_")] == [
        "chA",
        "chB",
    ]
    lines = {line.get_label(): line for line in axes.lines}
    assert lines["chA"].get_ydata()[0] == 0
    assert lines["chB"].get_ydata()[0] == -450
    assert "event 3   ·   02:40:00 UTC   ·   0.5 s old   ·   dead time 1 %   ·   2 skipped" in [
        text.get_text() for text in axes.texts
    ]


def test_contiguous_channels_are_drawn_like_interleaved_ones(bench, tmp_path):
    from matplotlib.figure import Figure

    from mimocorb.displays.waveform_figure import WaveformFigure

    drawn = []
    contiguous = np.dtype([(name, "f8", (200,)) for name, _ in WAVES])
    event = waves(450)
    stretches = np.array([tuple(event[name] for name, _ in WAVES)], contiguous)
    for data, form in [
        (event, {"values": 200, "dtype": WAVES}),
        (stretches, {"dtype": contiguous}),
    ]:
        setup = bench.buffer(**form).new_observer()
        figure = Figure()
        settings = WaveformSettings.of("plot_graph", setup, **described(muon_config(tmp_path)))
        WaveformFigure(figure, settings).show(data, EventInfo(3, 1.5e9, 0.01, 0.5, 2))
        drawn.append([line.get_xydata().tolist() for line in figure.axes[0].lines])
    assert drawn[0] == drawn[1]


def test_thinning_out_keeps_the_extremes_of_a_narrow_pulse():
    trace = np.zeros(100_003)
    trace[[70_001, 100_002]] = 500, -300
    thin = envelope(trace, 1000)
    times = envelope(np.arange(100_003.0), 1000, of_time=True)
    assert len(thin) == len(times) <= 2002
    assert (thin.max(), thin.min()) == (500, -300)
    assert abs(times[thin.argmax()] - 70_001) <= 101
    assert (np.diff(times) > 0).all() or times[-1] == times[-2]


def test_few_samples_are_shown_as_they_are():
    trace = np.arange(10.0)
    assert envelope(trace, 1000) is trace


@pytest.mark.parametrize(
    "config",
    [
        {"sample_time_ns": 0},
        {"sample_time_ns": "10"},
        {"channel_range": -1},
        {"analogue_offset": "a"},
    ],
)
def test_impossible_settings_are_refused_by_name(bench, config):
    (key,) = config
    with pytest.raises(SetupError, match=f"plot_graph: {key} is"):
        WaveformDisplay(observe_list=[bench.buffer().new_observer()], config_dict=config)


def test_displays_need_exactly_one_observed_buffer(bench):
    buffer = bench.buffer()
    with pytest.raises(SetupError, match="no sources, no sinks and one observed buffer"):
        plot_graph(source_list=[buffer.new_reader_group()])
    with pytest.raises(SetupError, match="one observed buffer, but was given no sources"):
        rbObserver()
