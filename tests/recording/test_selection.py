"""A part of recorded events: by counter or time, by place, in another form."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import mimocorb
from mimocorb.buffers.batch_metadata import NO_TIME, BatchMetadata
from mimocorb.errors import DamagedFile, MimocorbError, SetupError
from mimocorb.recording.events import DamageWarning
from mimocorb.recording.write_recording import RecordingWriter

DTYPE = np.dtype([("chA", "<i2"), ("height", "<f8")])
BEGIN_S = 1_700_000_000.0
STEP_NS = 1_000_000_007  # no float of seconds tells these apart from their neighbours
BEGIN_NS = 1_700_000_000_000_000_001


def block(first: int, count: int, *, times: bool = True):
    numbers = np.arange(first, first + count)
    data = np.zeros((count, 3), DTYPE)
    data["chA"] = numbers[:, None]
    data["height"] = numbers[:, None] / 4
    metadata = BatchMetadata(numbers + 100, BEGIN_S + numbers, np.full(count, -1.0))
    metadata.sequence = numbers + 1
    if times:
        metadata.time_ns = BEGIN_NS + numbers * STEP_NS
    return data, metadata


def record(directory: Path, *, times: bool = True) -> Path:
    setup = {"name": "raw", "dtype": DTYPE, "values_per_slot": 3}
    about = {"units": {"height": "mV"}}
    with RecordingWriter("record", directory, "waves", setup, about=about) as writer:
        for number in range(10):
            writer.append(*block(10 * number, 10, times=times))
    return directory / "waves"


@pytest.fixture
def events(tmp_path):
    return mimocorb.open(record(tmp_path))


def chosen(events) -> list[int]:
    """The counters from 0, and that the data belong to them."""
    counters = [event.metadata.counter - 100 for event in events]
    assert events[:].data["chA"][:, 0].tolist() == counters
    return counters


def test_a_pair_is_from_and_below_and_a_value_is_itself(events):
    assert chosen(events.select(counter=117)) == [17]
    assert chosen(events.select(counter=(117, 123))) == list(range(17, 23))
    assert chosen(events.select(counter=(None, 103))) == [0, 1, 2]
    assert chosen(events.select(counter=(197, None))) == [97, 98, 99]
    assert chosen(events.select(counter=500)) == []
    assert chosen(events.select(counter=(120, 130), timestamp=(BEGIN_S + 28, None))) == [28, 29]


def test_times_in_ns_are_exact(events):
    at_ns = BEGIN_NS + 50 * STEP_NS
    assert chosen(events.select(time_ns=at_ns)) == [50]
    assert chosen(events.select(time_ns=at_ns + 1)) == []
    assert chosen(events.select(time_ns=(at_ns - 1, at_ns))) == []
    assert chosen(events.select(time_ns=(at_ns, at_ns + 1))) == [50]


def test_timestamps_are_seconds_or_times_of_day(events):
    moment = datetime.fromtimestamp(BEGIN_S + 30, UTC)
    assert chosen(events.select(timestamp=(moment, BEGIN_S + 32))) == [30, 31]
    with pytest.raises(SetupError, match="has to say its time zone"):
        events.select(timestamp=(moment.replace(tzinfo=None), None))


def test_a_selection_is_read_lazily_and_selected_from_again(events, monkeypatch):
    some = events.select(counter=(110, 190))
    read = []
    monkeypatch.setattr(
        type(events.file), "read_block", lambda _self, n: read.append(n) or block(10 * n, 10)
    )
    assert (len(some), read) == (80, [])
    monkeypatch.undo()
    assert chosen(some.select(counter=(150, 152))) == [50, 51]
    assert [len(each.data) for each in some.blocks(32)] == [32, 32, 16]
    assert (some.units, some.dtype, some.name) == ({"height": "mV"}, DTYPE, "waves")


def test_events_are_taken_by_place_in_any_order(events):
    places = [99, 0, 50, 51, 0]
    assert chosen(events.take(places)) == places
    assert chosen(events.take(events.metadata.counter % 50 == 0)) == [0, 50]
    assert len(events.take([])) == 0
    assert events.take(range(100)).metadata.time_ns.tolist() == events.metadata.time_ns.tolist()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "told what to select by: counter, timestamp or time_ns"),
        ({"counter": (1, 2, 3)}, "a pair .from, below.; found 3 values"),
        ({"counter": 1.5}, "counter is a whole number, found 1.5"),
        ({"time_ns": "now"}, "time_ns is a whole number, found 'now'"),
        ({"timestamp": "now"}, "timestamp is seconds or a datetime, found 'now'"),
        ({"counter": True}, "counter is a whole number, found True"),
    ],
)
def test_what_cannot_be_selected_by_is_told(events, wanted, said):
    with pytest.raises(SetupError, match=said):
        events.select(**wanted)


def test_places_that_there_are_not_are_told(events):
    with pytest.raises(IndexError, match="from 0 to 99"):
        events.take([100])
    with pytest.raises(SetupError, match="found float64"):
        events.take([0.5])


def test_events_without_times_in_ns_cannot_be_selected_by_them(tmp_path):
    with mimocorb.open(record(tmp_path, times=False)) as events:
        assert events.metadata.time_ns is None
        with pytest.raises(SetupError, match="has no times in ns; select by timestamp"):
            events.select(time_ns=(0, None))


def test_an_event_without_a_time_among_others_is_not_selected(tmp_path):
    setup = {"name": "raw", "dtype": DTYPE, "values_per_slot": 3}
    with RecordingWriter("record", tmp_path, "waves", setup) as writer:
        data, metadata = block(0, 3)
        metadata.time_ns = np.array([5, NO_TIME, 7])
        writer.append(data, metadata)
    with mimocorb.open(tmp_path / "waves") as events:
        assert chosen(events.select(time_ns=(None, 8))) == [0, 2]


def test_damage_is_left_out_of_a_selection_and_raises_where_it_is_asked_for(tmp_path):
    record(tmp_path)
    (path,) = tmp_path.glob("*.arrows")
    content = bytearray(path.read_bytes())
    with mimocorb.open(tmp_path / "waves") as events:
        head = events.file.segments[path].batches[4].head
        content[head.at + head.head_bytes + 40] ^= 1
        some = events.select(counter=(130, 160))
        path.write_bytes(content)
        events.look_again()
        with pytest.warns(DamageWarning, match="batch 4"):
            assert chosen(events.select(counter=(130, 160))) == [
                *range(30, 40), *range(50, 60),
            ]  # fmt: skip
        with pytest.raises(DamagedFile, match="batch 4"):
            list(events.blocks(strict=True))
    some.close()


@pytest.mark.parametrize("place", [60, -40])
def test_a_head_that_changes_after_the_file_was_opened_is_damage(tmp_path, place):
    record(tmp_path)
    (path,) = tmp_path.glob("*.arrows")
    with mimocorb.open(tmp_path / "waves") as events:
        head = events.file.segments[path].batches[4].head
        content = bytearray(path.read_bytes())
        content[head.at + place % head.head_bytes] ^= 4
        path.write_bytes(content)
        with pytest.raises(DamagedFile, match="batch 4"):
            list(events.blocks(strict=True))


def test_a_part_that_cannot_be_found_any_more_is_told_when_all_is_read(tmp_path):
    record(tmp_path)
    (path,) = tmp_path.glob("*.arrows")
    with mimocorb.open(tmp_path / "waves") as events:
        head = events.file.segments[path].batches[4].head
    content = bytearray(path.read_bytes())
    content[head.at + 4] ^= 1  # where its head says how long it is
    path.write_bytes(content)
    with mimocorb.open(tmp_path / "waves") as events:
        assert len(events) == 90
        with pytest.warns(DamageWarning) as told:
            assert len(events.metadata.counter) == 90
        assert any("1 batch with 10 events" in str(one.message) for one in told)
        with pytest.raises(DamagedFile, match="1 batch with 10 events"):
            list(events.blocks(strict=True))


def test_other_tools_get_everything(events):
    pandas = pytest.importorskip("pandas")
    frame = events.select(counter=(110, 112)).to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["counter"].tolist() == [110, 111]
    assert frame["chA"][1].tolist() == [11, 11, 11]
    awkward = pytest.importorskip("awkward")
    array = events.to_awkward()
    assert array["time_ns"].to_list() == events.metadata.time_ns.tolist()
    assert awkward.to_numpy(array["height"]).tolist() == events[:].data["height"].tolist()


@pytest.mark.parametrize(("call", "package"), [("to_pandas", "pandas"), ("to_awkward", "awkward")])
def test_a_missing_tool_is_one_sentence(events, monkeypatch, call, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        MimocorbError, match=rf"^{call}\(\) needs {package}: pip install {package}$"
    ):
        getattr(events, call)()


def test_segments_that_come_later_are_found(tmp_path):
    setup = {"name": "raw", "dtype": DTYPE, "values_per_slot": 3}
    options = {"compression": "none", "segment_bytes": 2000}
    with RecordingWriter("record", tmp_path, "waves", setup, **options) as writer:
        writer.append(*block(0, 10))
        events = mimocorb.open(tmp_path / "waves")
        assert chosen(events) == list(range(10))
        for number in range(1, 6):
            writer.append(*block(10 * number, 10))
        assert len(list(tmp_path.glob("*.arrows"))) > 1
        assert chosen(events) == list(range(10))
        assert chosen(events.look_again()) == list(range(60))
        assert len(events.metadata.counter) == 60
    events.close()
