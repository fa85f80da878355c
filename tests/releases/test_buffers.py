"""What the buffer classes of releases 1.0.0 to 1.0.2 have besides those of the manual."""

from __future__ import annotations

import copy
import gc
import pickle
import queue
import threading

import numpy as np
import pytest

from mimocorb.errors import EndOfStream
from mimocorb.mimo_buffer import NewBuffer, Observer, Reader, Writer

PULSES = [("chA", "f8"), ("chB", "i4")]


def put(writer: Writer, *values: float) -> None:
    for value in values:
        writer.get_new_buffer()["chA"] = value
        writer.process_buffer()


# --- dtype: a list of pairs, and a NumPy dtype


@pytest.fixture(params=["writer", "reader", "observer", "Writer", "Reader", "Observer"])
def dtype(request, new_buffer):
    buffer = new_buffer(4, 3)
    setups = {
        "writer": buffer.new_writer(),
        "reader": buffer.new_reader_group(),
        "observer": buffer.new_observer(),
    }
    if request.param in setups:
        yield setups[request.param]["dtype"]
        return
    kind = {"Writer": Writer, "Reader": Reader, "Observer": Observer}[request.param]
    with kind(setups[request.param.lower()]) as handle:
        yield handle.dtype


def test_a_dtype_is_a_list_of_pairs(dtype):
    assert dtype[0][0] == "chA"
    assert [dtype[i][0] for i in range(len(dtype))] == ["chA", "chB"]
    assert [name for name, kind in dtype] == ["chA", "chB"]
    assert dtype[1] == ("chB", "i4")
    assert isinstance(dtype, list)
    assert dtype == PULSES


def test_a_dtype_is_one_of_numpy(dtype):
    assert isinstance(dtype, np.dtype)
    assert dtype.names == ("chA", "chB")
    assert dtype.itemsize == 12
    assert dtype["chB"] == np.int32
    assert dtype == np.dtype(PULSES)
    assert np.dtype(PULSES) == dtype
    assert dtype != np.dtype("f8")
    assert {dtype: 1}[np.dtype(PULSES)] == 1
    assert np.zeros(2, dtype=dtype).dtype == np.dtype(PULSES)


def test_a_dtype_travels(dtype):
    for again in (pickle.loads(pickle.dumps(dtype)), copy.deepcopy(dtype), copy.copy(dtype)):
        assert again[0][0] == "chA"
        assert again == dtype


