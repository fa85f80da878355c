"""What a buffer tells about itself: its ledger, its fill level, and who waited for what."""

from __future__ import annotations

from dataclasses import dataclass

from mimocorb.buffers.ledgers import GroupLedger, RingLedger
from mimocorb.errors import LedgerDoesNotBalance

__all__ = ["BufferStats", "GroupStats", "WaitingTime"]


@dataclass(frozen=True, slots=True)
class WaitingTime:
    """Time that writers have waited for a free slot, by cause. It is the source's dead time.

    Attributes
    ----------
    full_s
        Because no slot was free, in seconds.
    paused_s
        Because the buffer was paused, in seconds.
    """

    full_s: float
    paused_s: float


@dataclass(frozen=True, slots=True)
class GroupStats:
    """The ledger of one reader group: ``offered == acknowledged + quarantined + due + abandoned``.

    Attributes
    ----------
    group
        Its number in the buffer, from 0.
    offered
        Events that were ever due to it.
    acknowledged
        Events its readers have finished with.
    quarantined
        Events set aside because they failed too often.
    due
        Events it still has to process: waiting for it, or in its readers' hands. This is its lag.
    held
        Those in its readers' hands.
    abandoned
        Events that were due when the group was removed.
    redelivered
        How often an event went back to the group because its reader died or gave it back.
    readers
        Readers open at the moment.
    waiting_s
        Time its readers, all together, have waited for data, in seconds.
    first_sequence
        Publish number of the first event it got.
    """

    group: int
    offered: int
    acknowledged: int
    quarantined: int
    due: int
    held: int
    abandoned: int
    redelivered: int
    readers: int
    waiting_s: float
    first_sequence: int

    @property
    def settled(self) -> int:
        """Events of which is known what became of them, or which are still due."""
        return self.acknowledged + self.quarantined + self.due + self.abandoned

    @classmethod
    def from_ledger(cls, ledger: GroupLedger) -> GroupStats:
        """Word the ledger of the backend."""
        return cls(
            group=ledger.group,
            offered=ledger.offered,
            acknowledged=ledger.acknowledged,
            quarantined=ledger.quarantined,
            due=ledger.pending + ledger.held,
            held=ledger.held,
            abandoned=ledger.abandoned,
            redelivered=ledger.redelivered,
            readers=ledger.readers,
            waiting_s=ledger.waiting_ns / 1e9,
            first_sequence=ledger.first_sequence,
        )


@dataclass(frozen=True, slots=True)
class BufferStats:
    """The state of a buffer in one consistent moment.

    ``claimed == published + aborted + torn + in_hand`` at every moment.

    Attributes
    ----------
    name
        Of the buffer.
    number_of_slots, free_slots
        Size, and slots that a writer could claim now.
    claimed
        Slots ever handed to writers.
    published
        Events ever published.
    aborted
        Claims that a writer gave back unpublished.
    torn
        Claims that a writer left behind by dying.
    in_hand
        Slots in writers' hands now.
    uptime_s
        Age of the buffer in seconds; with `published` of two moments it gives the throughput.
    writers
        Writers open at the moment.
    paused, ended
        Whether claims are refused, and whether all writers have come and gone.
    waiting
        Writers' waiting time by cause, all together.
    refused_full, refused_paused
        Claims that writers gave up after `timeout_s`, because no slot was free or the buffer was
        paused. They got no slot, so they are not among `claimed`.
    groups
        One ledger for each reader group.
    """

    name: str
    number_of_slots: int
    free_slots: int
    claimed: int
    published: int
    aborted: int
    torn: int
    in_hand: int
    uptime_s: float
    writers: int
    paused: bool
    ended: bool
    waiting: WaitingTime
    refused_full: int
    refused_paused: int
    groups: tuple[GroupStats, ...]

    @classmethod
    def from_ledger(
        cls, name: str, number_of_slots: int, ledger: RingLedger, now_ns: int
    ) -> BufferStats:
        """Word the ledger of the backend."""
        return cls(
            name=name,
            number_of_slots=number_of_slots,
            free_slots=ledger.free_slots,
            claimed=ledger.claimed,
            published=ledger.published,
            aborted=ledger.aborted,
            torn=ledger.torn,
            in_hand=ledger.in_hand,
            uptime_s=(now_ns - ledger.created_monotonic_ns) / 1e9,
            writers=ledger.writers,
            paused=ledger.paused,
            ended=ledger.ended,
            waiting=WaitingTime(ledger.full_ns / 1e9, ledger.paused_ns / 1e9),
            refused_full=ledger.refused_full,
            refused_paused=ledger.refused_paused,
            groups=tuple(GroupStats.from_ledger(group) for group in ledger.groups),
        )

    @property
    def occupancy(self) -> float:
        """Fraction of the slots that are not free, 0 to 1."""
        return 1.0 - self.free_slots / self.number_of_slots

    def check(self) -> None:
        """Raise :class:`LedgerDoesNotBalance` if an identity of the ledger does not hold."""
        accounted = self.published + self.aborted + self.torn + self.in_hand
        if self.claimed != accounted or min(self.published, self.aborted, self.torn) < 0:
            raise LedgerDoesNotBalance(
                f"buffer {self.name}: claimed {self.claimed} ≠ published {self.published} + "
                f"aborted {self.aborted} + torn {self.torn} + in hand {self.in_hand}"
            )
        for group in self.groups:
            if group.offered != group.settled or group.acknowledged < 0:
                raise LedgerDoesNotBalance(
                    f"buffer {self.name}, group {group.group}: offered {group.offered} ≠ "
                    f"acknowledged {group.acknowledged} + quarantined {group.quarantined} + due "
                    f"{group.due} + abandoned {group.abandoned}"
                )
