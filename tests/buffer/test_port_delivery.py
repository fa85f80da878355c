"""The port, call by call: delivery, turns, and in whose hands events are (S3, S4)."""

import os

from rings import get, put

from mimocorb.buffers.contract import Status
from mimocorb.buffers.ledgers import WRITERS

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
        assert ring.ledger().free_slots == 0
        reader = ring.reader(group)
        get(reader)
        assert reader.acknowledge() == 1
    assert ring.ledger().free_slots == 1


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
    assert ring.group_ledger(group).redelivered == 2  # how often an event was given back


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
    assert ring.group_ledger(group).redelivered == 3


def test_the_first_events_in_hand_can_be_acknowledged_and_the_rest_given_back(make):
    ring = make(4)
    group = ring.ring.add_group()
    put(ring.writer(), 4)
    reader = ring.reader(group)
    reader.take(4)
    assert reader.acknowledge_first(0) == 0
    assert reader.acknowledge_first(3) == 3
    ledger = ring.group_ledger(group)
    assert (ledger.acknowledged, ledger.held, ring.ledger().free_slots) == (3, 1, 3)
    assert reader.sequence(3) == 4
    assert reader.give_back() == 1
    assert get(reader) == 4
    assert reader.acknowledge_first(9) == 1
    assert reader.acknowledge_first(1) == 0
    assert ring.group_ledger(group).acknowledged == 4


def test_events_given_back_come_alone_so_that_a_bad_one_does_not_condemn_its_batch(make):
    ring = make(8)  # max_deliveries is 3
    group = ring.ring.add_group()
    put(ring.writer(), 5)
    reader = ring.reader(group)
    reader.take(3)
    reader.give_back()
    for _ in range(2):
        assert reader.take(9) == (0, 1)
        reader.give_back()
    assert reader.take(9) == (Status.POISONOUS, 0)
    reader.quarantine()
    assert [reader.take(9) for _ in range(3)] == [(1, 1), (2, 1), (3, 2)]


def test_events_without_a_second_chance_come_alone(make):
    ring = make(4, max_deliveries=1)
    group = ring.ring.add_group()
    put(ring.writer(), 3)
    reader = ring.reader(group)
    assert reader.take(9) == (0, 1)
    reader.give_back()
    assert reader.take(9) == (Status.POISONOUS, 0)
    reader.quarantine()
    assert [reader.take(9) for _ in range(2)] == [(1, 1), (2, 1)]


def test_an_event_that_stepped_aside_has_not_failed(make):
    ring = make(4)  # max_deliveries is 3
    group = ring.ring.add_group()
    put(ring.writer(), 2)
    reader = ring.reader(group)
    for delivery in range(1, 6):
        assert reader.take(9) == (0, 2)
        assert [reader.delivery(slot) for slot in (0, 1)] == [delivery, delivery]
        assert reader.give_back(failed=False) == 2
    for _ in range(3):
        assert get(reader) == 1
        reader.give_back(True)
    assert reader.take(1) == (Status.POISONOUS, 0)
    assert ring.group_ledger(group).redelivered == 13


# --- in order


def test_it_is_an_events_turn_when_all_before_it_are_finished(make):
    ring = make(5)
    group = ring.ring.add_group()
    put(ring.writer(), 4)
    one, two, three = (ring.reader(group) for _ in range(3))
    assert [one.advance(), two.advance(), three.advance()] == [0, 1, 2]
    turns = [port.wait_turn(slot, 0.0, 0.0) for slot, port in enumerate([one, two, three])]
    assert turns == [0, Status.NOT_NOW, Status.NOT_NOW]
    two.acknowledge()
    assert three.wait_turn(2, 0.01, 0.0) == Status.NOT_NOW
    one.quarantine()
    assert three.wait_turn(2, 0.0, 0.0) == 0


def test_what_a_reader_has_in_hand_itself_is_not_in_its_way(make):
    ring = make(4)
    group = ring.ring.add_group()
    put(ring.writer(), 3)
    reader = ring.reader(group)
    assert reader.take(3) == (0, 3)
    assert reader.wait_turn(2, 0.0, 0.0) == 0


def test_who_waits_for_its_turn_learns_that_an_earlier_event_came_back(make):
    ring = make(4)
    group, other = ring.ring.add_group(), ring.ring.add_group()
    put(ring.writer(), 3)
    one, two, unconcerned = ring.reader(group), ring.reader(group), ring.reader(other)
    one.advance()
    slot = two.advance()
    one.give_back()
    assert two.wait_turn(slot, 1.0, 0.0) == Status.EARLIER
    two.give_back(failed=False)
    assert get(two) == 1
    assert two.wait_turn(0, 0.0, 0.0) == 0
    assert get(two) == 2
    get(unconcerned)
    assert two.wait_turn(slot, 0.0, 0.0) == 0


def test_in_a_group_that_is_removed_nobody_waits_for_its_turn(make):
    ring = make(4)
    group = ring.ring.add_group()
    put(ring.writer(), 2)
    one, two = ring.reader(group), ring.reader(group)
    one.advance()
    slot = two.advance()
    assert two.wait_turn(slot, 0.0, 0.0) == Status.NOT_NOW
    ring.ring.remove_group(group)
    assert two.wait_turn(slot, 0.0, 0.0) == 0


# --- in whose hands


