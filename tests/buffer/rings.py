"""Rings at the level of the port, one way for every backend."""

from mimocorb._buffer.in_process import InProcessRing


class InProcess:
    """The oracle."""

    def __init__(self, number_of_slots, slot_bytes=8, max_reader_groups=16):
        self.ring = InProcessRing(number_of_slots, slot_bytes, max_reader_groups=max_reader_groups)

    def writer(self, token):
        return self.ring.open_writer(token)

    def reader(self, group):
        return self.ring.open_reader(group)

    def observer(self):
        return self.ring.open_observer()

    def close(self):
        self.ring.close()


BACKENDS = {"in process": InProcess}


def check_books(books):
    """The identities that hold at every moment (contract, clause S8)."""
    assert books.claimed == books.published + books.aborted + books.torn + books.in_hand, books
    for group in books.groups:
        assert group.offered == (
            group.acknowledged + group.quarantined + group.pending + group.held + group.abandoned
        ), group
    return books
