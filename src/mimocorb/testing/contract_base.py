"""What the parts of the buffer contract share: making buffers and checking their ledgers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import BufferTimeout, EndOfStream

__all__ = ["PAUSE_S", "ContractTests", "MakeBuffer", "is_blocked", "put", "read_all", "value_of"]

MakeBuffer = Callable[..., NewBuffer]

PAUSE_S = 0.05
"""Long enough that something which does not wait would have happened."""


class ContractTests:
    """Base of the parts of the contract."""

    buffer_class: ClassVar[type[NewBuffer]]
    """The class under test, set by the subclass."""

    @pytest.fixture
    def make_buffer(self) -> Iterator[MakeBuffer]:
        """Make buffers of small integers; afterwards their ledgers are checked and they go."""
        made: list[NewBuffer] = []

        def make(
            number_of_slots: int = 4,
            values_per_slot: int = 1,
            dtype: Any = np.int64,
            **options: Any,
        ) -> NewBuffer:
            made.append(self.buffer_class(number_of_slots, values_per_slot, dtype, **options))
            return made[-1]

        yield make
        for buffer in made:
            if not buffer.closed:
                buffer.stats().check()
                buffer.close()


def put(writer: Writer, *values: int) -> None:
    """Publish one event of each value."""
    for value in values:
        writer.get_new_buffer(timeout_s=0)[:] = value
        writer.process_buffer()


def value_of(event: Any) -> int:
    """Return the value that :func:`put` gave to an event."""
    return int(event.flat[0])


def read_all(reader: Reader) -> list[int]:
    """Return the values of all events there are now, each acknowledged."""
    values = []
    while True:
        try:
            values.append(value_of(reader.get(timeout_s=0)))
        except (BufferTimeout, EndOfStream):
            return values


def is_blocked(writer: Writer) -> bool:
    """Whether a claim would have to wait; the slot claimed to find out is given back."""
    try:
        writer.get_new_buffer(timeout_s=0)
    except BufferTimeout:
        return True
    writer.abort()
    return False
