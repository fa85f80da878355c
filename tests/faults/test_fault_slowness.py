"""A reader that is slow on one event (row F20 of the fault matrix)."""

import numpy as np
import pytest

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer


@pytest.mark.parametrize("slots", [2, 2000])
def test_a_reader_slow_on_one_event_does_not_hold_up_thousands_of_others(make_buffer, slots):
    """F20: 6000 events pass while one is in hand; upstream's ring of 2000 died of this."""
    buffer = make_buffer(slots, 1, np.int64)
    group = buffer.new_reader_group()
    writer, slow, quick = Writer(buffer.new_writer()), Reader(group), Reader(group)
    writer.write([0])
    held = slow.get()
    written = read = 0
    while read < 6000:
        for _ in range(min(slots - 1, 6000 - written)):
            written += 1
            writer.write([written], timeout_s=0)
        while read < written:
            read += 1
            assert int(quick.get(0)[0]) == read
            assert int(held[0]) == 0
        quick.acknowledge()
    stats = buffer.stats()
    assert (stats.groups[0].acknowledged, stats.groups[0].held) == (6000, 1)
    slow.acknowledge()
    stats = buffer.stats()
    stats.check()
    assert stats.free_slots == slots
