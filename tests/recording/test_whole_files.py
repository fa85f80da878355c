"""Parquet, HDF5, ROOT and npz: what sinks leave, and what other programs find in the files."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot
import yaml
from test_record_sink import FUNCTIONS, command, run

import mimocorb
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.errors import DamagedFile, OutputError, SetupError
from mimocorb.recording.formats import formats
from mimocorb.testing.components import SinkContract

WHOLE = {"parquet": ".parquet", "hdf5": ".h5", "root": ".root", "rntuple": ".root", "npz": ".npz"}
DTYPE = np.dtype([("chA", "i2"), ("chB", "f4")])
ABOUT = {"units": {"chA": "mV"}, "sample_time_ns": 4.0}


def some(count: int = 30):
    data = np.zeros((count, 8), DTYPE)
    data["chA"] = np.arange(count)[:, None] + np.arange(8)
    data["chB"] = data["chA"] / 2
    numbers = np.arange(count)
    metadata = BatchMetadata(numbers, 1.7e9 + numbers, np.full(count, -1.0))
    metadata.time_ns = 10**18 + numbers
    return data, metadata


def write(directory: Path, name: str, **options: Any) -> Path:
    buffer = {"name": "raw", "dtype": DTYPE, "values_per_slot": 8}
    with formats()[name].create(directory, "waves", buffer, ABOUT, **options) as writer:
        writer.append(*some())
    return directory / f"waves{WHOLE[name]}"


class _Sink(SinkContract):
    buffer: ClassVar = {"data_length": 8, "data_dtype": {"chA": "int16", "chB": "float64"}}
    config: ClassVar = {"filename": "kept"}

    def count(self, directory: Path) -> int:
        (path,) = (each for each in directory.glob("kept*") if each.suffix != ".arrows")
        with mimocorb.open(path) as events:
            assert events.damage() == []
            return len(events)


class TestParquetIsASink(_Sink):
    component = "parquet"


class TestHdf5IsASink(_Sink):
    component = "hdf5"


class TestRootIsASink(_Sink):
    component = "root"


class TestRNTupleIsASink(_Sink):
    component = "rntuple"


class TestNpzIsASink(_Sink):
    component = "npz"


class TestCsvIsASink(SinkContract):
    component = "csv"
    config: ClassVar = {"filename": "kept"}
    buffer: ClassVar = {"data_length": 1, "data_dtype": {"height": "float32", "n": "int16"}}

    def count(self, directory: Path) -> int:
        with mimocorb.open(directory / "kept.csv") as events:
            return len(events)


# --- other programs read them


def test_parquet_has_lists_of_fixed_length_units_checksums_and_zstd(tmp_path):
    path = write(tmp_path, "parquet")
    table = pq.read_table(path, page_checksum_verification=True)
    assert table["chA"][7].as_py() == list(range(7, 15))
    assert table.schema.field("chA").type.list_size == 8
    assert str(table.schema.field("chA").type.value_type) == "int16"
    assert table.schema.field("chA").metadata[b"unit"] == b"mV"
    assert table["time_ns"][29].as_py() == 10**18 + 29
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_hdf5_has_a_dataset_for_each_channel_with_fletcher32(tmp_path):
    with h5py.File(write(tmp_path, "hdf5")) as file:
        channel = file["events/chA"]
        assert channel.fletcher32
        assert channel.attrs["unit"] == "mV"
        assert channel.dtype == np.int16
        assert channel[7].tolist() == list(range(7, 15))
        assert file["events/counter"][:].tolist() == list(range(30))


@pytest.mark.parametrize(("name", "kind"), [("root", "TTree"), ("rntuple", "ROOT::RNTuple")])
def test_root_has_an_entry_for_each_event(tmp_path, name, kind):
    with uproot.open(write(tmp_path, name)) as file:
        assert file.classnames(cycle=False)["events"] == kind
        assert file["events"].num_entries == 30
        assert file["events"].arrays(["chA"])["chA"][7].tolist() == list(range(7, 15))


@pytest.mark.parametrize("compression", ["none", "deflate"])
def test_npz_has_an_array_for_each_channel(tmp_path, compression):
    with np.load(write(tmp_path, "npz", compression=compression), allow_pickle=False) as arrays:
        assert arrays["chA"].dtype == np.int16
        assert arrays["chA"][7].tolist() == list(range(7, 15))


# --- what a file says, and what becomes of it


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_says_from_which_run_it_is(tmp_path, name):
    config = {"filename": "waves", "units": {"number": "V"}}
    directory = run(tmp_path, {"function": name, "config": config}, 50)
    with mimocorb.open(directory / f"waves{WHOLE[name]}") as events:
        assert events.metadata.counter.tolist() == list(range(50))
        assert events.units == {"number": "V"}
        assert events.about["run"]["name"] == directory.name
        assert len(events.about["run"]["setup_sha256"]) == 64
        assert events.about["versions"]["mimocorb"] == mimocorb.__version__
    assert [each.name for each in directory.glob("waves*")] == [f"waves{WHOLE[name]}"]
    verified = command("files", "verify", directory, cwd=tmp_path)
    assert (verified.returncode, "whole" in verified.stdout) == (0, True)


def test_an_archive_says_from_which_run_it_is(tmp_path):
    directory = run(tmp_path, {"function": "parquet_tar", "config": {"filename": "waves"}}, 5)
    with mimocorb.open(directory)["waves"] as events:
        assert events.about["run"]["name"] == directory.name
        assert len(events.about["run"]["setup_sha256"]) == 64


def test_killed_and_taken_over_the_file_has_every_event_once(tmp_path):
    sink = {
        "file": FUNCTIONS,
        "function": "KilledParquet",
        "config": {"filename": "waves"},
        "on_failure": "restart",
    }
    directory = run(tmp_path, sink, 500)
    with mimocorb.open(directory)["waves"] as events:
        assert sorted(events.metadata.counter.tolist()) == list(range(500))
    assert not list(directory.glob("*.arrows"))


def test_several_processes_write_one_file(tmp_path):
    sink = {"function": "parquet", "config": {"filename": "waves", "compression": "lz4"}}
    directory = run(tmp_path, {**sink, "number_of_processes": 2}, 2000, pause_s=0.0003)
    with mimocorb.open(directory)["waves"] as events:
        assert sorted(events.metadata.counter.tolist()) == list(range(2000))
        assert events.damage() == []
    metadata = pq.ParquetFile(directory / "waves.parquet").metadata
    assert metadata.row_group(0).column(0).compression == "LZ4"
    assert not list(directory.glob("*.arrows"))


def test_a_file_is_there_when_it_is_complete(tmp_path):
    buffer = {"name": "raw", "dtype": DTYPE, "values_per_slot": 8}
    writer = formats()["parquet"].create(tmp_path, "waves", buffer, {})
    writer.append(*some())
    assert [path.name for path in tmp_path.iterdir()] == ["waves.parquet.part"]
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["waves.parquet"]
    with pytest.raises(OutputError, match="exists already"):
        formats()["parquet"].create(tmp_path, "waves", buffer, {})


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_without_its_description_is_not_taken_for_one_of_others(tmp_path, name):
    path = write(tmp_path, name)
    content = path.read_bytes()
    assert content.count(b"mimocorb") > 0
    path.write_bytes(content.replace(b"mimocorb", b"nimocorb"))
    with pytest.raises(DamagedFile):
        mimocorb.open(path)


def test_a_missing_package_is_found_by_check_with_what_to_do(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "mimocorb.recording.whole_file.find_spec",
        lambda name: None if name == "h5py" else find(name),
    )
    with pytest.raises(SetupError, match=r'need h5py.*pip install "mimocorb\[hdf5\]"'):
        formats()["hdf5"].create(tmp_path, "w", {"dtype": DTYPE, "values_per_slot": 8}, {})
    setup = {
        "Buffers": {"raw": {"slot_count": 8, "data_length": 1, "data_dtype": {"number": "f8"}}},
        "Workers": {
            "feed": {
                "file": FUNCTIONS,
                "function": "numbers",
                "sinks": ["raw"],
                "config": {"count": 1},
            },
            "save": {"function": "hdf5", "sources": ["raw"], "config": {"filename": "w"}},
        },
    }
    path = tmp_path / "setup.yaml"
    path.write_text(yaml.safe_dump(setup))
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'h5py' else find(name, package)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    done = command("check", path, cwd=tmp_path)
    assert done.returncode != 0
    assert 'pip install "mimocorb[hdf5]"' in " ".join((done.stdout + done.stderr).split())


def test_a_name_with_a_path_is_refused(tmp_path):
    buffer = {"name": "raw", "dtype": DTYPE, "values_per_slot": 8}
    from mimocorb.recording.parquet_format import Parquet

    with pytest.raises(SetupError, match="no path"):
        Parquet(filename="../waves", buffer=buffer, directory=tmp_path)
    with pytest.raises(SetupError, match="compression is 'best'; choose one of zstd, lz4"):
        Parquet(filename="waves", compression="best", buffer=buffer, directory=tmp_path)


# --- files of others in the same containers


def test_a_parquet_table_of_others(tmp_path):
    import pyarrow as pa

    waves = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(12.0)), 4)
    table = pa.table({"counter": [5, 6, 7], "wave": waves, "label": ["a", "b", "c"]})
    pq.write_table(table, tmp_path / "t.parquet")
    with mimocorb.open(tmp_path / "t.parquet") as events:
        assert events.metadata.counter.tolist() == [5, 6, 7]
        assert events[1].data["wave"].tolist() == [4.0, 5.0, 6.0, 7.0]
        assert events.about["not_read"] == ["label"]


def test_hdf5_of_others(tmp_path):
    with h5py.File(tmp_path / "t.hdf5", "w") as file:
        file["run/volts"] = np.arange(12.0).reshape(3, 4)
        file["run/energy"] = [1, 2, 3]
        file["title"] = "some"
        file.attrs["station"] = "A"
    with mimocorb.open(tmp_path / "t.hdf5") as events:
        assert len(events) == 3
        assert events[1].data["run/volts"].reshape(-1).tolist() == [4.0, 5.0, 6.0, 7.0]
        assert events.about["station"] == "A"


def test_a_dataset_that_says_more_than_the_file_can_hold_takes_no_memory(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("volts", shape=(10**9, 1000), dtype="f8", chunks=(1, 1000))
    with pytest.raises(DamagedFile, match="cannot have 1000000000000 values"):
        mimocorb.open(tmp_path / "t.h5")


def test_a_tree_of_others(tmp_path):
    with uproot.recreate(tmp_path / "t.root") as file:
        file["tree"] = {"energy": np.arange(5.0), "n": np.arange(5, dtype="i4")}
    with mimocorb.open(tmp_path / "t.root") as events:
        assert events[3].data["energy"].tolist() == [3.0]
        assert events.dtype["n"] == np.int32


def test_npz_with_pickled_objects_is_refused(tmp_path):
    np.savez(tmp_path / "t.npz", a=np.array([{"x": 1}], object))
    with pytest.raises(DamagedFile, match="pickle"):
        mimocorb.open(tmp_path / "t.npz")


def test_an_archive_whose_table_of_contents_has_lost_something_is_damaged(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, a=np.arange(3), b=np.arange(3))
    content = path.read_bytes()
    first = content.index(b"PK\1\2")
    second = content.index(b"PK\1\2", first + 1)
    comment = (second - first).to_bytes(2, "little")  # the first entry takes the second with it
    path.write_bytes(content[: first + 32] + comment + content[first + 34 :])
    with pytest.raises(DamagedFile, match=r"t\.npz: it says that it holds 2 arrays"):
        mimocorb.open(path)
