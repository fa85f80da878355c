"""The checker of a kill campaign: what was published against what each group has received."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from campaign_workers import ACKNOWLEDGED, ACKNOWLEDGING, GIVEN_BACK
from numpy.typing import NDArray

from mimocorb.buffers.stats import BufferStats

__all__ = ["Life", "Report", "examine"]

_FOR_EVER_NS = np.iinfo(np.int64).max


@dataclass
class Life:
    """One process of the campaign, from start to end.

    Attributes
    ----------
    group
        Of a reader; None for a writer.
    number, life
        Which worker, and how often it had been killed before.
    killed_ns
        Time just before SIGKILL was sent (CLOCK_MONOTONIC); None if it ended by itself.
    records
        What it has noted down.
    """

    group: int | None
    number: int
    life: int
    killed_ns: int | None
    records: NDArray[Any]


@dataclass(frozen=True)
class Report:
    """Figures of a campaign.

    Attributes
    ----------
    writer_kills, reader_kills
        SIGKILLs.
    published, redelivered, torn
        From the ledger: redelivered in all groups, torn slots of killed writers.
    lost
        Events that were published and that a group has not finished with.
    held_twice
        Events that were in two living hands of a group at once.
    unmarked_repeats
        Deliveries of an event after the first whose delivery count did not say so, or after it was
        acknowledged.
    damaged
        Events whose checksum was wrong in a reader's hands.
    unaccounted
        Events that no writer says it has published, or in an order in which it did not.
    stalls_s
        For each kill, time until a writer had published and every group had taken an event again.
    """

    writer_kills: int
    reader_kills: int
    published: int
    redelivered: int
    torn: int
    lost: int
    held_twice: int
    unmarked_repeats: int
    damaged: int
    unaccounted: int
    stalls_s: tuple[float, ...]

    @property
    def kills(self) -> int:
        """SIGKILLs in all."""
        return self.writer_kills + self.reader_kills

    @property
    def faultless(self) -> bool:
        """Whether every promise was kept."""
        return not (
            self.lost
            or self.held_twice
            or self.unmarked_repeats
            or self.damaged
            or self.unaccounted
        )

    def stall_s(self, percentile: float) -> float:
        """Return a percentile of the stalls in seconds."""
        return float(np.percentile(self.stalls_s, percentile)) if self.stalls_s else 0.0

    def __str__(self) -> str:
        return (
            f"{self.kills} SIGKILLs ({self.writer_kills} of writers, {self.reader_kills} of "
            f"readers), {self.published} events: {self.lost} lost, {self.held_twice} held twice, "
            f"{self.unmarked_repeats} repeats unmarked, {self.damaged} damaged, "
            f"{self.unaccounted} unaccounted for; {self.redelivered} redelivered, {self.torn} torn;"
            f" the ring moves again after {self.stall_s(50) * 1e3:.1f} ms (median), "
            f"{self.stall_s(99) * 1e3:.1f} ms (99 %), {self.stall_s(100) * 1e3:.1f} ms (longest)"
        )


def examine(lives: list[Life], ledger: BufferStats) -> Report:
    """Compare the logs of all lives with each other and with the ledger of the drained buffer."""
    ledger.check()
    groups = {life.group for life in lives if life.group is not None}
    tables = {group: _deliveries(lives, group) for group in groups}
    lost = held_twice = unmarked = damaged = 0
    for table in tables.values():
        same = table["sequence"][1:] == table["sequence"][:-1]
        earlier, later = table[:-1][same], table[1:][same]
        finished = table[np.append(~same, True)] if len(table) else table
        done = (finished["state"] == ACKNOWLEDGED) | (finished["state"] == ACKNOWLEDGING)
        lost += ledger.published - int(done.sum())
        held_twice += int((later["taken_ns"] < earlier["released_ns"]).sum())
        unmarked += int((later["delivery"] <= earlier["delivery"]).sum())
        unmarked += int((earlier["state"] == ACKNOWLEDGED).sum())
        # A reader that was killed before it could check has not found the event damaged.
        damaged += int(((table["whole"] == 0) & (table["over_ns"] != 0)).sum())
    return Report(
        writer_kills=sum(life.group is None and life.killed_ns is not None for life in lives),
        reader_kills=sum(life.group is not None and life.killed_ns is not None for life in lives),
        published=ledger.published,
        redelivered=sum(group.redelivered for group in ledger.groups),
        torn=ledger.torn,
        lost=lost,
        held_twice=held_twice,
        unmarked_repeats=unmarked,
        damaged=damaged,
        unaccounted=sum(_unaccounted(lives, table) for table in tables.values()),
        stalls_s=tuple(_stalls_s(lives, sorted(groups))),
    )


_DELIVERY = np.dtype(
    [
        ("sequence", "<u8"),
        ("taken_ns", "<i8"),
        ("released_ns", "<i8"),
        ("over_ns", "<i8"),
        ("delivery", "<u4"),
        ("state", "<u4"),
        ("whole", "<u4"),
        ("writer", "<u4"),
        ("life", "<u4"),
        ("serial", "<u8"),
    ]
)


def _deliveries(lives: list[Life], group: int) -> NDArray[Any]:
    """Return all deliveries to a group, by event and time, with the moment each was let go of."""
    parts = []
    for life in lives:
        if life.group != group:
            continue
        part = np.zeros(len(life.records), _DELIVERY)
        for name in _DELIVERY.names or ():
            if name != "released_ns":
                part[name] = life.records[name]
        # What was not given back stays in hand until death.
        part["released_ns"] = _FOR_EVER_NS if life.killed_ns is None else life.killed_ns
        back = part["state"] == GIVEN_BACK
        part["released_ns"][back] = part["over_ns"][back]
        parts.append(part)
    table = np.concatenate(parts) if parts else np.zeros(0, _DELIVERY)
    return table[np.lexsort((table["taken_ns"], table["sequence"]))]


def _unaccounted(lives: list[Life], table: NDArray[Any]) -> int:
    """Count events that do not follow from what the writers have noted.

    A writer notes an event before it publishes it and stamps it after: the events of a life must be
    all that are stamped, perhaps the last noted one, no other, and in this order.
    """
    _, first = np.unique(table["sequence"], return_index=True)
    events = table[first]
    wrong = len({*events["writer"]} - {life.number for life in lives if life.group is None})
    for life in lives:
        if life.group is not None:
            continue
        of_life = events[(events["writer"] == life.number) & (events["life"] == life.life)]
        noted, stamped = len(life.records), int((life.records["done_ns"] != 0).sum())
        in_order = bool((of_life["serial"] == np.arange(len(of_life))).all())
        if not in_order or not stamped <= len(of_life) <= noted:
            wrong += max(1, abs(len(of_life) - stamped))
    return wrong


def _stalls_s(lives: list[Life], groups: list[int]) -> list[float]:
    signs_of_life = [
        [(at, life.records["done_ns"]) for at, life in enumerate(lives) if life.group is None],
        *(
            [(at, life.records["taken_ns"]) for at, life in enumerate(lives) if life.group == group]
            for group in groups
        ),
    ]
    merged = []
    for parts in signs_of_life:
        times = np.concatenate([stamps for _, stamps in parts])
        whose = np.concatenate([np.full(len(stamps), at) for at, stamps in parts])
        order = np.argsort(times)
        merged.append((times[order], whose[order]))
    stalls = []
    for victim, life in enumerate(lives):
        if life.killed_ns is None:
            continue
        moments = []
        for times, whose in merged:
            at = int(np.searchsorted(times, life.killed_ns, "right"))
            while at < len(times) and whose[at] == victim:
                at += 1
            if at < len(times):
                moments.append(int(times[at]))
        if len(moments) == len(merged):
            stalls.append((max(moments) - life.killed_ns) / 1e9)
    return stalls
