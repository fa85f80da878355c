"""The formats that ship with mimocorb keep what a format promises."""

from __future__ import annotations

import mimocorb
from mimocorb.recording.archive_format import ARCHIVE
from mimocorb.recording.csv_format import CSV
from mimocorb.recording.formats import ABILITIES, formats
from mimocorb.recording.hdf5_format import HDF5
from mimocorb.recording.npz_format import NPZ
from mimocorb.recording.parquet_format import PARQUET
from mimocorb.recording.recording_format import RECORDING
from mimocorb.recording.root_format import RNTUPLE, ROOT
from mimocorb.recording.text_format import TEXT
from mimocorb.testing.formats import EventFileContract


class TestRecording(EventFileContract):
    format = RECORDING


class TestArchive(EventFileContract):
    format = ARCHIVE


class TestText(EventFileContract):
    format = TEXT


class TestCsv(EventFileContract):
    format = CSV


class TestParquet(EventFileContract):
    format = PARQUET


class TestHdf5(EventFileContract):
    format = HDF5


class TestRoot(EventFileContract):
    format = ROOT


class TestRNTuple(EventFileContract):
    format = RNTUPLE
    read_by = ROOT


class TestNpz(EventFileContract):
    format = NPZ


def test_they_are_offered_as_those_of_other_packages_are():
    ours = {name: each for name, each in formats().items() if not each.of_others}
    assert ours == {
        "csv": CSV,
        "hdf5": HDF5,
        "npz": NPZ,
        "parquet": PARQUET,
        "parquet_tar": ARCHIVE,
        "record": RECORDING,
        "rntuple": RNTUPLE,
        "root": ROOT,
        "text": TEXT,
    }


def test_a_number_of_a_text_that_only_uint64_holds_is_read_wherever_it_comes(tmp_path):
    path = tmp_path / "table.txt"
    rows = ["counter\ttimestamp\tdeadtime\tsmall\tlarge\treal"]
    rows += [f"{n}\t1.5\t0.0\t{-n}\t{2**64 - 1 if n == 5000 else n}\t0.5" for n in range(6000)]
    path.write_text("\n".join(rows) + "\n")
    events = mimocorb.open(path)
    assert len(events) == 6000
    assert [events.dtype[name].str for name in ("small", "large", "real")] == ["<i8", "<u8", "<f8"]
    assert [int(events[n][0]["large"][0]) for n in (0, 4999, 5000)] == [0, 4999, 2**64 - 1]


def test_what_a_recording_cannot_is_nothing():
    assert dict(RECORDING.cannot) == {}
    assert all("write" in each.cannot for each in formats().values() if each.of_others)
    assert all(set(each.cannot) <= set(ABILITIES) for each in formats().values())
