"""What every backend of the port promises, call by call (buffer contract, S2-S6, S8-S10)."""

import time

import numpy as np
import pytest
from rings import BACKENDS, check_books

from mimocorb._buffer.contract import Status
from mimocorb.testing.watchdog import Background, wait_until


class Ring:
    """A ring under test with its books checked at every look."""

    def __init__(self, backend, number_of_slots, slot_bytes=8):
        self.backend = backend(number_of_slots, slot_bytes)
        self.ring = self.backend.ring
        self.token = self.ring.add_writer()
        self.ports = []

    def writer(self, token=None):
        self.ports.append(self.backend.writer(self.token if token is None else token))
        return self.ports[-1]

    def reader(self, group):
        self.ports.append(self.backend.reader(group))
        return self.ports[-1]

    def observer(self):
        self.ports.append(self.backend.observer())
        return self.ports[-1]

    def books(self):
        return check_books(self.ring.books())

    def group_books(self, group):
        return next(books for books in self.books().groups if books.group == group)

    def close(self):
        for port in self.ports:
            port.close()
        self.books()
        self.backend.close()


@pytest.fixture(params=BACKENDS)
def make(request):
    made = []

    def make_ring(number_of_slots, slot_bytes=8):
        made.append(Ring(BACKENDS[request.param], number_of_slots, slot_bytes))
        return made[-1]

    yield make_ring
    for ring in made:
        ring.close()


def put(writer, count=1):
    """Publish `count` events one by one; returns their slots."""
    slots = []
    for _ in range(count):
        slot = writer.advance()
        assert slot >= 0, Status(slot)
        slots.append(slot)
        writer.publish()
    return slots


def get(reader):
    """Take one event, acknowledging the previous; returns its sequence number."""
    slot = reader.advance()
    assert slot >= 0, Status(slot)
    return reader.sequence(slot)


# --- claiming and publishing


def test_a_new_ring_has_all_slots_free_and_empty_books(make):
    books = make(5).books()
    assert books.free_slots == 5
    assert (books.claimed, books.published, books.aborted, books.torn, books.in_hand) == (0,) * 5
    assert (books.writers, books.promised, books.groups) == (0, 1, ())
    assert not any((books.paused, books.ending, books.ended))


def test_slots_are_claimed_in_the_order_in_which_they_came_free(make):
    ring = make(3)
    group = ring.ring.add_group()
    writer, first, second = ring.writer(), ring.reader(group), ring.reader(group)
    assert put(writer, 3) == [0, 1, 2]
    assert (get(first), get(second)) == (1, 2)
    second.acknowledge()  # slot 1 comes free before slot 0
    first.acknowledge()
    assert put(writer, 2) == [1, 0]


def test_a_claim_of_several_slots_gives_neighbours_only(make):
    ring = make(4)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    assert writer.claim(3) == (0, 3)
    writer.publish()
    assert reader.take(3) == (0, 3)
    reader.acknowledge()
    assert writer.claim(4) == (3, 1)  # the free list is 3, 0, 1, 2
    assert writer.claim(4) == (0, 3)
    assert writer.claim(4) == (Status.NOT_NOW, 0)


def test_several_claims_are_published_together_in_slot_order(make):
    ring = make(3)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    put(writer, 1)
    get(reader)
    assert writer.claim(2) == (1, 2)
    reader.acknowledge()
    assert writer.claim(1) == (0, 1)
    for slot in range(3):
        writer.slot(slot)[:] = slot
    assert writer.publish() == 3
    assert reader.take(3) == (0, 3)
    assert [reader.sequence(slot) for slot in range(3)] == [2, 3, 4]


def test_advance_publishes_what_is_in_hand_and_claims_one(make):
    ring = make(2)
    group = ring.ring.add_group()
    writer = ring.writer()
    assert writer.advance() == 0
    assert ring.books().in_hand == 1
    assert writer.advance() == 1
    assert ring.group_books(group).pending == 1
    assert writer.advance() == Status.NOT_NOW
    assert (ring.books().in_hand, ring.books().published) == (0, 2)


def test_an_aborted_slot_is_free_again_and_counted(make):
    ring = make(2)
    writer = ring.writer()
    writer.claim(2)
    assert writer.abort() == 2
    assert writer.abort() == 0
    books = ring.books()
    assert (books.claimed, books.aborted, books.free_slots) == (2, 2, 2)


def test_a_writer_that_closes_aborts_what_it_holds(make):
    ring = make(2)
    writer = ring.writer()
    writer.claim(1)
    writer.close()
    writer.close()
    assert (ring.books().aborted, ring.books().writers) == (1, 0)


