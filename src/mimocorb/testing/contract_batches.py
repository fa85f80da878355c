"""Contract S10 and the end of S7: many events per call; events that fail too often."""

# ruff: noqa: D102 - the name of a test is its description
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import BufferTimeout, EndOfStream, HandleMisuse, SetupError
from mimocorb.testing.contract_base import (
    ContractTests,
    MakeBuffer,
    is_blocked,
    put,
    read_all,
    value_of,
)

__all__ = ["BatchContract", "QuarantineContract"]


class BatchContract(ContractTests):
    """S10: claim/publish and take/acknowledge work on many slots per call."""

    def test_a_batch_is_as_many_neighbouring_slots_as_are_free(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(6, 2, np.int32)
        reader = Reader(buffer.new_reader_group())
        writer = Writer(buffer.new_writer())
        slots = writer.get_new_buffers(4)
        assert slots.shape == (4, 2)
        assert slots.flags.writeable
        slots[:] = np.arange(4)[:, None]
        rest = writer.get_new_buffers(4)
        assert rest.shape == (2, 2)
        rest[:] = np.arange(4, 6)[:, None]
        writer.process_buffer()
        assert is_blocked(writer)
        assert read_all(reader) == list(range(6))

    def test_a_batch_of_events_comes_in_publish_order_and_is_read_only(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(6, 2, [("chA", "f8"), ("chB", ">i2")])
        reader = Reader(buffer.new_reader_group())
        with Writer(buffer.new_writer()) as writer:
            for value in range(5):
                writer.get_new_buffer()["chB"] = value
                writer.process_buffer()
        events = reader.get_batch(3)
        assert (events.shape, events.dtype) == ((3, 2), buffer.dtype)
        assert events["chB"][:, 1].tolist() == [0, 1, 2]
        assert not events.flags.writeable
        assert reader.get_batch(3)["chB"][:, 0].tolist() == [3, 4]
        with pytest.raises(EndOfStream):
            reader.get_batch(3)
        assert buffer.stats().groups[0].acknowledged == 5

    def test_a_batch_is_acknowledged_as_a_whole_by_the_next_call(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(6)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, 1, 2, 3, 4)
        reader.get_batch(3)
        assert buffer.stats().groups[0].held == 3
        assert value_of(reader.get()) == 4
        assert buffer.stats().groups[0].acknowledged == 3
        with pytest.raises(BufferTimeout):
            reader.get_batch(2, timeout_s=0)
        assert buffer.stats().groups[0].acknowledged == 4

    def test_a_rejected_batch_comes_back_as_a_whole(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(6)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, 1, 2, 3, 4)
        reader.get_batch(3)
        reader.reject()
        assert read_all(reader) == [1, 2, 3, 4]
        assert buffer.stats().groups[0].redelivered == 3

    def test_the_first_events_of_a_batch_can_be_acknowledged_and_the_rest_rejected(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(6)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        for value in range(4):
            writer.write(np.full(writer.values_per_slot, value), value, 1.5e9, 0.0)
        reader.get_batch(4)
        reader.acknowledge(0)
        reader.acknowledge(3)
        assert buffer.stats().groups[0].acknowledged == 3
        assert reader.get_metadata_batch().counter.tolist() == [3]
        assert (reader.sequence, reader.delivery) == (4, 1)
        with pytest.raises(HandleMisuse, match=r"acknowledge\(2\), but in hand: 1 event"):
            reader.acknowledge(2)
        reader.reject()
        assert read_all(reader) == [3]
        assert buffer.stats().groups[0].redelivered == 1

    def test_acknowledging_all_of_a_batch_by_number_is_acknowledging_it(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(6)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, 1, 2)
        reader.get_batch(2)
        reader.acknowledge(2)
        with pytest.raises(HandleMisuse):
            reader.copy()
        assert buffer.wait_drained(0)

    def test_an_aborted_batch_is_never_delivered(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(6)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.get_new_buffers(4)
        writer.abort()
        assert (buffer.stats().aborted, buffer.buffer_status()) == (4, 6)
        assert read_all(reader) == []

    def test_metadata_of_a_batch_travel_with_their_events(self, make_buffer: MakeBuffer) -> None:
        first, second = make_buffer(6), make_buffer(6)
        writer, reader = Writer(first.new_writer()), Reader(first.new_reader_group())
        sink, result = Writer(second.new_writer()), Reader(second.new_reader_group())
        writer.get_new_buffers(3)
        writer.set_metadata_batch([7, 8, 9], [1.5e9, 1.6e9, 1.7e9], 0.25)
        writer.process_buffer()
        sink.get_new_buffers(3)[:] = reader.get_batch(3)
        sink.set_metadata_batch(*reader.get_metadata_batch())
        sink.process_buffer()
        for expected in [(7, 1.5e9, 0.25), (8, 1.6e9, 0.25), (9, 1.7e9, 0.25)]:
            result.get()
            assert result.get_metadata() == expected

    def test_batches_and_single_events_mix(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(7)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        received: list[int] = []
        for start in range(0, 200, 5):
            slots = writer.get_new_buffers(4)
            claimed = len(slots)
            slots[:, 0] = range(start, start + claimed)
            put(writer, *range(start + claimed, start + 5))
            while len(received) < start + 5:
                received += reader.get_batch(3)[:, 0].tolist()
            reader.acknowledge()
        assert received == list(range(200))

    def test_iterating_over_batches_ends_with_the_stream(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(6)
        reader = Reader(buffer.new_reader_group())
        with Writer(buffer.new_writer()) as writer:
            put(writer, 1, 2, 3, 4, 5)
        assert [batch[:, 0].tolist() for batch in reader.batches(2)] == [[1, 2], [3, 4], [5]]


class QuarantineContract(ContractTests):
    """S7: delivery 2, 3, then quarantine: one bad event does not stop the run."""

    def test_an_event_that_fails_too_often_is_set_aside_with_its_reasons(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4, 2, np.int32)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.write(np.array([13, 14], np.int32), 5, 1.5e9, 0.5)
        put(writer, 2)
        for attempt in (1, 2, 3):
            assert value_of(reader.get()) == 13
            assert reader.delivery == attempt
            reader.reject(f"attempt {attempt}")
        assert value_of(reader.get()) == 2
        group = buffer.stats().groups[0]
        assert (group.quarantined, group.redelivered, group.held) == (1, 3, 1)
        [event] = buffer.quarantined()
        assert event.data.tolist() == [13, 14]
        assert event.reasons == ("attempt 1", "attempt 2", "attempt 3")

    @pytest.mark.parametrize("limit", [1, 2, 3])
    def test_an_event_that_fails_does_not_take_its_batch_with_it(
        self, make_buffer: MakeBuffer, limit: int
    ) -> None:
        buffer = make_buffer(6, max_deliveries=limit)
        reader = Reader(buffer.new_reader_group())
        with Writer(buffer.new_writer()) as writer:
            put(writer, 13, 2, 3, 4)
        received: list[int] = []
        for batch in reader.batches(4):
            if batch[0, 0] == 13:
                reader.reject()
            else:
                received += batch[:, 0].tolist()
        assert received == [2, 3, 4]
        assert [event.sequence for event in buffer.quarantined()] == [1]

    def test_a_quarantined_event_does_not_hold_up_the_end_of_the_stream(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(max_deliveries=1)
        reader = Reader(buffer.new_reader_group())
        with Writer(buffer.new_writer()) as writer:
            put(writer, 1)
        reader.get()
        reader.reject()
        assert list(reader) == []
        assert buffer.stats().groups[0].quarantined == 1
        assert buffer.wait_drained(0)

    def test_other_groups_are_not_concerned(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(max_deliveries=1)
        failing, working = Reader(buffer.new_reader_group()), Reader(buffer.new_reader_group())
        writer = Writer(buffer.new_writer())
        put(writer, 1, 2)
        failing.get()
        failing.reject()
        assert read_all(failing) == [2]
        assert read_all(working) == [1, 2]

    @pytest.mark.parametrize("count", [0, -1, 1.5, "two", None])
    def test_a_count_that_cannot_be_is_refused_with_everything_left_in_hand(
        self, make_buffer: MakeBuffer, count: Any
    ) -> None:
        buffer = make_buffer(4)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, 1)
        reader.get()
        writer.get_new_buffer()[:] = 2
        for ask in (writer.get_new_buffers, reader.get_batch):
            with pytest.raises(SetupError, match="must be a whole number, 1 or more"):
                ask(count)
        assert buffer.stats().groups[0].held == 1
        writer.process_buffer()
        assert value_of(reader.get()) == 2

    def test_more_than_there_are_slots_is_as_many_as_there_are(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        assert len(writer.get_new_buffers(1 << 70)) == 4
        writer.process_buffer()
        very_many: Any = np.int64(1 << 40)
        assert len(reader.get_batch(very_many)) == 4

    @pytest.mark.parametrize("limit", [0, -1, 1.5])
    def test_a_limit_that_cannot_be_is_refused(self, limit: int) -> None:
        with pytest.raises(SetupError, match="max_deliveries"):
            self.buffer_class(4, 1, np.int32, max_deliveries=limit)
