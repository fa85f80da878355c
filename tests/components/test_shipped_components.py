"""text, parquet_tar, drain and oscilloscope: components like those of a user."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.cli import main
from mimocorb.components.form import kind_of
from mimocorb.displays.waveforms import Oscilloscope
from mimocorb.errors import MimocorbError, OutputError, SetupError
from mimocorb.recording.drain import drain
from mimocorb.recording.parquet_tar import ParquetTar
from mimocorb.recording.text import Text
from mimocorb.registry import offered

PULSE = [("t", "i4"), ("h", "f8")]


def test_they_are_offered_under_their_names():
    components = offered("components")
    kinds = {"text": "sink", "parquet_tar": "sink", "drain": "sink", "oscilloscope": "observer"}
    assert {name: kind_of(components[name].load()) for name in kinds} == kinds


def test_text_writes_a_row_for_each_event(bench, tmp_path):
    pulses = bench.buffer("pulses", PULSE)
    work = bench.bind(Text, {pulses: "read"}, directory=f"{tmp_path}/", filename="pulses")
    bench.fill(pulses, [(1, 0.5), (2, 1.5)])
    work()
    assert (tmp_path / "pulses.txt").read_text().splitlines() == [
        "counter\ttimestamp\tdeadtime\tt\th",
        "100\t1.5\t0.25\t1\t0.5",
        "101\t2.5\t0.25\t2\t1.5",
    ]


def test_parquet_tar_writes_a_member_for_each_event(bench, tmp_path):
    pulses = bench.buffer("pulses", PULSE)
    config: dict[str, Any] = {"filename": "p", "units": {"h": "mV"}, "compression": "none"}
    work = bench.bind(ParquetTar, {pulses: "read"}, directory=f"{tmp_path}/", **config)
    bench.fill(pulses, [(1, 0.5), (2, 1.5)])
    work()
    with tarfile.open(tmp_path / "p.tar") as archive:
        assert archive.getnames() == ["p_100.parquet", "p_101.parquet"]


def test_drain_takes_everything(bench):
    pulses = bench.buffer("pulses", PULSE)
    work = bench.bind(drain, {pulses: "read"})
    bench.fill(pulses, [(1, 0.5)] * 5)
    work()
    assert pulses.stats().groups[0].acknowledged == 5


def test_the_oscilloscope_leaves_a_picture_of_the_last_event(bench, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    waves = bench.buffer("waves", [("chA", "f8")], values=20)
    config = {"title": "Pulses", "sample_time_ns": 4.0, "min_sleeptime": 0.0}
    work = bench.bind(Oscilloscope, {waves: "observe"}, directory=f"{tmp_path}/", **config)
    bench.fill(waves, [0.0, 1.0])
    work()
    assert (tmp_path / "waves_waveforms.png").read_bytes().startswith(b"\x89PNG")


BUFFER = {"name": "raw", "values_per_slot": 1, "dtype": np.dtype(PULSE)}
WAVEFORMS = {"name": "raw", "values_per_slot": 4, "dtype": np.dtype("f8")}


@pytest.mark.parametrize(
    ("component", "buffer", "config", "message"),
    [
        (Text, WAVEFORMS, {"filename": "x"}, "text writes one row per event, but raw has 4 values"),
        (Text, BUFFER, {"filename": "a/b"}, "text: filename is 'a/b'"),
        (Text, BUFFER, {"filename": "x", "header_alias": {"q": "p"}}, "header_alias names q"),
        (ParquetTar, BUFFER, {"filename": "x", "units": {"q": "V"}}, "parquet_tar: units names q"),
        (ParquetTar, BUFFER, {"filename": "x", "compression": "zip"}, "compression is 'zip'"),
        (Oscilloscope, WAVEFORMS, {"sample_time_ns": 0}, "oscilloscope: sample_time_ns is 0"),
    ],
)
def test_what_a_component_refuses_when_it_is_made_its_check_refuses_before(
    component, buffer, config, message, tmp_path
):
    with pytest.raises(SetupError, match=message):
        component.check(buffer, **config)
    with pytest.raises(SetupError, match=message):
        component(buffer=buffer, directory=tmp_path, **config)
    assert list(tmp_path.iterdir()) == []


def test_check_tells_the_most_that_an_event_takes(bench, tmp_path):
    for component, name in ((Text, "pulses.txt"), (ParquetTar, "pulses.tar")):
        most = component.check(BUFFER, filename="pulses")
        assert component.output_name(filename="pulses") == name
        made = component(filename="pulses", buffer=BUFFER, directory=tmp_path)
        header = made.path.stat().st_size if component is Text else 0
        events = np.array([[(1, -2.2250738585072014e-308)]], PULSE)
        made(events, BatchMetadata.of((2**63 - 1, 1.7e9, 0.123456789)))
        assert 0 < made.path.stat().st_size - header <= most


def test_a_file_that_is_there_already_is_not_overwritten(tmp_path):
    (tmp_path / "pulses.txt").write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        Text(filename="pulses", buffer=BUFFER, directory=tmp_path)
    assert (tmp_path / "pulses.txt").read_text() == "precious"


# --- in a set-up


def make_setup(directory: Path, **workers: Any) -> str:
    (directory / "own.py").write_text(
        "from mimocorb import source\n"
        "@source(batch=True)\n"
        "def numbers(*, count: int):\n"
        "    yield {'t': list(range(count)), 'h': [0.5] * count}\n"
    )
    make = {"file": "own.py", "function": "numbers", "sinks": ["raw"], "config": {"count": 10}}
    form = {"slot_count": 16, "data_length": 1, "data_dtype": {"t": "int32", "h": "float64"}}
    setup = {"Buffers": {"raw": form}, "Workers": {"make": make, **workers}}
    path = directory / "setup.yaml"
    path.write_text(yaml.safe_dump(setup, sort_keys=False))
    return str(path)


def test_a_set_up_names_them_without_a_file(tmp_path, capsys):
    path = make_setup(
        tmp_path,
        save={"function": "text", "sources": ["raw"], "config": {"filename": "numbers"}},
        pack={"function": "parquet_tar", "sources": ["raw"], "config": {"filename": "numbers"}},
        rest={"function": "drain", "sources": ["raw"]},
        show={"function": "oscilloscope", "observes": ["raw"], "config": {"min_sleeptime": 0}},
    )
    assert main(["check", path]) == 0
    assert "no errors, no warnings" in capsys.readouterr().out
    assert main(["run", path, "--quiet", "--output", str(tmp_path / "target")]) == 0
    (run,) = (tmp_path / "target").glob("setup_*")
    assert len((run / "numbers.txt").read_text().splitlines()) == 11
    with tarfile.open(run / "numbers.tar") as archive:
        assert len(archive.getnames()) == 10


@pytest.mark.parametrize(
    ("worker", "message"),
    [
        ({"function": "text", "config": {"filename": "a/b"}}, "filename is 'a/b'"),
        ({"function": "text", "config": {"filname": "x"}}, "did you mean 'filename'"),
        ({"function": "text"}, "filename"),
        ({"function": "text", "config": {"filename": "run.json"}}, None),
        ({"function": "parquet_tar", "config": {"filename": "x", "units": {"q": "V"}}}, "names q"),
        ({"function": "tekst", "config": {"filename": "x"}}, "text"),
    ],
)
def test_check_refuses_what_they_would(tmp_path, capsys, worker, message):
    path = make_setup(tmp_path, save={"sources": ["raw"], **worker})
    code = main(["check", path])
    told = " ".join(capsys.readouterr().out.split())
    assert code == (0 if message is None else 2), told
    assert message is None or message in told


def test_a_component_of_the_user_may_check_as_well(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(
        "from mimocorb import sink\n"
        "from mimocorb.errors import SetupError\n"
        "@sink\n"
        "class Save:\n"
        "    def __init__(self, *, most_mV: float): ...\n"
        "    def __call__(self, events): ...\n"
        "    @classmethod\n"
        "    def check(cls, buffer, *, most_mV):\n"
        "        if most_mV > 5:\n"
        "            raise SetupError(f'{most_mV} mV is too much for {buffer[\"name\"]}')\n"
    )
    worker = {"file": "mine.py", "function": "Save", "sources": ["raw"]}
    path = make_setup(tmp_path, save={**worker, "config": {"most_mV": 7}})
    assert main(["check", path]) == 2
    assert "7.0 mV is too much for raw" in " ".join(capsys.readouterr().out.split())
    path = make_setup(tmp_path, save={**worker, "config": {"most_mV": 3}})
    assert main(["check", path]) == 0


def test_an_object_is_left_as_a_with_statement_leaves_it(bench):
    from mimocorb import sink

    told = []

    @sink
    class Left:
        def __call__(self, events):
            if len(told) or 3 in events["t"]:
                raise OutputError("disk full")

        def __enter__(self):
            return self

        def __exit__(self, kind, error, trace):
            told.append(kind)

    pulses = bench.buffer("pulses", PULSE)
    work = bench.bind(Left, {pulses: "read"})
    bench.fill(pulses, [(3, 0.5)])
    with pytest.raises(MimocorbError, match="disk full"):
        work()
    assert told == [OutputError]
