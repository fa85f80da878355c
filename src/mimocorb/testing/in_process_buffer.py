"""A NewBuffer without shared memory: for tests of user functions, and as the oracle."""

from __future__ import annotations

from typing import Any

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

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, backend="in_process", **options)
