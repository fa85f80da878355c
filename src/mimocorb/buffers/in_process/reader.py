"""One open reader of a group of the in-process ring."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import MetadataRows
from mimocorb.buffers.contract import ALL, Bytes, Places, Status
from mimocorb.buffers.in_process.port import Port, run_length
from mimocorb.buffers.in_process.state import Group, RingState

__all__ = ["InProcessReader"]


class InProcessReader(Port):
    """One open reader of a group."""

    def __init__(self, state: RingState, group: Group) -> None:
        super().__init__(state)
        self.group = group
        group.readers += 1
        self._waited_ns = self._turn_ns = 0
        self._scattered = False

    def advance(self) -> int:
        """Acknowledge what is in hand, then take one event: its slot, or a negative Status."""
        return self.advance_batch(1)[0]

    def advance_batch(self, count: int) -> tuple[int, int]:
        """Acknowledge what is in hand, then do the same as :meth:`take`, in one step."""
        with self._state.changed:
            self.acknowledge()
            return self.take(count)

    def take(self, count: int) -> tuple[int, int]:
        """Take up to `count` events in neighbouring slots: (first, taken), or (Status, 0)."""
        with self._state.changed:
            self.check_open()
            status = self._status()
            if status < 0:
                return status, 0
            group = self.group
            length = min(count, len(group.pending))
            if not self._scattered:
                length = run_length(group.pending, length)
            first = self._state.slots[group.pending[0]].sequence
            joins = [
                self._state.slots[index].sequence == first + offset and not self._comes_alone(index)
                for offset, index in enumerate(group.pending[:length])
            ]
            length = max(1, (*joins, False).index(False))
            poisonous = self._too_often(group.pending[0])
            taken, group.pending[:length] = group.pending[:length], []
            for index in taken:
                group.held[index] = self
                group.deliveries[index] = group.deliveries.get(index, 0) + 1
            self.in_hand += taken
            return (Status.POISONOUS, 0) if poisonous else (taken[0], length)

    def scatter(self, scattered: bool) -> None:
        """Let what is taken together lie anywhere (True), or in neighbouring slots (False)."""
        self._scattered = scattered

    def are_neighbours(self) -> bool:
        """Whether the events in hand, in the order of taking, lie one behind the other."""
        return run_length(self.in_hand, len(self.in_hand)) == len(self.in_hand)

    def held_by_others(self) -> int:
        """Return how many events the other readers of the group have in hand, about now."""
        return len(self.group.held) - len(self.in_hand)

    def slots_in_hand(self, slots: Places) -> None:
        """Fill the array with the slots of the events in hand, in the order of taking."""
        slots[:] = self.in_hand

    def acknowledge(self) -> int:
        """Acknowledge everything in hand; returns how many events that were."""
        return self.acknowledge_first(len(self.in_hand))

    def acknowledge_first(self, count: int) -> int:
        """Acknowledge the first `count` events in hand, or all of them; returns how many."""
        with self._state.changed:
            done = self._finish(count)
            self.group.acknowledged += done
            return done

    def poisonous(self) -> int:
        """Return the slot of the event that came with POISONOUS, the last one in hand."""
        return self.in_hand[-1]

    def quarantine(self, count: int = ALL) -> int:
        """Set the last `count` events in hand aside for good, and count them; returns how many."""
        with self._state.changed:
            done = self._finish(count, first=self._place_of_last(count))
            self.group.quarantined += done
            return done

    def give_back(self, failed: bool = True, count: int = ALL) -> int:
        """Return the last `count` events in hand to the group, to be delivered again."""
        with self._state.changed:
            self.check_open()
            return self._return_events(failed, self._place_of_last(count))

    def _place_of_last(self, count: int) -> int:
        """Return the place in hand of the first of the last `count` events."""
        return max(0, len(self.in_hand) - count)

    def absolve(self) -> None:
        """Let what counts towards being POISONOUS begin anew for the events in hand; they stay."""
        with self._state.changed:
            self.check_open()
            for slot in self.in_hand:
                self.group.failures.pop(slot, None)

    def metadata(self, slot: int) -> tuple[int, float, float, int]:
        """``(counter, timestamp_s, deadtime, time_ns)`` of an event in hand."""
        with self._state.changed:
            held = self.slot_in_hand(slot)
            return held.counter, held.timestamp_s, held.deadtime, held.time_ns

    def metadata_at(self, places: Places, metadata: MetadataRows) -> None:
        """Fill the rows with what is known of the events at these places among those in hand."""
        with self._state.changed:
            everything = np.empty(len(self.in_hand), metadata.dtype)
            self.metadata_in_hand(everything)
            metadata[:] = everything[places]

    def metadata_in_hand(self, metadata: MetadataRows) -> None:
        """Fill the rows with what is known of the events in hand, in the order of taking."""
        with self._state.changed:
            metadata[:] = [(*self.metadata(slot), self._may_repeat(slot)) for slot in self.in_hand]

    def sequence(self, slot: int) -> int:
        """Publish number of an event in hand, 1 for the first of the ring."""
        with self._state.changed:
            return self.slot_in_hand(slot).sequence

    def delivery(self, slot: int) -> int:
        """How often an event in hand has been handed out, 1 at first."""
        with self._state.changed:
            self.slot_in_hand(slot)
            return self.group.deliveries[slot]

    def may_repeat(self) -> bool:
        """Whether what comes of an event in hand may be there already."""
        with self._state.changed:
            return any(self._may_repeat(slot) for slot in self.in_hand)

    def _may_repeat(self, slot: int) -> bool:
        return self.group.failures.get(slot, 0) > 0 or self._state.slots[slot].may_repeat

    def copy(self, slot: int, target: NDArray[Any]) -> None:
        """Copy an event in hand into `target`: as many bytes as a slot has, and in one piece."""
        with self._state.changed:
            self.slot_in_hand(slot)
            np.frombuffer(target, np.uint8).data[:] = self._state.payload[slot].data

    def copy_all(self, rows: NDArray[Any]) -> None:
        """Copy the events in hand, in the order of taking, into `rows`, one for each of them."""
        for slot, row in zip(self.in_hand, rows, strict=True):
            self.copy(slot, row)

    def slot(self, index: int) -> Bytes:
        """Return the bytes of one slot: a read-only view."""
        view: Bytes = self.slots(index, 1)[0]
        return view

    def slots(self, first: int, count: int) -> Bytes:
        """Return the bytes of neighbouring slots: a read-only view, shape (count, slot_bytes)."""
        # Through a memoryview, as a flag of the array alone could be set back by its user.
        return np.asarray(self._state.payload[first : first + count].data.toreadonly())

    def wait_and_take(
        self,
        count: int,
        timeout_s: float,
        spin_s: float,  # noqa: ARG002 - nothing to spin for
    ) -> tuple[int, int]:
        """As :meth:`take`, but block until it is not NOT_NOW or `timeout_s` is over."""
        with self._state.changed:
            status = self.wait_until(self._status, timeout_s, self._account)
            return self.take(count) if status == 0 else (status, 0)

    def wait_turn(self, slot: int, timeout_s: float, spin_s: float) -> int:  # noqa: ARG002
        """Block until the group has finished with every event before the one in `slot`."""
        return self.wait_until(lambda: self._turn(slot), timeout_s, self._account_turn)

    def waited_ns(self) -> int:
        """Time this reader has waited for data."""
        return self._waited_ns

    def all_waited_ns(self) -> int:
        """Time this reader has waited for anything."""
        return self._waited_ns + self._turn_ns

    def close(self) -> None:
        """Give back what is in hand and leave. Idempotent."""
        with self._state.changed:
            if self.is_open and not self.is_dead:
                self._leave()

    def recover(self) -> None:
        """Give back what a dead owner had in hand, and close."""
        self._leave()

    def _status(self) -> int:
        if self._state.readers_ended or self.group.removed:
            return Status.ENDED
        if self.group.pending:
            return 0
        # What a colleague holds may come back, so its end is not yet ours.
        held_by_others = any(reader is not self for reader in self.group.held.values())
        if self._state.no_more_events() and not held_by_others:
            return Status.ENDED
        return Status.NOT_NOW

    def _turn(self, slot: int) -> int:
        if self.group.removed:
            return 0
        mine = self._state.sequence_of(slot)
        held_by_others = [index for index, reader in self.group.held.items() if reader is not self]
        if any(self._state.sequence_of(index) < mine for index in self.group.pending):
            return Status.EARLIER
        if any(self._state.sequence_of(index) < mine for index in held_by_others):
            return Status.NOT_NOW
        return 0

    def _too_often(self, index: int) -> bool:
        return self.group.failures.get(index, 0) >= self._state.max_deliveries

    def _comes_alone(self, index: int) -> bool:
        """So that what an event does to its reader does not count against others of its batch."""
        return self.group.failures.get(index, 0) > 0 or self._state.max_deliveries == 1

    def _account(self, cause: int, waited_ns: int) -> None:  # noqa: ARG002 - only one cause
        self._waited_ns += waited_ns
        self.group.waiting_ns += waited_ns

    def _account_turn(self, cause: int, waited_ns: int) -> None:  # noqa: ARG002 - only one cause
        self._turn_ns += waited_ns

    def _finish(self, count: int, first: int = 0) -> int:
        """End the group's interest in events in hand, from the place `first` on."""
        self.check_open()
        chosen = slice(first, first + count)
        done, self.in_hand[chosen] = self.in_hand[chosen], []
        for index in done:
            del self.group.held[index]
            self._state.let_go(self.group, index)
        self._state.changed.notify_all()
        return len(done)

    def _return_events(self, failed: bool, first: int = 0) -> int:
        """Put what is in hand from a place on back among the pending ones, in publish order."""
        returned, self.in_hand[first:] = self.in_hand[first:], []
        self.group.redelivered += len(returned)
        for index in returned:
            del self.group.held[index]
            self.group.failures[index] = self.group.failures.get(index, 0) + failed
        self.group.pending = sorted([*self.group.pending, *returned], key=self._state.sequence_of)
        self._state.changed.notify_all()
        return len(returned)

    def _leave(self) -> None:
        self._return_events(failed=True)
        self.is_open = False
        self.group.readers -= 1
        self._state.changed.notify_all()
