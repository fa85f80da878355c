"""Contract S3, S4: every group gets every event, in order, each event in one hand; redelivery."""

# ruff: noqa: D102 - the name of a test is its description
from __future__ import annotations

import time

import numpy as np
import pytest

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import BufferTimeout, HandleMisuse, SetupError
from mimocorb.testing.contract_base import (
    PAUSE_S,
    ContractTests,
    MakeBuffer,
    is_blocked,
    put,
    read_all,
    value_of,
)
from mimocorb.testing.watchdog import WATCHDOG_S, Background

__all__ = ["DeliveryContract"]


class DeliveryContract(ContractTests):
    """S3 and S4."""

    def test_events_arrive_in_publish_order_and_are_numbered(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(3)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        for value in range(1, 20):
            put(writer, value)
            assert value_of(reader.get()) == reader.sequence == value
            assert reader.delivery == 1

    def test_every_group_gets_every_event(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(4)
        groups = [buffer.new_reader_group() for _ in range(3)]
        put(Writer(buffer.new_writer()), 1, 2, 3, 4)
        assert [read_all(Reader(group)) for group in groups] == [[1, 2, 3, 4]] * 3

    def test_the_readers_of_a_group_share_the_events(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(6)
        group = buffer.new_reader_group()
        readers = [Reader(group) for _ in range(3)]
        put(Writer(buffer.new_writer()), *range(6))
        assert [value_of(reader.get()) for reader in readers * 2] == list(range(6))

    def test_get_acknowledges_the_event_before(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(2)
        reader = Reader(buffer.new_reader_group())
        writer = Writer(buffer.new_writer())
        put(writer, 1, 2)
        reader.get()
        assert buffer.buffer_status() == 0
        reader.get()
        assert buffer.buffer_status() == 1
        reader.acknowledge()
        assert buffer.buffer_status() == 2
        reader.acknowledge()
        assert buffer.stats().groups[0].acknowledged == 2

    def test_the_array_does_not_change_until_the_next_get(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(2)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, 1)
        event = reader.get()
        put(writer, 2)
        assert is_blocked(writer)
        assert value_of(event) == 1

    def test_an_event_is_read_only(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(2, 2, [("chA", "f8")])
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.get_new_buffer()["chA"] = 1
        writer.process_buffer()
        event = reader.get()
        assert not event.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            event["chA"][0] = 2
        with pytest.raises(ValueError, match="WRITEABLE"):
            event.flags.writeable = True

    def test_copy_is_an_array_of_ones_own(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(1, 3, np.int16)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, 7)
        reader.get()
        copied = reader.copy()
        reader.acknowledge()
        put(writer, 8)
        assert copied.tolist() == [7, 7, 7]
        assert copied.dtype == np.int16
        copied[:] = 9
        assert value_of(reader.get()) == 8

    def test_a_slow_reader_holds_up_nothing_but_its_slot(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(3)
        group = buffer.new_reader_group()
        writer, slow, fast = Writer(buffer.new_writer()), Reader(group), Reader(group)
        put(writer, 0)
        slow_event = slow.get()
        for value in range(1, 100):
            put(writer, value)
            assert value_of(fast.get()) == value
            fast.acknowledge()
        assert value_of(slow_event) == 0

    def test_a_slow_writer_holds_up_nothing_but_its_slot(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(2)
        slow, fast = Writer(buffer.new_writer()), Writer(buffer.new_writer())
        reader = Reader(buffer.new_reader_group())
        slow_event = slow.get_new_buffer()
        for value in range(1, 100):
            put(fast, value)
            assert read_all(reader) == [value]
        slow_event[:] = 100
        slow.process_buffer()
        assert read_all(reader) == [100]

    def test_a_slow_group_holds_its_events_for_itself_only(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(3)
        slow, fast = Reader(buffer.new_reader_group()), Reader(buffer.new_reader_group())
        writer = Writer(buffer.new_writer())
        put(writer, 1, 2, 3)
        assert read_all(fast) == [1, 2, 3]
        assert is_blocked(writer)
        assert read_all(slow) == [1, 2, 3]
        assert not is_blocked(writer)

    # --- redelivery

    def test_a_rejected_event_is_delivered_again_and_marked(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        group = buffer.new_reader_group()
        first, second = Reader(group), Reader(group)
        put(Writer(buffer.new_writer()), 1, 2)
        first.get()
        first.reject("not mine")
        assert value_of(second.get()) == 1
        assert (second.delivery, second.sequence) == (2, 1)
        assert value_of(second.get()) == 2
        assert second.delivery == 1

    def test_a_reader_that_closes_gives_its_event_back(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        group = buffer.new_reader_group()
        leaving, staying = Reader(group), Reader(group)
        put(Writer(buffer.new_writer()), 1)
        leaving.get()
        leaving.close()
        leaving.close()
        assert value_of(staying.get()) == 1
        assert staying.delivery == 2
        with pytest.raises(HandleMisuse):
            leaving.get(timeout_s=0)

    def test_leaving_a_with_block_acknowledges(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        group = buffer.new_reader_group()
        put(Writer(buffer.new_writer()), 1)
        with Reader(group) as reader:
            reader.get()
        ledger = buffer.stats().groups[0]
        assert (ledger.acknowledged, ledger.due, ledger.readers) == (1, 0, 0)

    def test_leaving_a_with_block_by_an_exception_gives_back(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        group = buffer.new_reader_group()
        put(Writer(buffer.new_writer()), 1)

        def fail() -> None:
            with Reader(group) as reader:
                reader.get()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        ledger = buffer.stats().groups[0]
        assert (ledger.acknowledged, ledger.due, ledger.held) == (0, 1, 0)
        again = Reader(group)
        again.get()
        assert again.delivery == 2

    def test_an_event_given_up_by_a_failing_loop_comes_back(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        group = buffer.new_reader_group()
        put(Writer(buffer.new_writer()), 1, 2, 3)

        def fail_on_two() -> None:
            with Reader(group) as reader:
                for event in reader:
                    if value_of(event) == 2:
                        raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_on_two()
        assert read_all(Reader(group)) == [2, 3]

    # --- waiting

    def test_a_reader_waits_for_the_next_event(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        waiting = Background(lambda: value_of(reader.get()))
        time.sleep(PAUSE_S)
        assert waiting.running
        put(writer, 5)
        assert waiting.result() == 5

    def test_a_reader_gives_up_after_its_timeout_and_not_before(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        reader = Reader(buffer.new_reader_group())
        started = time.monotonic()
        with pytest.raises(BufferTimeout):
            reader.get(timeout_s=PAUSE_S)
        took_s = time.monotonic() - started
        assert took_s >= PAUSE_S
        assert 0 < buffer.stats().groups[0].waiting_s <= took_s

    def test_a_reader_that_timed_out_has_acknowledged_what_it_held(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, 1)
        reader.get()
        with pytest.raises(BufferTimeout):
            reader.get(timeout_s=0)
        assert buffer.stats().groups[0].acknowledged == 1

    def test_a_timeout_ends_the_wait_of_a_reader_whose_colleague_gets_all(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        group = buffer.new_reader_group()
        writer, lucky, unlucky = Writer(buffer.new_writer()), Reader(group), Reader(group)

        def wait_in_vain() -> bool:
            while True:  # now and then it gets an event after all
                try:
                    unlucky.get(timeout_s=0.2)
                except BufferTimeout:
                    return True

        waiting = Background(wait_in_vain)
        deadline = time.monotonic() + WATCHDOG_S
        while waiting.running and time.monotonic() < deadline:
            put(writer, 1)
            read_all(lucky)
            time.sleep(0.02)
        assert not waiting.running, "the timeout starts anew whenever the colleague gets an event"

    def test_a_waiting_reader_uses_next_to_no_processor_time(self, make_buffer: MakeBuffer) -> None:
        reader = Reader(make_buffer().new_reader_group())

        def processor_time_s() -> float:
            started_s = time.thread_time()
            with pytest.raises(BufferTimeout):
                reader.get(timeout_s=0.5)
            return time.thread_time() - started_s

        assert Background(processor_time_s).result() < 0.05

    # --- groups that come late or leave

    def test_a_late_group_starts_with_the_oldest_event_still_in_the_ring(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(3)
        put(Writer(buffer.new_writer()), 1, 2, 3, 4, 5)
        late = Reader(buffer.new_reader_group())
        assert read_all(late) == [3, 4, 5]
        assert buffer.stats().groups[0].first_sequence == 3

    def test_a_group_added_in_mid_run_shares_what_others_still_hold(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4)
        early = Reader(buffer.new_reader_group())
        writer = Writer(buffer.new_writer())
        put(writer, 1, 2, 3)
        early.get()
        early.get()
        late = Reader(buffer.new_reader_group())
        put(writer, 4)
        assert read_all(late) == [2, 3, 4]
        assert read_all(early) == [3, 4]
        assert buffer.buffer_status() == 4

    def test_a_removed_group_leaves_its_events_to_the_others(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(2)
        leaving, staying = buffer.new_reader_group(), buffer.new_reader_group()
        writer, reader = Writer(buffer.new_writer()), Reader(staying)
        put(writer, 1, 2)
        assert buffer.remove_reader_group(leaving) == 2
        assert read_all(reader) == [1, 2]
        put(writer, 3)
        assert read_all(reader) == [3]

    def test_more_reader_groups_than_asked_for_are_refused(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(max_reader_groups=2)
        buffer.new_reader_group()
        buffer.new_reader_group()
        with pytest.raises(SetupError, match="max_reader_groups"):
            buffer.new_reader_group()
