"""Room for events that are left when a run ends, whatever the disk is like then."""

from __future__ import annotations

import os

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.model import FunctionReference, WorkerSpec
from mimocorb.recording.spill_file import SpillFile, read_index
from mimocorb.recording.spill_place import SpillPlace, find_spill_file, partial_of
from mimocorb.run.workers.worker_function import WorkerFunction


def test_room_is_taken_at_once_and_given_back(tmp_path):
    place = SpillPlace(tmp_path, 1 << 20)
    assert place.is_reserved
    assert not place.is_elsewhere
    partial = partial_of(tmp_path / "spill.zip")
    assert partial.stat().st_blocks * 512 >= 1 << 20
    place.free()
    place.free()
    assert list(tmp_path.iterdir()) == []


def test_a_spill_file_is_written_into_its_room_and_as_large_as_its_content(tmp_path):
    place = SpillPlace(tmp_path, 1 << 20)
    SpillFile(place.path, "setup.yaml").close()
    place.free()
    assert find_spill_file(tmp_path) == tmp_path / "spill.zip"
    assert read_index(tmp_path / "spill.zip").groups == []
    assert (tmp_path / "spill.zip").stat().st_size < 10_000


def test_what_would_fill_half_of_the_disk_is_not_reserved_on_it(tmp_path):
    disk = os.statvfs(tmp_path)
    place = SpillPlace(tmp_path, disk.f_bavail * disk.f_frsize)
    assert not partial_of(tmp_path / "spill.zip").exists()
    if place.is_elsewhere:
        assert find_spill_file(tmp_path) == place.path
        assert place.path.parent.stat().st_dev != tmp_path.stat().st_dev
        place.free()
        assert not place.path.parent.exists()
    else:
        assert not place.is_reserved
    assert list(tmp_path.iterdir()) == []


def test_a_function_that_leaves_its_buffers_twice_leaves_them_once():
    with NewBuffer(4, 1, "f8", name="RB_1") as buffer:
        spec = WorkerSpec("fit", FunctionReference("own", "fit"), reads=("RB_1",))
        function = WorkerFunction(spec, {"RB_1": buffer})
        assert function.unread() == {"RB_1": 0}
        function.leave()
        function.leave()
        assert function.unread() == {}
