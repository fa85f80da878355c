"""One open writer of the in-process ring."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import NO_TIME, MetadataRows
from mimocorb.buffers.contract import Bytes, Places, Status
from mimocorb.buffers.in_process.port import Port
from mimocorb.buffers.in_process.state import RingState, Token
from mimocorb.errors import HandleMisuse

if TYPE_CHECKING:
    from mimocorb.buffers.time_account import TimeAccount

__all__ = ["InProcessWriter"]


class InProcessWriter(Port):
    """One open writer."""

    def __init__(self, state: RingState, token: Token) -> None:
        super().__init__(state)
        self._token = token
        self._counter = 0
        self._claimed_by = 0
        self._full_ns = self._paused_ns = 0
        token.promised = max(0, token.promised - 1)
        token.open += 1
        state.changed.notify_all()

    def advance(self) -> int:
        """Publish what is in hand, then claim one slot: its number, or a negative Status."""
        return self.advance_batch(1)[0]

    def advance_batch(self, count: int) -> tuple[int, int]:
        """Publish what is in hand, then do the same as :meth:`claim`, in one step."""
        with self._state.changed:
            self._check_thread()
            self.publish()
            return self.claim(count)

    def claim(self, count: int) -> tuple[int, int]:
        """Claim up to `count` neighbouring slots: (first, claimed), or (Status, 0)."""
        state = self._state
        with state.changed:
            self._check_thread()
            status = self._status()
            if status < 0 or count == 0:
                return status, 0
            self._claimed_by = threading.get_ident()
            taken = state.claim(min(count, state.left_to_claim()))
            self.in_hand += taken
            return taken[0], len(taken)

    def claim_anywhere(self, count: int) -> int:
        """Claim up to `count` slots, neighbours or not; how many, or a Status if none."""
        claimed = 0
        with self._state.changed:
            while claimed < count:
                status, more = self.claim(count - claimed)
                if status < 0:
                    return claimed or status
                claimed += more
        return claimed

    def fill_claimed(
        self, at: int, rows: NDArray[Any], index: Places, metadata: MetadataRows, places: Places
    ) -> None:
        """Copy rows with their metadata and marks into slots in hand."""
        with self._state.changed:
            for slot, row, place in zip(self.in_hand[at:], index, places, strict=False):
                *own, marked = metadata[place].item()
                self.fill(slot, rows[row])
                self.set_metadata(slot, *own)
                self._state.slots[slot].may_repeat = marked

    def publish(self) -> int:
        """Publish everything in hand, in the order of claiming; returns how many events."""
        return self.publish_first(len(self.in_hand))

    def publish_first(self, count: int) -> int:
        """Publish the first `count` slots in hand, in the order of claiming; returns how many."""
        state = self._state
        with state.changed:
            self.check_open()
            published, self.in_hand[:count] = self.in_hand[:count], []
            for index in published:
                slot = state.slots[index]
                if not slot.metadata_set:
                    slot.counter, slot.timestamp_s = self._counter, time.time()
                self._counter += 1
                state.publish(index)
            state.changed.notify_all()
            return len(published)

    def abort(self) -> int:
        """Give everything in hand back unpublished; returns how many slots that were."""
        with self._state.changed:
            self.check_open()
            dropped = self._drop_slots()
            self._state.aborted += dropped
            return dropped

    def set_metadata(
        self,
        slot: int,
        counter: int,
        timestamp_s: float,
        deadtime: float,
        time_ns: int = NO_TIME,
    ) -> None:
        """Set the metadata of a slot in hand."""
        with self._state.changed:
            mine = self.slot_in_hand(slot)
            mine.counter, mine.timestamp_s, mine.deadtime = counter, timestamp_s, deadtime
            mine.time_ns = time_ns
            mine.metadata_set = True

    def mark_repeat(self, slot: int) -> None:
        """Mark a slot in hand as that of an event that may be there already."""
        with self._state.changed:
            self.slot_in_hand(slot).may_repeat = True

    def set_metadata_run(self, first: int, metadata: MetadataRows) -> None:
        """Set the metadata of neighbouring slots in hand."""
        for slot, (*own, _) in enumerate(metadata.tolist(), first):
            self.set_metadata(slot, *own)

    def fill(self, slot: int, source: NDArray[Any]) -> None:
        """Copy `source`, as many bytes as a slot has and in one piece, into a slot in hand."""
        with self._state.changed:
            self.slot_in_hand(slot)
            self._state.payload[slot].data[:] = np.frombuffer(source, np.uint8).data

    def put(
        self,
        source: Any,
        counter: int,
        timestamp_s: float,
        deadtime: float,
        time_ns: int = NO_TIME,
    ) -> int:
        """Copy an event into a slot of its own and publish it: 0, or a negative Status."""
        with self._state.changed:
            slot = self.advance()
            if slot < 0:
                return slot
            self.fill(slot, source)
            self.set_metadata(slot, counter, timestamp_s, deadtime, time_ns)
            self.publish()
            return 0

    def put_event(self, source: Any, counter: int, account: TimeAccount) -> int:
        """Do what :meth:`put` does for the event that a source reads out, and tell its account."""
        status = self.put(source, counter, time.time(), account.deadtime())
        if status == 0:
            account.event_is_published()
        return status

    def put_many(self, rows: NDArray[Any], metadata: MetadataRows, first: int) -> int:
        """Copy the rows from `first` on into slots and publish them, as many as find room."""
        events = list(zip(rows, metadata.tolist(), strict=True))
        with self._state.changed:
            for done, (row, (*own, _)) in enumerate(events[first:]):
                status = self.put(row, *own)
                if status < 0:
                    return done or status
            return len(events) - first

    def slot(self, index: int) -> Bytes:
        """Return the bytes of one slot: a writable view."""
        view: Bytes = self._state.payload[index]
        return view

    def slots(self, first: int, count: int) -> Bytes:
        """Return the bytes of neighbouring slots: a writable view, shape (count, slot_bytes)."""
        return self._state.payload[first : first + count]

    def wait(self, timeout_s: float, spin_s: float) -> int:  # noqa: ARG002 - nothing to spin for
        """Block until claiming may succeed or `timeout_s` is over; 0, NOT_NOW or ENDED."""
        return self.wait_until(self._status, timeout_s, self._account)

    def refuse(self) -> int:
        """Count one claim that is given up, by the cause that holds now; PAUSED or NOT_NOW."""
        state = self._state
        with state.changed:
            self.check_open()
            if state.paused:
                state.refused_paused += 1
                return Status.PAUSED
            state.refused_full += 1
            return Status.NOT_NOW

    def waited_ns(self) -> tuple[int, int]:
        """Time this writer has waited because the ring was (full, paused)."""
        return self._full_ns, self._paused_ns

    def all_waited_ns(self) -> int:
        """Time this writer has waited for anything."""
        return self._full_ns + self._paused_ns

    def close(self) -> None:
        """Abort what is in hand and leave. Idempotent."""
        with self._state.changed:
            if self.is_open and not self.is_dead:
                self.abort()
                self._leave()

    def recover(self) -> None:
        """Count what a dead owner had in hand as torn, and close."""
        self._state.torn += self._drop_slots()
        self._leave()

    def _check_thread(self) -> None:
        self.check_open()
        if self.in_hand and self._claimed_by != threading.get_ident():
            raise HandleMisuse("used by two threads at once, the other one has a slot in hand")

    def _status(self) -> int:
        if self._state.ending:
            return Status.ENDED
        if self._state.paused:
            return Status.PAUSED
        return 0 if self._state.free and self._state.left_to_claim() else Status.NOT_NOW

    def _account(self, cause: int, waited_ns: int) -> None:
        if cause == Status.PAUSED:
            self._paused_ns += waited_ns
            self._state.paused_ns += waited_ns
        else:
            self._full_ns += waited_ns
            self._state.full_ns += waited_ns

    def _drop_slots(self) -> int:
        dropped = self.in_hand.copy()
        self.in_hand.clear()
        for index in dropped:
            self._state.release(index)
        self._state.changed.notify_all()
        return len(dropped)

    def _leave(self) -> None:
        self.is_open = False
        self._token.open -= 1
        self._state.changed.notify_all()
