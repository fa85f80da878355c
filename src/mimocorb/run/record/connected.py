"""What came of the events that a run has sent to other hosts, or got from them, number by number.

A run numbers what is written into a buffer from 1. These numbers travel with the events, so the
numbers that were written on one host and those that came to the others can be compared when both
have ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mimocorb._words import count, how_many

__all__ = [
    "Clock",
    "Connected",
    "Partner",
    "Range",
    "merged",
    "minus",
    "overlap",
    "size",
    "written",
]

Range = tuple[int, int]
"""First and last number."""
SHOWN = 5


@dataclass(frozen=True)
class Clock:
    """How far the clock of another host was ahead of that of this one, in seconds."""

    offset_s: float
    uncertainty_s: float


@dataclass(frozen=True)
class Partner:
    """A run at the other end of a buffer.

    Parameters
    ----------
    host, run, number
        Name of its host, of its directory there, and its number.
    came
        Numbers of the events that came to the reading one.
    ended
        Whether it has ended, in whatever way.
    """

    host: str
    run: str
    number: int | None
    came: list[Range] = field(default_factory=list)
    ended: bool = False

    def __str__(self) -> str:
        return f"{self.host} (run {self.number})" if self.number is not None else self.host


@dataclass(frozen=True)
class Connected:
    """A buffer that connects a run with those of other hosts.

    Parameters
    ----------
    buffer
        Its name.
    direction
        ``"to"``: this run has written the events; ``"from"``: it has read them.
    reader
        Name under which the reading hosts take the events.
    partners
        The runs at the other end.
    sent
        Numbers of the events that were written into the buffer.
    came
        Those that came to the reading hosts.
    missing
        Those that were sent and have not come.
    twice
        Those that came to more than one run of the readers; they are marked as possible repeats.
    compared
        Whether all of these runs had ended, so that nothing changes any more by itself.
    """

    buffer: str
    direction: Literal["to", "from"]
    reader: str
    partners: list[Partner] = field(default_factory=list)
    sent: list[Range] = field(default_factory=list)
    came: list[Range] = field(default_factory=list)
    missing: list[Range] = field(default_factory=list)
    twice: list[Range] = field(default_factory=list)
    compared: bool = False

    @property
    def agrees(self) -> bool:
        """Whether each event that was sent has come, once."""
        return self.compared and not self.missing and not self.twice

    def told(self) -> str:
        """Return it in a sentence."""
        others = " and ".join(map(str, self.partners)) or self.reader
        ends = f"{self.buffer} {self.direction} {others}"
        if not self.partners:
            return f"{ends}: {how_many(size(self.sent), 'event')} sent, no run has read them yet"
        if not self.sent:
            return f"{ends}: {how_many(size(self.came), 'event')} came"
        counts = f"{how_many(size(self.sent), 'event')} sent, {count(size(self.came))} came"
        if self.agrees:
            return f"{ends}: {counts}, each of them once"
        faults = [
            f"{what}: {count(size(ranges))} (numbers {written(ranges)})"
            for what, ranges in (("missing", self.missing), ("twice", self.twice))
            if ranges
        ]
        if not self.compared:
            faults = [each.replace("missing", "not there yet") for each in faults]
            faults.append("a run goes on, or events wait in the engine")
        return f"{ends}: {counts}; {'; '.join(faults)}"


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Return the same numbers in order, in as few ranges as possible."""
    found: list[Range] = []
    for first, last in sorted((int(first), int(last)) for first, last in ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def minus(ranges: Iterable[Range], others: Iterable[Range]) -> list[Range]:
    """Return the numbers that are in the first and not in the second."""
    left = merged(ranges)
    for first, last in merged(others):
        cut: list[Range] = []
        for a, b in left:
            if b < first or a > last:
                cut.append((a, b))
                continue
            cut += [(a, first - 1)] if a < first else []
            cut += [(last + 1, b)] if b > last else []
        left = cut
    return left


def overlap(ranges: Iterable[Range], others: Iterable[Range]) -> list[Range]:
    """Return the numbers that are in both."""
    first = merged(ranges)
    return minus(first, minus(first, others))


def size(ranges: Iterable[Range]) -> int:
    """Return how many numbers these are."""
    return sum(last - first + 1 for first, last in ranges)


def written(ranges: Sequence[Range]) -> str:
    """Return the ranges for people, the first few of them."""
    shown = [f"{first}" if first == last else f"{first}–{last}" for first, last in ranges[:SHOWN]]
    return ", ".join(shown) + (f" and {len(ranges) - SHOWN} more" if len(ranges) > SHOWN else "")
