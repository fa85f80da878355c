"""The backend of every real run: rings in anonymous shared memory, moved by the native core."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mimocorb import _core
from mimocorb._memory import available_bytes, size_in_words
from mimocorb._words import how_many
from mimocorb.buffers.contract import ObserverPort, ReaderPort, WriterPort
from mimocorb.buffers.ledgers import GroupLedger, Holding, RingLedger, Waited
from mimocorb.errors import (
    BufferMemoryError,
    BufferUnreachable,
    LayoutMismatch,
    MimocorbError,
    SetupError,
)

__all__ = [
    "MAX_HANDLES",
    "SharedMemoryRing",
    "make_ring",
    "open_observer",
    "open_reader",
    "open_writer",
]

# Left for everything else on the machine when a ring asks for all that is there.
_RESERVE_BYTES = 64 << 20


class SharedMemoryRing:
    """A ring in memory that no other user can read and that is gone with its last process."""

    def __init__(
        self,
        number_of_slots: int,
        slot_bytes: int,
        max_reader_groups: int = 16,
        max_deliveries: int = 3,
        is_sized: bool = False,
    ) -> None:
        _check_limits(number_of_slots, slot_bytes, max_reader_groups, max_deliveries)
        needed = _core.bytes_needed(number_of_slots, slot_bytes, max_reader_groups)
        available = available_bytes()
        if needed + _RESERVE_BYTES > available:
            raise BufferMemoryError(
                f"asked for {how_many(number_of_slots, 'slot')} of {how_many(slot_bytes, 'byte')}, "
                f"which need {size_in_words(needed)}, but only {size_in_words(available)} of memory"
                " are free: use fewer or smaller slots"
            )
        with _worded("make a buffer"):
            self._core = _core.Ring.create(
                number_of_slots, slot_bytes, max_reader_groups, max_deliveries, is_sized
            )
        self.number_of_slots = number_of_slots
        self.slot_bytes = slot_bytes
        self.add_writer = self._worded_call(self._core.add_writer)
        self.add_group = self._worded_call(self._core.add_group)
        self.promise_writer = self._core.promise_writer
        self.remove_group = self._core.remove_group
        self.pause = self._core.pause
        self.end_writers = self._core.end_writers
        self.end_after = self._core.end_after
        self.end_readers = self._core.end_readers
        self.reap = self._core.reap
        self.wait_drained = self._core.wait_drained
        self.close = self._core.close

    def address(self) -> dict[str, Any]:
        """Return what any process of the same user needs to open a port while this one lives."""
        return {"ring": self._core.address()}

    def ledger(self) -> RingLedger:
        """Return the ledger, taken in one consistent moment."""
        ledger = RingLedger._make(self._core.ledger())
        return ledger._replace(groups=tuple(map(GroupLedger._make, ledger.groups)))

    def held(self) -> list[Holding]:
        """Return everything that is in anybody's hands, taken in one consistent moment."""
        return list(map(Holding._make, self._core.held()))

    def waited(self) -> list[Waited]:
        """Return how long each open writer and reader has waited, for whatever reason."""
        return list(map(Waited._make, self._core.waited()))

    @staticmethod
    def _worded_call(call: Any) -> Any:
        def worded() -> int:
            with _worded("add to the buffer"):
                return int(call())

        return worded


make_ring = SharedMemoryRing
MAX_HANDLES: int = _core.MAX_HANDLES
"""How many writers and readers of a ring may be open at once."""


def open_writer(address: dict[str, Any], token: int) -> WriterPort:
    """Open a writer on the ring at `address`."""
    with _worded("open a Writer"):
        return _core.Writer.open(address["ring"], token)


def open_reader(address: dict[str, Any], group: int) -> ReaderPort:
    """Open a reader of `group` on the ring at `address`."""
    with _worded("open a Reader"):
        return _core.Reader.open(address["ring"], group)


def open_observer(address: dict[str, Any]) -> ObserverPort:
    """Open an observer on the ring at `address`."""
    with _worded("open an Observer"):
        return _core.Observer.open(address["ring"])


def _check_limits(
    number_of_slots: int, slot_bytes: int, max_reader_groups: int, max_deliveries: int
) -> None:
    for what, value, limit in (
        ("number_of_slots", number_of_slots, _core.MAX_SLOTS),
        ("bytes per slot", slot_bytes, _core.MAX_SLOT_BYTES),
        ("max_reader_groups", max_reader_groups, _core.GROUP_LIMIT),
        ("max_deliveries", max_deliveries, _core.DELIVERY_LIMIT),
    ):
        if not 1 <= value <= limit:
            raise SetupError(f"{what} is {value}: it must be between 1 and {limit}")


@contextmanager
def _worded(doing: str) -> Iterator[None]:
    """Turn a fault of the core into an error that says what to do."""
    try:
        yield
    except _core.CoreFault as fault:
        raise _error(doing, *fault.args) from None


def _error(doing: str, reason: str, error_number: int, detail: int) -> MimocorbError:
    if reason == "system":
        return _system_error(doing, error_number)
    words: dict[str, tuple[type[MimocorbError], str]] = {
        "not-this-ring": (
            BufferUnreachable,
            "the process that made the buffer has closed it",
        ),
        "other-layout": (
            LayoutMismatch,
            f"the buffer has layout version {detail}, this mimocorb reads version "
            f"{_core.LAYOUT_VERSION}: use the same release in all processes",
        ),
        "damaged": (
            BufferUnreachable,
            "its memory has been written over, most likely by a wrong address in native code: make "
            "a new one",
        ),
        "other-namespace": (
            BufferUnreachable,
            "the buffer lives in another process-id namespace (container): open it inside",
        ),
        "handles-full": (
            SetupError,
            f"{detail} writers and readers are open on this buffer already, its limit: close some",
        ),
        "tokens-full": (SetupError, f"new_writer() was called {detail} times, the limit"),
        "groups-full": (
            SetupError,
            f"this buffer has {how_many(detail, 'reader group')} already, its limit: "
            "make it with a larger max_reader_groups",
        ),
        "no-such-port": (
            BufferUnreachable,
            "the buffer has no such writer or reader group (any more): was the group removed?",
        ),
    }
    kind, why = words[reason]
    return kind(f"cannot {doing}: {why}")


def _system_error(doing: str, error_number: int) -> MimocorbError:
    why = os.strerror(error_number)
    if error_number == errno.EFBIG:
        return BufferMemoryError(
            f"cannot {doing}: {why}: this process may not make files as large, which limits "
            "buffers as well: raise the limit (ulimit -f), or use fewer or smaller slots"
        )
    if error_number in (errno.ENOMEM, errno.ENOSPC):
        return BufferMemoryError(f"cannot {doing}: {why}: use fewer or smaller slots")
    if error_number == errno.EACCES:
        return BufferUnreachable(f"cannot {doing}: the buffer belongs to another user")
    return BufferUnreachable(
        f"cannot {doing}: {why}: the process that made the buffer has closed it or has ended"
    )
