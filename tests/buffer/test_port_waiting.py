"""The port, call by call: pausing, the end of the stream, observing, waiting (S2, S5, S6, S9)."""

import time

import numpy as np
import pytest
from rings import get, put

from mimocorb.buffers.contract import Status
from mimocorb.testing.watchdog import Background, wait_until

# --- pausing


def test_a_paused_ring_refuses_claims_but_lets_held_slots_be_published(make):
    ring = make(3)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    writer.claim(1)
    ring.ring.pause(True)
    assert ring.ledger().paused
    assert writer.claim(1) == (Status.PAUSED, 0)
    assert writer.publish() == 1
    assert get(reader) == 1
    assert writer.advance() == Status.PAUSED
    ring.ring.pause(False)
    assert writer.advance() >= 0


# --- end of stream


def test_readers_see_the_end_when_the_last_writer_has_left_and_all_is_taken(make):
    ring = make(3)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    put(writer, 2)
    assert not ring.ledger().ended
    writer.close()
    assert [get(reader), get(reader)] == [1, 2]
    assert reader.advance() == Status.ENDED
    assert ring.ledger().ended


def test_a_promised_writer_keeps_the_stream_open(make):
    ring = make(3)
    other = ring.ring.add_writer()
    group = ring.ring.add_group()
    reader = ring.reader(group)
    ring.writer().close()
    assert reader.advance() == Status.NOT_NOW
    ring.writer(other).close()
    assert reader.advance() == Status.ENDED


def test_a_promise_can_be_taken_back_and_given_again(make):
    ring = make(3)
    group = ring.ring.add_group()
    reader = ring.reader(group)
    ring.ring.promise_writer(ring.token, 1)
    assert ring.ledger().promised == 2
    ring.writer().close()
    assert reader.advance() == Status.NOT_NOW
    ring.ring.promise_writer(ring.token, -1)
    assert reader.advance() == Status.ENDED
    ring.ring.promise_writer(ring.token, -1)
    assert ring.ledger().promised == 0
    ring.ring.promise_writer(ring.token, 1)
    assert reader.advance() == Status.NOT_NOW


def test_a_ring_without_any_writer_token_does_not_end(make):
    backend = make(1).backend
    ring = type(backend)(2)
    reader = ring.reader(ring.ring.add_group())
    assert reader.advance() == Status.NOT_NOW
    reader.close()
    ring.close()


def test_one_token_may_be_opened_by_several_writers(make):
    ring = make(3)
    group = ring.ring.add_group()
    reader = ring.reader(group)
    one, other = ring.writer(), ring.writer()
    assert (ring.ledger().writers, ring.ledger().promised) == (2, 0)
    one.close()
    assert reader.advance() == Status.NOT_NOW
    other.close()
    assert reader.advance() == Status.ENDED


def test_a_writer_opened_after_the_end_opens_the_stream_again(make):
    ring = make(3)
    group = ring.ring.add_group()
    reader = ring.reader(group)
    ring.writer().close()
    assert reader.advance() == Status.ENDED
    late = ring.writer()
    assert reader.advance() == Status.NOT_NOW
    put(late)
    assert get(reader) == 1


def test_the_end_waits_for_what_a_colleague_still_holds(make):
    ring = make(3)
    group = ring.ring.add_group()
    writer, holding, waiting = ring.writer(), ring.reader(group), ring.reader(group)
    put(writer, 1)
    writer.close()
    get(holding)
    assert waiting.advance() == Status.NOT_NOW
    holding.give_back()
    assert get(waiting) == 1
    assert holding.advance() == Status.NOT_NOW
    waiting.acknowledge()
    assert holding.advance() == waiting.advance() == Status.ENDED


def test_ending_the_writers_refuses_claims_and_lets_held_slots_be_published(make):
    ring = make(3)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    writer.claim(1)
    ring.ring.end_writers()
    assert ring.ledger().ending
    assert writer.claim(1) == (Status.ENDED, 0)
    assert reader.advance() == Status.NOT_NOW
    assert writer.publish() == 1
    assert writer.advance() == Status.ENDED
    assert get(reader) == 1
    assert reader.advance() == Status.ENDED


def test_an_abort_ends_the_wait_of_the_readers_of_an_ending_ring(make):
    ring = make(3)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    writer.claim(1)
    ring.ring.end_writers()
    assert reader.advance() == Status.NOT_NOW
    writer.abort()
    assert reader.advance() == Status.ENDED


def test_a_paused_ring_that_is_ended_says_so(make):
    ring = make(3)
    writer = ring.writer()
    ring.ring.pause(True)
    ring.ring.end_writers()
    assert writer.advance() == Status.ENDED


def test_ending_the_readers_ends_them_at_once(make):
    ring = make(3)
    group = ring.ring.add_group()
    put(ring.writer(), 2)
    reader = ring.reader(group)
    get(reader)
    ring.ring.end_readers()
    assert reader.advance() == Status.ENDED
    assert ring.group_ledger(group).pending == 1


# --- observing


def test_an_observer_sees_nothing_before_the_first_event(make):
    ring = make(2)
    observer = ring.observer()
    assert observer.snapshot(np.empty(8, np.uint8)) is None
    assert observer.newest() == 0
    assert observer.wait(0, 0.0) == Status.NOT_NOW


