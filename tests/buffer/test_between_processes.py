"""Buffers between processes, under every start method (S3, S6, S7, S9, S12)."""

import os
import signal
from contextlib import closing

import numpy as np
import pytest
import workers

from mimocorb.buffers import waits
from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import HandleMisuse
from mimocorb.testing.watchdog import WATCHDOG_S, Background, wait_until

METHODS = ["fork", "forkserver", "spawn"]


def exit_codes(processes):
    for process in processes:
        process.join(WATCHDOG_S)
    return [process.exitcode for process in processes]


@pytest.mark.parametrize("method", METHODS)
def test_every_group_gets_every_event_once_and_each_writer_in_order(start, tmp_path, method):
    with closing(NewBuffer(7, 5, np.int64)) as buffer:
        groups = [buffer.new_reader_group() for _ in range(2)]
        files = [[tmp_path / f"{group}-{reader}.npy" for reader in "ab"] for group in "AB"]
        readers = [
            start(workers.save_numbers, setup_dict, file, method=method)
            for setup_dict, group_files in zip(groups, files, strict=True)
            for file in group_files
        ]
        writers = [
            start(workers.write_numbers, buffer.new_writer(), 10_000 * index, 1000, method=method)
            for index in range(2)
        ]
        assert exit_codes([*writers, *readers]) == [0] * 6
        expected = [*range(1000), *range(10_000, 11_000)]
        for group_files in files:
            received = [np.load(file) for file in group_files]
            assert sorted(np.concatenate(received).tolist()) == expected
            for numbers in received:
                for of_writer in (numbers[numbers < 10_000], numbers[numbers >= 10_000]):
                    assert (np.diff(of_writer) > 0).all()
        ledger = buffer.stats()
        ledger.check()
        assert (ledger.published, ledger.aborted, ledger.torn, ledger.free_slots) == (2000, 0, 0, 7)
        assert [group.acknowledged for group in ledger.groups] == [2000, 2000]


@pytest.mark.parametrize("method", METHODS)
def test_shutdown_ends_processes_in_endless_loops_with_exit_code_zero(start, method):
    with closing(NewBuffer(4, 2, np.int32)) as buffer:
        group = buffer.new_reader_group()
        processes = [
            start(workers.read_for_ever, group, method=method),
            start(workers.read_for_ever, group, method=method),
            start(workers.write_for_ever, buffer.new_writer(), method=method),
            start(workers.observe_for_ever, buffer.new_observer(), method=method),
        ]
        wait_until(lambda: buffer.stats().published > 20, "events flow")
        buffer.shutdown()
        assert exit_codes(processes) == [0] * 4
        ledger = buffer.stats()
        ledger.check()
        assert ledger.published == ledger.groups[0].acknowledged


def test_an_event_of_a_killed_reader_is_delivered_again(start):
    with closing(NewBuffer(4, 1, np.int32)) as buffer:
        group = buffer.new_reader_group()
        writer = Writer(buffer.new_writer())
        for number in (11, 12):
            writer.write([number])
        assert exit_codes([start(workers.die_holding_an_event, group)]) == [-signal.SIGKILL]
        reader = Reader(group)
        assert (int(reader.get()[0]), reader.delivery) == (11, 2)
        assert (int(reader.get()[0]), reader.delivery) == (12, 1)


def test_events_stay_in_order_when_one_who_passes_them_on_in_turn_is_killed(start):
    with closing(NewBuffer(6, 1, np.int32)) as source, closing(NewBuffer(128, 1, np.int32)) as sink:
        group, results = source.new_reader_group(), Reader(sink.new_reader_group())
        to_sink = sink.new_writer()
        sink.promise_writer(to_sink, 2)
        started = [start(workers.pass_on_in_order, group, to_sink, 40) for _ in range(3)]
        with Writer(source.new_writer()) as writer:
            for number in range(100):
                writer.write([number])
        assert [int(event[0]) for event in results] == list(range(100))
        assert sorted(exit_codes(started)) == [-signal.SIGKILL, 0, 0]
        assert source.stats().groups[0].acknowledged == 100
        assert source.held() == []


def test_a_slot_of_a_killed_writer_is_counted_torn_and_used_again(start):
    with closing(NewBuffer(2, 1, np.int32)) as buffer:
        reader = Reader(buffer.new_reader_group())
        setup_dict = buffer.new_writer()
        assert exit_codes([start(workers.die_holding_a_slot, setup_dict)]) == [-signal.SIGKILL]
        assert int(reader.get(timeout_s=WATCHDOG_S)[0]) == 1
        reader.acknowledge()
        buffer.reap()
        ledger = buffer.stats()
        assert (ledger.published, ledger.torn, ledger.in_hand, ledger.free_slots) == (1, 1, 0, 2)
        assert list(reader) == []


def test_a_waiting_reader_learns_of_the_death_of_the_last_writer(start):
    with closing(NewBuffer(2, 1, np.int32)) as buffer:
        reader = Reader(buffer.new_reader_group())
        start(workers.die_holding_a_slot, buffer.new_writer())
        assert [int(event[0]) for event in reader] == [1]


