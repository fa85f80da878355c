"""Run one shape on one peer in processes of its own, and check that nothing was lost."""

from __future__ import annotations

import multiprocessing
import sys
import traceback
from collections.abc import Callable
from typing import Any

from loops import Seen
from shapes import Shape

context = multiprocessing.get_context("fork")


class WrongResult(Exception):
    """A run lost, repeated or changed events: its speed means nothing."""


class Workers:
    """Child processes that report by pipes."""

    def __init__(self) -> None:
        self._started: list[tuple[Any, Any]] = []

    def start(self, function: Callable[..., Any], *args: Any) -> None:
        """Run ``function(*args)`` in a child process."""
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=_report, args=(sending, function, args))
        process.start()
        sending.close()
        self._started.append((process, receiving))

    def results(self) -> list[Any]:
        """Wait for all; what they returned, in the order of starting."""
        found = []
        for process, receiving in self._started:
            failed, value = receiving.recv()
            if failed:
                raise WrongResult(value)
            found.append(value)
            process.join()
        return found


def _report(sending: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        sending.send((False, function(*args)))
    except BaseException:
        sending.send((True, traceback.format_exc()))
    sys.stdout.flush()


def throughput_hz(link: Any, shape: Shape) -> float:
    """Events per second of one run: from the first to the last event that a reader gets."""
    workers = Workers()
    for group in range(shape.groups):
        for member in range(shape.readers):
            workers.start(link.read, group, member)
    for writer in range(shape.writers):
        workers.start(link.write, writer)
    seen: list[Seen] = [result for result in workers.results() if result is not None]
    link.close()
    for group in range(shape.groups):
        members = seen[group * shape.readers : (group + 1) * shape.readers]
        count = sum(member.count for member in members)
        total = sum(member.total for member in members)
        if (count, total) != (shape.writers * shape.events, shape.expected_sum()):
            raise WrongResult(f"group {group}: {count} events with sum {total}")
    duration_s = max(one.last_s for one in seen) - min(one.first_s for one in seen)
    return shape.writers * shape.events / duration_s
