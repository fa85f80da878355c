"""Components at the buffers of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mimocorb.compat.forms import bind_function
from mimocorb.components.worker import Worker
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer
from mimocorb.model import FunctionReference, Role, WorkerSpec


class Bench:
    """Buffers, and workers at them, in one process."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def buffer(self, name: str, dtype: Any = "f8", values: int = 1, slots: int = 256) -> NewBuffer:
        return self._stack.enter_context(NewBuffer(slots, values, dtype, name=name))

    def fill(self, buffer: NewBuffer, events: Any) -> None:
        """Publish events with counters from 100 and timestamps from 1.5, and end the stream."""
        with Writer(buffer.new_writer()) as writer:
            for number, event in enumerate(events):
                slot = writer.get_new_buffer()
                slot[...] = event
                writer.set_metadata(100 + number, 1.5 + number, 0.25)
                writer.process_buffer()

    def bind(
        self,
        function: Callable[..., Any],
        roles: Mapping[NewBuffer, Role],
        *,
        directory: str = "",
        **config: Any,
    ) -> Callable[[], None]:
        """Return the work of a worker; its writers and readers are there from now on."""
        lists: dict[Role, list[Any]] = {"read": [], "write": [], "observe": []}
        makers = {"read": "new_reader_group", "write": "new_writer", "observe": "new_observer"}
        for buffer, role in roles.items():
            lists[role].append(getattr(buffer, makers[role])())
        reads, writes, observes = (
            tuple(buffer.name for buffer, given in roles.items() if given == role) for role in lists
        )
        reference = FunctionReference("own", "f")
        spec = WorkerSpec(
            "w", reference, reads=reads, writes=writes, observes=observes, config=config
        )
        call = Worker(spec, *lists.values(), Path(directory))
        return bind_function(function, call)

    def drained(self, group: Any) -> list[tuple[Any, tuple[int, float, float]]]:
        """Return all events due to a group, as lists, with their metadata."""
        with Reader(group) as reader:
            return [(event.tolist(), reader.get_metadata()) for event in reader]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(stack)
