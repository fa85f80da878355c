"""A recording in another format at the end of the run, by the key ``export`` of ``record``."""

from __future__ import annotations

import errno
import re
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import yaml
from running import run_directories

import mimocorb
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.cli import main
from mimocorb.errors import OutputError
from mimocorb.recording import copying
from mimocorb.recording.write_recording import RecordingWriter
from mimocorb.run.record.run_record import read_record

CODE = """\
import mimocorb as mc
import numpy as np


@mc.source
def pulses(*, number_of_samples: int, events: int = 200):
    for number in range(events):
        yield np.full(number_of_samples, number), {"time_ns": 10**18 + number}
"""


def write_setup(directory: Path, buffer: dict | None = None, **config: object) -> Path:
    (directory / "work.py").write_text(CODE)
    raw = {"slot_count": 64, "data_length": 4, "data_dtype": {"chA": "int16"}} | (buffer or {})
    save = {"filename": "waves", "units": {"chA": "mV"}, **config}
    setup = {
        "Buffers": {"raw": raw},
        "Workers": {
            "detector": {"file": "work.py", "function": "pulses", "sinks": ["raw"]},
            "save": {
                "function": "record",
                "sources": ["raw"],
                "config": save,
            },
        },
    }
    path = directory / "pulses.yaml"
    path.write_text(yaml.safe_dump(setup, sort_keys=False))
    return path


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def the_run() -> Path:
    (directory,) = run_directories(Path("target"))
    return directory


@pytest.mark.parametrize("wanted", ["parquet", "csv", "npz", "parquet_tar"])
def test_all_events_are_in_the_other_format_too(tmp_path, capsys, wanted):
    buffer = {"data_length": 1} if wanted == "csv" else None  # a row has one number for a column
    assert main(["run", "--quiet", str(write_setup(tmp_path, buffer, export=wanted))]) == 0
    page = capsys.readouterr().out
    assert f"exported       200 events of waves as {wanted}\n" in page
    (copy,) = (
        path for path in the_run().glob("waves.*") if path.suffix != ".arrows" and path.is_file()
    )
    with mimocorb.open(copy) as copied, mimocorb.open(the_run() / "waves") as recorded:
        assert sorted(copied.metadata.counter) == sorted(recorded.metadata.counter)
        assert sorted(copied.metadata.time_ns) == [10**18 + number for number in range(200)]
        assert recorded.damage() == copied.damage() == []


def test_the_recording_may_be_left_out(tmp_path, capsys):
    setup = write_setup(tmp_path, export="parquet", keep_recording=False)
    assert main(["run", "--quiet", str(setup)]) == 0
    assert "200 events of waves as parquet, in the place of the" in capsys.readouterr().out
    assert [path.name for path in the_run().glob("waves*")] == ["waves.parquet"]
    with mimocorb.open(the_run())["waves"] as events:
        assert len(events) == 200
        assert events.units == {"chA": "mV"}


@pytest.mark.parametrize("keep", [True, False])
def test_a_failed_conversion_is_told_and_leaves_the_recording_as_it_was(
    tmp_path, monkeypatch, capsys, keep
):
    class Full:
        def create(self, *_arguments):
            return nullcontext(self)

        def append(self, *_arguments):
            raise OutputError(errno.ENOSPC, "cannot write waves.parquet: No space left on device")

    monkeypatch.setattr("mimocorb.run.exports.writable_format", lambda _name: Full())
    setup = write_setup(tmp_path, export="parquet", keep_recording=keep)
    assert main(["run", "--quiet", str(setup)]) == 1
    page = " ".join(capsys.readouterr().out.split())
    assert "waves was not written as parquet:" in page
    assert "No space left on device" in page
    record = read_record(the_run())
    assert "incomplete" in record.quality
    assert "mimocorb files export" in record.result.failures[0]
    with mimocorb.open(the_run() / "waves") as events:
        assert len(events) == 200
        assert events.damage() == []


MISTAKES = {
    "no format": ({"export": "excel"}, "there is no format 'excel' to be written; choose one of"),
    "read only": ({"export": "drs4"}, "there is no format 'drs4' to be written; choose one of"),
    "itself": ({"export": "record"}, "export names another format than its own"),
    "too long": ({"export": "text"}, "text"),
    "nothing": ({"keep_recording": False}, "keep_recording is for a recording that is exported"),
    "no export": ({"export_compression": "zstd"}, "export_compression is for a recording that is"),
    "unknown": (
        {"export": "parquet", "export_compression": "best"},
        "export_compression is 'best'; choose one of zstd, lz4",
    ),
    "none known": (
        {"export": "parquet_tar", "export_compression": "best"},
        "export_compression is 'best'; choose one of snappy, none",
    ),
}


@pytest.mark.parametrize(("config", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_before_anything_starts(tmp_path, capsys, config, said):
    setup = write_setup(tmp_path, **config)
    assert main(["run", "--quiet", str(setup)]) == 2
    assert re.search(said, capsys.readouterr().err)
    assert not Path("target").exists()


def test_a_part_of_a_copy_is_not_left_behind(tmp_path):
    assert main(["run", "--quiet", str(write_setup(tmp_path))]) == 0
    with mimocorb.open(the_run() / "waves") as events:
        target = copying.writable_format("parquet")
        copying.copy_events(events, target, tmp_path, "copy")
        before = (tmp_path / "copy.parquet").read_bytes()
        with pytest.raises(OutputError, match="exists already"):
            copying.copy_events(events, target, tmp_path, "copy")
    assert (tmp_path / "copy.parquet").read_bytes() == before
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.parquet"]


@pytest.mark.parametrize("wanted", ["record", "csv", "text", "parquet", "parquet_tar", "npz"])
def test_nothing_is_left_of_a_copy_that_was_interrupted(tmp_path, wanted):
    data = np.zeros((30, 1), [("n", "i4")])
    setup = {"name": "raw", "dtype": data.dtype, "values_per_slot": 1}
    with RecordingWriter("record", tmp_path, "waves", setup) as writer:
        for first in range(0, 30, 10):
            part = slice(first, first + 10)
            writer.append(data[part], BatchMetadata(np.arange(30)[part], *np.zeros((2, 10))))
    before = sorted(tmp_path.iterdir())

    def interrupt(written):
        if written == 20:
            raise KeyboardInterrupt

    target = copying.writable_format(wanted)
    with mimocorb.open(tmp_path / "waves") as events, pytest.raises(KeyboardInterrupt):
        copying.copy_events(events, target, tmp_path, "copy", interrupt)
    assert sorted(tmp_path.iterdir()) == before
