"""F16, F17 and kills of writers; all of it by ``tests/faults/recording_campaign.py``."""

from recording_campaign import cut_files, cut_the_power, flip_bits, kill_writers


def test_a_writer_killed_at_any_moment_leaves_all_that_it_had_written():
    found = kill_writers(12)
    assert found.acknowledged > 0
    assert found.faultless, str(found)


def test_a_file_cut_off_anywhere_says_so_and_gives_out_whole_events():
    found = cut_files("record", 40)
    assert found.faultless, str(found)
    assert found.given_out > 0


def test_a_flipped_bit_is_said_and_costs_one_batch():
    found = flip_bits("record", 40)
    assert found.faultless, str(found)
    assert found.given_out >= 0.9 * found.events


def test_a_power_cut_takes_nothing_that_was_acknowledged_with_sync_each():
    found = cut_the_power("each", 2)
    assert found.acknowledged > 0
    assert (found.lost, found.wrong) == (0, 0), str(found)


def test_a_power_cut_leaves_whole_events_of_what_was_written_with_sync_1s():
    found = cut_the_power("1s", 2)
    assert found.wrong == 0, str(found)
