"""The port between the buffer classes and a backend.

A backend moves *slot numbers*; bytes stay where they are. The classes in this package add dtypes,
views, waiting loops and wording on top, so a backend is small: four protocols, a few methods each.
No method of a backend blocks except those whose names begin with ``wait``.

Call order: a ring is created, tokens and groups are added, ports are opened from them. A writer
port holds at most the slots it has claimed, a reader port at most the slots it has taken.

The promises S1–S12 behind this port are written in ``docs/explanation/buffer-contract.md``, and
the test class :class:`mimocorb.testing.contract.BufferContract` checks them for every backend.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import NO_TIME, MetadataRows
from mimocorb.buffers.ledgers import Holding, RingLedger, Waited

if TYPE_CHECKING:
    from mimocorb.buffers.time_account import TimeAccount

__all__ = [
    "ALL",
    "Bytes",
    "ObserverPort",
    "Places",
    "ReaderPort",
    "RingPort",
    "Snapshot",
    "Status",
    "WriterPort",
]

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]

ALL = 0xFFFF_FFFF
"""As many events as are in hand."""


class Status(IntEnum):
    """Why a claim or a take gave no slot, and what a wait ended with. All are negative."""

    NOT_NOW = -1
    """Nothing to take, or no free slot; waiting may help."""
    PAUSED = -2
    """No slot because the buffer is paused; waiting may help."""
    ENDED = -3
    """The stream has ended for this port; waiting will not help."""
    ORPHANED = -4
    """The process that made the buffer has died without ending it."""
    POISONOUS = -5
    """An event was taken, alone, that has failed too often already: quarantine it."""
    EARLIER = -6
    """It is not the turn of an event in hand: an earlier one came back and waits to be taken."""


class WriterPort(Protocol):
    """One open writer."""

    def geometry(self) -> tuple[int, int]:
        """Return number and size in bytes of the slots, as the ring itself has them."""

    def advance(self) -> int:
        """Publish what is in hand, then claim one slot: its number, or a negative Status."""

    def advance_batch(self, count: int) -> tuple[int, int]:
        """Publish what is in hand, then do the same as :meth:`claim`, in one step."""

    def claim(self, count: int) -> tuple[int, int]:
        """Claim up to `count` neighbouring slots: (first, claimed), or (Status, 0).

        Of 0, none is claimed: (0, 0) if there is room.
        """

    def claim_anywhere(self, count: int) -> int:
        """Claim up to `count` slots, neighbours or not, beside what is in hand.

        Returns how many, or a Status if there is none.
        """

    def fill_claimed(
        self, at: int, rows: NDArray[Any], index: Places, metadata: MetadataRows, places: Places
    ) -> None:
        """Copy the rows at `index` into slots in hand, from the `at`-th on.

        Their metadata, with the marks of possible repeats, are those at `places`.
        """

    def publish_first(self, count: int) -> int:
        """Publish the first `count` slots in hand, in the order of claiming; returns how many."""

    def publish(self) -> int:
        """Publish everything in hand, in the order of claiming; returns how many events."""

    def abort(self) -> int:
        """Give everything in hand back unpublished; returns how many slots that were."""

    def set_metadata(
        self,
        slot: int,
        counter: int,
        timestamp_s: float,
        deadtime: float,
        time_ns: int = NO_TIME,
    ) -> None:
        """Set the metadata of a slot in hand."""

    def mark_repeat(self, slot: int) -> None:
        """Mark a slot in hand as that of an event that may be there already."""

    def set_metadata_run(self, first: int, metadata: MetadataRows) -> None:
        """Set the metadata of neighbouring slots in hand; marks of repeats stay as they are."""

    def fill(self, slot: int, source: NDArray[Any]) -> None:
        """Copy `source`, as many bytes as a slot has and in one piece, into a slot in hand."""

    def put(self, source: Any, counter: int, timestamp_s: float, deadtime: float) -> int:
        """Copy an event into a slot of its own and publish it, after what is in hand: 0 or Status.

        `source` has memory of as many bytes as a slot has, in one piece.
        """

    def put_event(self, source: Any, counter: int, account: TimeAccount) -> int:
        """Do what :meth:`put` does for the event that a source reads out; its account learns of it.

        The time of the event is now, its dead time that of the account. If it is not published
        (a negative Status), nothing is told to the account.
        """

    def put_many(self, rows: NDArray[Any], metadata: MetadataRows, first: int) -> int:
        """Copy events into slots and publish them, as many as find room; nothing is in hand.

        These are the rows from `first` on, each as large as a slot and in one piece, with their
        metadata. Returns how many, or a Status if none.
        """

    def slot(self, index: int) -> Bytes:
        """Return the bytes of one slot: a writable view."""

    def slots(self, first: int, count: int) -> Bytes:
        """Return the bytes of neighbouring slots: a writable view, (count, slot_bytes)."""

    def wait(self, timeout_s: float, spin_s: float) -> int:
        """Block until claiming may succeed (0); else ENDED, ORPHANED or, in time, NOT_NOW."""

    def refuse(self) -> int:
        """Count one claim that is given up, by the cause that holds now; PAUSED or NOT_NOW (full).

        The counts are those of the ring: they stay when the writer closes or dies.
        """

    def waited_ns(self) -> tuple[int, int]:
        """Time this writer has waited because the ring was (full, paused)."""

    def close(self) -> None:
        """Abort what is in hand and leave. Idempotent."""


class ReaderPort(Protocol):
    """One open reader of a group."""

    def geometry(self) -> tuple[int, int]:
        """Return number and size in bytes of the slots, as the ring itself has them."""

    def advance(self) -> int:
        """Acknowledge what is in hand, then take one event: its slot, or a negative Status."""

    def advance_batch(self, count: int) -> tuple[int, int]:
        """Acknowledge what is in hand, then do the same as :meth:`take`, in one step."""

    def take(self, count: int) -> tuple[int, int]:
        """Take up to `count` events in neighbouring slots: (first, taken), or (Status, 0).

        An event that has failed comes alone, so that what it does to its reader does not count
        against others.
        """

    def scatter(self, scattered: bool) -> None:
        """Let what is taken together lie anywhere (True), or in neighbours (False, at first).

        Without a gap in either case: no other event of the group was published in between.
        """

    def are_neighbours(self) -> bool:
        """Whether the events in hand, in the order of taking, lie one behind the other."""

    def held_by_others(self) -> int:
        """Return how many events the other readers of the group have in hand, about now."""

    def slots_in_hand(self, slots: Places) -> None:
        """Fill the array with the slots of the events in hand, in the order of taking."""

    def acknowledge(self) -> int:
        """Acknowledge everything in hand; returns how many events that were."""

    def acknowledge_first(self, count: int) -> int:
        """Acknowledge the first `count` events in hand, in the order of taking; returns how many.

        With fewer in hand, all of them. The rest stays in hand.
        """

    def poisonous(self) -> int:
        """Return the slot of the event that came with POISONOUS, the last one in hand."""

    def quarantine(self, count: int = ALL) -> int:
        """Set the last `count` events in hand aside for good, and count them; returns how many."""

    def give_back(self, failed: bool = True, count: int = ALL) -> int:
        """Return the last `count` events in hand to the group, to be delivered again.

        In the order of taking; returns how many. Unless `failed`, it does not count towards being
        POISONOUS.
        """

    def absolve(self) -> None:
        """Let what counts towards being POISONOUS begin anew for the events in hand; they stay."""

    def metadata(self, slot: int) -> tuple[int, float, float, int]:
        """``(counter, timestamp_s, deadtime, time_ns)`` of an event in hand.

        ``time_ns`` is NO_TIME if it was given none.
        """

    def metadata_at(self, places: Places, metadata: MetadataRows) -> None:
        """Fill the rows with what is known of the events at these places among those in hand."""

    def metadata_in_hand(self, metadata: MetadataRows) -> None:
        """Fill the rows with what is known of the events in hand, in the order of taking.

        An event is marked with ``may_repeat`` if somebody had begun work on it, or on the way to it
        on one before, and not acknowledged that.
        """

    def sequence(self, slot: int) -> int:
        """Publish number of an event in hand, 1 for the first of the ring."""

    def delivery(self, slot: int) -> int:
        """How often an event in hand has been handed out, 1 at first."""

    def may_repeat(self) -> bool:
        """Whether an event in hand is marked: what comes of it may be there already."""

    def copy(self, slot: int, target: NDArray[Any]) -> None:
        """Copy an event in hand into `target`: as many bytes as a slot has, and in one piece."""

    def copy_all(self, rows: NDArray[Any]) -> None:
        """Copy the events in hand, in the order of taking, into `rows`, one for each of them."""

    def slot(self, index: int) -> Bytes:
        """Return the bytes of one slot: a read-only view."""

    def slots(self, first: int, count: int) -> Bytes:
        """Return the bytes of neighbouring slots: a read-only view, (count, slot_bytes)."""

    def wait_and_take(self, count: int, timeout_s: float, spin_s: float) -> tuple[int, int]:
        """As :meth:`take`, but block until it is not NOT_NOW, or ORPHANED, or the time is over.

        After an exception, from a signal, an event may be in hand that nobody has seen.
        """

    def wait_turn(self, slot: int, timeout_s: float, spin_s: float) -> int:
        """Block until the group has finished with every event before the one in hand in `slot`.

        Returns 0 when it has (and this stays so), EARLIER when such an event waits to be taken,
        which may be up to this reader; else ORPHANED or, in time, NOT_NOW. What this reader has in
        hand itself is not in its way.
        """

    def waited_ns(self) -> int:
        """Time this reader has waited for data."""

    def close(self) -> None:
        """Give back what is in hand and leave. Idempotent."""


class Snapshot(NamedTuple):
    """What an observer learns with a copy."""

    sequence: int
    counter: int
    timestamp_s: float
    deadtime: float
    age_s: float
    time_ns: int


class ObserverPort(Protocol):
    """One observer. It sees the ring read-only and leaves no trace in it."""

    def geometry(self) -> tuple[int, int]:
        """Return number and size in bytes of the slots, as the ring itself has them."""

    def snapshot(self, target: Bytes) -> tuple[int, int, float, float, float, int] | None:
        """Copy the newest event into `target`; None while there is none or none holds still.

        Returns the fields of a :class:`Snapshot`.
        """

    def newest(self) -> int:
        """Publish number of the newest event, 0 before the first."""

    def oldest_unfinished(self) -> int:
        """Publish number of the oldest event that a group has not finished with.

        All before it are acknowledged or set aside by every group, or given up. That of the next
        event if there is none.
        """

    def wait(self, newer_than: int, timeout_s: float) -> int:
        """Block until an event newer than the given one is there; 0, NOT_NOW, ENDED, ORPHANED."""

    def close(self) -> None:
        """Let go of the memory. Idempotent."""


class RingPort(Protocol):
    """A ring, as the process that made it holds it."""

    number_of_slots: int
    slot_bytes: int

    def address(self) -> dict[str, Any]:
        """Return what another process needs to open ports: plain, picklable values."""

    def add_writer(self) -> int:
        """Register one promised writer; returns its token."""

    def promise_writer(self, token: int, count: int) -> None:
        """Change by `count` (may be negative) how many openings of the token are still expected."""

    def add_group(self) -> int:
        """Add a reader group, due everything still in the ring; returns its number."""

    def remove_group(self, group: int) -> int:
        """Remove a group; returns how many events due to it were abandoned."""

    def pause(self, paused: bool) -> None:
        """Refuse (True) or allow (False) claims."""

    def end_writers(self) -> None:
        """Let every further claim end with ENDED."""

    def end_after(self, events: int) -> None:
        """Let the stream end with the event of this publish number; 0 sets no limit."""

    def end_readers(self) -> None:
        """Let every further take end with ENDED, whatever is still due."""

    def reap(self) -> int:
        """Recover what dead processes held; returns how many dead ports were found."""

    def wait_drained(self, timeout_s: float) -> bool:
        """Block until nothing is in hand or due, or `timeout_s` is over."""

    def ledger(self) -> RingLedger:
        """Return the ledger, taken in one consistent moment."""

    def held(self) -> list[Holding]:
        """Return everything that is in anybody's hands, taken in one consistent moment."""

    def waited(self) -> list[Waited]:
        """Return how long each open writer and reader has waited, for whatever reason.

        Who holds an event and waits (for room in the next buffer, for its turn) does not hang.
        """

    def close(self) -> None:
        """Let go of the memory in this process. Idempotent."""
