"""A buffer backend: the in-process ring, which counts what is opened on it."""

from mimocorb.buffers.in_process import ring
from mimocorb.buffers.in_process.ring import open_observer, open_reader

__all__ = ["make_ring", "open_observer", "open_reader", "open_writer", "opened"]

opened: list[str] = []


class CountedRing(ring.InProcessRing):
    """A ring for threads of one process that notes its writers."""


make_ring = CountedRing


def open_writer(address, token):
    """Open a writer on the ring at `address`."""
    opened.append("writer")
    return ring.open_writer(address, token)
