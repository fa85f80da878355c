"""The formats that ship with mimocorb keep what a format promises."""

from __future__ import annotations

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


def test_what_a_recording_cannot_is_nothing():
    assert dict(RECORDING.cannot) == {}
    assert all("write" in each.cannot for each in formats().values() if each.of_others)
    assert all(set(each.cannot) <= set(ABILITIES) for each in formats().values())
