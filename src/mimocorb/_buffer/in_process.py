"""The buffer contract in plain Python, inside one process: the oracle of the native ring.

Everything happens under one lock with lists and dictionaries, so that each promise can be read off
the code. Random sequences of calls are run on this backend and on shared memory; both have to give
the same answers and the same books after every step. It is also handy in tests of user functions,
where neither processes nor speed are wanted.

A slot goes round ``FREE → CLAIMED → READY → FREE``:

* *claim* takes slots from the head of the free list, which is in the order of their becoming free;
* *publish* numbers the event and makes it due to every group that exists at this moment;
* the event's slot returns to the end of the free list when the last group has let go of it.

An event published while there is no group is due to nobody. Its slot is on the free list at once
but stays READY, so that a group added before the slot's turn comes still receives the event.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from collections import deque
from typing import Any

import numpy as np

from mimocorb._buffer.contract import WRITERS, Bytes, GroupBooks, Holding, RingBooks, Waited
from mimocorb._buffer.in_process_ports import (
    InProcessObserver,
    InProcessReader,
    InProcessWriter,
)
from mimocorb._buffer.in_process_state import Group, Slot, State, Token
from mimocorb._words import how_many
from mimocorb.errors import BufferMemoryError, BufferUnreachable, SetupError

__all__ = ["InProcessRing", "ring_at"]

_rings: weakref.WeakValueDictionary[int, InProcessRing] = weakref.WeakValueDictionary()
_ring_numbers = itertools.count(1)


def ring_at(address: dict[str, Any]) -> InProcessRing:
    """Return the ring that an `address` of this process names.

    Raises
    ------
    BufferUnreachable
        In another process than the one that made the ring, or when the ring is gone.
    """
    ring = _rings.get(address["in_process_ring"])
    if ring is None:
        raise BufferUnreachable(
            f"in-process ring {address['in_process_ring']} is not in this process: "
            "use shared memory buffers to talk to other processes"
        )
    return ring


class InProcessRing:
    """A ring of `number_of_slots` slots of `slot_bytes` bytes each, for threads of one process."""

    def __init__(
        self,
        number_of_slots: int,
        slot_bytes: int,
        max_reader_groups: int = 16,
        max_deliveries: int = 3,
    ) -> None:
        self.number_of_slots = number_of_slots
        self.slot_bytes = slot_bytes
        self.max_deliveries = max_deliveries
        self._max_reader_groups = max_reader_groups
        try:
            self._bytes: Bytes = np.zeros((number_of_slots, slot_bytes), np.uint8)
        except (MemoryError, ValueError) as error:
            raise BufferMemoryError(
                f"asked for {how_many(number_of_slots, 'slot')} of {how_many(slot_bytes, 'byte')}, "
                "which this machine cannot provide: use fewer or smaller slots"
            ) from error
        self._changed = threading.Condition()
        self._slots = [Slot() for _ in range(number_of_slots)]
        self._free = deque(range(number_of_slots))
        self._groups: list[Group] = []
        self._tokens: list[Token] = []
        self._ports: list[InProcessWriter | InProcessReader] = []
        self._claimed = self._published = self._aborted = self._torn = 0
        self._limit = 0
        self._paused = self._ending = self._finished = False
        self._full_ns = self._paused_ns = 0
        self._refused_full = self._refused_paused = 0
        self._created_ns = time.monotonic_ns()
        self._number = next(_ring_numbers)
        _rings[self._number] = self

    # --- opening

    def address(self) -> dict[str, Any]:
        """Return what :func:`ring_at` needs to find this ring again in this process."""
        return {"in_process_ring": self._number}

    def open_writer(self, token: int) -> InProcessWriter:
        """Open a writer, which takes one promise of the token if there is one left."""
        with self._changed:
            port = InProcessWriter(self, self._token(token))
            port._token.promised = max(0, port._token.promised - 1)
            port._token.open += 1
            self._ports.append(port)
            self._changed.notify_all()
            return port

    def open_reader(self, group: int) -> InProcessReader:
        """Open a reader of a group."""
        with self._changed:
            port = InProcessReader(self, self._group(group))
            self._ports.append(port)
            return port

    def open_observer(self) -> InProcessObserver:
        """Open an observer."""
        return InProcessObserver(self)

    # --- what the process that made the ring can do

    def add_writer(self) -> int:
        """Register one promised writer; returns its token."""
        with self._changed:
            self._tokens.append(Token())
            return len(self._tokens) - 1

    def promise_writer(self, token: int, count: int) -> None:
        """Change by `count` (may be negative) how many openings of the token are still expected."""
        with self._changed:
            promise = self._token(token)
            promise.promised = max(0, promise.promised + count)
            self._changed.notify_all()

    def add_group(self) -> int:
        """Add a reader group, due everything still in the ring; returns its number."""
        with self._changed:
            if len(self._groups) >= self._max_reader_groups:
                raise SetupError(
                    f"this buffer has {how_many(len(self._groups), 'reader group')} already, "
                    "its limit: raise max_reader_groups"
                )
            ready = [i for i, slot in enumerate(self._slots) if slot.state is State.READY]
            ready.sort(key=self._sequence_of)
            first = self._sequence_of(ready[0]) if ready else self._published + 1
            group = Group(len(self._groups), first, pending=ready, offered=len(ready))
            self._groups.append(group)
            for index in ready:
                if not self._slots[index].owed_to:
                    self._free.remove(index)
                self._slots[index].owed_to.add(group.number)
            self._changed.notify_all()
            return group.number

    def remove_group(self, group: int) -> int:
        """Remove a group; returns how many events due to it were abandoned."""
        with self._changed:
            gone = self._group(group)
            due = sorted([*gone.pending, *gone.held])
            for reader in gone.held.values():
                reader._in_hand.clear()
            gone.pending.clear()
            gone.held.clear()
            gone.removed = True
            gone.abandoned += len(due)
            for index in due:
                self._let_go(gone, index)
            self._changed.notify_all()
            return len(due)

    def pause(self, paused: bool) -> None:
        """Refuse (True) or allow (False) claims."""
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def end_writers(self) -> None:
        """Let every further claim end with ENDED."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()

    def end_after(self, events: int) -> None:
        """Let the stream end with the event of this publish number; 0 sets no limit."""
        with self._changed:
            self._limit = events
            self._end_at_limit()
            self._changed.notify_all()

    def end_readers(self) -> None:
        """Let every further take end with ENDED, whatever is still due."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def reap(self) -> int:
        """Recover what ports marked by :meth:`kill` held; returns how many there were."""
        with self._changed:
            dead = [port for port in self._ports if port._dead]
            for port in dead:
                if isinstance(port, InProcessWriter):
                    self._torn += port._drop_slots()
                port._leave()
            return len(dead)

    def kill(self, port: InProcessWriter | InProcessReader) -> None:
        """For tests: the owner of the port is dead and has not closed it."""
        port._dead = True

    def wait_drained(self, timeout_s: float) -> bool:
        """Block until nothing is in hand or due, or `timeout_s` is over."""
        with self._changed:
            return self._changed.wait_for(
                lambda: (
                    not self._in_hand()
                    and not any(group.pending or group.held for group in self._groups)
                ),
                min(timeout_s, threading.TIMEOUT_MAX),
            )

    def books(self) -> RingBooks:
        """Return the ledger, taken in one consistent moment."""
        with self._changed:
            return RingBooks(
                claimed=self._claimed,
                published=self._published,
                aborted=self._aborted,
                torn=self._torn,
                in_hand=self._in_hand(),
                free_slots=len(self._free),
                writers=sum(token.open for token in self._tokens),
                promised=sum(token.promised for token in self._tokens),
                paused=self._paused,
                ending=self._ending,
                ended=self._ended(),
                full_ns=self._full_ns,
                paused_ns=self._paused_ns,
                refused_full=self._refused_full,
                refused_paused=self._refused_paused,
                created_monotonic_ns=self._created_ns,
                groups=tuple(self._group_books(group) for group in self._groups),
            )

    def held(self) -> list[Holding]:
        """Return everything that is in anybody's hands, taken in one consistent moment."""
        with self._changed:
            pid = os.getpid()
            held = [
                Holding(WRITERS, index, slot.claims, pid, 0)
                for index, slot in enumerate(self._slots)
                if slot.state is State.CLAIMED
            ]
            for group in self._groups:
                held += [
                    Holding(
                        group.number, index, self._sequence_of(index), pid, group.deliveries[index]
                    )
                    for index in group.held
                ]
            return sorted(held, key=lambda holding: (holding.slot, holding.group))

    def waited(self) -> list[Waited]:
        """Return how long each open writer and reader has waited, for whatever reason."""
        with self._changed:
            return [Waited(os.getpid(), port.all_waited_ns()) for port in self._ports]

    def close(self) -> None:
        """Let nobody open this ring any more. Idempotent; open ports keep working."""
        _rings.pop(self._number, None)

    # --- the rules, all called with the lock held

    def _token(self, token: int) -> Token:
        if not 0 <= token < len(self._tokens):
            raise SetupError(f"there is no writer token {token} in this ring")
        return self._tokens[token]

    def _group(self, group: int) -> Group:
        if not 0 <= group < len(self._groups) or self._groups[group].removed:
            raise SetupError(f"there is no reader group {group} in this ring")
        return self._groups[group]

    def _sequence_of(self, index: int) -> int:
        return self._slots[index].sequence

    def _in_hand(self) -> int:
        return sum(slot.state is State.CLAIMED for slot in self._slots)

    def _ended(self) -> bool:
        """Whether claims are over: by order, or because every promised writer has come and gone."""
        all_left = bool(self._tokens) and not any(
            token.promised or token.open for token in self._tokens
        )
        return self._ending or all_left

    def _no_more_events(self) -> bool:
        return self._finished or (self._ended() and not self._in_hand())

    def _release(self, index: int) -> None:
        self._slots[index].state = State.FREE
        self._free.append(index)

    def _let_go(self, group: Group, index: int) -> None:
        """End the interest of a group in an event; the last one frees the slot."""
        group.deliveries.pop(index, None)
        group.failures.pop(index, None)
        owed_to = self._slots[index].owed_to
        owed_to.remove(group.number)
        if not owed_to:
            self._release(index)

    def _publish(self, index: int) -> None:
        slot = self._slots[index]
        self._published += 1
        slot.sequence = self._published
        slot.published_ns = time.monotonic_ns()
        slot.state = State.READY
        for group in self._groups:
            if not group.removed:
                slot.owed_to.add(group.number)
                group.pending.append(index)
                group.offered += 1
        if not slot.owed_to:
            self._free.append(index)
        self._end_at_limit()

    def _end_at_limit(self) -> None:
        if self._limit and self._published >= self._limit:
            self._ending = True

    def _left_to_claim(self) -> int:
        """How many more slots may become events."""
        if not self._limit:
            return self.number_of_slots
        return max(0, self._limit - self._published - self._in_hand())

    def _group_books(self, group: Group) -> GroupBooks:
        return GroupBooks(
            group=group.number,
            offered=group.offered,
            acknowledged=group.acknowledged,
            quarantined=group.quarantined,
            pending=len(group.pending),
            held=len(group.held),
            abandoned=group.abandoned,
            redelivered=group.redelivered,
            readers=sum(
                isinstance(port, InProcessReader) and port._group is group for port in self._ports
            ),
            waiting_ns=group.waiting_ns,
            first_sequence=group.first_sequence,
        )
