"""What a ring tells of itself: its ledger, who holds what, and who waits."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["WRITERS", "GroupLedger", "Holding", "RingLedger", "Waited"]


class GroupLedger(NamedTuple):
    """The ledger of a reader group: ``offered = acknowledged + quarantined + due + abandoned``."""

    group: int
    offered: int
    acknowledged: int
    quarantined: int
    pending: int
    held: int
    abandoned: int
    redelivered: int
    readers: int
    waiting_ns: int
    first_sequence: int


class RingLedger(NamedTuple):
    """The ledger of a ring: ``claimed = published + aborted + torn + in_hand``."""

    claimed: int
    published: int
    aborted: int
    torn: int
    in_hand: int
    free_slots: int
    writers: int
    promised: int
    paused: bool
    ending: bool
    ended: bool
    full_ns: int
    paused_ns: int
    refused_full: int
    refused_paused: int
    created_monotonic_ns: int
    groups: tuple[GroupLedger, ...]


class Holding(NamedTuple):
    """A slot or an event in somebody's hands.

    The same figures at a later look mean: the same event, in the same hands, without a break.
    """

    group: int
    """Group of the reader; :data:`WRITERS` for a slot that is claimed and not yet published."""
    slot: int
    number: int
    """Publish number of the event; of a claimed slot, which claim of this slot it is."""
    pid: int
    delivery: int
    """How often the event has been handed out; 0 for a claimed slot."""


class Waited(NamedTuple):
    """An open writer or reader, and how long it has waited for anything up to now."""

    pid: int
    waited_ns: int


WRITERS = -1
"""In the place of a group: not a reader group, but the writers."""
