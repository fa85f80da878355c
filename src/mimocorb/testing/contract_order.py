"""Contract S4: readers that share the events of a group and keep their results in order."""

# ruff: noqa: D102 - the name of a test is its description
from __future__ import annotations

import threading
from typing import Any

import pytest

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import BufferTimeout, EndOfStream, HandleMisuse
from mimocorb.testing.contract_base import (
    PAUSE_S,
    ContractTests,
    MakeBuffer,
    put,
    read_all,
    value_of,
)
from mimocorb.testing.watchdog import WATCHDOG_S, Background

__all__ = ["OrderContract"]


class OrderContract(ContractTests):
    """S4: waiting for the turn of an event."""

    def test_a_turn_comes_when_the_group_has_finished_with_all_earlier_events(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4)
        group = buffer.new_reader_group()
        other = Reader(buffer.new_reader_group())
        first, second = Reader(group), Reader(group)
        put(Writer(buffer.new_writer()), 1, 2)
        first.get()
        second.get()
        assert first.wait_for_turn(timeout_s=0)
        with pytest.raises(BufferTimeout):
            second.wait_for_turn(timeout_s=0)
        waiting = Background(second.wait_for_turn)
        threading.Event().wait(PAUSE_S)
        assert waiting.running
        first.acknowledge()
        assert waiting.result()
        assert second.sequence == 2
        assert read_all(other) == [1, 2]

    def test_who_waits_for_its_turn_steps_aside_for_an_event_that_came_back(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(4)
        group = buffer.new_reader_group()
        first, second = Reader(group), Reader(group)
        put(Writer(buffer.new_writer()), 1, 2)
        first.get()
        second.get()
        waiting = Background(second.wait_for_turn, timeout_s=WATCHDOG_S)
        first.reject()
        assert not waiting.result()
        with pytest.raises(HandleMisuse, match="event in hand"):
            second.wait_for_turn()
        assert (value_of(second.get()), second.delivery) == (1, 2)
        assert second.wait_for_turn()
        assert (value_of(second.get()), second.delivery) == (2, 2)

    def test_the_turn_of_a_batch_is_that_of_its_first_event(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(4)
        group = buffer.new_reader_group()
        first, second = Reader(group), Reader(group)
        put(Writer(buffer.new_writer()), 1, 2, 3)
        first.get()
        second.get_batch(2)
        with pytest.raises(BufferTimeout):
            second.wait_for_turn(timeout_s=0.001)
        first.acknowledge()
        assert second.wait_for_turn()

    def test_a_batch_does_not_reach_over_an_event_in_other_hands(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(6)
        group = buffer.new_reader_group()
        fails, steps_aside, works, takes_over = (Reader(group) for _ in range(4))
        one, two = Writer(buffer.new_writer()), Writer(buffer.new_writer())
        put(one, 1)
        one.get_new_buffer()[:] = 2
        two.get_new_buffer()[:] = 4  # the slot after that of 2, but published after 3
        one.process_buffer()
        put(one, 3)
        two.process_buffer()
        assert [value_of(reader.get()) for reader in (fails, steps_aside, works)] == [1, 2, 3]
        fails.reject()
        assert not steps_aside.wait_for_turn(timeout_s=0)
        assert value_of(takes_over.get()) == 1
        assert steps_aside.get_batch(4).ravel().tolist() == [2]
        takes_over.acknowledge()
        assert steps_aside.wait_for_turn(timeout_s=0)

    def test_results_of_several_readers_stay_in_order_whatever_is_rejected(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(5)
        group = buffer.new_reader_group()
        results: list[int] = []

        def work(worker: int) -> None:
            reader = Reader(group)
            while True:
                try:
                    value = value_of(reader.get())
                except EndOfStream:
                    return
                if value % 7 == worker and reader.delivery == 1:
                    reader.reject()
                elif reader.wait_for_turn(timeout_s=WATCHDOG_S):
                    results.append(value)

        workers: list[Background[Any]] = [Background(work, worker) for worker in range(3)]
        with Writer(buffer.new_writer()) as writer:
            for value in range(300):
                writer.write([value])
        for worker in workers:
            worker.result()
        assert results == list(range(300))
