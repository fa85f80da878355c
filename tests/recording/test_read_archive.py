"""Archives of events are read again: ours, and those of mimoCoRB 1.0 to 1.0.2."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mimocorb.buffer_control import BufferToParquetfile, SourceToBuffer
from mimocorb.components.roles.event_writer import EventWriter
from mimocorb.errors import DamagedFile, SetupError
from mimocorb.mimo_buffer import NewBuffer
from mimocorb.recording.read_archive import archived_events
from mimocorb.run.recorded_source import replay
from mimocorb.testing.components import FormatContract


class TestParquetTar(FormatContract):
    component = "parquet_tar"
    reader = replay
    config: ClassVar = {"filename": "events"}
    buffer: ClassVar = {"data_length": 4, "data_dtype": {"chA": "float32", "hits": "int16"}}

    def reader_config(self, directory):
        return {"data": str(directory / "events.tar")}


def write(path: Path, events: dict[str, Any], compression: str = "") -> Path:
    """Write members as mimoCoRB does: pandas frames without further metadata."""
    with tarfile.open(path, f"w:{compression}") as archive:
        for name, columns in events.items():
            content = columns if isinstance(columns, bytes) else parquet(columns)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def parquet(columns: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content)
    return content.getvalue()


def buffer(dtype: Any, values: int = 3) -> dict[str, Any]:
    return {"name": "RB_1", "dtype": np.dtype(dtype), "values_per_slot": values}


WAVE = {"chA": [1.0, 2.0, 3.0], "chB": [4, 5, 6]}
FIELDS = [("chA", "f8"), ("chB", "i8")]


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz"])
def test_an_archive_of_mimocorb_1_is_read_with_its_counters(tmp_path, compression):
    path = write(tmp_path / "old", {f"pulses_{n}.parquet": WAVE for n in (3, 17)}, compression)
    events = list(archived_events(path))
    assert [event.metadata for event in events] == [{"counter": 3}, {"counter": 17}]
    assert events[0].data["chA"].tolist() == [1.0, 2.0, 3.0]
    assert events[0].data["chB"].dtype == np.int64


def test_an_index_that_pandas_has_written_is_no_channel(tmp_path):
    path = write(tmp_path / "old.tar", {"a_1.parquet": {**WAVE, "__index_level_0__": [0, 1, 2]}})
    (event,) = archived_events(path)
    assert list(event.data) == ["chA", "chB"]


def test_several_records_of_one_event_keep_their_counter(tmp_path):
    path = write(tmp_path / "old.tar", {"a_1.parquet": WAVE, "a_1.2.parquet": WAVE})
    assert [event.metadata["counter"] for event in archived_events(path)] == [1, 1]


def test_a_member_without_a_number_has_no_counter(tmp_path):
    path = write(tmp_path / "old.tar", {"event.parquet": WAVE})
    assert [event.metadata for event in archived_events(path)] == [{}]


@pytest.mark.parametrize(
    ("dtype", "values", "event"),
    [
        ("f4", 3, [1.0, 2.0, 3.0]),
        ([("x", "f8", (3,)), ("y", "i2", (3,))], 1, [([1.0, 2.0, 3.0], [4, 5, 6])]),
        ([("x", "f8", (2,)), ("n", "i4")], 2, [([1.0, 2.0], 5), ([3.0, 4.0], 6)]),
        (">i4", 2, [7, -8]),
    ],
)
def test_our_archives_are_read_in_every_layout(tmp_path, dtype, values, event):
    with NewBuffer(4, values, dtype) as made:
        source, group, again = made.new_writer(), made.new_reader_group(), made.new_observer()
        data = np.array(event, dtype=dtype)
        SourceToBuffer(sink_list=[source], data_source=[(data, (5, 1.5, 0.25))])()
        config = {"filename": "ours", "directory_prefix": str(tmp_path)}
        BufferToParquetfile([group], config_dict=config)()
        setup = {**again, "dtype": np.dtype(dtype)}
    with NewBuffer(4, values, dtype) as target:
        to_write, to_read = target.new_writer(), target.new_reader_group()
        with EventWriter(to_write) as writer:
            for block, metadata in replay(data=tmp_path / "ours.tar", buffer=setup):
                writer.put_block(block, metadata)
        from mimocorb.mimo_buffer import Reader

        with Reader(to_read) as reader:
            np.testing.assert_array_equal(reader.get(), data)
            assert reader.get_metadata() == (5, 1.5, 0.25)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"a_1.parquet": b"text"}, r"a_1\.parquet of the archive is no Parquet file"),
        ({"a_1.parquet": {"chA": [1.0]}}, "data_length: 1, data_dtype: {chA: float64}"),
        ({"a_1.parquet": {**WAVE, "chC": [1, 2, 3]}}, "chA: float64, chB: int64, chC: int64}"),
        ({"a_1.parquet": {"chA": [1.0], "chB": [2]}}, "do not fit into RB_1.*data_length: 1,"),
    ],
)
def test_what_is_no_event_of_the_buffer_is_told(tmp_path, members, words):
    path = write(tmp_path / "old.tar", members)
    with pytest.raises((SetupError, DamagedFile), match=words):
        list(replay(data=path, buffer=buffer(FIELDS)))


def test_what_is_no_archive_is_told(tmp_path):
    with pytest.raises(SetupError, match=r"there is no archive .*none\.tar"):
        list(archived_events(tmp_path / "none.tar"))
    (tmp_path / "text.tar").write_text("text")
    with pytest.raises(SetupError, match=r"text\.tar cannot be read.*is to be a tar"):
        list(archived_events(tmp_path / "text.tar"))
    with pytest.raises(SetupError, match="cannot be read"):
        list(archived_events(tmp_path))


def test_an_archive_that_ends_in_an_event_is_read_up_to_there_and_told(tmp_path):
    path = write(tmp_path / "old.tar", {f"a_{n}.parquet": WAVE for n in (1, 2)})
    content = path.read_bytes()
    second = content.index(b"a_2.parquet")
    path.write_bytes(content[: second + 700])
    read = []
    with pytest.raises(SetupError, match=r"cannot be read behind a_\d\.parquet"):
        read.extend(event.metadata["counter"] for event in archived_events(path))
    assert read == [1]


def test_members_that_are_no_files_are_passed_over(tmp_path):
    path = write(tmp_path / "old.tar", {"a_1.parquet": WAVE})
    with tarfile.open(path, "a") as archive:
        directory = tarfile.TarInfo("directory")
        directory.type = tarfile.DIRTYPE
        archive.addfile(directory)
        link = tarfile.TarInfo("a_2.parquet")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert len(list(archived_events(path))) == 1
