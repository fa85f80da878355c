"""Contract S10, its quick ways: whole events and batches in one call, and batches from anywhere."""

# ruff: noqa: D102 - the name of a test is its description
from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from mimocorb.buffers.batch_metadata import BatchMetadata, MetadataRows
from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import EndOfStream, HandleMisuse
from mimocorb.testing.contract_base import ContractTests, MakeBuffer, put, read_all, value_of

__all__ = ["QuickWritingContract", "ScatteredContract"]


def metadata_of(*counters: int) -> MetadataRows:
    """Return metadata with these counters."""
    count = len(counters)
    return BatchMetadata(np.array(counters), np.full(count, 1.5), np.full(count, 0.25)).rows()


class QuickWritingContract(ContractTests):
    """Events that lie in memory as in a slot are copied, dated and published in one call."""

    def test_put_now_publishes_an_event_with_its_metadata(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(4, 2, np.int32)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        assert writer.put_now(np.array([13, 14], np.int32), 7, 1.5, 0.25) == 0
        assert reader.get(timeout_s=0).tolist() == [13, 14]
        assert reader.get_metadata() == (7, 1.5, 0.25)

    def test_put_now_does_nothing_without_room_in_a_pause_or_at_the_end(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(2)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        event = np.array([5])
        assert [writer.put_now(event, n, 1.5, 0.25) for n in range(2)] == [0, 0]
        assert writer.put_now(event, 2, 1.5, 0.25) < 0
        reader.get()
        reader.acknowledge()
        buffer.pause()
        assert writer.put_now(event, 2, 1.5, 0.25) < 0
        buffer.resume()
        buffer.end_writers()
        assert writer.put_now(event, 2, 1.5, 0.25) < 0
        assert buffer.stats().published == 2

    def test_put_many_publishes_rows_in_their_order(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(6)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        rows = np.arange(40).reshape(20, 2)[::2, :1]  # in equal distances
        assert writer.put_many(rows[3:7], metadata_of(7, 8, 9, 10)) == 4
        events = reader.get_batch(6)
        assert events[:, 0].tolist() == rows[3:7, 0].tolist() == [12, 16, 20, 24]
        assert reader.get_metadata_batch().counter.tolist() == [7, 8, 9, 10]

    def test_put_many_publishes_as_many_as_find_room_and_goes_on_from_there(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        rows, metadata = np.arange(6)[:, None], metadata_of(*range(6))
        assert writer.put_many(rows, metadata, timeout_s=0) == 4
        assert writer.put_many(rows, metadata, first=4, timeout_s=0) == 0
        assert buffer.stats().refused_full == 0
        assert read_all(reader) == [0, 1, 2, 3]
        assert writer.put_many(rows, metadata, first=4) == 2
        assert read_all(reader) == [4, 5]

    def test_slots_claimed_ahead_are_filled_and_published_bit_by_bit(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        rows, metadata = np.arange(10, 16)[:, None], metadata_of(*range(6))
        metadata["may_repeat"] = [False, True, False, False, False, True]
        assert [writer.claim_ahead(count) for count in (1, 5, 5)] == [1, 3, 0]
        writer.fill_ahead(0, rows, np.array([0, 0, 5]), metadata, np.arange(3))
        writer.publish_ahead(2)
        assert buffer.stats().published == 2
        assert buffer.stats().in_hand == 2
        assert value_of(reader.get()) == 10
        assert not reader.may_repeat
        assert reader.get_metadata_batch().may_repeat is None
        assert value_of(reader.get()) == 10
        assert reader.may_repeat
        assert reader.get_metadata_batch().may_repeat.tolist() == [True]
        reader.acknowledge()
        writer.fill_ahead(1, rows, np.array([2]), metadata, np.array([5]))
        assert writer.claim_ahead(5) == 2
        writer.publish_ahead(2)
        assert reader.get_batch(4)[:, 0].tolist() == [15, 12]
        assert reader.get_metadata_batch().may_repeat.tolist() == [False, True]
        assert reader.get_metadata_batch().counter.tolist() == [2, 5]
        writer.abort()
        buffer.end_writers()
        with pytest.raises(EndOfStream):
            writer.claim_ahead(1)

    def test_a_slot_in_the_hands_of_another_thread_is_not_published(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        threading.Thread(target=put, args=(writer, 1)).start()
        assert value_of(reader.get(timeout_s=60)) == 1  # one after the other they may use it
        slot = writer.get_new_buffer()
        errors: list[BaseException] = []

        def misuse() -> None:
            for use in (writer.get_new_buffer, lambda: writer.write([7])):
                try:
                    use()
                except HandleMisuse as error:
                    errors.append(error)

        other = threading.Thread(target=misuse)
        other.start()
        other.join(60)
        assert len(errors) == 2
        assert "used by two threads at once" in str(errors[0])
        slot[:] = 2
        writer.process_buffer()
        assert read_all(reader) == [2]

    def test_only_what_failed_may_be_a_repeat(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(4)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, 1, 2)
        assert len(reader.get_batch(2)) == 2
        assert not reader.may_repeat
        reader.reject("it failed")
        for _ in range(2):
            reader.get()
            assert reader.may_repeat
        reader.acknowledge()
        slot = writer.get_new_buffer()
        slot[:] = 3
        writer.mark_repeat()
        writer.process_buffer()
        writer.mark_repeat()  # nothing in hand
        put(writer, 4)
        marks = []
        for _ in range(2):
            reader.get()
            marks.append(reader.may_repeat)
        assert marks == [True, False]

    def test_put_many_waits_for_the_first_slot(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(1)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, 1)
        one = np.array([[2]]), metadata_of(2)
        done: list[int] = []
        thread = threading.Thread(target=lambda: done.append(writer.put_many(*one)))
        thread.start()
        assert value_of(reader.get()) == 1
        assert value_of(reader.get(timeout_s=60)) == 2
        thread.join(60)
        assert done == [1]

    def test_put_many_raises_the_end_and_needs_metadata_of_every_row(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4)
        writer = Writer(buffer.new_writer())
        with pytest.raises(Exception, match=r"wrong-size|shorter"):
            writer.put_many(np.array([[2], [3]]), metadata_of(2))
        assert buffer.stats().claimed == 0
        buffer.end_writers()
        with pytest.raises(EndOfStream):
            writer.put_many(np.array([[2]]), metadata_of(2))
        assert buffer.stats().published == 0

    def test_a_row_that_is_not_there_is_refused(self, make_buffer: MakeBuffer) -> None:
        writer = Writer(make_buffer(4).new_writer())
        assert writer.claim_ahead(1) == 1
        for index, places in (([1], [0]), ([0], [1])):
            with pytest.raises(Exception, match=r"no-such-row|out of bounds"):
                writer.fill_ahead(
                    0, np.array([[2]]), np.array(index), metadata_of(2), np.array(places)
                )
        writer.abort()

    def test_wait_for_room_returns_when_there_is_some_and_claims_nothing(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(1)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.wait_for_room()
        assert buffer.stats().claimed == 0
        put(writer, 1)
        thread = threading.Thread(target=writer.wait_for_room)
        thread.start()
        assert read_all(reader) == [1]
        thread.join(60)
        assert not thread.is_alive()
        buffer.end_writers()
        with pytest.raises(EndOfStream):
            writer.wait_for_room()


class ScatteredContract(ContractTests):
    """A scattered reader takes events that follow each other wherever they lie."""

    def scattered(self, make_buffer: MakeBuffer) -> tuple[NewBuffer, Writer]:
        """Return a buffer in which only every second slot is free, and will be."""
        buffer = make_buffer(16)
        writer, group = Writer(buffer.new_writer()), buffer.new_reader_group()
        self.holding = [Reader(group) for _ in range(16)]
        put(writer, *range(16))
        for reader in self.holding:
            reader.get()
        for reader in self.holding[1::2]:
            reader.acknowledge()
        return buffer, writer

    @staticmethod
    def new_group(buffer: NewBuffer) -> Any:
        """Return a group that is done with the events that are still held by the others."""
        group = buffer.new_reader_group()
        with Reader(group) as reader:
            read_all(reader)
        return group

    def test_neighbours_are_rare_and_scattered_batches_are_whole(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer, writer = self.scattered(make_buffer)
        near = Reader(self.new_group(buffer))
        far = Reader(self.new_group(buffer), scattered=True)
        for number in range(6):
            writer.write(np.array([10 + number]), number, 1.5 + number, 0.25)
        assert len(near.get_batch(6)) < 6
        near.reject()
        events = far.get_batch(6)
        assert events[:, 0].tolist() == [10, 11, 12, 13, 14, 15]
        assert not events.flags.writeable
        metadata = far.get_metadata_batch()
        assert metadata.counter.tolist() == list(range(6))
        assert metadata.timestamp.tolist() == [1.5 + number for number in range(6)]
        assert far.metadata_rows(np.array([4, 1]))["counter"].tolist() == [4, 1]
        with pytest.raises(Exception, match=r"no-such-row|out of bounds"):
            far.metadata_rows(np.array([6]))
        assert (far.sequence, far.delivery) == (17, 1)
        assert buffer.stats().groups[-1].held == 6

    def test_each_event_can_be_seen_and_copied_where_it_lies(self, make_buffer: MakeBuffer) -> None:
        buffer, writer = self.scattered(make_buffer)
        reader = Reader(self.new_group(buffer), scattered=True)
        put(writer, 10, 11, 12)
        assert reader.take(5) == 3
        assert [value_of(event) for event in reader.each()] == [10, 11, 12]
        rows, index = reader.in_place()
        assert rows[index, 0].tolist() == [10, 11, 12]
        copies = make_buffer(4)
        sink, result = Writer(copies.new_writer()), Reader(copies.new_reader_group())
        assert sink.put_many(rows[index], reader.metadata_rows()) == 3
        assert read_all(result) == [10, 11, 12]

    def test_the_first_of_them_can_be_acknowledged_and_the_rest_rejected(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer, writer = self.scattered(make_buffer)
        group = self.new_group(buffer)
        reader = Reader(group, scattered=True)
        for number in range(5):
            writer.write(np.array([10 + number]), number, 1.5, 0.25)
        reader.take(5)
        reader.acknowledge(2)
        assert reader.get_metadata_batch().counter.tolist() == [2, 3, 4]
        assert reader.get_metadata()[0] == 2
        reader.reject("two of five")
        assert [value_of(reader.get(timeout_s=0)) for _ in range(3)] == [12, 13, 14]
        assert buffer.stats().groups[-1].redelivered == 3

    def test_an_event_that_has_failed_comes_alone_all_the_same(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer, writer = self.scattered(make_buffer)
        reader = Reader(self.new_group(buffer), scattered=True)
        put(writer, 10, 11, 12)
        reader.get()
        reader.reject()
        assert reader.take(5) == 1
        assert reader.delivery == 2
        assert reader.take(5) == 2

    def test_there_is_no_gap_over_an_event_in_the_hands_of_another_reader(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer, writer = self.scattered(make_buffer)
        group = self.new_group(buffer)
        first, second, third, last = (Reader(group, scattered=True) for _ in range(4))
        put(writer, 10, 11, 12, 13)
        for reader in (first, second, third):
            reader.take(1)
        assert [reader.held_by_others() for reader in (first, last)] == [2, 3]
        first.reject()
        assert not second.wait_for_turn(), "the first event has to go before"
        assert last.take(5) == 1
        assert value_of(last.each()[0]) == 10
        assert last.take(5) == 1, "12 is in the hands of another reader"
        assert value_of(last.each()[0]) == 11
        assert last.take(5) == 1
        assert value_of(last.each()[0]) == 13
