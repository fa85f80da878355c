"""The books of a run: what was accepted has been processed, or it is said what became of it."""

from __future__ import annotations

from mimocorb._words import how_many, verb
from mimocorb.buffers.stats import BufferStats, GroupStats
from mimocorb.errors import BooksDoNotBalance
from mimocorb.run.run_state import BufferView, RunState, RunView, Spilled

__all__ = [
    "audit",
    "expected",
    "lost",
    "open_books",
    "processed",
    "reader_name",
    "saved",
    "unprocessed",
]


def expected(stats: BufferStats, group: GroupStats) -> int:
    """Return how many events of the buffer the group should have got: all from its first one on."""
    return stats.published - (group.first_sequence - 1)


def processed(buffer: BufferView, group: GroupStats) -> int:
    """Return how many events the readers have finished with; the ring counts those saved too."""
    return group.acknowledged - _spilled(buffer, group).taken


def saved(buffer: BufferView, group: GroupStats) -> int:
    """Return how many events are in the spill file instead."""
    return _spilled(buffer, group).saved


def lost(buffer: BufferView, group: GroupStats) -> int:
    """Return how many events nobody processed because the readers had gone.

    Those that were due at that moment and have not been saved, and those published later.
    """
    spilled = _spilled(buffer, group)
    unsaved = spilled.taken - spilled.saved
    return group.abandoned + unsaved + expected(buffer.stats, group) - group.offered


def _spilled(buffer: BufferView, group: GroupStats) -> Spilled:
    return buffer.spilled.get(group.group, Spilled())


def reader_name(buffer: BufferView, group: GroupStats) -> str:
    """Return the name of the function that reads for a group."""
    return buffer.readers.get(group.group, f"group {group.group}")


def audit(view: RunView) -> list[str]:
    """Check the closed books; returns what is wrong with them, one sentence each."""
    return [*open_books(view), *unprocessed(view)]


def open_books(view: RunView) -> list[str]:
    """Return why the books do not say what became of every event, one sentence each."""
    found = []
    if view.state is not RunState.ENDED:
        found.append(f"the run was given up while it was {view.state.value}")
    for buffer in view.buffers:
        try:
            buffer.stats.check()
        except BooksDoNotBalance as error:
            found.append(f"the books do not balance: {error}")
        in_hand = buffer.stats.in_hand
        if in_hand:
            found.append(
                f"{how_many(in_hand, 'slot')} of {buffer.stats.name} {verb(in_hand, 'was')} left "
                "in writers' hands"
            )
    if view.accounts is not None:
        found += view.accounts.problems
    return found


def unprocessed(view: RunView) -> list[str]:
    """Return which events were not processed, one sentence for each group of readers."""
    found = []
    for buffer in view.buffers:
        stats = buffer.stats
        for group in stats.groups:
            reader = reader_name(buffer, group)
            missing = lost(buffer, group) + group.due
            if missing:
                found.append(
                    f"{how_many(missing, 'event')} of {stats.name} {verb(missing, 'was')} not "
                    f"processed by {reader}"
                )
            failed = group.quarantined
            if failed:
                found.append(
                    f"{how_many(failed, 'event')} of {stats.name} failed again and again in "
                    f"{reader} and {verb(failed, 'was')} set aside"
                )
    return found
