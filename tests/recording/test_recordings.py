"""The recording: what its segments say about themselves, and what is left of damaged ones."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import mimocorb
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.errors import DamagedFile, OutputError, SetupError
from mimocorb.recording import events as recorded_events
from mimocorb.recording.columns import Columns
from mimocorb.recording.events import DamageWarning
from mimocorb.recording.segments import Segment, segments_of
from mimocorb.recording.write_recording import COMPRESSIONS, RecordingWriter

DTYPE = np.dtype([("chA", "i2"), ("chB", "i2")])
SAMPLES = 200


def some(first: int, count: int):
    """Return events whose samples are all -1 in one channel: the bytes that begin a message."""
    data = np.full((count, SAMPLES), -1, DTYPE)
    data["chA"] = np.arange(first, first + count)[:, None] + np.arange(SAMPLES)
    numbers = np.arange(first, first + count)
    metadata = BatchMetadata(numbers, 1.7e9 + numbers, np.full(count, -1.0))
    metadata.sequence = numbers + 1
    return data, metadata


def record(directory: Path, batches: int = 10, **options) -> list[Path]:
    setup = {"name": "raw", "dtype": DTYPE, "values_per_slot": SAMPLES}
    with RecordingWriter("record", directory, "waves", setup, **options) as writer:
        for number in range(batches):
            writer.append(*some(10 * number, 10))
    return segments_of(directory, "waves")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_plain_arrow_reads_a_segment(tmp_path, compression):
    (path,) = record(tmp_path, compression=compression, about={"units": {"chA": "mV"}})
    with path.open("rb") as file:
        table = pa.ipc.open_stream(file).read_all()
    table.validate(full=True)
    assert table["counter"].to_pylist() == list(range(100))
    assert table["chA"][7].as_py() == list(range(7, 7 + SAMPLES))
    assert table.schema.field("chA").metadata == {b"unit": b"mV"}


def test_a_recording_says_what_it_is(tmp_path):
    about = {"units": {"chA": "mV"}, "scale": {"chA": 0.05}, "sample_time_ns": 10.0}
    record(tmp_path, about=about)
    with mimocorb.open(tmp_path / "waves") as events:
        assert events.units == {"chA": "counts"}
        assert events.channels["chA"].unit == "mV"
        assert {name: events.about[name] for name in about} == about
        assert events.about["versions"]["mimocorb"] == mimocorb.__version__
        assert events.about["buffer"] == "raw"


def test_segments_are_begun_by_size_and_read_as_one(tmp_path):
    paths = record(tmp_path, compression="none", segment_bytes=30_000)
    assert [path.name for path in paths] == [f"waves.{number:03d}.arrows" for number in range(3)]
    with mimocorb.open(tmp_path / "waves") as events:
        assert events.metadata.counter.tolist() == list(range(100))
        assert events.damage() == []
        assert events[95:].data["chA"][:, 0].tolist() == [95, 96, 97, 98, 99]
    with mimocorb.open(paths[1]) as events:
        assert len(events) == 40


def test_segments_are_begun_by_age(tmp_path):
    assert len(record(tmp_path, 3, segment_s=1e-9)) == 3


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_missing_segment_is_found(tmp_path, gone):
    paths = record(tmp_path, compression="none", segment_bytes=30_000)
    paths[gone].unlink()
    with mimocorb.open(tmp_path / "waves") as events:
        assert events.damage()


def test_a_recording_is_not_overwritten(tmp_path):
    (path,) = record(tmp_path, 1)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        record(tmp_path, 1)
    assert path.read_bytes() == before


def test_every_batch_but_the_damaged_one_is_given_out(tmp_path):
    (path,) = record(tmp_path)
    content = path.read_bytes()
    with Segment(path) as segment:
        heads = [batch.head for batch in segment.batches]
    for number, head in enumerate(heads):
        for place in (head.at + 3, head.at + 40, head.at + head.head_bytes + 5, head.end - 9):
            changed = bytearray(content)
            changed[place] ^= 0x10
            path.write_bytes(changed)
            with mimocorb.open(path) as events, warnings.catch_warnings():
                warnings.simplefilter("ignore", DamageWarning)
                counters = events.metadata.counter.tolist()
                damage = events.damage()
            whole = [*range(10 * number), *range(10 * number + 10, 100)]
            assert counters == whole, f"byte {place}"
            assert damage


def test_a_damaged_event_is_an_error_and_a_warning(tmp_path):
    (path,) = record(tmp_path, compression="none")
    with Segment(path) as segment:
        head = segment.batches[3].head
    changed = bytearray(path.read_bytes())
    changed[head.end - 20] ^= 1
    path.write_bytes(changed)
    with mimocorb.open(path) as events:
        assert len(events) == 100
        assert events[29].metadata.counter == 29
        assert events[40].metadata.counter == 40
        with pytest.raises(DamagedFile, match=r"batch 3 at byte .* is damaged: its 10 events"):
            events[35]
        with pytest.warns(DamageWarning, match="batch 3"):
            assert sum(len(block.data) for block in events.blocks()) == 90


def test_without_its_schema_a_segment_is_read(tmp_path):
    (path,) = record(tmp_path)
    changed = bytearray(path.read_bytes())
    changed[:200] = bytes(200)
    path.write_bytes(changed)
    with mimocorb.open(path) as events:
        assert events.metadata.counter.tolist() == list(range(100))
        assert events.damage()


@pytest.mark.parametrize("shift", [1, 5, 8, 4096])
def test_bytes_that_were_put_in_or_are_gone_cost_one_batch_at_most(tmp_path, shift):
    (path,) = record(tmp_path, compression="none")
    content = path.read_bytes()
    with Segment(path) as segment:
        head = segment.batches[4].head
    middle = head.at + head.head_bytes + 100
    path.write_bytes(content[:middle] + bytes(shift) + content[middle:])
    with mimocorb.open(path) as events, warnings.catch_warnings():
        warnings.simplefilter("ignore", DamageWarning)
        assert set(range(100)) - set(events.metadata.counter.tolist()) <= set(range(40, 50))
        assert events.damage()


def test_a_cut_at_the_end_of_a_batch_is_found(tmp_path):
    (path,) = record(tmp_path)
    content = path.read_bytes()
    with Segment(path) as segment:
        ends = [batch.head.end for batch in segment.batches]
    for number, end in enumerate(ends):
        path.write_bytes(content[:end])
        with mimocorb.open(path) as events:
            assert len(events) == 10 * (number + 1)
            assert any("the end is missing" in sentence for sentence in events.damage())


def test_something_else_is_refused_in_words(tmp_path):
    for name, content in (("a.000.arrows", b""), ("b.000.arrows", b"\xff" * 1000)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DamagedFile):
            mimocorb.open(tmp_path / name)
    (tmp_path / "notes.md").write_text("nothing")
    with pytest.raises(SetupError, match="of no format"):
        mimocorb.open(tmp_path / "notes.md")
    with pytest.raises(SetupError, match="there is no file"):
        mimocorb.open(tmp_path / "waves")


def test_fields_called_like_metadata_are_kept(tmp_path):
    dtype = np.dtype([("counter", "i4"), ("timestamp", "f4"), ("data.counter", "i2")])
    setup = {"name": "raw", "dtype": dtype, "values_per_slot": 1}
    data = np.array([[(1, 2.5, 3)], [(4, 5.5, 6)]], dtype)
    with RecordingWriter("record", tmp_path, "odd", setup) as writer:
        writer.append(data, BatchMetadata(np.array([7, 8]), np.zeros(2), np.zeros(2)))
    with mimocorb.open(tmp_path / "odd") as events:
        assert events[:].data.tolist() == data.tolist()
        assert events.metadata.counter.tolist() == [7, 8]


def test_a_text_of_the_user_is_no_seal(tmp_path):
    with pytest.raises(SetupError, match="may contain"):
        record(tmp_path, about={"units": {"chA": "mimocorb seal: head="}})


def test_overlapping_fields_are_refused():
    dtype = np.dtype({"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 0]})
    with pytest.raises(SetupError, match="cannot be described exactly"):
        Columns(dtype, 1)


def test_events_are_a_sequence(tmp_path):
    record(tmp_path)
    with mimocorb.open(tmp_path / "waves") as events:
        assert [event.metadata.counter for event in events] == list(range(100))
        assert events[-1].metadata.counter == 99
        assert events[::-7].metadata.counter.tolist() == list(range(100))[::-7]
        assert events[5:5].data.shape == (0, SAMPLES)
        assert [len(block.data) for block in events.blocks(30)] == [30, 30, 30, 10]
        assert events.to_arrow().num_rows == 100
        with pytest.raises(IndexError, match="has 100 events, and no event 100"):
            events[100]
        with pytest.raises(ValueError, match="at least 1"):
            next(events.blocks(0))


@pytest.mark.parametrize(("kept_batches", "read_again"), [(10, False), (2, True)])
def test_batches_that_were_read_are_kept_as_far_as_memory_is_granted(
    tmp_path, monkeypatch, kept_batches, read_again
):
    record(tmp_path)
    monkeypatch.setattr(recorded_events, "_KEPT_BYTES", kept_batches * 10 * SAMPLES * 4)
    with mimocorb.open(tmp_path / "waves") as events:
        read_block, read = events.file.read_block, []
        monkeypatch.setattr(
            events.file, "read_block", lambda number: read.append(number) or read_block(number)
        )
        places = np.random.default_rng(1).permutation(100).tolist()
        for place in 2 * places:
            assert events[place].metadata.counter == place
            assert len(events._kept) <= kept_batches
        assert (len(read) > 10) == read_again
        assert set(read) == set(range(10))


def test_events_have_notes_where_a_recording_says_what_they_are(tmp_path):
    setup = {"name": "raw", "dtype": DTYPE, "values_per_slot": SAMPLES}
    about = {"notes": "what was said"}
    with RecordingWriter("record", tmp_path, "waves", setup, about=about) as writer:
        for first, words in ((0, ["one", "zwei", "três"]), (3, ["", "five\nsix", "7"])):
            data, metadata = some(first, 3)
            metadata.notes = np.array(words, np.object_)
            writer.append(data, metadata)
    with mimocorb.open(tmp_path / "waves") as events:
        notes = ["one", "zwei", "três", "", "five\nsix", "7"]
        assert events.metadata.notes.tolist() == notes
        assert events[2:5].metadata.notes.tolist() == notes[2:5]
        assert events.to_arrow()["notes"].to_pylist() == notes
        assert events.damage() == []
    (tmp_path / "plain").mkdir()
    record(tmp_path / "plain", 1)
    with mimocorb.open(tmp_path / "plain" / "waves") as events:
        assert events.metadata.notes is None


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_batches_of_changing_length_keep_their_numbers(tmp_path, compression):
    """The memory of a batch is used again for the next one."""
    setup = {"name": "raw", "dtype": DTYPE, "values_per_slot": SAMPLES}
    with RecordingWriter("record", tmp_path, "waves", setup, compression=compression) as writer:
        first = 0
        for count in (5, 5, 1, 9, 5, 9, 30, 1):
            writer.append(*some(first, count))
            first += count
    with mimocorb.open(tmp_path / "waves") as events:
        np.testing.assert_array_equal(events[:].data, some(0, first)[0])
        assert events.metadata.counter.tolist() == list(range(first))