def test_an_observer_gets_a_copy_of_the_newest_event_and_leaves_no_trace(make):
    ring = make(3)
    writer, observer = ring.writer(), ring.observer()
    for value in range(1, 8):
        slot = writer.advance()
        writer.slot(slot)[:] = value
        writer.set_metadata(slot, value, float(value), 0.5)
        writer.publish()
        before = ring.ledger()
        target = np.empty(8, np.uint8)
        snapshot = observer.snapshot(target)
        assert snapshot[:4] == (value, value, float(value), 0.5)
        assert snapshot[4] >= 0
        assert (target == value).all()
        assert ring.ledger() == before
    assert observer.newest() == 7


def test_an_observer_still_sees_an_event_that_all_groups_have_acknowledged(make):
    ring = make(2)
    group = ring.ring.add_group()
    writer, reader, observer = ring.writer(), ring.reader(group), ring.observer()
    put(writer)
    get(reader)
    reader.acknowledge()
    assert observer.snapshot(np.empty(8, np.uint8))[0] == 1


def test_a_claimed_slot_is_never_shown_to_an_observer(make):
    ring = make(1)
    writer, observer = ring.writer(), ring.observer()
    put(writer)
    writer.slot(writer.advance())[:] = 255
    assert observer.snapshot(np.empty(8, np.uint8)) is None
    writer.abort()
    assert observer.snapshot(np.empty(8, np.uint8)) is None


def test_an_observer_waits_for_an_event_newer_than_the_one_it_knows(make):
    ring = make(3)
    writer, observer = ring.writer(), ring.observer()
    put(writer)
    assert observer.wait(0, 60.0) == 0
    assert observer.wait(1, 0.01) == Status.NOT_NOW
    waiting = Background(observer.wait, 1, 60.0)
    put(writer)
    assert waiting.result() == 0
    waiting = Background(observer.wait, 2, 60.0)
    time.sleep(0.02)
    writer.close()
    assert waiting.result() == Status.ENDED


# --- waiting


def test_a_reader_wakes_when_an_event_is_published(make):
    ring = make(2)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    waiting = Background(reader.wait_and_take, 5, 60.0, 0.0)
    put(writer)
    first, taken = waiting.result()
    assert taken == 1
    assert reader.sequence(first) == 1


def test_a_reader_wakes_when_a_colleague_gives_back(make):
    ring = make(2)
    group = ring.ring.add_group()
    put(ring.writer())
    holding, reader = ring.reader(group), ring.reader(group)
    get(holding)
    waiting = Background(reader.wait_and_take, 1, 60.0, 0.0)
    wait_until(lambda: waiting.running, "the reader waits")
    holding.give_back()
    first, taken = waiting.result()
    assert taken == 1
    assert reader.delivery(first) == 2


@pytest.mark.parametrize("end", ["last writer leaves", "end_writers", "end_readers", "last ack"])
def test_a_waiting_reader_wakes_at_the_end_of_the_stream(make, end):
    ring = make(2)
    group = ring.ring.add_group()
    writer, colleague, reader = ring.writer(), ring.reader(group), ring.reader(group)
    if end == "last ack":
        put(writer)
        get(colleague)
        writer.close()
    waiting = Background(reader.wait_and_take, 1, 60.0, 0.0)
    time.sleep(0.02)
    {
        "last writer leaves": writer.close,
        "end_writers": ring.ring.end_writers,
        "end_readers": ring.ring.end_readers,
        "last ack": colleague.acknowledge,
    }[end]()
    assert waiting.result() == (Status.ENDED, 0)
    assert reader.advance() == Status.ENDED


def test_a_waiting_writer_wakes_when_a_slot_comes_free_or_the_pause_or_the_stream_ends(make):
    ring = make(1)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    put(writer)
    get(reader)
    waiting = Background(writer.wait, 60.0, 0.0)
    time.sleep(0.02)
    reader.acknowledge()
    assert waiting.result() == 0
    ring.ring.pause(True)
    waiting = Background(writer.wait, 60.0, 0.0)
    time.sleep(0.02)
    ring.ring.pause(False)
    assert waiting.result() == 0
    ring.ring.pause(True)
    waiting = Background(writer.wait, 60.0, 0.0)
    time.sleep(0.02)
    ring.ring.end_writers()
    assert waiting.result() in (0, Status.ENDED)
    assert writer.advance() == Status.ENDED


def test_the_time_of_waiting_is_kept_by_cause(make):
    ring = make(1)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    assert reader.wait_and_take(1, 0.05, 0.0) == (Status.NOT_NOW, 0)
    put(writer)
    assert writer.wait(0.06, 0.0) == Status.NOT_NOW
    ring.ring.pause(True)
    assert writer.wait(0.07, 0.0) == Status.NOT_NOW
    full_ns, paused_ns = writer.waited_ns()
    assert full_ns >= 0.06e9
    assert paused_ns >= 0.07e9
    assert reader.waited_ns() >= 0.05e9
    ledger = ring.ledger()
    assert (ledger.full_ns, ledger.paused_ns) == (full_ns, paused_ns)
    assert ring.group_ledger(group).waiting_ns == reader.waited_ns()
    writer.close()
    reader.close()
    ledger = ring.ledger()
    assert (ledger.full_ns, ledger.paused_ns) == (full_ns, paused_ns)
    assert ring.group_ledger(group).waiting_ns >= 0.05e9


def test_waiting_until_drained_ends_with_the_last_acknowledgement(make):
    ring = make(2)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    assert ring.ring.wait_drained(0.0)
    writer.claim(1)
    assert not ring.ring.wait_drained(0.01)
    writer.publish()
    assert not ring.ring.wait_drained(0.01)
    get(reader)
    assert not ring.ring.wait_drained(0.01)
    waiting = Background(ring.ring.wait_drained, 60.0)
    time.sleep(0.02)
    reader.acknowledge()
    assert waiting.result()