def test_a_dtype_without_fields_or_with_gaps_is_that_of_numpy(new_buffer):
    assert new_buffer(4, 3, "f4").new_writer()["dtype"] == np.dtype("f4")
    gaps = np.dtype({"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [0, 8]})
    assert new_buffer(4, 3, gaps).new_writer()["dtype"] is gaps or (
        new_buffer(4, 3, gaps).new_writer()["dtype"].fields == gaps.fields
    )
    assert np.zeros(1, new_buffer(4, 3, gaps).new_writer()["dtype"]).itemsize == 16


def test_fields_of_several_numbers_keep_their_shape(new_buffer):
    pairs = new_buffer(4, 1, [("x", "f4", (3,)), ("n", "i4")]).new_writer()["dtype"]
    assert pairs[0] == ("x", np.dtype("f4"), (3,))
    assert np.zeros(1, pairs)["x"].shape == (1, 3)


def test_a_set_up_dictionary_with_a_plain_list_is_understood(new_buffer):
    buffer = new_buffer(4, 1)
    setup = {**buffer.new_writer(), "dtype": PULSES}
    group = {**buffer.new_reader_group(), "dtype": PULSES}
    with Writer(setup) as writer:
        put(writer, 3.0)
    with Reader(group) as reader:
        assert reader.get()["chA"] == 3.0


# --- a buffer that only its dictionaries and handles keep


def make() -> tuple:
    buffer = NewBuffer(4, 1, PULSES)
    return buffer.new_reader_group(), buffer.new_writer(), buffer.new_observer()


def test_a_buffer_lives_as_long_as_a_dictionary_of_it():
    group, to_write, to_observe = make()
    gc.collect()
    with Writer(to_write) as writer:
        put(writer, 7.0)
    with Reader(group) as reader, Observer(to_observe) as observer:
        assert reader.get()["chA"] == observer.get()["chA"] == 7.0


def test_a_buffer_lives_as_long_as_a_handle_of_it():
    def handles():
        group, to_write, _ = make()
        return Writer(to_write), Reader(group)

    writer, reader = handles()
    gc.collect()
    put(writer, 7.0)
    assert reader.get()["chA"] == 7.0
    writer.close()
    reader.close()


def test_a_copied_dictionary_keeps_the_buffer_as_well():
    group, to_write, _ = (dict(setup) for setup in make())
    gc.collect()
    with Writer(to_write) as writer:
        put(writer, 7.0)
    with Reader(group) as reader:
        assert reader.get()["chA"] == 7.0


def test_nothing_keeps_a_buffer_that_nobody_can_reach(new_buffer):
    observer = Observer(new_buffer(4, 1).new_observer())
    group, to_write, to_observe = make()
    lasting = dict(
        to_observe, address={k: v for k, v in to_observe["address"].items() if k != "kept"}
    )
    watching = Observer(lasting)
    del group, to_write, to_observe, lasting
    gc.collect()
    assert watching.ended
    assert not observer.ended
    watching.close()
    observer.close()


# --- whether there are data, and whether there will be


def test_data_available_tells_without_waiting_and_takes_nothing_away(new_buffer):
    buffer = new_buffer(4, 1)
    group = buffer.new_reader_group()
    with Writer(buffer.new_writer()) as writer, Reader(group) as reader:
        assert not reader.data_available()
        put(writer, 1.0, 2.0, 3.0)
        assert reader.data_available()
        assert reader.data_available()
        event = reader.get()
        assert reader.data_available()
        assert (event["chA"], reader.get_metadata()[0], reader.sequence) == (1.0, 0, 1)
        assert reader.get()["chA"] == 2.0
        assert reader.data_available()
        reader.acknowledge()
        assert reader.get()["chA"] == 3.0
        assert not reader.data_available()
    (account,) = buffer.stats().groups
    assert (account.acknowledged, account.redelivered) == (3, 0)


@pytest.mark.parametrize("taking", ["get", "get_batch"])
def test_each_event_comes_once_whatever_was_asked_before(new_buffer, taking):
    buffer = new_buffer(8, 1)
    group = buffer.new_reader_group()
    with Writer(buffer.new_writer()) as writer:
        put(writer, *range(6))
    seen = []
    with Reader(group) as reader:
        while reader._active.is_set():
            if reader.data_available():
                events = reader.get() if taking == "get" else reader.get_batch(4).reshape(-1)
                seen += events["chA"].tolist()
    assert seen == [0, 1, 2, 3, 4, 5]


def test_a_rejected_event_comes_again_before_the_one_that_was_seen_ahead(new_buffer):
    buffer = new_buffer(4, 1)
    group = buffer.new_reader_group()
    with Writer(buffer.new_writer()) as writer, Reader(group) as reader:
        put(writer, 1.0, 2.0)
        assert reader.get()["chA"] == 1.0
        assert reader.data_available()
        reader.reject("not now")
        assert sorted([float(reader.get()["chA"][0]), float(reader.get()["chA"][0])]) == [1.0, 2.0]


def test_an_event_that_fails_always_is_set_aside_also_if_it_was_seen_ahead():
    with NewBuffer(4, 1, PULSES, max_deliveries=1) as buffer:
        group = buffer.new_reader_group()
        with Writer(buffer.new_writer()) as writer:
            put(writer, 1.0, 2.0)
        with Reader(group) as reader:
            assert reader.get()["chA"] == 1.0
            reader.reject("bad")
            assert reader.data_available()
            assert reader.get()["chA"] == 2.0
        assert [event.data["chA"][0] for event in buffer.quarantined()] == [1.0]


def test_a_loop_in_the_manner_of_release_1_0_2_ends_with_the_stream(new_buffer):
    buffer = new_buffer(4, 1)
    group = buffer.new_reader_group()
    with Reader(group) as reader:
        assert reader._active.is_set()
        with Writer(buffer.new_writer()) as writer:
            assert writer._active.is_set()
            put(writer, 1.0)
        assert reader._active.is_set()
        reader.get()
        assert not reader._active.is_set()
        with pytest.raises(EndOfStream):
            reader.get()


def test_set_ending_lets_writers_end_and_readers_finish(new_buffer):
    buffer = new_buffer(4, 1)
    group, to_observe = buffer.new_reader_group(), buffer.new_observer()
    with Writer(buffer.new_writer()) as writer, Observer(to_observe) as observer:
        put(writer, 1.0)
        assert observer._active.is_set()
        buffer.set_ending()
        assert not writer._active.is_set()
        assert not observer._active.is_set()
        with pytest.raises(EndOfStream):
            writer.get_new_buffer()
    with Reader(group) as reader:
        assert reader._active.is_set()
        assert reader.get()["chA"] == 1.0


def test_a_writer_sees_that_its_buffer_is_paused(new_buffer):
    buffer = new_buffer(4, 1)
    with Writer(buffer.new_writer()) as writer, Reader(buffer.new_reader_group()) as reader:
        assert not writer._paused.is_set()
        buffer.pause()
        assert writer._paused.is_set()
        assert writer._active.is_set()
        buffer.resume()
        assert not writer._paused.is_set()
        assert not reader._paused.is_set()


def test_a_full_buffer_is_active(new_buffer):
    buffer = new_buffer(2, 1)
    buffer.new_reader_group()
    with Writer(buffer.new_writer()) as writer:
        put(writer, 1.0, 2.0)
        assert writer._active.is_set()
        assert not writer._paused.is_set()


def test_metadata_dtype_names_what_get_metadata_returns(new_buffer):
    with Reader(new_buffer().new_reader_group()) as reader:
        assert [name for name, _ in reader.metadata_dtype] == ["counter", "timestamp", "deadtime"]
        record = np.array([reader.get_metadata()], dtype=reader.metadata_dtype)
        assert record["counter"].dtype == np.longlong


# --- the queue of an observer


def test_the_queue_of_an_observer_gives_data_and_a_record_of_metadata(new_buffer):
    buffer = new_buffer(4, 3)
    with Writer(buffer.new_writer()) as writer, Observer(buffer.new_observer()) as observer:
        assert observer.dataQ.empty()
        with pytest.raises(queue.Empty):
            observer.dataQ.get(timeout=0.01)
        with pytest.raises(queue.Empty):
            observer.dataQ.get(block=False)
        put(writer, 1.0, 2.0)
        assert not observer.dataQ.empty()
        data, metadata = observer.dataQ.get()
        assert data["chA"].tolist() == [2.0, 2.0, 2.0]
        assert (metadata.shape, metadata[0][0], metadata["counter"][0]) == ((1,), 1, 1)
        assert observer.dataQ.empty()
        later = threading.Timer(0.05, put, (writer, 3.0))
        later.start()
        data, _ = observer.dataQ.get()
        later.join()
        assert data["chA"][0] == 3.0
        writer.close()
        assert observer.dataQ.get() is None
        assert observer.dataQ.get(block=False) is None
