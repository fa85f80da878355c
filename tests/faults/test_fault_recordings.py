"""F17 and kills of writers; all of it by ``tests/faults/recording_campaign.py``."""

from recording_campaign import cut_the_power, kill_writers


def test_a_writer_killed_at_any_moment_leaves_all_that_it_had_written():
    found = kill_writers(12)
    assert found.acknowledged > 0
    assert found.faultless, str(found)


def test_a_power_cut_takes_nothing_that_was_acknowledged_with_sync_each():
    found = cut_the_power("each", 2)
    assert found.acknowledged > 0
    assert (found.lost, found.wrong) == (0, 0), str(found)


def test_a_power_cut_leaves_whole_events_of_what_was_written_with_sync_1s():
    found = cut_the_power("1s", 2)
    assert found.wrong == 0, str(found)
