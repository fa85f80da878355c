"""The account page of a worker process: its layout, and reading it from outside.

The supervisor makes one page per process, an anonymous file in memory; the process maps it and is
the only one that writes (:mod:`mimocorb.components.meter`). What was written is there whatever
happens to the process: also after SIGKILL, in the middle of anything.

::

    word   1  began_ns          CLOCK_MONOTONIC at the begin, 0 before
           2  doing             what the process does now, see Activity
           4  knows             flags: what this process can tell, see Capability
           8  spent_ns[10]      time spent so far, by Activity
          18  accepted, rejected, failed, sampled, sample_lost, sample_seed, reasons
          25  decided           events in the sets that a merging worker has decided about
          26  recorded_s[2]     float64: earliest and latest time that a source gave to an event
          28  may_repeat        events given to a worker without a sink that may be repeats
          32  accepted_for[32]  events of which something went to the n-th sink
          64  reason_count[33]  rejections by reason; the last one: all further reasons
         128  interval[352]     published events by the live time before them, of a source; see
                                interval_edges_ns()
    byte 4096 reason_text[32]   80 bytes each, UTF-8, ended by a zero

Every word is an int64, or a float64 where it is said, in its natural place, written by one store of
one process. What a reader may rely on, at every moment and after every kill:

A1  ``began_ns + sum(spent_ns)`` is the moment at which the present activity began: time is never
    counted twice and none is left out, so the account of any moment adds up exactly.
A2  ``spent_ns`` is written before ``doing``. Between the two stores the process seems to go on with
    what it has just ended; the next look puts that right.
A3  ``reason_text`` is written before ``reasons``, the number of texts.
"""

from __future__ import annotations

import mmap
import os
import time
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from mimocorb._texts import visible

__all__ = [
    "ACCEPTED",
    "ACCEPTED_FOR",
    "BEGAN_NS",
    "DECIDED",
    "DOING",
    "EMPTY_PAGE",
    "FAILED",
    "INTERVALS",
    "INTERVAL_BINS",
    "KNOWS",
    "MAY_REPEAT",
    "MOST_REASONS",
    "MOST_SINKS",
    "OTHER_REASONS",
    "PAGE_BYTES",
    "REASONS",
    "REASON_BYTES",
    "REASON_COUNTS",
    "REASON_TEXTS",
    "RECORDED_S",
    "REJECTED",
    "SAMPLED",
    "SAMPLE_LOST",
    "SAMPLE_SEED",
    "SPENT_NS",
    "Activity",
    "Capability",
    "Decisions",
    "MeterPage",
    "MeterReading",
    "interval_edges_ns",
    "read_page",
]

BEGAN_NS, DOING, KNOWS, SPENT_NS = 1, 2, 4, 8
ACCEPTED, REJECTED, FAILED, SAMPLED, SAMPLE_LOST, SAMPLE_SEED, REASONS = range(18, 25)
DECIDED, RECORDED_S, MAY_REPEAT = 25, 26, 28
ACCEPTED_FOR, REASON_COUNTS, INTERVALS = 32, 64, 128
MOST_SINKS, MOST_REASONS, INTERVAL_BINS = 32, 32, 352
REASON_TEXTS, REASON_BYTES, PAGE_BYTES = 4096, 80, 8192
OTHER_REASONS = "other reasons"


class Activity(IntEnum):
    """What a worker process does. Its time is always counted under exactly one of these."""

    NOT_BEGUN = 0
    WORKING = 1
    """In its function. For a source: *live*, able to take the next event."""
    READING_OUT = 2
    """A source has an event and copies, converts and publishes it."""
    NO_ROOM = 3
    """Waits because a buffer that it writes is full."""
    PAUSED = 4
    """Waits because a buffer that it writes is paused."""
    NO_INPUT = 5
    """Waits because a buffer that it reads has no event for it."""
    NO_TURN = 6
    """Waits because its output is ordered, and another process still has an earlier event."""
    NO_PARTNER = 7
    """Waits, with events in hand, because another buffer has none that belongs to them."""
    ENDED = 8
    DEVICE_LOST = 9
    """A source has no device: it has said so."""


class Capability(IntFlag):
    """What the code in a worker process can tell; what it cannot is not known, and never zero."""

    ARRIVALS = 1
    """When an event is there: what follows is reading out, and intervals are counted."""
    READING_OUT = 2
    """When the user's own function reads out: it says so."""
    DECISIONS = 4
    """What became of each event that it read."""
    SETS = 8
    """It puts events of several buffers together, and decides about sets of them."""
    RECORDED = 16
    """A source gives its events times of its own, as recorded events have them."""
    PLAYED_BACK = 32
    """It is known that these are recorded events, whatever the pace in which they come."""


@dataclass(frozen=True)
class Decisions:
    """What a process decided about the events it read.

    Attributes
    ----------
    accepted
        Events of which something went to at least one sink.
    rejected
        Events of which nothing was kept.
    failed
        Times that the function raised an exception; the event was given back.
    accepted_for
        Events of which something went to each sink, in the order of the set-up.
    reasons
        Rejections by the reason that the function gave.
    sampled, sample_lost, sample_seed
        Rejected events kept in the sample, those that could not be written, and the seed of the
        choice; the seed is 0 if no sample was asked for.
    decided
        Events about which it was decided; of a merging worker all those of a set.
    """

    accepted: int
    rejected: int
    failed: int
    accepted_for: tuple[int, ...]
    reasons: dict[str, int]
    sampled: int
    sample_lost: int
    sample_seed: int
    decided: int


