"""Events that fail their readers again and again, and readers that hang (rows F9, F10)."""

import multiprocessing

import fault_workers
import numpy as np
import pytest

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.testing.watchdog import WATCHDOG_S

EVENTS, EVERY = 40, 10


@pytest.mark.parametrize("way", fault_workers.WAYS_TO_FAIL)
def test_what_fails_three_times_is_set_aside_and_nothing_else(start, make_buffer, way):
    """F10: quarantined = poison, with payload and metadata; all other events are processed."""
    buffer = make_buffer(64, 2, np.int64)
    group = buffer.new_reader_group()
    with Writer(buffer.new_writer()) as writer:
        for number in range(1, EVENTS + 1):
            writer.write([number, -number], counter=number, timestamp=0.5, deadtime=0.25)
    failures = 0
    while True:
        process = start(fault_workers.process_until_failure, group, EVERY, way)
        process.join(WATCHDOG_S)
        assert process.exitcode is not None
        if process.exitcode == 0:
            break
        failures += 1
        buffer.reap()
    poison = list(range(EVERY, EVENTS + 1, EVERY))
    found = buffer.quarantined()
    assert [event.counter for event in found] == poison
    assert [event.data.tolist() for event in found] == [[n, -n] for n in poison]
    assert {(event.timestamp, event.deadtime) for event in found} == {(0.5, 0.25)}
    assert failures == 3 * len(poison)
    stats = buffer.stats()
    stats.check()
    (ledger,) = stats.groups
    assert (ledger.quarantined, ledger.due) == (len(poison), 0)
    assert ledger.acknowledged == EVENTS - len(poison)
    assert stats.free_slots == 64


def fail_on_the_next_event(group, words):
    with Reader(group) as reader:
        reader.get()
        raise ValueError(words)


def test_the_reasons_for_setting_aside_are_those_that_were_given(make_buffer):
    """F10: what the failing functions said is kept beside the event."""
    buffer = make_buffer(4, 1, np.int64)
    group = buffer.new_reader_group()
    with Writer(buffer.new_writer()) as writer:
        writer.write([13])
    for attempt in range(3):
        with pytest.raises(ValueError, match="attempt"):
            fail_on_the_next_event(group, f"attempt {attempt}")
    assert list(Reader(group)) == []
    (event,) = buffer.quarantined()
    assert event.reasons == tuple(f"ValueError: attempt {attempt}" for attempt in range(3))


def test_the_event_of_a_hanging_reader_goes_on_only_after_its_death(start, make_buffer):
    """F9: a hang alone takes nothing away; killed first, then delivered again, marked."""
    buffer = make_buffer(4, 1, np.int64)
    group = buffer.new_reader_group()
    with Writer(buffer.new_writer()) as writer:
        writer.write([1])
    ours, theirs = multiprocessing.Pipe()
    hanging = start(fault_workers.hang_with_an_event, group, theirs)
    assert ours.recv() == 1
    colleague = Reader(group)
    with pytest.raises(TimeoutError):
        colleague.get(timeout_s=0.3)
    assert buffer.reap() == 0
    hanging.kill()
    hanging.join(WATCHDOG_S)
    assert colleague.get(WATCHDOG_S).tolist() == [1]
    assert colleague.delivery == 2
