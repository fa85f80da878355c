"""The in-process ring, as the process that made it holds it."""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from typing import Any

import numpy as np

from mimocorb._words import how_many
from mimocorb.buffers.in_process.observer import InProcessObserver
from mimocorb.buffers.in_process.port import Port
from mimocorb.buffers.in_process.reader import InProcessReader
from mimocorb.buffers.in_process.state import Group, RingState, State, Token
from mimocorb.buffers.in_process.writer import InProcessWriter
from mimocorb.buffers.ledgers import WRITERS, GroupLedger, Holding, RingLedger, Waited
from mimocorb.errors import BufferMemoryError, BufferUnreachable, SetupError

__all__ = ["InProcessRing", "make_ring", "open_observer", "open_reader", "open_writer", "ring_at"]

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
        is_sized: bool = False,  # noqa: ARG002 - whole slots are copied
    ) -> None:
        self.number_of_slots = number_of_slots
        self.slot_bytes = slot_bytes
        self._max_reader_groups = max_reader_groups
        try:
            # slots begin at whole words, as in shared memory: one may begin with a length
            whole_words = -(-slot_bytes // 8) * 8
            payload = np.zeros((number_of_slots, whole_words), np.uint8)[:, :slot_bytes]
        except (MemoryError, ValueError) as error:
            raise BufferMemoryError(
                f"asked for {how_many(number_of_slots, 'slot')} of {how_many(slot_bytes, 'byte')}, "
                "which this machine cannot provide: use fewer or smaller slots"
            ) from error
        self._state = RingState(payload, max_deliveries)
        self._ports: list[Port] = []
        self._created_ns = time.monotonic_ns()
        self._number = next(_ring_numbers)
        _rings[self._number] = self

    # --- opening

    def address(self) -> dict[str, Any]:
        """Return what :func:`ring_at` needs to find this ring again in this process."""
        return {"in_process_ring": self._number}

    def open_writer(self, token: int) -> InProcessWriter:
        """Open a writer, which takes one promise of the token if there is one left."""
        with self._state.changed:
            port = InProcessWriter(self._state, self._state.token(token))
            self._ports.append(port)
            return port

    def open_reader(self, group: int) -> InProcessReader:
        """Open a reader of a group."""
        with self._state.changed:
            port = InProcessReader(self._state, self._state.group(group))
            self._ports.append(port)
            return port

    def open_observer(self) -> InProcessObserver:
        """Open an observer."""
        return InProcessObserver(self._state)

    # --- what the process that made the ring can do

    def add_writer(self) -> int:
        """Register one promised writer; returns its token."""
        with self._state.changed:
            self._state.tokens.append(Token())
            return len(self._state.tokens) - 1

    def promise_writer(self, token: int, count: int) -> None:
        """Change by `count` (may be negative) how many openings of the token are still expected."""
        with self._state.changed:
            promise = self._state.token(token)
            promise.promised = max(0, promise.promised + count)
            self._state.changed.notify_all()

    def add_group(self) -> int:
        """Add a reader group, due everything still in the ring; returns its number."""
        state = self._state
        with state.changed:
            if len(state.groups) >= self._max_reader_groups:
                raise SetupError(
                    f"this buffer has {how_many(len(state.groups), 'reader group')} already, "
                    "its limit: raise max_reader_groups"
                )
            ready = [i for i, slot in enumerate(state.slots) if slot.state is State.READY]
            ready.sort(key=state.sequence_of)
            first = state.sequence_of(ready[0]) if ready else state.published + 1
            group = Group(len(state.groups), first, pending=ready, offered=len(ready))
            state.groups.append(group)
            for index in ready:
                if not state.slots[index].owed_to:
                    state.free.remove(index)
                state.slots[index].owed_to.add(group.number)
            state.changed.notify_all()
            return group.number

    def remove_group(self, group: int) -> int:
        """Remove a group; returns how many events due to it were abandoned."""
        state = self._state
        with state.changed:
            gone = state.group(group)
            due = sorted([*gone.pending, *gone.held])
            for port in self._ports:
                if isinstance(port, InProcessReader) and port.group is gone:
                    port.in_hand.clear()
            gone.pending.clear()
            gone.held.clear()
            gone.removed = True
            gone.abandoned += len(due)
            for index in due:
                state.let_go(gone, index)
            state.changed.notify_all()
            return len(due)

    def pause(self, paused: bool) -> None:
        """Refuse (True) or allow (False) claims."""
        with self._state.changed:
            self._state.paused = paused
            self._state.changed.notify_all()

    def end_writers(self) -> None:
        """Let every further claim end with ENDED."""
        with self._state.changed:
            self._state.ending = True
            self._state.changed.notify_all()

    def end_after(self, events: int) -> None:
        """Let the stream end with the event of this publish number; 0 sets no limit."""
        with self._state.changed:
            self._state.limit = events
            self._state.end_at_limit()
            self._state.changed.notify_all()

    def end_readers(self) -> None:
        """Let every further take end with ENDED, whatever is still due."""
        with self._state.changed:
            self._state.readers_ended = True
            self._state.changed.notify_all()

    def reap(self) -> int:
        """Recover what ports marked by :meth:`kill` held; returns how many there were."""
        with self._state.changed:
            dead = [port for port in self._open_ports() if port.is_dead]
            for port in dead:
                port.recover()
            if dead:
                self._state.forget_turn()
            return len(dead)

    def kill(self, port: Port) -> None:
        """For tests: the owner of the port is dead and has not closed it."""
        port.is_dead = True

    def wait_drained(self, timeout_s: float) -> bool:
        """Block until nothing is in hand or due, or `timeout_s` is over."""
        with self._state.changed:
            return self._state.changed.wait_for(
                lambda: (
                    not self._state.in_hand()
                    and not any(group.pending or group.held for group in self._state.groups)
                ),
                min(timeout_s, threading.TIMEOUT_MAX),
            )

    def ledger(self) -> RingLedger:
        """Return the ledger, taken in one consistent moment."""
        state = self._state
        with state.changed:
            return RingLedger(
                claimed=state.claimed,
                published=state.published,
                aborted=state.aborted,
                torn=state.torn,
                in_hand=state.in_hand(),
                free_slots=len(state.free),
                writers=sum(token.open for token in state.tokens),
                promised=sum(token.promised for token in state.tokens),
                paused=state.paused,
                ending=state.ending,
                ended=state.ended(),
                full_ns=state.full_ns,
                paused_ns=state.paused_ns,
                refused_full=state.refused_full,
                refused_paused=state.refused_paused,
                created_monotonic_ns=self._created_ns,
                groups=tuple(self._group_ledger(group) for group in state.groups),
            )

    def held(self) -> list[Holding]:
        """Return everything that is in anybody's hands, taken in one consistent moment."""
        with self._state.changed:
            pid, sequence_of = os.getpid(), self._state.sequence_of
            held = [
                Holding(WRITERS, index, slot.claims, pid, 0)
                for index, slot in enumerate(self._state.slots)
                if slot.state is State.CLAIMED
            ]
            for group in self._state.groups:
                held += [
                    Holding(group.number, index, sequence_of(index), pid, group.deliveries[index])
                    for index in group.held
                ]
            return sorted(held, key=lambda holding: (holding.slot, holding.group))

    def waited(self) -> list[Waited]:
        """Return how long each open writer and reader has waited, for whatever reason."""
        with self._state.changed:
            return [Waited(os.getpid(), port.all_waited_ns()) for port in self._open_ports()]

    def close(self) -> None:
        """Let nobody open this ring any more. Idempotent; open ports keep working."""
        _rings.pop(self._number, None)

    def _open_ports(self) -> list[Port]:
        self._ports = [port for port in self._ports if port.is_open]
        return self._ports

    @staticmethod
    def _group_ledger(group: Group) -> GroupLedger:
        return GroupLedger(
            group=group.number,
            offered=group.offered,
            acknowledged=group.acknowledged,
            quarantined=group.quarantined,
            pending=len(group.pending),
            held=len(group.held),
            abandoned=group.abandoned,
            redelivered=group.redelivered,
            readers=group.readers,
            waiting_ns=group.waiting_ns,
            first_sequence=group.first_sequence,
        )


make_ring = InProcessRing


def open_writer(address: dict[str, Any], token: int) -> InProcessWriter:
    """Open a writer on the ring at `address`."""
    return ring_at(address).open_writer(token)


def open_reader(address: dict[str, Any], group: int) -> InProcessReader:
    """Open a reader of `group` on the ring at `address`."""
    return ring_at(address).open_reader(group)


def open_observer(address: dict[str, Any]) -> InProcessObserver:
    """Open an observer on the ring at `address`."""
    return ring_at(address).open_observer()
