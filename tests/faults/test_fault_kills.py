"""SIGKILL at chosen and at random moments (rows F1, F2, F3, F23 of the fault matrix)."""

import signal

import fault_workers
import numpy as np
import pytest
from kill_campaign import Load, run_campaign

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.testing.watchdog import WATCHDOG_S


def killed(process):
    process.join(WATCHDOG_S)
    return process.exitcode == -signal.SIGKILL


def test_random_kills_under_load_lose_nothing_and_repeat_nothing_unmarked():
    """F1, F2, F3 together, with restarts; 1000 kills by ``tests/faults/kill_campaign.py``."""
    report = run_campaign(60, seed=20261122)
    assert report.faultless, report
    assert report.kills == 60
    assert report.published > 100
    assert report.redelivered > 0
    assert report.torn <= report.writer_kills


def test_killing_readers_that_wait_for_data_disturbs_nobody():
    """F1: SIGKILL of readers that sleep in ``get``."""
    load = Load(writers=1, readers=(3, 1), writer_pause_s=0.002, kill_writers=False)
    report = run_campaign(40, seed=1, load=load)
    assert report.faultless, report
    assert report.torn == 0


def test_stopping_and_continuing_workers_at_random_never_gives_an_event_to_two():
    """F8 under load: each victim is stopped for longer than the look-out for the dead takes."""
    load = Load(stop_share=0.5, stop_s=0.12)
    report = run_campaign(20, seed=2, load=load)
    assert report.faultless, report
    assert 0 < report.kills < 20


def test_an_event_that_kills_its_reader_is_delivered_again_and_marked(start, make_buffer, tmp_path):
    """F2: killed from inside the user function; ``delivery`` is 2 afterwards."""
    buffer = make_buffer(8, 1, np.int64)
    group = buffer.new_reader_group()
    count, every = 60, 10
    process = start(fault_workers.process_until_poison, group, tmp_path, every)
    writer = Writer(buffer.new_writer())
    deaths = 0
    for number in range(1, count + 1):
        while True:
            try:
                writer.write([number], timeout_s=0.01)
                break
            except TimeoutError:
                if killed_now(process):
                    deaths += 1
                    process = start(fault_workers.process_until_poison, group, tmp_path, every)
    writer.close()
    while True:
        process.join(WATCHDOG_S)
        if process.exitcode != -signal.SIGKILL:
            break
        deaths += 1
        process = start(fault_workers.process_until_poison, group, tmp_path, every)
    assert process.exitcode == 0
    assert deaths == count // every
    expected = {f"{n}-{2 if n % every == 0 else 1}" for n in range(1, count + 1)}
    assert {file.name for file in tmp_path.iterdir()} == expected
    stats = buffer.stats()
    stats.check()
    assert (stats.groups[0].acknowledged, stats.groups[0].redelivered) == (count, deaths)


def killed_now(process):
    process.join(0)
    return process.exitcode == -signal.SIGKILL


def test_slots_of_writers_killed_before_publishing_are_counted_torn_and_order_is_kept(
    start, make_buffer
):
    """F3: torn = kills between claim and publish."""
    buffer = make_buffer(4, 1, np.int64)
    setup_dict, kills = buffer.new_writer(), 12
    reader = Reader(buffer.new_reader_group())
    buffer.promise_writer(setup_dict, kills)
    for number in range(kills):
        assert killed(start(fault_workers.publish_and_die_with_a_slot, setup_dict, number))
        assert (int(reader.get(WATCHDOG_S)[0]), reader.sequence) == (number, number + 1)
        buffer.reap()
        assert buffer.stats().torn == number + 1
    reader.acknowledge()
    stats = buffer.stats()
    stats.check()
    assert (stats.published, stats.aborted, stats.in_hand) == (kills, 0, 0)
    assert stats.free_slots == 4


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_the_dead_are_recovered_from_whichever_way_they_were_started(start, make_buffer, method):
    """F23: fork, forkserver, spawn."""
    buffer = make_buffer(4, 1, np.int64)
    written_by, group = buffer.new_writer(), buffer.new_reader_group()
    writer = Writer(buffer.new_writer())
    writer.write([5])
    assert killed(start(fault_workers.take_and_die, group, method=method))
    assert killed(start(fault_workers.publish_and_die_with_a_slot, written_by, 6, method=method))
    reader = Reader(group)
    assert (int(reader.get(WATCHDOG_S)[0]), reader.delivery) == (5, 2)
    assert (int(reader.get(WATCHDOG_S)[0]), reader.delivery) == (6, 1)
    reader.acknowledge()
    buffer.reap()
    stats = buffer.stats()
    stats.check()
    assert (stats.torn, stats.free_slots) == (1, 4)
