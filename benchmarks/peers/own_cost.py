"""What a plain source and a plain filter take for an event beside the user's function, in ns.

In one process, with processor time: a worker of mimocorb, the same in bare calls of the ring, and
the function alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from user_functions import keep, numbers

from mimocorb.components.binding import bind
from mimocorb.components.worker import Worker
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer
from mimocorb.model import FunctionReference, WorkerSpec

LENGTH = 10
EVENTS = 2_000


def own_cost(events: int = 40_000) -> dict[str, dict[str, float]]:
    """Return the costs by name; medians of rounds of 2000 events."""
    rounds: dict[str, list[float]] = {}
    for _ in range(max(1, events // EVENTS)):
        for name, function, worker, bare in (
            ("source", _source_alone, _source_worker, _source_bare),
            ("filter", _filter_alone, _filter_worker, _filter_bare),
        ):
            alone_ns = timed(function)
            rounds.setdefault(name, []).append(max(1.0, worker() - alone_ns))
            rounds.setdefault(f"{name}, bare calls", []).append(max(1.0, bare() - alone_ns))
    return {"own_ns": {name: float(np.median(times)) for name, times in rounds.items()}}


def timed(work: Callable[[], object]) -> float:
    """Return the processor time of `work` per event."""
    begin_ns = time.process_time_ns()
    work()
    return (time.process_time_ns() - begin_ns) / EVENTS


def _buffer(name: str) -> NewBuffer:
    return NewBuffer(EVENTS + 1, LENGTH, np.int32, name=name)


def _events() -> Iterator[np.ndarray]:
    return numbers(count=EVENTS, length=LENGTH, dtype=np.dtype(np.int32))


def _check(count: int) -> None:
    if count != EVENTS:
        raise RuntimeError(f"{count} events, not {EVENTS}")


def _source_alone() -> None:
    for _ in _events():
        pass


def _filter_alone() -> None:
    event = np.zeros(LENGTH, np.int32)
    for _ in range(EVENTS):
        keep(event, one_in=1)


def _source_worker() -> float:
    config = {"count": EVENTS, "length": LENGTH}
    reference = FunctionReference("benchmark", "numbers")
    spec = WorkerSpec("source", reference, writes=("kept",), config=config)
    with _buffer("kept") as kept:
        took_ns = timed(bind(numbers, Worker(spec, writes=[kept.new_writer()])))
        _check(kept.stats().published)
    return took_ns


def _filter_worker() -> float:
    reference = FunctionReference("benchmark", "keep")
    spec = WorkerSpec(
        "filter", reference, reads=("raw",), writes=("kept",), config={"one_in": 1}
    )  # fmt: skip
    with _buffer("raw") as raw, _buffer("kept") as kept:
        group = raw.new_reader_group()
        with Writer(raw.new_writer()) as writer:
            _fill(writer)
        work = bind(keep, Worker(spec, reads=[group], writes=[kept.new_writer()]))
        took_ns = timed(work)
        _check(kept.stats().published)
    return took_ns


# The bare calls run twice: a port makes the view of a slot when it comes to it for the first time.


def _source_bare() -> float:
    with (
        _buffer("kept") as kept,
        Writer(kept.new_writer()) as writer,
        Reader(kept.new_reader_group()) as drain,
    ):

        def work() -> None:
            for event in _events():
                writer.get_new_buffer()[:] = event
                writer.process_buffer()

        work()
        _drain(drain)
        took_ns = timed(work)
        _drain(drain)
    return took_ns


def _filter_bare() -> float:
    with (
        _buffer("raw") as raw,
        _buffer("kept") as kept,
        Writer(raw.new_writer()) as fill,
        Reader(raw.new_reader_group()) as reader,
        Writer(kept.new_writer()) as writer,
        Reader(kept.new_reader_group()) as drain,
    ):

        def work() -> None:
            for _ in range(EVENTS):
                event = reader.get()
                if keep(event, one_in=1):
                    writer.get_new_buffer()[:] = event
                    writer.process_buffer()
            reader.acknowledge()

        for _ in range(2):
            _fill(fill)
            took_ns = timed(work)
            _drain(drain)
    return took_ns


def _fill(writer: Writer) -> None:
    done = 0
    while done < EVENTS:
        slots = writer.get_new_buffers(EVENTS - done)
        slots[:] = 0
        done += len(slots)
    writer.process_buffer()


def _drain(reader: Reader) -> None:
    done = 0
    while done < EVENTS:
        done += len(reader.get_batch(EVENTS, 0))
    reader.acknowledge()
    _check(done)
