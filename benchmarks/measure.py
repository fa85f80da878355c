"""Run one shape on one peer in processes of its own, and check that nothing was lost."""

from __future__ import annotations

import multiprocessing
import sys
import traceback
from collections.abc import Callable
from typing import Any

from loops import Link, Seen
from shapes import Shape

context = multiprocessing.get_context("fork")


class WrongResult(Exception):
    """A run lost, repeated or changed events: its speed means nothing."""


class Workers:
    """Child processes that report by pipes; they do not outlive this process."""

    def __init__(self) -> None:
        self._started: list[tuple[Any, Any]] = []

    def start(self, function: Callable[..., Any], *args: Any) -> None:
        """Run ``function(*args)`` in a child process."""
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=_report, args=(sending, function, args), daemon=True)
        process.start()
        sending.close()
        self._started.append((process, receiving))

    def results(self) -> list[Any]:
        """Wait for all; what they returned, in the order of starting."""
        found = []
        for process, receiving in self._started:
            try:
                failed, value = receiving.recv()
            except EOFError:
                process.join()
                raise WrongResult(f"a worker died with exit code {process.exitcode}") from None
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


def check(what: str, found: tuple[int, int], expected: tuple[int, int]) -> None:
    """Raise WrongResult unless count and sum of the events are as expected."""
    if found != expected:
        raise WrongResult(
            f"{what}: {found[0]} events with sum {found[1]},"
            f" not {expected[0]} with sum {expected[1]}"
        )


def throughput(link_class: type[Link], shape: Shape) -> dict[str, float]:
    """Events per second of one run: from the first to the last event that a reader gets."""
    link = link_class(shape)
    workers = Workers()
    for group in range(shape.groups):
        for member in range(shape.readers):
            workers.start(link.read, group, member)
    for writer in range(shape.writers):
        workers.start(link.write, writer)
    seen: list[Seen] = workers.results()[: shape.groups * shape.readers]
    link.close()
    for group in range(shape.groups):
        members = seen[group * shape.readers : (group + 1) * shape.readers]
        check(
            f"group {group}",
            (sum(member.count for member in members), sum(member.total for member in members)),
            (shape.writers * shape.events, shape.expected_sum()),
        )
    duration_s = max(one.last_s for one in seen) - min(one.first_s for one in seen)
    return {"rate_hz": shape.writers * shape.events / duration_s}
