"""BufferToParquetfile: the members of the archive and what they tell."""

from __future__ import annotations

import subprocess
import sys
import tarfile

import numpy as np
import pytest
from parquet_content import table_of

from mimocorb.buffer_control import BufferToParquetfile, rb_toParquetfile
from mimocorb.errors import OutputError, SetupError

WAVES = [("chA", "f8"), ("chB", "f8")]


def save(group, directory, **config):
    config = {"filename": "waves", "directory_prefix": str(directory), **config}
    sink = BufferToParquetfile(source_list=[group], config_dict=config, RB_2="read")
    sink.start()
    return sink


def members(path):
    with tarfile.open(path) as archive:
        return {member.name: table_of(archive.extractfile(member).read()) for member in archive}


def waves(n, samples=5):
    event = np.zeros(samples, WAVES)
    event["chA"] = n + np.arange(samples) / 3
    event["chB"] = -n
    return event


def test_each_event_is_a_parquet_file_named_after_its_counter(bench, tmp_path):
    events = [waves(n) for n in range(3)]
    _, group = bench.filled([(e, (7 + n, 1.5e9, 0.5)) for n, e in enumerate(events)],
                            values=5, dtype=WAVES)  # fmt: skip
    sink = save(group, tmp_path)
    tables = members(tmp_path / "waves.tar")
    assert list(tables) == ["waves_7.parquet", "waves_8.parquet", "waves_9.parquet"]
    for event, table in zip(events, tables.values(), strict=True):
        assert table.column_names == ["chA", "chB"]
        for channel in table.column_names:
            np.testing.assert_array_equal(table[channel].to_numpy(), event[channel])
    assert sink.event_count == 3


def test_metadata_and_units_are_in_the_schema(bench, tmp_path):
    _, group = bench.filled([(waves(1), (17, 1.5e9 + 0.1, 0.25))], values=5, dtype=WAVES)
    save(group, tmp_path, units={"chA": "mV"}, sample_time_ns=10, pre_trigger_samples=450)
    schema = members(tmp_path / "waves.tar")["waves_17.parquet"].schema
    assert schema.metadata[b"counter"] == b"17"
    assert float(schema.metadata[b"timestamp"]) == 1.5e9 + 0.1
    assert float(schema.metadata[b"deadtime"]) == 0.25
    assert schema.metadata[b"sample_time_ns"] == b"10"
    assert schema.metadata[b"pre_trigger_samples"] == b"450"
    assert schema.field("chA").metadata[b"unit"] == b"mV"
    assert b"unit" not in (schema.field("chB").metadata or {})


@pytest.mark.parametrize(
    ("dtype", "event", "columns"),
    [
        ("i2", [1, -2, 3], {"value": [1, -2, 3]}),
        (">f4", [1.5, 2.5], {"value": [1.5, 2.5]}),
        ("?", [True, False], {"value": [True, False]}),
        ([("x", "u1"), ("y", "i8")], [(255, -1)], {"x": [255], "y": [-1]}),
        ([("x", "i2", (2,))], [([1, 2],), ([3, 4],)], {"x": [[1, 2], [3, 4]]}),
    ],
)
def test_keeps_dtypes(bench, tmp_path, dtype, event, columns):
    _, group = bench.filled([np.array(event, dtype)], values=len(event), dtype=dtype)
    save(group, tmp_path)
    table = members(tmp_path / "waves.tar")["waves_0.parquet"]
    assert table.to_pydict() == columns


def test_contiguous_channels_give_the_very_files_of_interleaved_ones(bench, tmp_path):
    (tmp_path / "interleaved").mkdir()
    (tmp_path / "contiguous").mkdir()
    samples = [np.arange(5.0) / 3 + n for n in range(3)]
    contiguous = np.dtype([("chA", "f8", (5,)), ("chB", "f8", (5,))])
    _, group = bench.filled([waves(n) for n in range(3)], values=5, dtype=WAVES)
    save(group, tmp_path / "interleaved", units={"chA": "mV"})
    events = [np.array([(x, np.full(5, -n))], contiguous) for n, x in enumerate(samples)]
    _, group = bench.filled(events, dtype=contiguous)
    save(group, tmp_path / "contiguous", units={"chA": "mV"})
    first, second = (
        (tmp_path / d / "waves.tar").read_bytes() for d in ("interleaved", "contiguous")
    )
    assert first == second


