"""Contract S1 for buffers of variable length: an event keeps the length it was written with."""

# ruff: noqa: D102 - the name of a test is its description
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import METADATA_DTYPE, MetadataRows
from mimocorb.buffers.jagged import Jagged
from mimocorb.buffers.observer import Observer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import HandleMisuse, SetupError
from mimocorb.testing.contract_base import ContractTests, MakeBuffer
from mimocorb.testing.contract_records import RECORD_TYPES

__all__ = ["LengthsContract"]

_MOST = 9
_LENGTHS = (4, 0, _MOST, 1, 0, 6, 2)


class LengthsContract(ContractTests):
    """S1: with ``variable`` an event has at most ``values_per_slot`` values, also none."""

    @pytest.mark.parametrize("record_type", RECORD_TYPES)
    def test_events_of_any_length_and_dtype_arrive_bit_by_bit(
        self, make_buffer: MakeBuffer, record_type: str
    ) -> None:
        buffer = make_buffer(3, _MOST, RECORD_TYPES[record_type], variable=True)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        for event in _events(buffer.dtype):
            writer.write(event, 1, 1.5e9, 0.0)
            found = reader.get()
            assert (found.dtype, found.shape) == (event.dtype, event.shape)
            np.testing.assert_array_equal(found, event)
            np.testing.assert_array_equal(reader.copy(), event)
            assert not found.flags.writeable

    def test_what_an_earlier_event_left_in_the_slot_is_not_seen(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(1, _MOST, variable=True)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        observer = Observer(buffer.new_observer())
        for length in _LENGTHS:
            writer.write(np.full(length, length))
            assert observer.get().tolist() == [length] * length
            assert reader.get().tolist() == [length] * length
            reader.acknowledge()

    def test_whoever_fills_a_slot_says_how_long_its_event_is(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(4, _MOST, variable=True)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        slot = writer.get_new_buffer()
        assert slot.shape == (_MOST,)
        slot[:2] = 7, 8
        for publish in (writer.process_buffer, writer.get_new_buffer):
            with pytest.raises(HandleMisuse, match=r"set_length\(\)"):
                publish()
        with pytest.raises(ValueError, match="at most 9"):
            writer.set_length(_MOST + 1)
        with pytest.raises(SetupError, match="whole number"):
            writer.set_length(-1)
        writer.set_length(2)
        writer.get_new_buffer()  # publishes
        writer.abort()
        assert reader.get().tolist() == [7, 8]
        assert buffer.stats().published == 1

    def test_an_event_longer_than_a_slot_is_refused_and_nothing_is_published(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4, _MOST, variable=True, name="clusters")
        writer = Writer(buffer.new_writer())
        for event in (np.zeros(_MOST + 1, np.int64), [0] * (_MOST + 1)):
            with pytest.raises(ValueError, match=r"10 records, and .* clusters have at most 9"):
                writer.write(event)
        too_long = Jagged.of([[1], [0] * (_MOST + 1)], np.int64)
        with pytest.raises(ValueError, match="longer than a slot"):
            writer.put_many(too_long, _rows(2))
        assert buffer.stats().published == 0

    def test_an_event_of_a_buffer_of_fixed_length_cannot_be_shorter(
        self, make_buffer: MakeBuffer
    ) -> None:
        writer = Writer(make_buffer(4, _MOST).new_writer())
        with pytest.raises(ValueError, match="shape"):
            writer.write(np.zeros(_MOST - 1, np.int64))
        writer.get_new_buffer()
        writer.set_length(_MOST)
        with pytest.raises(HandleMisuse, match="variable=True"):
            writer.set_length(_MOST - 1)
        writer.abort()

    def test_slots_of_equal_length_are_not_given_out(self, make_buffer: MakeBuffer) -> None:
        writer = Writer(make_buffer(4, _MOST, variable=True).new_writer())
        with pytest.raises(HandleMisuse, match="put_many"):
            writer.get_new_buffers(2)

    @pytest.mark.parametrize("scattered", [False, True])
    def test_a_batch_is_jagged_and_keeps_every_length(
        self, make_buffer: MakeBuffer, scattered: bool
    ) -> None:
        dtype = np.dtype([("x", "<i2"), ("charge", "<f4")])
        buffer = make_buffer(32, _MOST, dtype, variable=True)
        writer = Writer(buffer.new_writer())
        reader = Reader(buffer.new_reader_group(), scattered=scattered)
        events = _events(dtype)
        for _ in range(3):
            assert writer.put_many(Jagged.of(events, dtype), _rows(len(events))) == len(events)
            found = reader.get_batch(16)
            assert isinstance(found, Jagged)
            assert found.lengths.tolist() == list(_LENGTHS)
            assert [each.tobytes() for each in found] == [each.tobytes() for each in events]
            assert [each.tobytes() for each in reader.each()] == [e.tobytes() for e in events]
            assert reader.get_metadata_batch().counter.tolist() == list(range(len(events)))
            reader.acknowledge(3)
            assert reader.together().lengths.tolist() == list(_LENGTHS[3:])

    def test_events_go_from_slot_to_slot_with_their_lengths(self, make_buffer: MakeBuffer) -> None:
        first, second = (make_buffer(16, _MOST, variable=True) for _ in range(2))
        source, sink = Writer(first.new_writer()), Writer(second.new_writer())
        reader, end = Reader(first.new_reader_group()), Reader(second.new_reader_group())
        for length in _LENGTHS:
            source.write(np.full(length, length))
        reader.take(len(_LENGTHS))
        slots, places = reader.in_place()
        assert sink.claim_ahead(len(places)) == len(places)
        sink.fill_ahead(0, slots, places, reader.metadata_rows(), np.arange(len(places)))
        sink.publish_ahead(len(places))
        assert end.get_batch(16).lengths.tolist() == list(_LENGTHS)

    def test_a_batch_of_events_without_values_is_one(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(4, _MOST, variable=True)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        assert writer.put_many(Jagged.of([[], []], np.int64), _rows(2)) == 2
        assert [len(event) for event in reader.get_batch(4)] == [0, 0]

    def test_an_event_that_is_delivered_again_or_set_aside_keeps_its_length(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4, _MOST, variable=True, max_deliveries=2)
        reader = Reader(buffer.new_reader_group())
        with Writer(buffer.new_writer()) as writer:
            writer.write([1, 2, 3])
            writer.write([4])
        for _ in range(2):
            assert reader.get().tolist() == [1, 2, 3]
            reader.reject("does not like it")
        assert reader.get().tolist() == [4]
        (event,) = buffer.quarantined()
        assert event.data.tolist() == [1, 2, 3]

    def test_a_changed_dictionary_is_refused(self, make_buffer: MakeBuffer) -> None:
        for variable in (False, True):
            setup = make_buffer(4, _MOST, variable=variable).new_writer()
            assert setup["variable"] is variable
            with pytest.raises(SetupError, match="hand it on as it is"):
                Writer({**setup, "variable": not variable})
            as_large = 11 if variable else 7  # values of the other kind are as many bytes
            with pytest.raises(SetupError, match="hand it on as it is"):
                Writer({**setup, "variable": not variable, "values_per_slot": as_large})

    def test_a_debugged_view_of_an_event_that_was_given_back_is_refused(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4, _MOST, variable=True, debug=True)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.write([1, 2])
        writer.write([3])
        event = reader.get()
        assert int(event.sum()) == 3
        reader.get()
        with pytest.raises(Exception, match="given back"):
            event.sum()


def _events(dtype: np.dtype[Any]) -> list[NDArray[Any]]:
    random = np.random.default_rng(len(dtype.descr) if dtype.names else 7)
    events = []
    for length in _LENGTHS:
        raw = random.integers(0, 2, length * dtype.itemsize, np.uint8)
        events.append(raw.view(dtype.base).reshape(length, *dtype.shape))
    return events


def _rows(count: int) -> MetadataRows:
    rows = np.zeros(count, METADATA_DTYPE)
    rows["counter"] = np.arange(count)
    return rows
