"""The books of a run: what was accepted has been processed, or it is said what became of it."""

from __future__ import annotations

from mimocorb._buffer.stats import BufferStats, GroupStats
from mimocorb._run.run_state import BufferView, RunView
from mimocorb.errors import BooksDoNotBalance

__all__ = ["audit", "expected", "lost", "reader_name"]


def expected(stats: BufferStats, group: GroupStats) -> int:
    """Return how many events of the buffer the group should have got: all from its first one on."""
    return stats.published - (group.first_sequence - 1)


def lost(stats: BufferStats, group: GroupStats) -> int:
    """Return how many events nobody processed because the readers had gone.

    Those that were due at that moment, and those that were published later.
    """
    return group.abandoned + expected(stats, group) - group.offered


def reader_name(buffer: BufferView, group: GroupStats) -> str:
    """Return the name of the function that reads for a group."""
    return buffer.readers.get(group.group, f"group {group.group}")


def audit(view: RunView) -> list[str]:
    """Check the closed books; returns what is wrong with them, one sentence each."""
    found = []
    for buffer in view.buffers:
        stats = buffer.stats
        try:
            stats.check()
        except BooksDoNotBalance as error:
            found.append(f"the books do not balance: {error}")
        if stats.in_hand:
            found.append(f"{stats.in_hand} slots of {stats.name} were left in writers' hands")
        for group in stats.groups:
            reader = reader_name(buffer, group)
            missing = lost(stats, group) + group.due
            if missing:
                found.append(f"{missing} events of {stats.name} were not processed by {reader}")
            if group.quarantined:
                found.append(
                    f"{group.quarantined} events of {stats.name} failed again and again in "
                    f"{reader} and were set aside"
                )
    return found