@pytest.mark.parametrize("compression", ["none", "snappy", "lz4", "zstd", "gzip"])
def test_compression_can_be_chosen(bench, tmp_path, compression):
    _, group = bench.filled([waves(1, 500)], values=500, dtype=WAVES)
    save(group, tmp_path, compression=compression)
    table = members(tmp_path / "waves.tar")["waves_0.parquet"]
    np.testing.assert_array_equal(table["chA"].to_numpy(), waves(1, 500)["chA"])


def test_events_with_the_same_counter_do_not_hide_each_other(bench, tmp_path):
    _, group = bench.filled(
        [(waves(n), (counter, 1.0, 0.0)) for n, counter in enumerate([5, 5, 5000, 5, 6, -1, -1])],
        values=5,
        dtype=WAVES,
    )
    save(group, tmp_path)
    tables = members(tmp_path / "waves.tar")
    assert list(tables) == [
        "waves_5.parquet",
        "waves_5.2.parquet",
        "waves_5000.parquet",
        "waves_5.3.parquet",
        "waves_6.parquet",
        "waves_-1.parquet",
        "waves_-1.2.parquet",
    ]
    assert [table["chB"][0].as_py() for table in tables.values()] == [-n for n in range(7)]


def test_other_tar_programs_accept_the_archive(bench, tmp_path):
    _, group = bench.filled([waves(n) for n in range(3)], values=5, dtype=WAVES)
    save(group, tmp_path)
    done = subprocess.run(
        ["tar", "tf", tmp_path / "waves.tar"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [f"waves_{n}.parquet" for n in range(3)]
    assert done.stderr == ""
    assert (tmp_path / "waves.tar").stat().st_size % tarfile.RECORDSIZE == 0


def test_a_run_without_events_leaves_an_empty_archive(bench, tmp_path):
    _, group = bench.filled([], values=5, dtype=WAVES)
    save(group, tmp_path)
    assert members(tmp_path / "waves.tar") == {}


def test_the_later_name_is_the_same_class():
    assert rb_toParquetfile is BufferToParquetfile


def test_an_existing_archive_is_never_overwritten(bench, tmp_path):
    (tmp_path / "waves.tar").write_text("years of work")
    _, group = bench.filled([waves(1)], values=5, dtype=WAVES)
    with pytest.raises(OutputError, match=r"waves\.tar exists already"):
        save(group, tmp_path)
    assert (tmp_path / "waves.tar").read_text() == "years of work"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"filename": "../escaped"}, "1 to 64 letters"),
        ({"filename": None}, "needs the configuration key 'filename'"),
        ({"compression": "best"}, "compression is 'best'; choose one of snappy, none"),
        ({"units": {"chX": "mV"}}, "units names chX, but the columns are chA, chB"),
    ],
)
def test_refuses_before_it_creates_a_file(bench, tmp_path, config, words):
    _, group = bench.filled([], values=5, dtype=WAVES)
    with pytest.raises(SetupError, match=words):
        save(group, tmp_path, **config)
    assert list(tmp_path.iterdir()) == []


def test_refuses_fields_that_parquet_cannot_hold(bench, tmp_path):
    _, group = bench.filled([], dtype=[("z", "c16")])
    with pytest.raises(SetupError, match="field 'z' is complex128, which Parquet cannot hold"):
        save(group, tmp_path)


def test_reading_an_event_back_as_documented_starts_no_thread(bench, tmp_path):
    """Arrow's threads may abort a program that ends soon after they were started."""
    _, group = bench.filled([waves(1)], values=5, dtype=WAVES)
    save(group, tmp_path)
    program = """
import os, sys, tarfile
import pyarrow, pyarrow.parquet
with tarfile.open(sys.argv[1]) as archive:
    content = archive.extractfile("waves_0.parquet").read()
before = len(os.listdir("/proc/self/task"))
pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content)).read(use_threads=False)
print(len(os.listdir("/proc/self/task")) - before)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "waves.tar")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
