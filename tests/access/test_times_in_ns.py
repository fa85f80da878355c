"""The time of an event in whole nanoseconds: exact from the source to the files, and merged by."""

from __future__ import annotations

import math
import tarfile

import numpy as np
import pyarrow.parquet as pq
import pytest

from mimocorb import Metadata, filter
from mimocorb.buffer_control import (
    BufferToParquetfile,
    BufferToTxtfile,
    MergeBuffers,
    MergeSettings,
    SourceToBuffer,
)
from mimocorb.compat.forms import bind_function
from mimocorb.components.worker import Worker
from mimocorb.displays.waveform_figure import EventInfo
from mimocorb.errors import OutputError, UserFunctionError
from mimocorb.mimo_buffer import NewBuffer, Observer, Reader, Writer
from mimocorb.model import FunctionReference, WorkerSpec

UTC_NS = 1_796_023_714_220_344_501


@pytest.fixture
def made():
    """Makes a buffer with one group, whose stream ends behind these events."""
    kept = []

    def make(events, name="raw", dtype="f8"):
        buffer = NewBuffer(16, 1, dtype, name=name)
        group = buffer.new_reader_group()
        SourceToBuffer(sink_list=[buffer.new_writer()], data_source=iter(events))()
        kept.append(buffer)
        return group

    return make


def timed(*times_ns):
    return [(float(i), {"time_ns": time}) for i, time in enumerate(times_ns)]


def test_a_reader_has_it_beside_the_three_numbers(made):
    with Reader(made(timed(UTC_NS, None, -5))) as reader:
        found = [(reader.time_ns, len(reader.get_metadata())) for _ in reader]
    assert found == [(UTC_NS, 3), (None, 3), (-5, 3)]


def test_an_observer_has_it():
    with NewBuffer(4, 1, "f8") as buffer, Writer(buffer.new_writer()) as writer:
        observer = Observer(buffer.new_observer())
        assert observer.time_ns is None
        writer.write([1.0], 0, 1.5e9, 0.0, time_ns=UTC_NS)
        observer.get()
        assert observer.time_ns == UTC_NS
        assert observer.get_metadata() == (0, 1.5e9, 0.0)


@pytest.mark.parametrize("time_ns", [1.5, 2**63, "now", [1, 2]])
def test_what_is_no_time_is_refused(made, time_ns):
    with pytest.raises(UserFunctionError, match="time_ns"):
        made(timed(time_ns))


def test_metadata_are_three_numbers_that_know_a_time():
    metadata = Metadata(1, 2.0, 3.0, UTC_NS)
    assert (metadata, metadata.time_ns) == ((1, 2.0, 3.0), UTC_NS)
    assert Metadata(1, 2.0, 3.0).time_ns is None
    assert repr(metadata) == f"Metadata(counter=1, timestamp=2.0, deadtime=3.0, time_ns={UTC_NS})"


