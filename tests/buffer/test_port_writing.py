"""Claiming, publishing and aborting, call by call, on the port of every backend."""

from rings import get, put

from mimocorb.buffers.contract import Status


def test_a_new_ring_has_all_slots_free_and_an_empty_ledger(make):
    ledger = make(5).ledger()
    assert ledger.free_slots == 5
    assert (ledger.claimed, ledger.published, ledger.aborted, ledger.torn, ledger.in_hand) == (
        0,
    ) * 5
    assert (ledger.writers, ledger.promised, ledger.groups) == (0, 1, ())
    assert not any((ledger.paused, ledger.ending, ledger.ended))


def test_slots_are_claimed_in_turn_whatever_the_order_in_which_they_came_free(make):
    ring = make(3)
    group = ring.ring.add_group()
    writer, first, second = ring.writer(), ring.reader(group), ring.reader(group)
    assert put(writer, 3) == [0, 1, 2]
    assert (get(first), get(second)) == (1, 2)
    second.acknowledge()  # slot 1 comes free before slot 0
    first.acknowledge()
    assert put(writer, 2) == [0, 1]


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


def test_several_claims_are_published_together_in_the_order_of_claiming(make):
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
    assert reader.take(3) == (1, 2)
    assert reader.take(3) == (0, 1)
    assert [reader.sequence(slot) for slot in (1, 2, 0)] == [2, 3, 4]


def test_advance_publishes_what_is_in_hand_and_claims_one(make):
    ring = make(2)
    group = ring.ring.add_group()
    writer = ring.writer()
    assert writer.advance() == 0
    assert ring.ledger().in_hand == 1
    assert writer.advance() == 1
    assert ring.group_ledger(group).pending == 1
    assert writer.advance() == Status.NOT_NOW
    assert (ring.ledger().in_hand, ring.ledger().published) == (0, 2)


def test_an_aborted_slot_is_free_again_and_counted(make):
    ring = make(2)
    writer = ring.writer()
    writer.claim(2)
    assert writer.abort() == 2
    assert writer.abort() == 0
    ledger = ring.ledger()
    assert (ledger.claimed, ledger.aborted, ledger.free_slots) == (2, 2, 2)


def test_a_writer_that_closes_aborts_what_it_holds(make):
    ring = make(2)
    writer = ring.writer()
    writer.claim(1)
    writer.close()
    writer.close()
    assert (ring.ledger().aborted, ring.ledger().writers) == (1, 0)


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
    assert ring.ledger().published == 0
