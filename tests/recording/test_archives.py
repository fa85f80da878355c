"""Archives of Parquet files, damaged: what is found with the checksums of their pages."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

import mimocorb
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.errors import SetupError
from mimocorb.recording.event_archive import EventArchive
from mimocorb.recording.read_archive import archived_events

DTYPE = np.dtype([("chA", "i2"), ("chB", "f8")])


@pytest.fixture
def archive(tmp_path) -> Path:
    data = np.zeros((20, 500), DTYPE)
    data["chA"] = np.random.default_rng(0).integers(0, 99, (20, 500))
    path = tmp_path / "waves.tar"
    with EventArchive("test", path, {"dtype": DTYPE, "values_per_slot": 500}, {}) as writer:
        writer.append(list(data), BatchMetadata(np.arange(20), np.zeros(20), np.zeros(20)))
    return path


def test_a_damaged_header_is_not_taken_for_the_end(archive):
    with tarfile.open(archive) as content:
        place = content.getmembers()[7].offset + 3
    changed = bytearray(archive.read_bytes())
    changed[place] ^= 1
    archive.write_bytes(changed)
    with mimocorb.open(archive) as events:
        assert len(events) == 7
        assert any("what follows" in sentence for sentence in events.damage())
    with pytest.raises(SetupError, match="what follows"):
        list(archived_events(archive))


def test_flipped_bits_of_data_are_found(archive):
    with tarfile.open(archive) as content:
        members = content.getmembers()
    original = archive.read_bytes()
    for number, member in enumerate(members):
        changed = bytearray(original)
        changed[member.offset_data + 200 + 50 * number] ^= 4
        archive.write_bytes(changed)
        with mimocorb.open(archive) as events:
            assert any(f"_{number}.parquet" in sentence for sentence in events.damage())


def test_all_names_of_mimocorb_leave_the_open_of_python_alone():
    names: dict[str, object] = {}
    exec("from mimocorb import *", names)
    assert "open" not in names
    assert "open" in dir(mimocorb)