def test_text_and_parquet_have_every_digit(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    times = [UTC_NS + 3 * i for i in range(5)]
    BufferToTxtfile([made(timed(*times))], config_dict={"filename": "table"})()
    BufferToParquetfile([made(timed(*times))], config_dict={"filename": "events"})()
    rows = [line.split("\t") for line in (tmp_path / "table.txt").read_text().splitlines()]
    assert rows[0] == ["counter", "timestamp", "deadtime", "time_ns", "value"]
    assert [int(row[3]) for row in rows[1:]] == times
    with tarfile.open(tmp_path / "events.tar") as archive:
        read = [pq.read_schema(archive.extractfile(member)).metadata for member in archive]
    assert [int(metadata[b"time_ns"]) for metadata in read] == times


def test_a_table_without_a_column_for_times_says_so(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    group = made([(0.0, {}), (1.0, {"time_ns": 5})])
    with Reader(group) as reader:  # so that the next ones come one by one
        reader.get_batch(2)
        reader.reject()
    with pytest.raises(OutputError, match="event 1 has a time_ns, but the events before it had"):
        BufferToTxtfile([group], config_dict={"filename": "table"})()


def test_filters_and_batches_hand_it_on(made):
    seen = []

    @filter
    def twice(event, metadata):
        seen.append(metadata.time_ns)
        return [[event, event]]

    out = NewBuffer(16, 1, "f8", name="out")
    group = out.new_reader_group()
    spec = WorkerSpec("w", FunctionReference("own", "twice"), reads=("raw",), writes=("out",))
    bind_function(twice, Worker(spec, [made(timed(7, None, 9))], [out.new_writer()]))()
    with Reader(group) as reader:
        assert [reader.time_ns for _ in reader] == [7, 7, None, None, 9, 9]
    assert seen == [7, None, 9]


def merged(groups, **settings):
    sets = []
    merging = MergeBuffers(
        groups,
        function=lambda events: sets.append([e if e is None else e[0] for e in events.values()]),
        settings=MergeSettings(**settings),
    )
    merging()
    return sets, merging


def test_a_merge_tells_50_ns_apart_since_1970(made):
    first = [UTC_NS + 1000 * i for i in range(10)]
    groups = [made(timed(*first), "a"), made(timed(*(t + 50 for t in first)), "b")]
    sets, merging = merged(groups, by="time", window_ns=50)
    assert (len(sets), merging.complete_count, merging.incomplete_count) == (10, 10, 0)
    groups = [made(timed(*first), "a"), made(timed(*(t + 50 for t in first)), "b")]
    assert merged(groups, by="time", window_ns=49)[0] == []


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_an_event_without_a_time_is_a_set_of_its_own(made, odd, place, caplog):
    times = [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]
    times[place][1] = odd
    groups = [
        made([(float(i), {"timestamp": t}) for i, t in enumerate(each)], name)
        for name, each in zip("ab", times, strict=True)
    ]
    sets, merging = merged(groups, by="time", window_s=0.5)
    assert sets == [[0, 0], [2, 2], [3, 3]]
    assert (merging.complete_count, merging.incomplete_count) == (3, 2)
    events = [counts["complete"] + counts["incomplete"] for counts in merging.counts.values()]
    assert events == [4, 4]
    assert merging.counts["ab"[place]]["no time"] == 1
    assert caplog.text.count("belongs to no other event") == 1


def counted(*counters):
    return [(float(i), {"counter": c}) for i, c in enumerate(counters)]


def test_counters_that_roll_over_are_unwrapped(made):
    laps = [i for i in range(40) if i % 7]
    first = made([(float(i), {"counter": i % 32}) for i in laps if i < 16], "a", "f8")
    second = made([(float(i), {"counter": i % 32}) for i in range(16)], "b")
    sets, merging = merged([first, second], modulo=32)
    assert sets == [[i, i] for i in laps if i < 16]
    assert merging.counts["a"]["out of order"] == 0
    first = made([(float(i), {"counter": i % 4}) for i in range(14) if i % 5], "a")
    second = made([(float(i), {"counter": i % 4}) for i in range(14)], "b")
    sets, merging = merged([first, second], modulo=4)
    assert sets == [[i, i] for i in range(14) if i % 5]


def test_a_counter_beyond_its_modulo_is_refused(made):
    groups = [made(counted(0, 4), "a"), made(counted(0, 1), "b")]
    with pytest.raises(UserFunctionError, match="event 4 of a has a counter that is not below"):
        merged(groups, modulo=4)


@pytest.mark.parametrize(
    ("counters", "told"),
    [
        ((30, 31, 0, 1), "a counter of 0 comes behind one of 31.*modulo: 32"),
        (
            (1, 1, 2, 2),
            "a counter of 1 comes behind one of 1, so what belongs .* is doubtful",
        ),
    ],
)
def test_disorder_is_counted_told_and_ends_who_may_not_miss_anything(made, counters, told, caplog):
    groups = [made(counted(*counters), "a"), made(counted(*counters), "b")]
    merged(groups)
    assert len([r for r in caplog.records if "doubtful" in r.getMessage()]) == 2
    groups = [made(counted(*counters), "a"), made(counted(*counters), "b")]
    with pytest.raises(UserFunctionError, match=told):
        merged(groups, incomplete="fail")


@pytest.mark.parametrize("time_s", [math.nan, math.inf, -math.inf, 1.7e12, 1.7e18, -1e300, 8.0**11])
def test_any_timestamp_can_be_kept_and_shown(made, time_s, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    events = [(0.0, {"timestamp": time_s}), (1.0, {"timestamp": 2.0})]
    BufferToParquetfile([made(events)], config_dict={"filename": "events"})()
    BufferToTxtfile([made(events)], config_dict={"filename": "table"})()
    with tarfile.open(tmp_path / "events.tar") as archive:
        read = [pq.read_schema(archive.extractfile(member)).metadata for member in archive]
    for found in (float(read[0][b"timestamp"]), np.loadtxt("table.txt", skiprows=1)[0, 1]):
        np.testing.assert_equal(found, time_s)
    assert "event 3" in str(EventInfo(3, time_s, 0.0, 0.5, 2))
