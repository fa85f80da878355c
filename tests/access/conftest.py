from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mimocorb.mimo_buffer import NewBuffer, Reader, Writer

WATCHDOG_S = 60.0


class Bench:
    """Buffers that are closed after the test, and the everyday things to do with them."""

    def __init__(self) -> None:
        self.buffers: list[NewBuffer] = []

    def buffer(
        self, slots: int = 8, values: int = 1, dtype: Any = "float64", name: str = "RB_1"
    ) -> NewBuffer:
        self.buffers.append(NewBuffer(slots, values, dtype, name=name))
        return self.buffers[-1]

    def filled(self, events: list[Any], **form: Any) -> tuple[NewBuffer, Any]:
        """Return a buffer whose stream has ended after `events`, and a reader group on it.

        An event is an array or a tuple (array, (counter, timestamp, deadtime)).
        """
        buffer = self.buffer(slots=max(2, len(events)), **form)
        group = buffer.new_reader_group()
        with Writer(buffer.new_writer()) as writer:
            for number, event in enumerate(events):
                data, metadata = event if isinstance(event, tuple) else (event, (number, 1.5, 0.25))
                slot = writer.get_new_buffer()
                slot[...] = data
                writer.set_metadata(*metadata)
                writer.process_buffer()
        return buffer, group

    def drained(self, group: Any) -> list[tuple[Any, tuple[int, float, float]]]:
        """Return copies of all events due to a group, with metadata, to the end of the stream."""
        with Reader(group) as reader:
            return [(event.copy(), reader.get_metadata()) for event in reader]

    def close(self) -> None:
        for buffer in self.buffers:
            buffer.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


class Running:
    """A callable in a thread; its exception, if any, is raised again by `finish`."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._error: BaseException | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # handed over to the test
            self._error = error

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def finish(self) -> None:
        self._thread.join(WATCHDOG_S)
        assert not self._thread.is_alive(), "still running when the watchdog barked"
        if self._error is not None:
            raise self._error


@pytest.fixture
def in_background() -> Callable[[Callable[[], Any]], Running]:
    return Running
