"""The checker of the kill campaign finds what it is there to find."""

from dataclasses import replace

import numpy as np
import pytest
from campaign_checks import Life, examine
from campaign_workers import (
    ACKNOWLEDGED,
    GIVEN_BACK,
    HELD,
    make_log,
    read_log,
)

from mimocorb.buffers.stats import BufferStats, GroupStats, WaitingTime

EVENTS = 4


def ledger():
    group = GroupStats(0, EVENTS, EVENTS, 0, 0, 0, 0, 0, 1, 0.0, 1)
    return BufferStats(
        "test",
        8,
        8,
        EVENTS,
        EVENTS,
        0,
        0,
        0,
        1.0,
        0,
        False,
        True,
        WaitingTime(0, 0),
        0,
        0,
        (group,),
    )


@pytest.fixture
def lives(tmp_path):
    """A writer of four events, a reader that died with the second one, and its successor."""

    def life(group, number, killed_ns, count):
        file = tmp_path / f"{group}-{number}"
        make_log(file, group is None)
        empty = read_log(file, group is None)
        return Life(group, 0, number, killed_ns, np.zeros(count, empty.dtype))

    writer, dead, successor = life(None, 0, None, EVENTS), life(0, 0, 250, 2), life(0, 1, None, 3)
    writer.records["begun_ns"] = writer.records["done_ns"] = [10, 20, 30, 40]
    for reader, sequences in ((dead, [1, 2]), (successor, [2, 3, 4])):
        reader.records["sequence"] = sequences
        reader.records["serial"] = np.array(sequences) - 1
        reader.records["delivery"] = reader.records["whole"] = 1
        reader.records["state"] = ACKNOWLEDGED
    dead.records["taken_ns"], dead.records["over_ns"] = [100, 200], [150, 0]
    dead.records["state"][1] = HELD
    successor.records["taken_ns"], successor.records["over_ns"] = [300, 400, 500], [310, 410, 510]
    successor.records["delivery"][0] = 2
    return writer, dead, successor


def test_a_marked_redelivery_after_a_death_is_in_order(lives):
    report = examine(list(lives), ledger())
    assert report.faultless, report
    assert (report.kills, report.reader_kills) == (1, 1)


def test_a_lost_event_is_found(lives):
    writer, dead, successor = lives
    shorter = replace(successor, records=successor.records[:-1])
    assert examine([writer, dead, shorter], ledger()).lost == 1
    dead.records["state"][0] = HELD
    assert examine(list(lives), ledger()).lost == 1


def test_an_unmarked_repeat_is_found(lives):
    lives[2].records["delivery"][0] = 1
    assert examine(list(lives), ledger()).unmarked_repeats == 1


def test_a_repeat_after_an_acknowledgement_is_found(lives):
    lives[1].records["state"][1] = ACKNOWLEDGED
    assert examine(list(lives), ledger()).unmarked_repeats == 1


def test_an_event_in_two_living_hands_is_found(lives):
    writer, dead, successor = lives
    assert examine([writer, replace(dead, killed_ns=350), successor], ledger()).held_twice == 1
    dead.records["state"][1], dead.records["over_ns"][1] = GIVEN_BACK, 250
    assert examine([writer, replace(dead, killed_ns=None), successor], ledger()).held_twice == 0
    successor.records["taken_ns"][0] = 240
    assert examine([writer, replace(dead, killed_ns=None), successor], ledger()).held_twice == 1


def test_a_damaged_event_is_found(lives):
    lives[2].records["whole"][1] = 0
    assert examine(list(lives), ledger()).damaged == 1
    lives[1].records["whole"][1] = 0  # killed before it could look
    assert examine(list(lives), ledger()).damaged == 1


def test_events_that_the_writer_did_not_publish_are_found(lives):
    lives[0].records["done_ns"][3] = 0  # killed on the way: may have been published or not
    assert examine(list(lives), ledger()).unaccounted == 0
    fewer = replace(lives[0], records=lives[0].records[:3])
    assert examine([fewer, *lives[1:]], ledger()).unaccounted == 1
    lives[2].records["serial"][2] = 7
    assert examine(list(lives), ledger()).unaccounted >= 1
    lives[2].records["writer"][2] = 5
    assert examine(list(lives), ledger()).unaccounted >= 1


def test_the_time_until_the_ring_moves_again_does_not_count_the_victims_own_deeds(lives):
    lives[0].records["done_ns"] = [10, 20, 30, 270]
    lives[1].records["taken_ns"][1] = 260  # noted after the signal was sent
    assert examine(list(lives), ledger()).stalls_s == pytest.approx((50e-9,))