def test_a_slow_writer_holds_up_nothing_but_its_own_slot(make):
    ring = make(2)
    group = ring.ring.add_group()
    slow, fast, reader = ring.writer(), ring.writer(), ring.reader(group)
    slow.claim(1)
    for sequence in range(1, 20):
        put(fast)
        assert get(reader) == sequence
        reader.acknowledge()
    slow.publish()
    assert get(reader) == 20


def test_publishing_without_a_slot_in_hand_does_nothing(make):
    ring = make(2)
    assert ring.writer().publish() == 0
    assert ring.books().published == 0


# --- delivery


def test_every_group_gets_every_event_and_each_reader_of_a_group_its_own(make):
    ring = make(4)
    groups = [ring.ring.add_group() for _ in range(2)]
    put(ring.writer(), 4)
    for group in groups:
        readers = [ring.reader(group) for _ in range(2)]
        taken = [get(readers[index % 2]) for index in range(4)]
        assert taken == [1, 2, 3, 4]


def test_a_slot_comes_free_only_when_the_last_group_has_acknowledged(make):
    ring = make(1)
    groups = [ring.ring.add_group() for _ in range(3)]
    put(ring.writer())
    for group in groups:
        assert ring.books().free_slots == 0
        reader = ring.reader(group)
        get(reader)
        assert reader.acknowledge() == 1
    assert ring.books().free_slots == 1


def test_a_slow_reader_holds_up_nothing_but_its_own_slot(make):
    ring = make(3)
    group = ring.ring.add_group()
    writer, slow, fast = ring.writer(), ring.reader(group), ring.reader(group)
    put(writer)
    assert get(slow) == 1
    for sequence in range(2, 30):
        put(writer)
        assert get(fast) == sequence
        fast.acknowledge()
    assert slow.acknowledge() == 1


def test_taking_several_gives_events_in_neighbouring_slots_only(make):
    ring = make(4)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    put(writer, 3)
    reader.take(2)
    reader.acknowledge()
    put(writer, 3)  # slots 3, 0, 1
    assert reader.take(9) == (2, 2)
    assert reader.take(9) == (0, 2)
    assert reader.take(9) == (Status.NOT_NOW, 0)
    assert reader.acknowledge() == 4


def test_events_given_back_come_first_again_and_are_marked(make):
    ring = make(4)
    group = ring.ring.add_group()
    put(ring.writer(), 4)
    first, second = ring.reader(group), ring.reader(group)
    slot = first.advance()
    assert (first.sequence(slot), first.delivery(slot)) == (1, 1)
    assert get(second) == 2
    assert first.give_back() == 1
    slot = second.advance()
    assert (second.sequence(slot), second.delivery(slot)) == (1, 2)
    second.give_back()
    slot = first.advance()
    assert (first.sequence(slot), first.delivery(slot)) == (1, 3)
    assert get(first) == 3
    assert ring.group_books(group).redelivered == 2  # how often an event was given back


def test_a_batch_given_back_goes_to_its_place_in_publish_order(make):
    ring = make(4)
    group = ring.ring.add_group()
    put(ring.writer(), 4)
    first, second = ring.reader(group), ring.reader(group)
    first.take(2)
    assert get(second) == 3
    second.give_back()
    first.give_back()
    assert [get(first) for _ in range(4)] == [1, 2, 3, 4]
    assert ring.group_books(group).redelivered == 3


def test_a_reader_that_closes_gives_back_what_it_holds(make):
    ring = make(2)
    group = ring.ring.add_group()
    put(ring.writer(), 2)
    leaving = ring.reader(group)
    get(leaving)
    assert ring.group_books(group).readers == 1
    leaving.close()
    leaving.close()
    assert ring.group_books(group).readers == 0
    staying = ring.reader(group)
    slot = staying.advance()
    assert (staying.sequence(slot), staying.delivery(slot)) == (1, 2)


def test_redelivery_in_one_group_is_no_concern_of_another(make):
    ring = make(2)
    one, other = ring.ring.add_group(), ring.ring.add_group()
    put(ring.writer(), 1)
    reader, witness = ring.reader(one), ring.reader(other)
    reader.advance()
    reader.give_back()
    slot = witness.advance()
    assert witness.delivery(slot) == 1
    assert ring.group_books(other).redelivered == 0


def test_a_reused_slot_starts_with_delivery_one(make):
    ring = make(1)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    put(writer)
    reader.advance()
    reader.give_back()
    get(reader)
    reader.acknowledge()
    put(writer)
    slot = reader.advance()
    assert reader.delivery(slot) == 1