def test_a_waiting_reader_obeys_ctrl_c(start):
    with closing(NewBuffer(2, 1, np.int32)) as buffer:
        buffer.new_writer()
        process = start(workers.wait_for_an_interrupt, buffer.new_reader_group())
        wait_until(lambda: buffer.stats().groups[0].waiting_s > 0.01, "the reader waits")
        os.kill(process.pid, signal.SIGINT)
        assert exit_codes([process]) == [workers.INTERRUPTED]


def test_a_waiting_reader_in_the_main_thread_obeys_a_signal():
    with closing(NewBuffer(2, 1, np.int32)) as buffer:
        buffer.new_writer()
        reader = Reader(buffer.new_reader_group())

        def stop(number, frame):
            raise InterruptedError

        def send_a_signal():
            wait_until(lambda: buffer.stats().groups[0].waiting_s > 0.01, "the reader waits")
            os.kill(os.getpid(), signal.SIGUSR1)

        before = signal.signal(signal.SIGUSR1, stop)
        sending = Background(send_a_signal)
        try:
            with pytest.raises(InterruptedError):
                reader.get(timeout_s=WATCHDOG_S)
            sending.result()
        finally:
            signal.signal(signal.SIGUSR1, before)
        Writer(buffer.new_writer()).write([3])
        assert int(reader.get()[0]) == 3


@pytest.fixture
def on_signal():
    """Set what is done at SIGUSR1, for the time of a test."""
    before = signal.getsignal(signal.SIGUSR1)
    yield lambda act: signal.signal(signal.SIGUSR1, lambda *_: act())
    signal.signal(signal.SIGUSR1, before)


def stop():
    raise InterruptedError


def get_together_with_a_signal(reader, start, setup_dict):
    start(workers.interrupt_and_write, os.getpid(), setup_dict)
    reader.get(timeout_s=WATCHDOG_S)


def test_an_event_that_comes_together_with_a_signal_goes_back_unseen(start, on_signal):
    on_signal(stop)
    with closing(NewBuffer(2, 1, np.int32)) as buffer:
        reader = Reader(buffer.new_reader_group(), spin_us=1e6 * WATCHDOG_S)
        with pytest.raises(InterruptedError):
            get_together_with_a_signal(reader, start, buffer.new_writer())
        assert int(reader.get(timeout_s=WATCHDOG_S)[0]) == 3
        assert buffer.stats().groups[0].acknowledged == 0


@pytest.mark.parametrize("raises", [False, True])
def test_a_handler_of_a_signal_may_close_the_reader_that_waits(start, on_signal, raises):
    with closing(NewBuffer(1, 1, np.int32)) as buffer:
        group, later = buffer.new_reader_group(), buffer.new_writer()
        reader = Reader(group, spin_us=1e6 * WATCHDOG_S)
        with Writer(buffer.new_writer()) as writer:
            writer.write([1])
        reader.get()  # the only slot has its view from now on

        def close():
            reader.close()
            if raises:
                stop()

        on_signal(close)
        with pytest.raises(InterruptedError if raises else HandleMisuse):
            get_together_with_a_signal(reader, start, later)
        assert int(Reader(group).get(timeout_s=WATCHDOG_S)[0]) == 3


def test_an_event_is_not_lost_if_what_is_told_of_a_wait_fails_at_its_end(monkeypatch):
    class Listener:
        def wait_begins(self, cause):  # noqa: ARG002 - as readers call it
            Writer(tokens).write([3])

        def wait_ends(self):
            monkeypatch.undo()
            stop()

    with closing(NewBuffer(2, 1, np.int32)) as buffer:
        tokens = buffer.new_writer()
        reader = Reader(buffer.new_reader_group())
        monkeypatch.setattr(waits, "_find_listener", Listener)
        with pytest.raises(InterruptedError):
            reader.get(timeout_s=WATCHDOG_S)
        assert int(reader.get(timeout_s=WATCHDOG_S)[0]) == 3
        assert reader.delivery == 2


def test_a_handle_opened_before_a_fork_is_refused_in_the_child_and_stays_the_parents(start):
    with closing(NewBuffer(2, 1, np.int32)) as buffer:
        reader, writer = Reader(buffer.new_reader_group()), Writer(buffer.new_writer())
        children = [
            start(workers.use_inherited, reader, "get"),
            start(workers.use_inherited, writer, "get_new_buffer"),
        ]
        assert exit_codes(children) == [0, 0]
        writer.write([5])
        assert int(reader.get()[0]) == 5
        ledger = buffer.stats()
        assert (ledger.writers, ledger.groups[0].readers) == (1, 1)


def test_a_waiting_process_does_not_hold_up_other_threads():
    with closing(NewBuffer(2, 1, np.int32)) as buffer:
        reader = Reader(buffer.new_reader_group())
        writer = Writer(buffer.new_writer())
        waiting = Background(reader.get, timeout_s=WATCHDOG_S)
        wait_until(lambda: buffer.stats().groups[0].waiting_s > 0.05, "the reader waits")
        assert waiting.running
        writer.write([1])
        assert int(waiting.result()[0]) == 1
