"""Buffers that are closed after the test, for the names of older releases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from mimocorb.mimo_buffer import NewBuffer, Reader, Writer

PULSES = [("chA", "f8"), ("chB", "i4")]


@pytest.fixture
def new_buffer() -> Iterator[Callable[..., NewBuffer]]:
    made: list[NewBuffer] = []

    def make(slots: int = 8, values: int = 1, dtype: Any = PULSES, name: str = "RB_1") -> NewBuffer:
        made.append(NewBuffer(slots, values, dtype, name=name))
        return made[-1]

    yield make
    for buffer in made:
        buffer.close()


@pytest.fixture
def filled(new_buffer) -> Callable[..., Any]:
    """Return a reader group of a buffer whose stream has ended after some events."""

    def fill(events: list[Any], **form: Any) -> Any:
        buffer = new_buffer(slots=len(events) + 1, **form)
        group = buffer.new_reader_group()
        with Writer(buffer.new_writer()) as writer:
            for number, event in enumerate(events):
                writer.get_new_buffer()[...] = event
                writer.set_metadata(number, 1.5 + number, 0.25)
                writer.process_buffer()
        return group

    return fill


@pytest.fixture
def drained() -> Callable[[Any], list[np.ndarray]]:
    def drain(group: Any) -> list[np.ndarray]:
        with Reader(group) as reader:
            return [event.copy() for event in reader]

    return drain
