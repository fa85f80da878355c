"""Contract S6, S8: how a stream ends, and a ledger that balances at every moment."""

# ruff: noqa: D102 - the name of a test is its description
from __future__ import annotations

import dataclasses
import itertools
import time
from typing import Any

import pytest

from mimocorb.buffers.observer import Observer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import BufferTimeout, EndOfStream
from mimocorb.testing.contract_base import (
    PAUSE_S,
    ContractTests,
    MakeBuffer,
    put,
    read_all,
    value_of,
)
from mimocorb.testing.watchdog import Background, wait_until

__all__ = ["EndOfStreamContract", "StatisticsContract"]


class EndOfStreamContract(ContractTests):
    """S6: the last writer leaves, groups drain, then see the end; or shutdown() asks for it."""

    def test_iteration_ends_with_the_stream(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        reader = Reader(buffer.new_reader_group())
        with Writer(buffer.new_writer()) as writer:
            put(writer, 1, 2, 3)
        assert [value_of(event) for event in reader] == [1, 2, 3]
        ledger = buffer.stats()
        assert (ledger.groups[0].acknowledged, ledger.groups[0].due, ledger.ended) == (3, 0, True)

    def test_outside_iteration_the_end_is_a_system_exit_with_code_zero(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        reader = Reader(buffer.new_reader_group())
        Writer(buffer.new_writer()).close()
        with pytest.raises(EndOfStream) as caught:
            reader.get()
        assert isinstance(caught.value, SystemExit)
        assert caught.value.code == 0

    def test_the_end_is_seen_again_and_again(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        reader = Reader(buffer.new_reader_group())
        Writer(buffer.new_writer()).close()
        for _ in range(2):
            with pytest.raises(EndOfStream):
                reader.get()
            assert list(reader) == []

    def test_a_writer_not_yet_opened_keeps_the_stream_open(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        reader = Reader(buffer.new_reader_group())
        first, second = buffer.new_writer(), buffer.new_writer()
        Writer(first).close()
        with pytest.raises(BufferTimeout):
            reader.get(timeout_s=0)
        Writer(second).close()
        with pytest.raises(EndOfStream):
            reader.get(timeout_s=0)

    def test_promises_can_be_given_and_released(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        reader = Reader(buffer.new_reader_group())
        setup_dict = buffer.new_writer()
        buffer.promise_writer(setup_dict)
        Writer(setup_dict).close()
        with pytest.raises(BufferTimeout):
            reader.get(timeout_s=0)
        buffer.release_writer(setup_dict)
        with pytest.raises(EndOfStream):
            reader.get()

    def test_a_waiting_reader_wakes_at_the_end(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        reader, writer = Reader(buffer.new_reader_group()), Writer(buffer.new_writer())
        waiting = Background(reader.get)
        time.sleep(PAUSE_S)
        writer.close()
        with pytest.raises(EndOfStream):
            waiting.result()

    def test_end_writers_ends_writers_after_what_they_hold(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        reader, writer = Reader(buffer.new_reader_group()), Writer(buffer.new_writer())
        writer.get_new_buffer()[:] = 1
        assert not writer.has_ended()
        buffer.end_writers()
        assert writer.has_ended()
        with pytest.raises(EndOfStream) as caught:
            writer.get_new_buffer()
        assert caught.value.code == 0
        assert [value_of(event) for event in reader] == [1]

    @pytest.mark.parametrize("held_by", ["full", "paused"])
    def test_a_waiting_writer_wakes_at_the_shutdown(
        self, make_buffer: MakeBuffer, held_by: str
    ) -> None:
        buffer = make_buffer(1)
        reader, writer = Reader(buffer.new_reader_group()), Writer(buffer.new_writer())
        put(writer, 1)
        if held_by == "paused":
            read_all(reader)
            buffer.pause()
        waiting = Background(writer.get_new_buffer)
        time.sleep(PAUSE_S)
        shutdown = Background(buffer.shutdown)
        with pytest.raises(EndOfStream):
            waiting.result()
        assert [value_of(event) for event in reader] == ([1] if held_by == "full" else [])
        shutdown.result()

    def test_shutdown_returns_when_every_group_has_done_everything(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        readers = [Reader(buffer.new_reader_group()) for _ in range(2)]
        put(Writer(buffer.new_writer()), 1, 2)
        shutdown = Background(buffer.shutdown)
        assert [value_of(event) for event in readers[0]] == [1, 2]
        assert value_of(readers[1].get()) == 1
        assert value_of(readers[1].get()) == 2
        time.sleep(PAUSE_S)
        assert shutdown.running
        readers[1].acknowledge()
        shutdown.result()
        with pytest.raises(EndOfStream):
            readers[1].get()

    def test_shutdown_may_be_called_again(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        buffer.shutdown()
        buffer.shutdown()
        assert buffer.stats().ended

    def test_shutdown_wakes_all_who_wait(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        handles = [Reader(buffer.new_reader_group()) for _ in range(3)]
        waiting = [Background(handle.get) for handle in handles]
        waiting.append(Background(Observer(buffer.new_observer()).get))
        time.sleep(PAUSE_S)
        buffer.shutdown()
        for call in waiting:
            with pytest.raises(EndOfStream):
                call.result()

    def test_shutdown_with_a_timeout_gives_up_on_readers_that_do_not_read(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        reader = Reader(buffer.new_reader_group())
        put(Writer(buffer.new_writer()), 1, 2)
        started = time.monotonic()
        buffer.shutdown(timeout_s=PAUSE_S)
        assert time.monotonic() - started >= PAUSE_S
        with pytest.raises(EndOfStream):
            reader.get()
        assert buffer.stats().groups[0].due == 2

    def test_a_stream_with_a_limit_ends_with_exactly_that_event(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4)
        reader = Reader(buffer.new_reader_group())
        writers = [Writer(buffer.new_writer()) for _ in range(2)]
        buffer.end_after(5)

        def write_for_ever(writer: Writer) -> None:
            while True:
                slots = writer.get_new_buffers(3)
                slots[:] = 1

        writing = [Background(write_for_ever, writer) for writer in writers]
        assert len([value_of(event) for event in reader]) == 5
        for call in writing:
            with pytest.raises(EndOfStream):
                call.result()
        assert buffer.stats().published == 5

    def test_a_limit_that_is_reached_already_ends_the_stream_at_once(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4)
        writer = Writer(buffer.new_writer())
        put(writer, 1, 2)
        buffer.end_after(2)
        with pytest.raises(EndOfStream):
            writer.get_new_buffer()

    def test_a_chain_of_buffers_drains_one_after_the_other(self, make_buffer: MakeBuffer) -> None:
        first, second = make_buffer(3), make_buffer(2)
        to_first, to_second = first.new_writer(), second.new_writer()
        from_first, from_second = first.new_reader_group(), second.new_reader_group()

        def generate() -> None:
            with Writer(to_first) as sink:
                for value in range(200):
                    sink.get_new_buffer()[:] = value
                sink.process_buffer()

        def double() -> None:
            with Reader(from_first) as source, Writer(to_second) as sink:
                for event in source:
                    sink.write(2 * event)

        calls = [Background(generate), Background(double)]
        received = Background(lambda: [value_of(event) for event in Reader(from_second)])
        assert received.result() == list(range(0, 400, 2))
        for call in calls:
            call.result()
        assert first.stats().ended

    def test_waiting_until_drained_says_whether_it_is(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        reader = Reader(buffer.new_reader_group())
        assert buffer.wait_drained(0)
        put(Writer(buffer.new_writer()), 1)
        assert not buffer.wait_drained(PAUSE_S)
        read_all(reader)
        assert buffer.wait_drained(0)

    def test_a_buffer_closes_at_the_end_of_its_with_block(self) -> None:
        with self.buffer_class(2, 1, "i4") as buffer:
            assert not buffer.closed
        assert buffer.closed
        buffer.close()


class StatisticsContract(ContractTests):
    """S8: claimed = published + aborted + torn + in hand; offered = acknowledged + … + due."""

    def test_buffer_status_is_the_number_of_free_slots(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(3)
        reader, writer = Reader(buffer.new_reader_group()), Writer(buffer.new_writer())
        assert isinstance(buffer.buffer_status(), int)
        assert buffer.buffer_status() == 3
        writer.get_new_buffer()
        assert buffer.buffer_status() == 2
        writer.process_buffer()
        assert buffer.buffer_status() == 2
        read_all(reader)
        assert buffer.buffer_status() == 3

    def test_the_ledger_follows_every_step(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(4)
        group = buffer.new_reader_group()
        reader, writer = Reader(group), Writer(buffer.new_writer())

        def look() -> tuple[int, ...]:
            ledger = buffer.stats()
            ledger.check()
            of_group = ledger.groups[0]
            return (
                ledger.claimed,
                ledger.published,
                ledger.aborted,
                ledger.in_hand,
                of_group.offered,
                of_group.acknowledged,
                of_group.due,
                of_group.held,
            )

        assert look() == (0, 0, 0, 0, 0, 0, 0, 0)
        writer.get_new_buffer()
        assert look() == (1, 0, 0, 1, 0, 0, 0, 0)
        writer.get_new_buffer()
        assert look() == (2, 1, 0, 1, 1, 0, 1, 0)
        writer.abort()
        assert look() == (2, 1, 1, 0, 1, 0, 1, 0)
        reader.get()
        assert look() == (2, 1, 1, 0, 1, 0, 1, 1)
        reader.reject()
        assert look() == (2, 1, 1, 0, 1, 0, 1, 0)
        reader.get()
        reader.acknowledge()
        assert look() == (2, 1, 1, 0, 1, 1, 0, 0)
        assert buffer.stats().groups[0].redelivered == 1

    def test_statistics_say_who_is_there_and_how_full_the_ring_is(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4, name="RB_7")
        group = buffer.new_reader_group()
        readers, writer = [Reader(group), Reader(group)], Writer(buffer.new_writer())
        put(writer, 1)
        ledger = buffer.stats()
        assert (ledger.name, ledger.number_of_slots, ledger.free_slots) == ("RB_7", 4, 3)
        assert ledger.occupancy == 0.25
        assert (ledger.writers, ledger.groups[0].readers) == (1, 2)
        assert not ledger.paused
        assert not ledger.ended
        assert ledger.uptime_s >= 0
        writer.close()
        for reader in readers:
            reader.close()
        ledger = buffer.stats()
        assert (ledger.writers, ledger.groups[0].readers) == (0, 0)

    def test_statistics_do_not_change_afterwards(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        ledger = buffer.stats()
        put(Writer(buffer.new_writer()), 1)
        assert ledger.published == 0
        with pytest.raises(dataclasses.FrozenInstanceError):
            ledger.published = 1  # type: ignore[misc]

    def test_what_a_removed_group_was_due_counts_as_abandoned(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer()
        group = buffer.new_reader_group()
        put(Writer(buffer.new_writer()), 1, 2, 3)
        with Reader(group) as reader:
            reader.get()
        assert buffer.remove_reader_group(group) == 2
        ledger = buffer.stats()
        ledger.check()
        assert ledger.free_slots == 4

    def test_the_ledger_balances_while_many_work_at_once(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(5)
        groups = [buffer.new_reader_group() for _ in range(2)]
        to_buffer = [buffer.new_writer() for _ in range(3)]

        def write(setup_dict: dict[str, object]) -> None:
            with Writer(setup_dict) as writer:
                for value in range(300):
                    writer.get_new_buffer()[:] = value
                    if value % 7 == 0:
                        writer.abort()
                writer.process_buffer()

        def read(setup_dict: dict[str, object]) -> list[int]:
            values = []
            with Reader(setup_dict) as reader:
                for event in reader:
                    if value_of(event) % 11 == 0 and reader.delivery == 1:
                        reader.reject()
                    else:
                        values.append(value_of(event))
            return values

        readers = [[Background(read, group) for _ in range(2)] for group in groups]
        writers = [Background(write, setup_dict) for setup_dict in to_buffer]

        def all_done() -> bool:
            buffer.stats().check()
            calls: list[Background[Any]] = [*writers, *itertools.chain(*readers)]
            return not any(call.running for call in calls)

        wait_until(all_done, "all readers have seen the end")
        expected = sorted([value for value in range(300) if value % 7] * 3)
        for group_readers in readers:
            received = itertools.chain.from_iterable(call.result() for call in group_readers)
            assert sorted(received) == expected
        ledger = buffer.stats()
        assert ledger.published == len(expected)
        assert ledger.aborted == 900 - len(expected)
        assert all(group.acknowledged == len(expected) for group in ledger.groups)
