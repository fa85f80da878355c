"""The ports of the in-process ring: one writer, one reader, one observer.

A port knows what is in its hands; the rules for slots and groups are in
:mod:`mimocorb._buffer.in_process`, whose lock every method here takes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._buffer.contract import Bytes, Counters, Floats, Snapshot, Status
from mimocorb._buffer.in_process_state import Group, Slot, State, Token
from mimocorb.errors import HandleMisuse

if TYPE_CHECKING:
    from mimocorb._buffer.in_process import InProcessRing

__all__ = ["InProcessObserver", "InProcessReader", "InProcessWriter"]


class Port:
    """What writers and readers have in common: slots in hand, closing, waiting."""

    def __init__(self, ring: InProcessRing) -> None:
        self._ring = ring
        self._in_hand: list[int] = []
        self._dead = False
        self._closed = False

    def _check_open(self) -> None:
        if self._closed or self._dead:
            raise HandleMisuse("this handle is closed: open a new one from its set-up dictionary")

    def _check_in_hand(self, index: int) -> Slot:
        self._check_open()
        if index not in self._in_hand:
            raise HandleMisuse(f"slot {index} is not in the hands of this handle")
        return self._ring._slots[index]

    def _wait(
        self, status: Callable[[], int], timeout_s: float, account: Callable[[int, int], None]
    ) -> int:
        """Wait while `status()` is NOT_NOW or PAUSED, and account the time to that cause."""
        deadline = time.monotonic() + timeout_s
        changed = self._ring._changed
        with changed:
            self._check_open()
            while (cause := status()) in (Status.NOT_NOW, Status.PAUSED):
                started_ns = time.monotonic_ns()
                remaining_s = deadline - time.monotonic()
                if remaining_s <= 0:
                    return Status.NOT_NOW
                changed.wait(min(remaining_s, threading.TIMEOUT_MAX))
                account(cause, time.monotonic_ns() - started_ns)
                self._check_open()
            return cause


def _run_length(indices: list[int], count: int) -> int:
    """How many of the first `count` indices are neighbouring slots in rising order."""
    length = 1
    while length < min(count, len(indices)) and indices[length] == indices[length - 1] + 1:
        length += 1
    return length


class InProcessWriter(Port):
    """One open writer."""

    def __init__(self, ring: InProcessRing, token: Token) -> None:
        super().__init__(ring)
        self._token = token
        self._counter = 0
        self._full_ns = self._paused_ns = 0

    def advance(self) -> int:
        """Publish what is in hand, then claim one slot: its number, or a negative Status."""
        with self._ring._changed:
            self.publish()
            return self.claim(1)[0]

    def claim(self, count: int) -> tuple[int, int]:
        """Claim up to `count` neighbouring slots: (first, claimed), or (Status, 0)."""
        ring = self._ring
        with ring._changed:
            self._check_open()
            status = self._status()
            if status < 0:
                return status, 0
            length = _run_length(list(ring._free), min(count, ring._left_to_claim()))
            taken = [ring._free.popleft() for _ in range(length)]
            for index in taken:
                claims = ring._slots[index].claims + 1
                ring._slots[index] = Slot(state=State.CLAIMED, claims=claims)
            ring._claimed += length
            self._in_hand += taken
            return taken[0], length

    def publish(self) -> int:
        """Publish everything in hand, in the order of claiming; returns how many events."""
        ring = self._ring
        with ring._changed:
            self._check_open()
            published = self._in_hand.copy()
            self._in_hand.clear()
            for index in published:
                slot = ring._slots[index]
                if not slot.metadata_set:
                    slot.counter, slot.timestamp_s = self._counter, time.time()
                self._counter += 1
                ring._publish(index)
            ring._changed.notify_all()
            return len(published)

    def abort(self) -> int:
        """Give everything in hand back unpublished; returns how many slots that were."""
        with self._ring._changed:
            self._check_open()
            dropped = self._drop_slots()
            self._ring._aborted += dropped
            return dropped

    def set_metadata(self, slot: int, counter: int, timestamp_s: float, deadtime: float) -> None:
        """Set the metadata of a slot in hand."""
        with self._ring._changed:
            mine = self._check_in_hand(slot)
            mine.counter, mine.timestamp_s, mine.deadtime = counter, timestamp_s, deadtime
            mine.metadata_set = True

    def set_metadata_run(
        self, first: int, counters: Counters, timestamps_s: Floats, deadtimes: Floats
    ) -> None:
        """Set the metadata of neighbouring slots in hand."""
        for i, values in enumerate(zip(counters, timestamps_s, deadtimes, strict=True)):
            self.set_metadata(first + i, *(value.item() for value in values))

    def fill(self, slot: int, source: NDArray[Any]) -> None:
        """Copy `source`, as many bytes as a slot has and in one piece, into a slot in hand."""
        with self._ring._changed:
            self._check_in_hand(slot)
            self._ring._bytes[slot].data[:] = np.frombuffer(source, np.uint8).data

    def slot(self, index: int) -> Bytes:
        """Return the bytes of one slot: a writable view."""
        view: Bytes = self._ring._bytes[index]
        return view

    def slots(self, first: int, count: int) -> Bytes:
        """Return the bytes of neighbouring slots: a writable view, shape (count, slot_bytes)."""
        return self._ring._bytes[first : first + count]

    def wait(self, timeout_s: float, spin_s: float) -> int:  # noqa: ARG002 - nothing to spin for
        """Block until claiming may succeed or `timeout_s` is over; 0, NOT_NOW or ENDED."""
        return self._wait(self._status, timeout_s, self._account)

    def refuse(self) -> int:
        """Count one claim that is given up, by the cause that holds now; PAUSED or NOT_NOW."""
        ring = self._ring
        with ring._changed:
            self._check_open()
            if ring._paused:
                ring._refused_paused += 1
                return Status.PAUSED
            ring._refused_full += 1
            return Status.NOT_NOW

    def waited_ns(self) -> tuple[int, int]:
        """Time this writer has waited because the ring was (full, paused)."""
        return self._full_ns, self._paused_ns

    def all_waited_ns(self) -> int:
        """Time this writer has waited for anything."""
        return self._full_ns + self._paused_ns

    def close(self) -> None:
        """Abort what is in hand and leave. Idempotent."""
        with self._ring._changed:
            if not self._closed and not self._dead:
                self.abort()
                self._leave()

    def _status(self) -> int:
        if self._ring._ending:
            return Status.ENDED
        if self._ring._paused:
            return Status.PAUSED
        return 0 if self._ring._free and self._ring._left_to_claim() else Status.NOT_NOW

    def _account(self, cause: int, waited_ns: int) -> None:
        if cause == Status.PAUSED:
            self._paused_ns += waited_ns
            self._ring._paused_ns += waited_ns
        else:
            self._full_ns += waited_ns
            self._ring._full_ns += waited_ns

    def _drop_slots(self) -> int:
        dropped = self._in_hand.copy()
        self._in_hand.clear()
        for index in dropped:
            self._ring._release(index)
        self._ring._changed.notify_all()
        return len(dropped)

    def _leave(self) -> None:
        self._closed = True
        self._token.open -= 1
        self._ring._ports.remove(self)
        self._ring._changed.notify_all()


class InProcessReader(Port):
    """One open reader of a group."""

    def __init__(self, ring: InProcessRing, group: Group) -> None:
        super().__init__(ring)
        self._group = group
        self._waited_ns = self._turn_ns = 0

    def advance(self) -> int:
        """Acknowledge what is in hand, then take one event: its slot, or a negative Status."""
        with self._ring._changed:
            self.acknowledge()
            return self.take(1)[0]

    def take(self, count: int) -> tuple[int, int]:
        """Take up to `count` events in neighbouring slots: (first, taken), or (Status, 0)."""
        with self._ring._changed:
            self._check_open()
            status = self._status()
            if status < 0:
                return status, 0
            group = self._group
            length = _run_length(group.pending, count)
            alone = [self._comes_alone(index) for index in group.pending[:length]]
            if any(alone):
                length = max(1, alone.index(True))
            poisonous = self._too_often(group.pending[0])
            taken, group.pending[:length] = group.pending[:length], []
            for index in taken:
                group.held[index] = self
                group.deliveries[index] = group.deliveries.get(index, 0) + 1
            self._in_hand += taken
            return (Status.POISONOUS, 0) if poisonous else (taken[0], length)

    def acknowledge(self) -> int:
        """Acknowledge everything in hand; returns how many events that were."""
        return self.acknowledge_first(len(self._in_hand))

    def acknowledge_first(self, count: int) -> int:
        """Acknowledge the first `count` events in hand, or all of them; returns how many."""
        with self._ring._changed:
            done = self._finish(count)
            self._group.acknowledged += done
            return done

    def poisonous(self) -> int:
        """Return the slot of the event in hand after POISONOUS."""
        return self._in_hand[-1]

    def quarantine(self) -> int:
        """Set everything in hand aside for good, and count it; returns how many events."""
        with self._ring._changed:
            done = self._finish(len(self._in_hand))
            self._group.quarantined += done
            return done

    def give_back(self, failed: bool = True) -> int:
        """Return everything in hand to the group, to be delivered again; returns how many."""
        with self._ring._changed:
            self._check_open()
            return self._return_events(failed)

    def metadata(self, slot: int) -> tuple[int, float, float]:
        """``(counter, timestamp_s, deadtime)`` of an event in hand."""
        with self._ring._changed:
            held = self._check_in_hand(slot)
            return held.counter, held.timestamp_s, held.deadtime

    def metadata_run(
        self, first: int, counters: Counters, timestamps_s: Floats, deadtimes: Floats
    ) -> None:
        """Fill the arrays with the metadata of neighbouring events in hand."""
        for i in range(len(counters)):
            counters[i], timestamps_s[i], deadtimes[i] = self.metadata(first + i)

    def sequence(self, slot: int) -> int:
        """Publish number of an event in hand, 1 for the first of the ring."""
        with self._ring._changed:
            return self._check_in_hand(slot).sequence

    def delivery(self, slot: int) -> int:
        """How often an event in hand has been handed out, 1 at first."""
        with self._ring._changed:
            self._check_in_hand(slot)
            return self._group.deliveries[slot]

    def copy(self, slot: int, target: NDArray[Any]) -> None:
        """Copy an event in hand into `target`: as many bytes as a slot has, and in one piece."""
        with self._ring._changed:
            self._check_in_hand(slot)
            np.frombuffer(target, np.uint8).data[:] = self._ring._bytes[slot].data

    def slot(self, index: int) -> Bytes:
        """Return the bytes of one slot: a read-only view."""
        view: Bytes = self.slots(index, 1)[0]
        return view

    def slots(self, first: int, count: int) -> Bytes:
        """Return the bytes of neighbouring slots: a read-only view, shape (count, slot_bytes)."""
        # Through a memoryview, as a flag of the array alone could be set back by its user.
        return np.asarray(self._ring._bytes[first : first + count].data.toreadonly())

    def wait(self, timeout_s: float, spin_s: float) -> int:  # noqa: ARG002 - nothing to spin for
        """Block until taking may succeed or `timeout_s` is over; 0, NOT_NOW or ENDED."""
        return self._wait(self._status, timeout_s, self._account)

    def wait_turn(self, slot: int, timeout_s: float, spin_s: float) -> int:  # noqa: ARG002
        """Block until the group has finished with every event before the one in `slot`."""
        return self._wait(lambda: self._turn(slot), timeout_s, self._account_turn)

    def waited_ns(self) -> int:
        """Time this reader has waited for data."""
        return self._waited_ns

    def all_waited_ns(self) -> int:
        """Time this reader has waited for anything."""
        return self._waited_ns + self._turn_ns

    def close(self) -> None:
        """Give back what is in hand and leave. Idempotent."""
        with self._ring._changed:
            if not self._closed and not self._dead:
                self._leave()

    def _status(self) -> int:
        if self._ring._finished or self._group.removed:
            return Status.ENDED
        if self._group.pending:
            return 0
        # What a colleague holds may come back, so its end is not yet ours.
        held_by_others = any(reader is not self for reader in self._group.held.values())
        if self._ring._no_more_events() and not held_by_others:
            return Status.ENDED
        return Status.NOT_NOW

    def _turn(self, slot: int) -> int:
        if self._group.removed:
            return 0
        mine = self._ring._sequence_of(slot)
        held_by_others = [index for index, reader in self._group.held.items() if reader is not self]
        if any(self._ring._sequence_of(index) < mine for index in self._group.pending):
            return Status.EARLIER
        if any(self._ring._sequence_of(index) < mine for index in held_by_others):
            return Status.NOT_NOW
        return 0

    def _too_often(self, index: int) -> bool:
        return self._group.failures.get(index, 0) >= self._ring.max_deliveries

    def _comes_alone(self, index: int) -> bool:
        """So that what an event does to its reader does not count against others of its batch."""
        return self._group.failures.get(index, 0) > 0 or self._ring.max_deliveries == 1

    def _account(self, cause: int, waited_ns: int) -> None:  # noqa: ARG002 - only one cause
        self._waited_ns += waited_ns
        self._group.waiting_ns += waited_ns

    def _account_turn(self, cause: int, waited_ns: int) -> None:  # noqa: ARG002 - only one cause
        self._turn_ns += waited_ns

    def _finish(self, count: int) -> int:
        """End the group's interest in the first events in hand, in the order of taking."""
        self._check_open()
        done, self._in_hand[:count] = self._in_hand[:count], []
        for index in done:
            del self._group.held[index]
            self._ring._let_go(self._group, index)
        self._ring._changed.notify_all()
        return len(done)

    def _return_events(self, failed: bool) -> int:
        """Put what is in hand back among the pending events, at its place in publish order."""
        returned = len(self._in_hand)
        self._group.redelivered += returned
        for index in self._in_hand:
            del self._group.held[index]
            self._group.failures[index] = self._group.failures.get(index, 0) + failed
        self._group.pending = sorted(
            [*self._group.pending, *self._in_hand], key=self._ring._sequence_of
        )
        self._in_hand.clear()
        self._ring._changed.notify_all()
        return returned

    def _leave(self) -> None:
        self._return_events(failed=True)
        self._closed = True
        self._ring._ports.remove(self)
        self._ring._changed.notify_all()


