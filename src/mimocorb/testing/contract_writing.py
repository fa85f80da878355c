"""Contract S2, S9: claiming, filling, publishing, aborting, waiting; metadata."""

# ruff: noqa: D102 - the name of a test is its description
from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import BufferTimeout, HandleMisuse
from mimocorb.testing.contract_base import (
    PAUSE_S,
    ContractTests,
    MakeBuffer,
    is_blocked,
    put,
    read_all,
    value_of,
)
from mimocorb.testing.watchdog import Background

__all__ = ["MetadataContract", "WritingContract"]


class WritingContract(ContractTests):
    """S2: claim a free slot, fill it in place, publish or abort."""

    def test_a_new_buffer_is_a_writable_array(self, make_buffer: MakeBuffer) -> None:
        slot = Writer(make_buffer(2, 3, np.int32).new_writer()).get_new_buffer()
        assert isinstance(slot, np.ndarray)
        assert slot.shape == (3,)
        assert slot.dtype == np.int32
        assert slot.flags.writeable

    def test_the_next_buffer_publishes_the_one_before(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.get_new_buffer()[:] = 1
        assert read_all(reader) == []
        writer.get_new_buffer()[:] = 2
        assert read_all(reader) == [1]

    def test_process_buffer_publishes_at_once(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.get_new_buffer()[:] = 1
        assert writer.process_buffer() is None  # type: ignore[func-returns-value]
        assert read_all(reader) == [1]

    def test_process_buffer_without_a_current_buffer_does_nothing(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.process_buffer()
        put(writer, 1)
        writer.process_buffer()
        writer.process_buffer()
        assert read_all(reader) == [1]

    def test_an_aborted_buffer_is_never_delivered(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(2)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.get_new_buffer()[:] = 1
        writer.abort()
        writer.abort()
        writer.process_buffer()
        put(writer, 2)
        assert read_all(reader) == [2]
        assert buffer.stats().aborted == 1

    def test_write_copies_an_array_and_publishes_it(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(4, 3, [("chA", "f4"), ("chB", "i2")])
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        record = np.array([(1.5, 2), (3.5, 4), (5.5, 6)], buffer.dtype)
        writer.write(record, counter=7, timestamp=1.25, deadtime=0.5)
        writer.write(record)
        np.testing.assert_array_equal(reader.get(), record)
        assert reader.get_metadata() == (7, 1.25, 0.5)
        np.testing.assert_array_equal(reader.get(), record)

    def test_write_takes_an_array_however_it_lies_in_memory(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(4, 3, [("chA", "f4"), ("chB", "i2")])
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        record = np.array([(1.5, 2), (3.5, 4), (5.5, 6)], [("chA", "f4"), ("chB", "i2")])
        padded = np.zeros(3, np.dtype([("chA", "f4"), ("chB", "i2")], align=True))
        padded[:] = record
        swapped = record.astype(record.dtype.newbyteorder())
        for array in (record, np.repeat(record, 2)[::2], padded, swapped):
            writer.write(array)
            np.testing.assert_array_equal(reader.get(), record)
            np.testing.assert_array_equal(reader.copy(), record)

    @pytest.mark.parametrize(
        "record", [np.zeros(2, np.int64), np.zeros((3, 2), np.int64), np.zeros(3, "S3")]
    )
    def test_write_refuses_what_does_not_fit_and_keeps_no_slot(
        self, make_buffer: MakeBuffer, record: np.ndarray
    ) -> None:
        buffer = make_buffer(2, 3, np.int64)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        with pytest.raises((ValueError, TypeError)):
            writer.write(record)
        put(writer, 1, 2)
        assert read_all(reader) == [1, 2]

    def test_one_set_up_dictionary_serves_several_writers(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        shared = buffer.new_writer()
        writers = [Writer(shared), Writer(shared), Writer(buffer.new_writer())]
        reader = Reader(buffer.new_reader_group())
        for value, writer in enumerate(writers):
            put(writer, value)
        assert read_all(reader) == [0, 1, 2]
        assert buffer.stats().writers == 3

    def test_a_writer_that_closes_gives_its_slot_back_unpublished(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(1)
        reader = Reader(buffer.new_reader_group())
        setup_dict = buffer.new_writer()
        writer = Writer(setup_dict)
        writer.get_new_buffer()[:] = 1
        writer.close()
        writer.close()
        put(Writer(setup_dict), 2)
        assert read_all(reader) == [2]

    def test_a_closed_writer_says_so(self, make_buffer: MakeBuffer) -> None:
        writer = Writer(make_buffer().new_writer())
        writer.close()
        with pytest.raises(HandleMisuse):
            writer.get_new_buffer(timeout_s=0)

    def test_a_writer_left_by_an_exception_does_not_publish(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        reader = Reader(buffer.new_reader_group())

        def fail() -> None:
            with Writer(buffer.new_writer()) as writer:
                put(writer, 1)
                writer.get_new_buffer()[:] = 2
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert value_of(reader.get()) == 1
        ledger = buffer.stats()
        assert (ledger.published, ledger.in_hand, ledger.writers) == (1, 0, 0)

    # --- waiting

    def test_a_full_buffer_holds_a_writer_until_a_slot_comes_free(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(2)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, 1, 2)
        waiting = Background(writer.get_new_buffer)
        time.sleep(PAUSE_S)
        assert waiting.running
        reader.get()
        reader.acknowledge()
        assert isinstance(waiting.result(), np.ndarray)

    def test_without_readers_a_buffer_is_never_full(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(2)
        put(Writer(buffer.new_writer()), *range(20))
        assert buffer.stats().published == 20

    def test_a_writer_gives_up_after_its_timeout_and_not_before(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(1)
        buffer.new_reader_group()
        writer = Writer(buffer.new_writer())
        put(writer, 1)
        started = time.monotonic()
        with pytest.raises(BufferTimeout) as caught:
            writer.get_new_buffer(timeout_s=PAUSE_S)
        assert time.monotonic() - started >= PAUSE_S
        assert isinstance(caught.value, TimeoutError)

    def test_a_writer_that_timed_out_has_published_what_it_held(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(1)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.get_new_buffer()[:] = 1
        with pytest.raises(BufferTimeout):
            writer.get_new_buffer(timeout_s=0)
        assert read_all(reader) == [1]

    def test_pause_holds_writers_and_resume_lets_them_go_on(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.get_new_buffer()[:] = 1
        buffer.pause()
        buffer.pause()
        assert buffer.stats().paused
        writer.process_buffer()
        assert read_all(reader) == [1]
        assert is_blocked(writer)
        waiting = Background(writer.get_new_buffer)
        time.sleep(PAUSE_S)
        assert waiting.running
        buffer.resume()
        assert isinstance(waiting.result(), np.ndarray)
        assert not buffer.stats().paused

    def test_waiting_time_is_kept_by_cause(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(1)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        assert writer.waiting == buffer.stats().waiting
        assert (writer.waiting.full_s, writer.waiting.paused_s) == (0, 0)
        put(writer, 1)
        with pytest.raises(BufferTimeout):
            writer.get_new_buffer(timeout_s=0.06)
        full_s = writer.waiting.full_s
        assert full_s > 0
        assert writer.waiting.paused_s == 0
        read_all(reader)
        buffer.pause()
        with pytest.raises(BufferTimeout):
            writer.get_new_buffer(timeout_s=0.08)
        assert writer.waiting.full_s == full_s
        assert writer.waiting.paused_s > 0
        assert buffer.stats().waiting == writer.waiting

    def test_a_claim_that_is_given_up_is_refused_by_the_cause_that_holds_at_the_end(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(1)
        buffer.new_reader_group()
        writer = Writer(buffer.new_writer())

        def refused() -> tuple[int, int]:
            stats = buffer.stats()
            stats.check()
            return stats.refused_full, stats.refused_paused

        put(writer, 1)
        assert refused() == (0, 0)
        with pytest.raises(BufferTimeout, match="no slot was free for 0 s"):
            writer.get_new_buffer(timeout_s=0)
        assert refused() == (1, 0)
        with pytest.raises(BufferTimeout):
            writer.get_new_buffers(5, timeout_s=0.01)
        assert refused() == (2, 0)
        assert writer.try_new_buffers(5) is None
        assert refused() == (2, 0)
        buffer.pause()
        with pytest.raises(BufferTimeout, match="the buffer is paused for"):
            writer.write([1], timeout_s=0.01)
        assert refused() == (2, 1)
        buffer.resume()
        writer.close()
        assert refused() == (2, 1)
        assert buffer.stats().claimed == 1

    def test_who_will_ask_again_gets_slots_as_soon_as_there_are_some(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(2)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, 1, 2)

        def write() -> None:
            slots = writer.try_new_buffers(2, None)
            assert slots is not None
            slots[:] = 3
            writer.process_buffer()

        waiting = Background(write)
        reader.get()
        reader.acknowledge()
        waiting.result()
        assert read_all(reader) == [2, 3]

    def test_a_waiting_writer_uses_next_to_no_processor_time(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(1)
        buffer.new_reader_group()
        writer = Writer(buffer.new_writer())
        put(writer, 1)

        def processor_time_s() -> float:
            started_s = time.thread_time()
            with pytest.raises(BufferTimeout):
                writer.get_new_buffer(timeout_s=0.5)
            return time.thread_time() - started_s

        assert Background(processor_time_s).result() < 0.05


class MetadataContract(ContractTests):
    """Checklist 4.3 and 4.4: counter, timestamp, dead time."""

    def test_metadata_before_the_first_event_are_the_documented_ones(
        self, make_buffer: MakeBuffer
    ) -> None:
        assert Reader(make_buffer().new_reader_group()).get_metadata() == (0, -1, -1)

    def test_metadata_travel_with_their_event(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        for index in range(3):
            writer.get_new_buffer()
            counter: Any = np.longlong(2**60 + index)
            writer.set_metadata(counter, np.float64(1.7e9 + index), 0.25)
        writer.process_buffer()
        for index in range(3):
            reader.get()
            metadata = reader.get_metadata()
            assert metadata == (2**60 + index, 1.7e9 + index, 0.25)
            assert [type(value) for value in metadata] == [int, float, float]

    def test_metadata_pass_from_a_reader_to_a_writer(self, make_buffer: MakeBuffer) -> None:
        first, second = make_buffer(), make_buffer()
        source_writer, source = Writer(first.new_writer()), Reader(first.new_reader_group())
        sink, result = Writer(second.new_writer()), Reader(second.new_reader_group())
        source_writer.get_new_buffer()
        source_writer.set_metadata(41, 1.5e9, 0.125)
        source_writer.process_buffer()
        sink.get_new_buffer()[:] = source.get()
        sink.set_metadata(*source.get_metadata())
        sink.process_buffer()
        result.get()
        assert result.get_metadata() == (41, 1.5e9, 0.125)

    def test_metadata_without_a_current_buffer_are_ignored(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.set_metadata(5, 5.0, 0.5)
        put(writer, 1)
        writer.set_metadata(6, 6.0, 0.5)
        reader.get()
        assert reader.get_metadata()[0] == 0

    def test_metadata_default_to_a_running_counter_the_present_time_and_minus_one(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        before_s = time.time()
        put(writer, 1, 2, 3)
        after_s = time.time()
        for expected in range(3):
            reader.get()
            counter, timestamp_s, deadtime = reader.get_metadata()
            assert (counter, deadtime) == (expected, -1.0)
            assert before_s - 0.001 <= timestamp_s <= after_s + 0.001
