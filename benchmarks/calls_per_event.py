"""How many Python functions of mimocorb run for each event, in a source and in a filter.

Each call costs some 50 ns, whatever it does, so this number says whether the code between a user's
function and the ring has grown. It depends on nothing but the code: no clock, no load::

    python benchmarks/calls_per_event.py

Calls of the user's own function and of built-in functions are not counted.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import mimocorb
from mimocorb import filter, source
from mimocorb.components.binding import bind
from mimocorb.components.worker import Worker
from mimocorb.mimo_buffer import NewBuffer, Writer
from mimocorb.model import FunctionReference, WorkerSpec

EVENTS = 20_000
SIZE = 1000
PULSE = np.dtype([("height", "f8"), ("time", "f8"), ("channel", "i4")])
OURS = str(Path(mimocorb.__file__).parent)


@source
def events() -> Iterator[dict[str, float]]:
    for number in range(EVENTS):
        yield {"height": 0.5 * number, "time": 1.0, "channel": 3}


@source(batch=True)
def blocks() -> Iterator[dict[str, Any]]:
    for first in range(0, EVENTS, SIZE):
        heights = np.arange(first, first + SIZE, dtype=float)
        yield {"height": heights, "time": np.ones(SIZE), "channel": np.full(SIZE, 3)}


@filter
def keep(event: Any) -> bool | None:
    return True if event["height"][0] >= 0 else None


@filter
def reduce(event: Any) -> dict[str, float]:
    return {"height": 2 * event["height"][0].item(), "time": 0.0, "channel": 1}


@filter(batch=True)
def keep_together(events: Any) -> Any:
    return events["height"][:, 0] >= 0


@filter(batch=True)
def reduce_together(events: Any) -> dict[str, Any]:
    height = 2 * events["height"][:, 0]
    return {"height": height, "time": np.zeros(len(height)), "channel": np.ones(len(height), int)}


def calls_of(work: Callable[[], None]) -> Counter[str]:
    """Count the calls of functions of mimocorb while `work` runs."""
    calls: Counter[str] = Counter()

    def count(frame: FrameType, what: str, _argument: object) -> None:
        if what == "call" and frame.f_code.co_filename.startswith(OURS):
            calls[f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_qualname}"] += 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def calls_per_event(function: Callable[..., Any]) -> Counter[str]:
    """Return how often each function of mimocorb is called in a run of one worker."""
    reads = mimocorb.components.form.kind_of(function) == "filter"
    with (
        NewBuffer(EVENTS + SIZE, 1, PULSE, name="raw") as raw,
        NewBuffer(EVENTS + SIZE, 1, PULSE, name="results") as results,
    ):
        results.new_reader_group()
        sinks, sources = [results.new_writer()], None
        if reads:
            sources = [raw.new_reader_group()]
            with Writer(raw.new_writer()) as writer:
                writer.get_new_buffers(EVENTS)[:] = 0
                writer.process_buffer()
        spec = WorkerSpec(
            "worker",
            FunctionReference("benchmark", function.__name__),
            reads=("raw",) if reads else (),
            writes=("results",),
        )
        return calls_of(bind(function, Worker(spec, sources, sinks)))


def main() -> None:
    functions = (events, blocks, keep, reduce, keep_together, reduce_together)
    for function in functions:
        calls = calls_per_event(function)
        print(f"{function.__name__:16s} {calls.total() / EVENTS:6.2f} calls per event")
        for name, count in calls.most_common(6):
            if count > EVENTS / 100:
                print(f"    {count / EVENTS:6.2f} {name}")


if __name__ == "__main__":
    main()
