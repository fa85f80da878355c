"""What the in-process ring remembers, and the rules by which that changes.

A slot goes round ``FREE → CLAIMED → READY → FREE``:

* *claim* takes free slots in turn, after a death from the first one on;
* *publish* numbers the event and makes it due to every group that exists at this moment;
* the event's slot is free when the last group has let go of it.

An event published while there is no group is due to nobody. Its slot is free at once but stays
READY, so that a group added before the slot's turn comes still receives the event.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import takewhile

from mimocorb.buffers.batch_metadata import NO_TIME
from mimocorb.buffers.contract import Bytes
from mimocorb.errors import SetupError

__all__ = ["Group", "RingState", "Slot", "State", "Token"]


class State(Enum):
    """What a slot is in."""

    FREE = auto()
    CLAIMED = auto()
    READY = auto()


@dataclass
class Slot:
    """What the ring knows about one slot besides its bytes."""

    state: State = State.FREE
    claims: int = 0
    sequence: int = 0
    counter: int = 0
    timestamp_s: float = -1.0
    deadtime: float = -1.0
    time_ns: int = NO_TIME
    metadata_set: bool = False
    may_repeat: bool = False
    published_ns: int = 0
    owed_to: set[int] = field(default_factory=set)


@dataclass
class Group:
    """One reader group: what it still has to do and its ledger."""

    number: int
    first_sequence: int
    pending: list[int] = field(default_factory=list)
    held: dict[int, object] = field(default_factory=dict)
    """Slot to the reader that has its event in hand."""
    deliveries: dict[int, int] = field(default_factory=dict)
    failures: dict[int, int] = field(default_factory=dict)
    offered: int = 0
    acknowledged: int = 0
    quarantined: int = 0
    abandoned: int = 0
    redelivered: int = 0
    readers: int = 0
    waiting_ns: int = 0
    removed: bool = False


@dataclass
class Token:
    """One call of ``add_writer``: how many writers are expected and how many are there."""

    promised: int = 1
    open: int = 0


@dataclass(eq=False)
class RingState:
    """The whole state of a ring. All methods are called with the lock of `changed` held."""

    payload: Bytes
    """One row for each slot."""
    max_deliveries: int
    changed: threading.Condition = field(default_factory=threading.Condition)
    slots: list[Slot] = field(init=False)
    free: set[int] = field(init=False)
    next_claim: int = 0
    groups: list[Group] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    claimed: int = 0
    published: int = 0
    aborted: int = 0
    torn: int = 0
    limit: int = 0
    paused: bool = False
    ending: bool = False
    readers_ended: bool = False
    full_ns: int = 0
    paused_ns: int = 0
    refused_full: int = 0
    refused_paused: int = 0

    def __post_init__(self) -> None:
        self.slots = [Slot() for _ in self.payload]
        self.free = set(range(len(self.slots)))

    @property
    def geometry(self) -> tuple[int, int]:
        """Number and size in bytes of the slots."""
        slots, slot_bytes = self.payload.shape
        return slots, slot_bytes

    def token(self, token: int) -> Token:
        """Return the token of this number."""
        if not 0 <= token < len(self.tokens):
            raise SetupError(f"there is no writer token {token} in this ring")
        return self.tokens[token]

    def group(self, group: int) -> Group:
        """Return the group of this number, unless it was removed."""
        if not 0 <= group < len(self.groups) or self.groups[group].removed:
            raise SetupError(f"there is no reader group {group} in this ring")
        return self.groups[group]

    def sequence_of(self, index: int) -> int:
        """Publish number of the event in a slot."""
        return self.slots[index].sequence

    def in_hand(self) -> int:
        """How many slots writers have in hand."""
        return sum(slot.state is State.CLAIMED for slot in self.slots)

    def ended(self) -> bool:
        """Whether claims are over: by order, or because every promised writer has come and gone."""
        all_left = bool(self.tokens) and not any(
            token.promised or token.open for token in self.tokens
        )
        return self.ending or all_left

    def no_more_events(self) -> bool:
        """Whether nothing will be published any more."""
        return self.readers_ended or (self.ended() and not self.in_hand())

    def left_to_claim(self) -> int:
        """How many more slots may become events."""
        if not self.limit:
            return len(self.slots)
        return max(0, self.limit - self.published - self.in_hand())

    def claim(self, count: int) -> list[int]:
        """Take up to `count` neighbouring slots, from the next free one on; there is one."""
        in_turn = (*range(self.next_claim, len(self.slots)), *range(self.next_claim))
        first = next(index for index in in_turn if index in self.free)
        taken = list(takewhile(self.free.__contains__, range(first, first + count)))
        for index in taken:
            self.slots[index] = Slot(state=State.CLAIMED, claims=self.slots[index].claims + 1)
        self.free.difference_update(taken)
        self.claimed += len(taken)
        self.next_claim = (taken[-1] + 1) % len(self.slots)
        return taken

    def publish(self, index: int) -> None:
        """Give the event in a slot its number and make it due to every group."""
        slot = self.slots[index]
        self.published += 1
        slot.sequence = self.published
        slot.published_ns = time.monotonic_ns()
        slot.state = State.READY
        for group in self.groups:
            if not group.removed:
                slot.owed_to.add(group.number)
                group.pending.append(index)
                group.offered += 1
        if not slot.owed_to:
            self.free.add(index)
        self.end_at_limit()

    def end_at_limit(self) -> None:
        """End the stream if the last event that was asked for is there."""
        if self.limit and self.published >= self.limit:
            self.ending = True

    def release(self, index: int) -> None:
        """Make a slot free."""
        self.slots[index].state = State.FREE
        self.free.add(index)

    def forget_turn(self) -> None:
        """Claim from the first slot on: recovery knows nothing else about it."""
        self.next_claim = 0

    def let_go(self, group: Group, index: int) -> None:
        """End the interest of a group in an event; the last one frees the slot."""
        group.deliveries.pop(index, None)
        group.failures.pop(index, None)
        owed_to = self.slots[index].owed_to
        owed_to.remove(group.number)
        if not owed_to:
            self.release(index)
