"""mimocorb check: what a run will bring, at the rates that its sources declare."""

from pathlib import Path

import pytest

from mimocorb.checks import preflight as preflight_module
from mimocorb.checks.expectations import Flow
from mimocorb.checks.preflight import preflight
from mimocorb.cli import main

PLAIN = """
from mimocorb import filter, source
@source
def clicks(*, number_of_samples: int, rate_hz: float = 20.0):
    yield
@source
def silent(*, number_of_samples: int, shaping_rate_hz: float = 20.0):
    yield
def paced(source_list, sink_list, observe_list, config_dict, **rb_info):
    '''Write events.

    Keys of the configuration:

    ``sleeptime``
        Mean time between two events in s.
    '''
def untold(source_list, sink_list, observe_list, config_dict, **rb_info):
    '''Write events.'''
@filter
def half(event):
    return None
"""
FLOW = """
runtime: 60
Buffers:
  raw: {slot_count: 8, data_length: 100, data_dtype: float64}
  selected: {slot_count: 8, data_length: 1, data_dtype: {height: float64}}
Workers:
  input:
    {file: plain.py, function: FUNCTION, sinks: [raw], number_of_processes: 2, config: {CONFIG}}
  half: {file: plain.py, function: half, sources: [raw], sinks: [selected]}
  save: {function: buffer_control.BufferToTxtfile, sources: [selected], config: {filename: a}}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_source(place: Path, function: str, config: str) -> None:
    (place / "plain.py").write_text(PLAIN)
    text = FLOW.replace("FUNCTION", function).replace("CONFIG", config)
    (place / "flow.yaml").write_text(text)


@pytest.mark.parametrize(
    ("function", "config", "rate_hz"),
    [
        ("clicks", "rate_hz: 5", 10.0),
        ("clicks", "rate_hz: 0", None),
        ("clicks", "rate_hz: .inf", None),
        ("clicks", "", 40.0),
        ("paced", "sleeptime: 0.5", 4.0),
        ("paced", "sleeptime: 0", None),
        ("paced", "", None),
        ("untold", "sleeptime: 0.5", None),
        ("silent", "", None),
    ],
)
def test_a_rate_is_expected_where_the_source_declares_it(
    place: Path, function: str, config: str, rate_hz: float | None
) -> None:
    with_source(place, function, config)
    found = preflight("flow.yaml")
    assert found.problems == []
    events = None if rate_hz is None else round(60 * rate_hz)
    assert list(found.flows.values()) == [
        Flow("raw", rate_hz, events),
        Flow("selected", rate_hz, events, through_filters=True),
    ]


@pytest.mark.parametrize(
    ("name", "source", "buffer"),
    [
        ("kamiokanne", "recorded", "waveforms"),
        ("simultest", "simulation_source", "RB_1"),
    ],
)
def test_the_examples_declare_their_rate(name: str, source: str, buffer: str) -> None:
    setup = Path(__file__).parents[2] / "examples" / f"{name}_setup.yaml"
    found = preflight(str(setup), [f"{source}.sleeptime=0.01"])
    assert found.flows[buffer].rate_hz == 100.0


def test_the_page_says_what_is_expected_and_when_the_disk_is_full(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight_module, "free_bytes", lambda _: 1 << 30)
    with_source(place, "clicks", "rate_hz: 5")
    assert main(["check", "flow.yaml", "--set", "runevents=500"]) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "raw 800 bytes 10 Hz 7.8 KiB/s 500 390.6 KiB" in rows
    assert "selected 8 bytes 10 Hz * 80 bytes/s * 500 * 3.9 KiB *" in rows
    # 116 bytes: counter, timestamp, dead time, time in ns and a float64 with the most digits each
    assert (
        "file of save, each event of selected 116 bytes 10 Hz * 1.1 KiB/s * 500 * 56.6 KiB *"
        in (rows)
    )
    # 2**30 / 1160 s
    assert "at these rates 1.1 KiB/s go into the files, and the disk is full after 10.7 d" in rows
    with_source(place, "untold", "")
    assert main(["check", "flow.yaml"]) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "file of save, each event of selected 116 bytes unknown unknown unknown unknown" in rows
    # 2**30 / 116e3 s, 2**30 / 116 / 60 Hz
    assert (
        "at 1 kHz, for example, 113.3 KiB/s go into the files, and the disk is full after 2.6 h;"
        " over the run time it can take 154273 Hz"
    ) in rows


def test_only_what_is_sure_to_come_is_too_much_for_the_disk(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight_module, "free_bytes", lambda _: 100)
    with_source(place, "clicks", "rate_hz: 5")
    assert preflight("flow.yaml").problems == []
