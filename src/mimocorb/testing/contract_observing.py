"""Contract S5: copies of the newest event that disturb nobody."""

# ruff: noqa: D102 - the name of a test is its description
from __future__ import annotations

import time

import numpy as np
import pytest

from mimocorb.buffers.observer import Observer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.setup_dict import open_observer_port
from mimocorb.buffers.writer import Writer
from mimocorb.errors import BufferTimeout, EndOfStream
from mimocorb.testing.contract_base import PAUSE_S, ContractTests, MakeBuffer, put, value_of
from mimocorb.testing.watchdog import Background

__all__ = ["ObservingContract"]


class ObservingContract(ContractTests):
    """S5."""

    def test_an_observer_gets_the_newest_event(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(3)
        writer, observer = Writer(buffer.new_writer()), Observer(buffer.new_observer())
        for value in range(1, 10):
            put(writer, value)
            assert value_of(observer.get()) == observer.sequence == value

    def test_an_observer_sees_the_same_event_as_often_as_it_asks(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        observer = Observer(buffer.new_observer())
        put(Writer(buffer.new_writer()), 4)
        assert [value_of(observer.get()) for _ in range(3)] == [4, 4, 4]
        assert observer.skipped == 0

    def test_an_observer_counts_what_it_has_not_seen(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        writer, observer = Writer(buffer.new_writer()), Observer(buffer.new_observer())
        put(writer, 1)
        observer.get()
        put(writer, 2)
        observer.get()
        assert observer.skipped == 0
        put(writer, 3, 4, 5)
        observer.get()
        assert observer.skipped == 2

    def test_an_observer_knows_up_to_where_every_group_has_finished(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(8)
        writer = Writer(buffer.new_writer())
        first, second = Reader(buffer.new_reader_group()), Reader(buffer.new_reader_group())
        port = open_observer_port(buffer.new_observer())
        assert port.oldest_unfinished() == 1
        put(writer, 1, 2, 3)
        assert port.oldest_unfinished() == 1
        first.get_batch(2)
        first.acknowledge()
        assert port.oldest_unfinished() == 1
        second.get_batch(1)
        second.acknowledge()
        assert port.oldest_unfinished() == 2
        second.get_batch(2)
        second.acknowledge()
        assert port.oldest_unfinished() == 3
        first.get_batch(1)
        first.acknowledge()
        assert port.oldest_unfinished() == 4
        port.close()

    def test_the_copy_does_not_change_until_the_next_get(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(1, 3, np.int16)
        writer, observer = Writer(buffer.new_writer()), Observer(buffer.new_observer())
        put(writer, 1)
        copied = observer.get()
        put(writer, 2)
        writer.get_new_buffer()[:] = 3
        assert copied.tolist() == [1, 1, 1]
        assert copied.dtype == np.int16

    def test_an_observer_gets_the_metadata_of_its_copy_and_its_age(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        writer, observer = Writer(buffer.new_writer()), Observer(buffer.new_observer())
        writer.get_new_buffer()
        writer.set_metadata(17, 1.5e9, 0.25)
        writer.process_buffer()
        time.sleep(PAUSE_S)
        observer.get()
        assert observer.get_metadata() == (17, 1.5e9, 0.25)
        assert observer.age_s >= PAUSE_S

    def test_observers_hold_up_nobody_and_leave_no_trace_in_the_ledger(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(1)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        setup_dict = buffer.new_observer()
        observers = [Observer(setup_dict), Observer(setup_dict), Observer(buffer.new_observer())]
        for value in range(1, 20):
            put(writer, value)
            assert [value_of(observer.get()) for observer in observers] == [value] * 3
            assert value_of(reader.get()) == value
            reader.acknowledge()
        assert buffer.buffer_status() == 1
        assert len(buffer.stats().groups) == 1

    def test_an_observer_waits_for_the_first_event_only(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        writer, observer = Writer(buffer.new_writer()), Observer(buffer.new_observer())
        with pytest.raises(BufferTimeout):
            observer.get(timeout_s=PAUSE_S)
        waiting = Background(lambda: value_of(observer.get()))
        time.sleep(PAUSE_S)
        assert waiting.running
        put(writer, 3)
        assert waiting.result() == 3

    def test_an_observer_may_come_late_and_leave_early(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        writer = Writer(buffer.new_writer())
        put(writer, 1)
        with Observer(buffer.new_observer()) as observer:
            assert value_of(observer.get()) == 1
        observer.close()
        put(writer, 2)
        assert value_of(Observer(buffer.new_observer()).get()) == 2

    def test_after_the_shutdown_an_observer_gets_its_last_copy_again(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        observer = Observer(buffer.new_observer())
        put(Writer(buffer.new_writer()), 6)
        observer.get()
        buffer.shutdown()
        assert value_of(observer.get()) == 6

    def test_an_observer_that_never_saw_anything_ends_with_the_stream(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        observer = Observer(buffer.new_observer())
        waiting = Background(observer.get)
        time.sleep(PAUSE_S)
        buffer.shutdown()
        with pytest.raises(EndOfStream):
            waiting.result()

    def test_iterating_gives_newer_events_until_the_end(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        writer, observer = Writer(buffer.new_writer()), Observer(buffer.new_observer())
        put(writer, 1)
        events = iter(observer)
        assert value_of(next(events)) == 1
        put(writer, 2, 3)
        assert value_of(next(events)) == 3
        writer.close()
        assert list(events) == []
