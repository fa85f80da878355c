"""The port, call by call: metadata and bytes, groups that come late or leave (S3, S4)."""

import time

import numpy as np
import pytest
from rings import get, put

from mimocorb.buffers.batch_metadata import NO_TIME
from mimocorb.buffers.contract import Status

# --- metadata and bytes


def test_metadata_travel_with_their_event(make):
    ring = make(3)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    for counter in range(3):
        slot = writer.advance()
        time_ns = NO_TIME if counter == 1 else 2**62 + counter
        writer.set_metadata(slot, 2**53 + counter, 1.5e9 + counter, 0.25 * counter, time_ns)
    writer.publish()
    for counter in range(3):
        time_ns = NO_TIME if counter == 1 else 2**62 + counter
        expected = (2**53 + counter, 1.5e9 + counter, 0.25 * counter, time_ns)
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
    assert [(counter, *others) for counter, _, *others in metadata] == [
        (0, -1.0, NO_TIME),
        (1, -1.0, NO_TIME),
        (0, -1.0, NO_TIME),
    ]
    assert all(before_s - 1e-3 <= timestamp_s <= after_s + 1e-3 for _, timestamp_s, *_ in metadata)


def test_metadata_of_an_earlier_event_do_not_linger_in_the_slot(make):
    ring = make(1)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    writer.set_metadata(writer.advance(), 77, 1.0, 0.5, 12)
    writer.publish()
    reader.advance()
    reader.acknowledge()
    put(writer)
    counter, timestamp_s, deadtime, time_ns = reader.metadata(reader.advance())
    assert counter != 77
    assert timestamp_s > 1.0
    assert deadtime == -1.0
    assert time_ns == NO_TIME


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


@pytest.mark.parametrize("dtype", ["u1", "i8", "M8[ns]", [("a", "f8"), ("b", "3i2")]])
def test_arrays_are_copied_into_slots_and_out_of_them_whatever_is_in_them(make, dtype):
    expected = np.random.default_rng(1).integers(0, 256, (3, 112), np.uint8).view(dtype)
    ring = make(3, 112)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    for slot in range(*writer.claim(3)):
        writer.fill(slot, expected[slot])
    writer.publish()
    reader.take(3)
    for slot in range(3):
        target = np.zeros(expected.shape[1], dtype)
        reader.copy(slot, target)
        assert target.tobytes() == expected[slot].tobytes() == reader.slot(slot).tobytes()


def test_only_what_is_as_large_as_a_slot_and_lies_in_one_piece_is_copied(make):
    ring = make(2, 8)
    group = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(group)
    put(writer)
    reader.advance()
    slot = writer.advance()
    writer.slot(slot)[:] = 3
    locked = np.zeros(8, np.uint8)
    locked.flags.writeable = False
    everything = [np.zeros(9, np.uint8), np.zeros(1, np.uint8), np.zeros(16, np.uint8)[::2]]
    for unfit in everything:
        with pytest.raises(Exception, match=r"size|contiguous|structure"):
            writer.fill(slot, unfit)
    for unfit in [*everything, locked]:
        with pytest.raises(Exception, match=r"size|contiguous|structure|read-?only|writ"):
            reader.copy(0, unfit)
    with pytest.raises(Exception, match="hand"):
        writer.fill(0, np.zeros(8, np.uint8))
    assert not any(unfit.any() for unfit in everything)
    assert (writer.slot(slot) == 3).all()


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
    assert ring.ledger().free_slots == 3
    group = ring.ring.add_group()
    assert ring.ledger().free_slots == 0
    ledger = ring.group_ledger(group)
    assert (ledger.offered, ledger.pending, ledger.first_sequence) == (3, 3, 3)
    reader = ring.reader(group)
    assert [get(reader) for _ in range(3)] == [3, 4, 5]
    assert reader.advance() == Status.NOT_NOW
    assert ring.ledger().free_slots == 3


def test_a_group_added_late_shares_what_an_older_group_still_has(make):
    ring = make(4)
    old = ring.ring.add_group()
    writer, reader = ring.writer(), ring.reader(old)
    put(writer, 4)
    assert get(reader) == 1
    assert get(reader) == 2  # 1 is acknowledged and gone, 2 is held
    late = ring.ring.add_group()
    assert ring.group_ledger(late).first_sequence == 2
    newcomer = ring.reader(late)
    assert [get(newcomer) for _ in range(3)] == [2, 3, 4]
    newcomer.acknowledge()
    assert [get(reader) for _ in range(2)] == [3, 4]
    reader.acknowledge()
    assert ring.ledger().free_slots == 4


def test_a_group_added_to_an_empty_ring_starts_with_the_next_event(make):
    ring = make(2)
    group = ring.ring.add_group()
    assert ring.group_ledger(group).first_sequence == 1
    reader = ring.reader(group)
    put(ring.writer(), 1)
    get(reader)
    reader.acknowledge()
    assert ring.group_ledger(ring.ring.add_group()).first_sequence == 2


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
    assert ring.ledger().free_slots == 1
    assert [get(reader) for _ in range(3)] == [2, 3, 4]
    reader.acknowledge()
    assert ring.ledger().free_slots == 4


def test_without_any_group_left_a_writer_is_never_held_up(make):
    ring = make(2)
    group = ring.ring.add_group()
    writer = ring.writer()
    put(writer, 2)
    assert writer.advance() == Status.NOT_NOW
    assert ring.ring.remove_group(group) == 2
    put(writer, 10)
    assert ring.ledger().free_slots == 2