class InProcessObserver:
    """One observer: it copies and leaves no trace."""

    def __init__(self, ring: InProcessRing) -> None:
        self._ring = ring

    def snapshot(self, target: Bytes) -> Snapshot | None:
        """Copy the newest event that is still whole; None while there is none."""
        ring = self._ring
        with ring._changed:
            index = max(range(ring.number_of_slots), key=ring._sequence_of)
            slot = ring._slots[index]
            if slot.sequence == 0:
                return None
            np.copyto(target, ring._bytes[index])
            age_s = (time.monotonic_ns() - slot.published_ns) * 1e-9
            return Snapshot(slot.sequence, slot.counter, slot.timestamp_s, slot.deadtime, age_s)

    def newest(self) -> int:
        """Publish number of the newest event, 0 before the first."""
        return self._ring._published

    def wait(self, newer_than: int, timeout_s: float) -> int:
        """Block until an event newer than the given one is there; 0, NOT_NOW or ENDED."""
        ring = self._ring
        with ring._changed:
            ring._changed.wait_for(
                lambda: ring._published > newer_than or ring._no_more_events(),
                min(timeout_s, threading.TIMEOUT_MAX),
            )
            if ring._published > newer_than:
                return 0
            return Status.ENDED if ring._no_more_events() else Status.NOT_NOW

    def close(self) -> None:
        """Nothing to let go of."""