# --- metadata and bytes


def test_metadata_travel_with_their_event(make):
    ring = make(3)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    for counter in range(3):
        slot = writer.advance()
        writer.set_metadata(slot, 2**53 + counter, 1.5e9 + counter, 0.25 * counter)
    writer.publish()
    for counter in range(3):
        expected = (2**53 + counter, 1.5e9 + counter, 0.25 * counter)
        assert reader.metadata(reader.advance()) == expected


def test_metadata_default_to_a_running_counter_the_present_time_and_no_dead_time(make):
    ring = make(3)
    group = ring.ring.add_group()
    before_s = time.time()
    writer, other = ring.writer(), ring.writer()
    put(writer, 2)
    put(other, 1)
    after_s = time.time()
    reader = ring.reader(group)
    metadata = [reader.metadata(reader.advance()) for _ in range(3)]
    assert [(counter, deadtime) for counter, _, deadtime in metadata] == [
        (0, -1.0),
        (1, -1.0),
        (0, -1.0),
    ]
    assert all(before_s - 1e-3 <= timestamp_s <= after_s + 1e-3 for _, timestamp_s, _ in metadata)


def test_metadata_of_an_earlier_event_do_not_linger_in_the_slot(make):
    ring = make(1)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    writer.set_metadata(writer.advance(), 77, 1.0, 0.5)
    writer.publish()
    reader.advance()
    reader.acknowledge()
    put(writer)
    counter, timestamp_s, deadtime = reader.metadata(reader.advance())
    assert counter != 77
    assert timestamp_s > 1.0
    assert deadtime == -1.0


@pytest.mark.parametrize("slot_bytes", [1, 7, 8, 64, 100_000])
def test_bytes_arrive_as_written_in_every_slot(make, slot_bytes):
    ring = make(5, slot_bytes)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    expected = np.random.default_rng(1).integers(0, 256, (5, slot_bytes), np.uint8)
    first, count = writer.claim(5)
    assert writer.slots(first, count).shape == (5, slot_bytes)
    writer.slots(first, count)[:] = expected
    writer.publish()
    assert reader.take(5) == (0, 5)
    assert np.array_equal(reader.slots(0, 5), expected)
    assert all(np.array_equal(reader.slot(index), expected[index]) for index in range(5))


def test_a_reader_cannot_write_into_a_slot(make):
    ring = make(1)
    group = ring.ring.add_group()
    put(ring.writer())
    reader = ring.reader(group)
    view = reader.slot(reader.advance())
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        reader.slots(0, 1)[0, 0] = 1


# --- groups that come late or leave


def test_a_group_added_late_starts_with_the_oldest_event_still_in_the_ring(make):
    ring = make(3)
    writer = ring.writer()
    put(writer, 5)  # owed to nobody; 1 and 2 have been overwritten
    assert ring.books().free_slots == 3
    group = ring.ring.add_group()
    assert ring.books().free_slots == 0
    books = ring.group_books(group)
    assert (books.offered, books.pending, books.first_sequence) == (3, 3, 3)
    reader = ring.reader(group)
    assert [get(reader) for _ in range(3)] == [3, 4, 5]
    assert reader.advance() == Status.NOT_NOW
    assert ring.books().free_slots == 3


def test_a_group_added_late_shares_what_an_older_group_still_has(make):
    ring = make(4)
    old = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(old)
    put(writer, 4)
    assert get(reader) == 1
    assert get(reader) == 2  # 1 is acknowledged and gone, 2 is held
    late = ring.ring.add_group()
    assert ring.group_books(late).first_sequence == 2
    newcomer = ring.reader(late)
    assert [get(newcomer) for _ in range(3)] == [2, 3, 4]
    newcomer.acknowledge()
    assert [get(reader) for _ in range(2)] == [3, 4]
    reader.acknowledge()
    assert ring.books().free_slots == 4


def test_a_group_added_to_an_empty_ring_starts_with_the_next_event(make):
    ring = make(2)
    group = ring.ring.add_group()
    assert ring.group_books(group).first_sequence == 1
    reader = ring.reader(group)
    put(ring.writer(), 1)
    get(reader)
    reader.acknowledge()
    assert ring.group_books(ring.ring.add_group()).first_sequence == 2