@dataclass(frozen=True)
class MeterReading:
    """An account page at one moment.

    Attributes
    ----------
    began_ns, at_ns
        CLOCK_MONOTONIC when the process began (0: it has not) and when the page was read.
    spent_ns
        Time from the begin to the reading, by :class:`Activity`; adds up to it exactly.
    present_ns
        How long the present activity lasts; part of its time.
    recorded_s
        Earliest and latest time that a source gave to an event; None if it gave none.
    may_repeat
        Events given to a function without a sink of which it may have had the results before. One
        that was killed with such an event in its hands has counted it, and so does the next one.
    """

    began_ns: int
    at_ns: int
    doing: Activity
    spent_ns: tuple[int, ...]
    knows: Capability
    decisions: Decisions
    intervals: NDArray[np.int64]
    present_ns: int
    recorded_s: tuple[float, float] | None = None
    may_repeat: int = 0

    @property
    def events(self) -> int:
        """Events that a source has published."""
        return int(self.intervals.sum())

    @property
    def since_ns(self) -> int:
        """When the present activity began."""
        return self.at_ns - self.present_ns


class MeterPage:
    """An account page as the supervisor holds it."""

    def __init__(self, name: str) -> None:
        descriptor = os.memfd_create(f"mimocorb account {name}"[:200])
        os.ftruncate(descriptor, PAGE_BYTES)
        self._map = mmap.mmap(descriptor, PAGE_BYTES)
        self.connection = Connection(descriptor)
        """The page on its way to the process; a Connection, because these travel to any child."""

    def handed_over(self) -> None:
        """Close this side's descriptor: the process has its own. Idempotent."""
        self.connection.close()

    def read(self, at_ns: int | None = None) -> MeterReading:
        """Read the page, and count the present activity up to `at_ns` (default: now)."""
        return read_page(self._map[:], time.monotonic_ns() if at_ns is None else at_ns)

    def close(self) -> None:
        """Let go of the memory. Idempotent."""
        self.handed_over()
        self._map.close()


def interval_edges_ns() -> NDArray[np.float64]:
    """Return the lower edges of the interval bins, and the upper edge of the last one, in ns.

    Eight bins for each factor of two, from 0 to 2.4 hours; the width of a bin is between 1/16 and
    1/8 of the interval. A longer interval is counted in the last bin.
    """
    bins = np.arange(INTERVAL_BINS + 1)
    edges: NDArray[np.float64] = np.ldexp(8.0 + (bins & 7), (bins >> 3) - 4)
    edges[0] = 0.0
    return edges


def read_page(page: bytes, now_ns: int) -> MeterReading:
    """Read a copy of a page, and count the present activity up to `now_ns`."""
    words: NDArray[np.int64] = np.frombuffer(page[:REASON_TEXTS], np.int64)
    began_ns = int(words[BEGAN_NS])
    doing = Activity(int(words[DOING]))
    spent = [int(time_ns) for time_ns in words[SPENT_NS : SPENT_NS + len(Activity)]]
    present_ns = max(0, now_ns - began_ns - sum(spent)) if began_ns else 0
    spent[doing] += present_ns
    knows = Capability(int(words[KNOWS]))
    first_s, last_s = words[RECORDED_S : RECORDED_S + 2].view(np.float64)
    return MeterReading(
        began_ns=began_ns,
        at_ns=began_ns + sum(spent) if began_ns else now_ns,
        doing=doing,
        spent_ns=tuple(spent),
        knows=knows,
        decisions=_decisions(page, words, knows),
        intervals=words[INTERVALS : INTERVALS + INTERVAL_BINS].copy(),
        present_ns=present_ns,
        recorded_s=(float(first_s), float(last_s)) if Capability.RECORDED in knows else None,
        may_repeat=int(words[MAY_REPEAT]),
    )


def _decisions(page: bytes, words: NDArray[np.int64], knows: Capability) -> Decisions:
    reasons: dict[str, int] = {}
    for number in range(int(words[REASONS])):
        start = REASON_TEXTS + number * REASON_BYTES
        text = page[start : start + REASON_BYTES].partition(b"\0")[0].decode(errors="ignore")
        text = visible(text)
        reasons[text] = reasons.get(text, 0) + int(words[REASON_COUNTS + number])
    further = int(words[REASON_COUNTS + MOST_REASONS])
    if further:
        reasons[OTHER_REASONS] = reasons.get(OTHER_REASONS, 0) + further
    accepted, rejected = int(words[ACCEPTED]), int(words[REJECTED])
    return Decisions(
        accepted=accepted,
        rejected=rejected,
        failed=int(words[FAILED]),
        accepted_for=tuple(int(n) for n in words[ACCEPTED_FOR : ACCEPTED_FOR + MOST_SINKS]),
        reasons=reasons,
        sampled=int(words[SAMPLED]),
        sample_lost=int(words[SAMPLE_LOST]),
        sample_seed=int(words[SAMPLE_SEED]),
        decided=int(words[DECIDED]) if Capability.SETS in knows else accepted + rejected,
    )


EMPTY_PAGE = read_page(bytes(PAGE_BYTES), 0)
"""What is read of a process that has not been started."""
