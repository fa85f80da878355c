"""Which messages of which runs have come, each once, also when the process that took them dies.

Before the events of a message go into the ring, the journal notes at which number of the ring they
begin. A process that takes the place of one that was killed learns from the ring how far it had
come: nobody else writes into it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from mimocorb._closing import Closing
from mimocorb._words import count, how_many
from mimocorb.engine.messages import Label

__all__ = ["Arrivals", "Entry", "Journal", "journal_name"]

T = TypeVar("T")


class Entry(NamedTuple):
    """A message whose events begin behind this number of the ring.

    `first` is the number that its first event has in the run that has sent it.
    """

    host: str
    run: str
    block: int
    events: int
    behind: int
    first: int = 0


def journal_name(ring: str) -> str:
    """Return the name of the file in which a run notes what has come into a ring."""
    return f"received_{ring}.jsonl"


class Journal(Closing):
    """The file in which a run notes the messages that it has received, one line for each."""

    def __init__(self, path: Path) -> None:
        lines = list(_lines(path))
        self.entries = [Entry(*line) for line in lines if isinstance(line, list)]
        """What is there from processes before."""
        self.taken: list[str] = [line for line in lines if isinstance(line, str)]
        """Where the engine is told of the messages that they had in hand, oldest first."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def take(self, reply: str) -> None:
        """Note a message that has been taken from the engine."""
        self._write(reply)

    def note(self, label: Label, behind: int) -> None:
        """Note a message before its events go into the ring."""
        entry = Entry(label.host, label.run, label.block, label.events, behind, label.first)
        self._write(entry)

    def _write(self, line: Entry | str) -> None:
        os.write(self._descriptor, (json.dumps(line) + "\n").encode())

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def _lines(path: Path) -> Iterator[Any]:
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:  # cut off: nothing of it went into the ring
                continue


@dataclass
class _Run(Generic[T]):
    """What has come of a run of another host."""

    came: set[int] = field(default_factory=set)
    early: dict[int, tuple[Label, T]] = field(default_factory=dict)
    events: int = 0
    last_block: int | None = None
    more: bool = False
    next_block: int | None = None
    waits_since_s: float = 0.0


class Arrivals(Generic[T]):
    """The messages that have come, of each run of each host.

    Parameters
    ----------
    senders
        Hosts that write; none: whoever does.
    entries
        What earlier processes of this run have noted.
    in_order
        Whether all messages of a run come here, and so can be put in their order.
    """

    def __init__(self, senders: Iterable[str], entries: Iterable[Entry], *, in_order: bool) -> None:
        self._senders = set(senders)
        self._in_order = in_order
        self._runs: dict[tuple[str, str], _Run[T]] = {}
        self._noted = {(entry.host, entry.run, entry.block): entry for entry in entries}
        self._in_part: dict[tuple[str, str, int], int] = {}
        self.dropped = 0
        """How many messages came again."""

    def forget_what_is_not_in(self, newest: int) -> None:
        """Take over what is noted, as far as the ring has it."""
        for key, entry in self._noted.items():
            there = min(max(newest - entry.behind, 0), entry.events)
            run = self._run(entry.host, entry.run)
            if there == entry.events:
                run.came.add(entry.block)
                run.events += entry.events
            elif there:
                self._in_part[key] = there

    def _run(self, host: str, run: str) -> _Run[T]:
        return self._runs.setdefault((host, run), _Run())

    def in_turn(self, label: Label, message: T) -> Iterator[T]:
        """Yield the messages whose turn it is now, in the order in which they were sent."""
        run = self._run(label.host, label.run)
        if not self._in_order or label.block in run.came:
            yield message
            return
        run.early[label.block] = (label, message)
        if run.next_block is None:  # those before were booked by an earlier run of this host
            run.next_block = max(run.came, default=0) + 1 if run.came else label.block
        if label.block < run.next_block:
            run.early.pop(label.block)
            yield message
            return
        if run.next_block not in run.early:
            if len(run.early) == 1:
                run.waits_since_s = time.monotonic()
            return
        while run.next_block in run.early:
            _, next_message = run.early.pop(run.next_block)
            run.next_block += 1
            yield next_message
        run.waits_since_s = time.monotonic()

    def overdue(self, after_s: float) -> Iterator[T]:
        """Yield what has waited so long for messages that do not come: an earlier run has had them.

        Up to the next gap, as what is behind that may come in time.
        """
        for run in self._runs.values():
            if not run.early or time.monotonic() - run.waits_since_s < after_s:
                continue
            run.next_block = min(run.early)
            while run.next_block in run.early:
                _, message = run.early.pop(run.next_block)
                run.next_block += 1
                yield message
            run.waits_since_s = time.monotonic()

    def is_new(self, label: Label) -> bool:
        """Whether the events of a message are not in the ring yet."""
        is_new = label.block not in self._run(label.host, label.run).came
        self.dropped += not is_new
        return is_new

    def part_in_ring(self, label: Label) -> int:
        """Return how many events of a message are in the ring already."""
        return self._in_part.pop((label.host, label.run, label.block), 0)

    def may_be_repeated(self, label: Label) -> bool:
        """Whether another run of this host may have worked on a message that comes again."""
        return (label.host, label.run, label.block) not in self._noted

    def came(self, label: Label) -> None:
        """Note that a message is in the ring."""
        run = self._run(label.host, label.run)
        if label.is_end:
            run.last_block, run.more = label.block, bool(label.more)
        elif label.block not in run.came:
            run.came.add(label.block)
            run.events += label.events

    @property
    def all_ended(self) -> bool:
        """Whether every host that writes has said that no more comes."""
        ended = {
            host
            for (host, _), run in self._runs.items()
            if run.last_block is not None and not run.more
        }
        going_on = {host for (host, _), run in self._runs.items() if run.last_block is None}
        return bool(ended) and not going_on and self._senders <= ended

    def missing(self) -> Iterator[str]:
        """Yield what was sent and did not come, one sentence each."""
        for (host, name), run in self._runs.items():
            if run.last_block is None or not self._in_order:
                continue
            first = min(run.came, default=run.last_block)
            lost = run.last_block - first - len(run.came)
            if lost:
                yield (
                    f"{host}, run {name}: {how_many(lost, 'message')} of"
                    f" {count(run.last_block - 1)} did not come"
                )

    def told(self) -> str:
        """Return what has come, for the log."""
        parts = [
            f"{how_many(run.events, 'event')} of {name} on {host}"
            for (host, name), run in self._runs.items()
        ]
        again = f"; {how_many(self.dropped, 'message')} came again" if self.dropped else ""
        return f"received {' and '.join(parts) or 'nothing'}{again}"
