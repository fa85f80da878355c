"""A NewBuffer without shared memory: for tests of user functions, and as the oracle."""

from __future__ import annotations

from mimocorb.buffers.contract import RingPort
from mimocorb.buffers.in_process.ring import InProcessRing
from mimocorb.buffers.new_buffer import NewBuffer

__all__ = ["InProcessBuffer"]


class InProcessBuffer(NewBuffer):
    """A buffer for threads of one process, made of plain Python objects.

    Its set-up dictionaries open the same Writer, Reader and Observer classes as those of
    :class:`NewBuffer`, but only in the process that made the buffer.

    Examples
    --------
    >>> from mimocorb.mimo_buffer import Reader, Writer
    >>> buffer = InProcessBuffer(4, 1, "int32")
    >>> reader = Reader(buffer.new_reader_group())
    >>> Writer(buffer.new_writer()).write([3])
    >>> int(reader.get()[0])
    3
    """

    def _make_ring(
        self, number_of_slots: int, slot_bytes: int, max_reader_groups: int, max_deliveries: int
    ) -> RingPort:
        return InProcessRing(number_of_slots, slot_bytes, max_reader_groups, max_deliveries)
