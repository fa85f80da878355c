"""What observers cost the writer: its rate with 4 of them polling, and without.

python benchmarks/observers.py [--runs 7] [--poll-hz 20]

A writer and a reader move events of 40 B and of 136 kB at full speed; 4 observers, each in a
process of its own, take a copy of the newest event `poll-hz` times a second, as displays do. Runs
with and without observers take turns; printed is the median ratio of neighbours. Every copy is
checked: an event is constant in itself.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time

import numpy as np

from mimocorb.mimo_buffer import EndOfStream, NewBuffer, Observer, Reader, Writer

OBSERVERS = 4
SHAPES = {"40 B": (5, 400_000), "136 kB": (17_000, 30_000)}

context = multiprocessing.get_context("fork")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--poll-hz", type=float, default=20.0)
    arguments = parser.parse_args()
    for name, (values, events) in SHAPES.items():
        ratios, copies = [], 0
        for _ in range(arguments.runs):
            without, _ = writer_rate_hz(values, events, 0, arguments.poll_hz)
            with_them, seen = writer_rate_hz(values, events, OBSERVERS, arguments.poll_hz)
            ratios.append(with_them / without)
            copies += seen
        print(
            f"{name}: rate with {OBSERVERS} observers at {arguments.poll_hz:g} Hz / without: "
            f"median {statistics.median(ratios):.3f} of {len(ratios)} pairs "
            f"({min(ratios):.3f} to {max(ratios):.3f}); {copies} copies, none torn"
        )
    return 0


def writer_rate_hz(values: int, events: int, observers: int, poll_hz: float) -> tuple[float, int]:
    """Return events per second of the writer, and how many copies the observers took."""
    buffer = NewBuffer(128, values, np.int64)
    group, writer = buffer.new_reader_group(), buffer.new_writer()
    counts = [context.Value("q", 0) for _ in range(observers)]
    processes = [context.Process(target=read, args=(group,))]
    processes += [
        context.Process(target=observe, args=(buffer.new_observer(), count, 1 / poll_hz))
        for count in counts
    ]
    for process in processes:
        process.start()
    time.sleep(0.3)  # until all look
    with Writer(writer) as sink:
        template = np.zeros(values, np.int64)
        begin_s = time.monotonic()
        for number in range(events):
            template.fill(number)
            sink.write(template)
        rate_hz = events / (time.monotonic() - begin_s)
    for process in processes:
        process.join()
        if process.exitcode:
            raise RuntimeError("a reader or an observer failed: see above")
    buffer.stats().check()
    buffer.close()
    return rate_hz, sum(count.value for count in counts)


def read(group: dict) -> None:
    with Reader(group) as reader:
        for _ in reader:
            pass


def observe(setup: dict, count: object, pause_s: float) -> None:
    with Observer(setup) as observer:
        while not observer.ended:
            try:
                event = observer.get()
            except EndOfStream:
                return
            if event.min() != event.max():
                raise RuntimeError(f"torn: {event.min()} and {event.max()} in one event")
            count.value += 1
            time.sleep(pause_s)


if __name__ == "__main__":
    raise SystemExit(main())