def test_what_is_held_names_group_slot_event_holder_and_delivery(make):
    ring = make(4)
    group, other = ring.ring.add_group(), ring.ring.add_group()
    assert ring.ring.held() == []
    writer, reader, late = ring.writer(), ring.reader(group), ring.reader(other)
    put(writer, 3)
    get(reader)
    reader.give_back()
    reader.take(2)
    reader.take(2)
    get(late)
    writer.advance()
    pid = os.getpid()
    held = ring.ring.held()
    assert held == [
        (group, 0, 1, pid, 2),
        (other, 0, 1, pid, 1),
        (group, 1, 2, pid, 1),
        (group, 2, 3, pid, 1),
        (WRITERS, 3, 1, pid, 0),
    ]
    assert held == ring.ring.held()
    reader.acknowledge()
    late.acknowledge()
    writer.abort()
    assert ring.ring.held() == []
    assert writer.claim(1) == (0, 1)
    assert [holding.number for holding in ring.ring.held()] == [2]  # the second claim of its slot


def test_an_event_taken_again_by_the_same_reader_is_held_anew(make):
    ring = make(2)
    group = ring.ring.add_group()
    put(ring.writer())
    reader = ring.reader(group)
    reader.advance()
    before = ring.ring.held()
    reader.give_back()
    reader.advance()
    assert ring.ring.held() != before


def test_how_long_ports_have_waited_is_told_for_each(make):
    ring = make(1)
    group = ring.ring.add_group()
    writer, one, two = ring.writer(), ring.reader(group), ring.reader(group)
    assert ring.ring.waited() == [(os.getpid(), 0)] * 3
    one.wait_and_take(1, 0.01, 0.0)
    put(writer)
    get(one)
    writer.wait(0.02, 0.0)
    waited_ns = [port.waited_ns for port in ring.ring.waited()]
    assert [waited >= least for waited, least in zip(waited_ns, [2e7, 1e7], strict=False)] == [
        True,
        True,
    ]
    assert waited_ns[2] == 0
    two.close()
    assert len(ring.ring.waited()) == 2


def test_a_reader_that_closes_gives_back_what_it_holds(make):
    ring = make(2)
    group = ring.ring.add_group()
    put(ring.writer(), 2)
    leaving = ring.reader(group)
    get(leaving)
    assert ring.group_ledger(group).readers == 1
    leaving.close()
    leaving.close()
    assert ring.group_ledger(group).readers == 0
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
    assert ring.group_ledger(other).redelivered == 0


def test_a_quarantined_event_is_done_with_and_counted_apart(make):
    ring = make(2)
    group = ring.ring.add_group()
    put(ring.writer(), 2)
    reader = ring.reader(group)
    get(reader)
    assert reader.quarantine() == 1
    assert get(reader) == 2
    ledger = ring.group_ledger(group)
    assert (ledger.quarantined, ledger.acknowledged, ledger.held) == (1, 0, 1)
    assert ring.ledger().free_slots == 1


def test_an_event_handed_out_too_often_comes_alone_and_marked_as_poisonous(make):
    ring = make(4)  # max_deliveries is 3
    group = ring.ring.add_group()
    put(ring.writer(), 3)
    reader, colleague = ring.reader(group), ring.reader(group)
    assert get(colleague) == 1
    for _ in range(3):
        assert get(reader) == 2
        reader.give_back()
    colleague.give_back()
    assert reader.take(3) == (0, 1)
    reader.acknowledge()
    assert reader.take(3) == (Status.POISONOUS, 0)
    assert reader.sequence(reader.poisonous()) == 2
    reader.quarantine()
    assert get(reader) == 3
    assert ring.group_ledger(group).quarantined == 1


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


# --- kept in hand while later ones are worked on


def test_more_events_can_be_taken_and_the_last_ones_alone_given_back(make):
    ring = make(6)
    group = ring.ring.add_group()
    put(ring.writer(), 6)
    reader = ring.reader(group)
    assert [reader.take(2), reader.take(2)] == [(0, 2), (2, 2)]
    assert reader.give_back(True, 1) == 1
    assert reader.give_back(False, 1) == 1
    assert ring.group_ledger(group).held == 2
    assert reader.take(9) == (2, 1)  # what stepped aside does not join what has failed
    assert reader.take(9) == (3, 1)
    assert [reader.delivery(slot) for slot in (0, 2, 3)] == [1, 2, 2]
    assert reader.acknowledge_first(3) == 3
    assert reader.sequence(3) == 4
    assert reader.give_back(False, 0) == 0


def test_a_poisonous_event_is_set_aside_and_what_was_in_hand_before_stays(make):
    ring = make(4)  # max_deliveries is 3
    group = ring.ring.add_group()
    put(ring.writer(), 3)
    reader = ring.reader(group)
    reader.take(1)
    for _ in range(3):
        assert reader.take(1) == (1, 1)
        reader.give_back(True, 1)
    assert reader.take(1) == (Status.POISONOUS, 0)
    assert reader.sequence(reader.poisonous()) == 2
    assert reader.quarantine(1) == 1
    assert reader.take(1) == (2, 1)
    ledger = ring.group_ledger(group)
    assert (ledger.quarantined, ledger.held, ledger.acknowledged) == (1, 2, 0)


def test_an_event_that_was_absolved_is_not_condemned_by_what_comes_later(make):
    ring = make(4)  # max_deliveries is 3
    group = ring.ring.add_group()
    put(ring.writer(), 2)
    for _ in range(5):
        reader = ring.reader(group)
        assert reader.take(1) == (0, 1)
        reader.absolve()
        reader.close()  # as if it had died
    assert ring.group_ledger(group).quarantined == 0
