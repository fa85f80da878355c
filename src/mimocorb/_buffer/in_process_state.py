"""What the in-process ring remembers: the state of slots, of reader groups, of promised writers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mimocorb._buffer.in_process_ports import InProcessReader

__all__ = ["Group", "Slot", "State", "Token"]


class State(Enum):
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
    metadata_set: bool = False
    published_ns: int = 0
    owed_to: set[int] = field(default_factory=set)


@dataclass
class Group:
    """One reader group: what it still has to do and its ledger."""

    number: int
    first_sequence: int
    pending: list[int] = field(default_factory=list)
    held: dict[int, InProcessReader] = field(default_factory=dict)
    deliveries: dict[int, int] = field(default_factory=dict)
    failures: dict[int, int] = field(default_factory=dict)
    offered: int = 0
    acknowledged: int = 0
    quarantined: int = 0
    abandoned: int = 0
    redelivered: int = 0
    waiting_ns: int = 0
    removed: bool = False


@dataclass
class Token:
    """One call of ``add_writer``: how many writers are expected and how many are there."""

    promised: int = 1
    open: int = 0