def test_removing_a_group_frees_what_only_it_was_due_and_counts_it_abandoned(make):
    ring = make(4)
    leaving, staying = ring.ring.add_group(), ring.ring.add_group()
    put(ring.writer(), 4)
    reader = ring.reader(staying)
    get(reader)
    reader.acknowledge()
    gone = ring.reader(leaving)
    assert get(gone) == 1
    assert get(gone) == 2
    gone.close()
    assert ring.ring.remove_group(leaving) == 3
    assert ring.books().free_slots == 1
    assert [get(reader) for _ in range(3)] == [2, 3, 4]
    reader.acknowledge()
    assert ring.books().free_slots == 4


def test_without_any_group_left_a_writer_is_never_held_up(make):
    ring = make(2)
    group = ring.ring.add_group()
    writer = ring.writer()
    put(writer, 2)
    assert writer.advance() == Status.NOT_NOW
    assert ring.ring.remove_group(group) == 2
    put(writer, 10)
    assert ring.books().free_slots == 2


# --- pausing


def test_a_paused_ring_refuses_claims_but_lets_held_slots_be_published(make):
    ring = make(3)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    writer.claim(1)
    ring.ring.pause(True)
    assert ring.books().paused
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
    assert not ring.books().ended
    writer.close()
    assert [get(reader), get(reader)] == [1, 2]
    assert reader.advance() == Status.ENDED
    assert ring.books().ended


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
    assert ring.books().promised == 2
    ring.writer().close()
    assert reader.advance() == Status.NOT_NOW
    ring.ring.promise_writer(ring.token, -1)
    assert reader.advance() == Status.ENDED
    ring.ring.promise_writer(ring.token, -1)
    assert ring.books().promised == 0
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
    assert (ring.books().writers, ring.books().promised) == (2, 0)
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
    assert ring.books().ending
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
    assert ring.group_books(group).pending == 1


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
        before = ring.books()
        target = np.empty(8, np.uint8)
        snapshot = observer.snapshot(target)
        assert snapshot[:4] == (value, value, float(value), 0.5)
        assert snapshot.age_s >= 0
        assert (target == value).all()
        assert ring.books() == before
    assert observer.newest() == 7


def test_an_observer_still_sees_an_event_that_all_groups_have_acknowledged(make):
    ring = make(2)
    group = ring.ring.add_group()
    writer, reader, observer = ring.writer(), ring.reader(group), ring.observer()
    put(writer)
    get(reader)
    reader.acknowledge()
    assert observer.snapshot(np.empty(8, np.uint8)).sequence == 1


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
    waiting = Background(reader.wait, 60.0, 0.0)
    put(writer)
    assert waiting.result() == 0
    assert get(reader) == 1


def test_a_reader_wakes_when_a_colleague_gives_back(make):
    ring = make(2)
    group = ring.ring.add_group()
    put(ring.writer())
    holding, reader = ring.reader(group), ring.reader(group)
    get(holding)
    waiting = Background(reader.wait, 60.0, 0.0)
    wait_until(lambda: waiting.running, "the reader waits")
    holding.give_back()
    assert waiting.result() == 0
    assert get(reader) == 1


@pytest.mark.parametrize("end", ["last writer leaves", "end_writers", "end_readers", "last ack"])
def test_a_waiting_reader_wakes_at_the_end_of_the_stream(make, end):
    ring = make(2)
    group = ring.ring.add_group()
    writer, colleague, reader = ring.writer(), ring.reader(group), ring.reader(group)
    if end == "last ack":
        put(writer)
        get(colleague)
        writer.close()
    waiting = Background(reader.wait, 60.0, 0.0)
    time.sleep(0.02)
    {
        "last writer leaves": writer.close,
        "end_writers": ring.ring.end_writers,
        "end_readers": ring.ring.end_readers,
        "last ack": colleague.acknowledge,
    }[end]()
    assert waiting.result() in (0, Status.ENDED)
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
    assert reader.wait(0.05, 0.0) == 0
    put(writer)
    assert writer.wait(0.06, 0.0) == 0
    ring.ring.pause(True)
    assert writer.wait(0.07, 0.0) == 0
    full_ns, paused_ns = writer.waited_ns()
    assert full_ns >= 0.06e9
    assert paused_ns >= 0.07e9
    assert reader.waited_ns() >= 0.05e9
    books = ring.books()
    assert (books.full_ns, books.paused_ns) == (full_ns, paused_ns)
    assert ring.group_books(group).waiting_ns == reader.waited_ns()
    writer.close()
    reader.close()
    books = ring.books()
    assert (books.full_ns, books.paused_ns) == (full_ns, paused_ns)
    assert ring.group_books(group).waiting_ns >= 0.05e9


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
