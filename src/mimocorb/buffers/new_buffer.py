"""NewBuffer: a ring buffer as the process that makes it holds it."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from mimocorb._words import how_many, ordinal
from mimocorb.buffers.backends import backend_at, home_of
from mimocorb.buffers.contract import RingPort
from mimocorb.buffers.counts import whole_number
from mimocorb.buffers.handle import Handle
from mimocorb.buffers.ledgers import WRITERS, Holding, RingLedger, Waited
from mimocorb.buffers.lengths import slot_bytes
from mimocorb.buffers.quarantine import Quarantine, QuarantinedEvent, write_note
from mimocorb.buffers.setup_dict import SetupDict, seal_of
from mimocorb.buffers.stats import BufferStats
from mimocorb.errors import BufferMemoryError, HandleMisuse, SetupError
from mimocorb.model.channels import channels_of
from mimocorb.schema import record_dtype

__all__ = ["NewBuffer"]

logger = logging.getLogger(__name__)

# How long shutdown() waits for a first reader where events are due and nobody reads.
_NOBODY_READS_S = 2.0
# After how long it says what it waits for.
_SLOW_TO_DRAIN_S = 10.0


MAX_READER_GROUPS = 16
"""How many reader groups a buffer has over its life, unless it is made for more."""


class NewBuffer(Handle):
    """A ring buffer: made in the parent process, written and read by others.

    Parameters
    ----------
    number_of_slots
        How many events it holds, 1 or more.
    values_per_slot
        Length of the array in a slot, 1 or more.
    dtype
        Type of the array: a NumPy dtype or what makes one, such as ``np.int32`` or
        ``[("chA", "float64"), ("chB", "float64")]``. No Python objects.
    debug
        Log every group, writer and shutdown of this buffer. A view that is used after its event has
        been given back raises StaleView, instead of showing another event; that costs some µs each.
    name
        For messages and statistics.
    max_reader_groups
        How many reader groups it can have over its life, 1 to 64. Each costs 12 bytes per slot.
    variable
        Whether an event may have fewer values than `values_per_slot`, also none. Each event keeps
        its own length. A slot has room for the longest event all the same.
    max_deliveries
        How often an event is handed out at most to the readers of one group, 1 to 14. One that
        kills or fails its reader this often is set aside, see :meth:`quarantined`.
    channels
        What the numbers of a field mean, by its name: ``{"unit": "mV", "scale": 0.061, "offset":
        -12.5}``. It travels with the set-up dictionaries; see :func:`mimocorb.in_units`.
    backend
        What the ring is made of: the name of one of :mod:`mimocorb.buffers.backends`, or of one
        that an installed package offers.

    Raises
    ------
    SetupError
        A size is not a positive whole number or beyond the limits; there is no such backend.
    RecordTypeError
        The dtype cannot be held.
    BufferMemoryError
        The memory is not there. All of it is reserved here, none later.

    Notes
    -----
    The memory belongs to the user, cannot be found by name, and is gone with the last process that
    holds it, whatever happens. In a ``with`` statement the buffer is shut down at the end, or
    closed at once if there was an error.

    Examples
    --------
    >>> from mimocorb.mimo_buffer import NewBuffer
    >>> buffer = NewBuffer(16, 1000, [("chA", "float64"), ("chB", "float64")], name="RB_1")
    >>> buffer.buffer_status()
    16
    >>> buffer.shutdown()
    """

    def __init__(
        self,
        number_of_slots: int,
        values_per_slot: int,
        dtype: DTypeLike,
        debug: bool = False,
        *,
        name: str = "buffer",
        max_reader_groups: int = MAX_READER_GROUPS,
        max_deliveries: int = 3,
        channels: Mapping[str, Any] | None = None,
        backend: str = "shared_memory",
        variable: bool = False,
    ) -> None:
        self.number_of_slots = whole_number("number_of_slots", number_of_slots)
        self.values_per_slot = whole_number("values_per_slot", values_per_slot)
        self.dtype: np.dtype[Any] = record_dtype(dtype)
        self.channels = channels_of(channels or {})
        unknown = [each for each in self.channels if each not in (self.dtype.names or ())]
        if unknown:
            raise SetupError(f"{name} has no channel {', '.join(unknown)}: it has {self.dtype}")
        self.variable = variable
        self.debug = debug
        self.name = name
        self._log_level = logging.INFO if debug else logging.DEBUG
        self._owner_pid = os.getpid()
        self._backend = home_of(backend)
        try:
            self._quarantine = Quarantine()
        except OSError as error:
            raise BufferMemoryError(f"no memory for what {name} sets aside: {error}") from error
        try:
            self._ring: RingPort | None = backend_at(self._backend).make_ring(
                self.number_of_slots,
                slot_bytes(self.dtype, self.values_per_slot, variable),
                whole_number("max_reader_groups", max_reader_groups),
                whole_number("max_deliveries", max_deliveries),
                *([True] if variable else []),
            )
        except BaseException:
            self._quarantine.close()
            raise

    # --- for workers

    def new_writer(self) -> SetupDict:
        """Promise a writer; returns the dictionary to open it with, here or in a child process.

        The stream of the buffer ends when every promised writer has been opened and closed again.
        One dictionary may open several Writers; at least one is waited for.
        """
        token = self._use().add_writer()
        self._log("writer %d promised", token)
        return self._setup("writer", token=token, first_counter=0)

    def new_reader_group(self) -> SetupDict:
        """Add a group of readers; returns the dictionary to open its Readers with.

        The group gets every event published from now on and, before these, every event still in
        the buffer: due to another group, or, if there was no group so far, not yet overwritten.
        ``first_sequence`` in the dictionary is the publish number of the first one.
        """
        ring = self._use()
        group = ring.add_group()
        ledger = next(ledger for ledger in ring.ledger().groups if ledger.group == group)
        if ledger.offered:
            logger.info(
                "reader group %d was added late and starts with the %s event of %s",
                group,
                ordinal(ledger.first_sequence),
                self.name,
            )
        return self._setup("reader", group=group, first_sequence=ledger.first_sequence)

    def new_observer(self) -> SetupDict:
        """Return the dictionary to open Observers with, any number of them, at any time."""
        self._use()
        return self._setup("observer")

    # --- for whoever watches over the run

    def buffer_status(self) -> int:
        """Return the number of free slots."""
        return self._use().ledger().free_slots

    def stats(self) -> BufferStats:
        """Return the ledger and waiting times of this moment."""
        ledger = self._use().ledger()
        return BufferStats.from_ledger(self.name, self.number_of_slots, ledger, time.monotonic_ns())

    def quarantined(self) -> list[QuarantinedEvent]:
        """Return the events that were set aside, with payload, metadata and reasons.

        Examples
        --------
        >>> from mimocorb.mimo_buffer import NewBuffer, Reader, Writer
        >>> buffer = NewBuffer(4, 1, "int32", max_deliveries=2)
        >>> reader = Reader(buffer.new_reader_group())
        >>> with Writer(buffer.new_writer()) as writer:
        ...     writer.write([13])
        ...     writer.write([14])
        >>> for _ in range(2):
        ...     event = reader.get()
        ...     reader.reject("does not like 13")
        >>> int(reader.get()[0])
        14
        >>> [event] = buffer.quarantined()
        >>> int(event.data[0]), event.reasons
        (13, ('does not like 13', 'does not like 13'))
        """
        self._use()
        return self._quarantine.events(self.dtype, self.values_per_slot, self.variable)

    def pause(self) -> None:
        """Refuse further claims: writers wait, and their waiting counts as paused."""
        self._use().pause(True)

    def resume(self) -> None:
        """Allow claims again."""
        self._use().pause(False)

    def promise_writer(self, setup: Mapping[str, Any], count: int = 1) -> None:
        """Keep the stream open for `count` more openings of a writer's dictionary."""
        self._use().promise_writer(setup["token"], count)

    def release_writer(self, setup: Mapping[str, Any], count: int = 1) -> None:
        """Take back what :meth:`new_writer` or :meth:`promise_writer` promised."""
        self._use().promise_writer(setup["token"], -count)

    def remove_reader_group(self, setup: Mapping[str, Any]) -> int:
        """Remove a group that nobody will read for any more; returns the events abandoned by it.

        A Reader of the group that is still open gets the end of the stream at its next call; the
        event in its hands may be overwritten before that.
        """
        abandoned = self._use().remove_group(setup["group"])
        self._log("reader group %d removed, %d events abandoned", setup["group"], abandoned)
        return abandoned

    def note_death(self, pid: int, reason: str) -> None:
        """Keep the reason for a death with the events that the dead process held.

        To be called before :meth:`reap`. It is seen with an event that is set aside at last.
        """
        address = {"quarantine": self._quarantine.address()}
        for holding in self.held():
            if holding.pid == pid and holding.group != WRITERS:
                write_note(address, holding.group, holding.number, reason)

    def reap(self) -> int:
        """Recover what dead processes held, now; returns how many dead writers and readers.

        Whoever waits on the buffer does the same every 50 ms.
        """
        return self._use().reap()

    def held(self) -> list[Holding]:
        """Return every event and claimed slot that is in somebody's hands: which, and whose."""
        return self._use().held()

    def waited(self) -> list[Waited]:
        """Return for each open Writer and Reader its process and how long it has waited by now."""
        return self._use().waited()

    def wait_drained(self, timeout_s: float) -> bool:
        """Wait until no slot is in a writer's hands and nothing is due to any group."""
        return self._use().wait_drained(timeout_s)

    def end_writers(self) -> None:
        """End the stream: writers get :class:`EndOfStream` at their next claim."""
        self._use().end_writers()

    def end_after(self, events: int) -> None:
        """End the stream with the event of this number: exactly so many are published in all.

        Writers that want to claim a further slot get :class:`EndOfStream`. Slots that writers have
        in hand by now are published nevertheless, even if that makes more.

        Parameters
        ----------
        events
            Counted from the first event of the buffer; 0 sets no limit.
        """
        self._use().end_after(whole_number("the number of events of end_after()", events, least=0))

    def shutdown(self, timeout_s: float | None = None) -> None:
        """End the stream, wait until everything is processed, then end the readers.

        To be called in data-flow order for a chain of buffers. Events that are due to a group
        without any reader cannot be processed: they are reported and left behind.

        Parameters
        ----------
        timeout_s
            How long to wait for the readers at most, in seconds; None waits as long as they live.
        """
        if self._ring is None or os.getpid() != self._owner_pid:
            return
        self._ring.end_writers()
        self._drain(self._ring, timeout_s)
        self._ring.end_readers()
        self._log("shut down")

    def close(self) -> None:
        """Let go of the memory in this process; processes still at work get the end of the stream.

        Idempotent. Unlike :meth:`shutdown` it waits for nothing.
        """
        ring, self._ring = getattr(self, "_ring", None), None
        if ring is None:
            return
        if os.getpid() == self._owner_pid:
            ring.end_writers()
            ring.end_readers()
        ring.close()
        self._quarantine.close()

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._ring is None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.shutdown()
        self.close()

    def __del__(self) -> None:
        self.close()

    def _drain(self, ring: RingPort, timeout_s: float | None) -> None:
        start_s = time.monotonic()
        read_at_s = start_s
        warn_at_s = start_s + _SLOW_TO_DRAIN_S
        while not ring.wait_drained(0.05):
            now_s = time.monotonic()
            ledger = ring.ledger()
            if all(group.readers for group in ledger.groups if group.pending):
                read_at_s = now_s
            too_late = timeout_s is not None and now_s - start_s > timeout_s
            if too_late or now_s - read_at_s > _NOBODY_READS_S:
                self._warn_of_due(ledger, "is shut down with")
                return
            if now_s > warn_at_s:
                self._warn_of_due(ledger, "cannot shut down yet:")
                warn_at_s = math.inf

    def _warn_of_due(self, ledger: RingLedger, what: str) -> None:
        if ledger.in_hand:
            logger.warning(
                "buffer %s %s %s in writers' hands",
                self.name,
                what,
                how_many(ledger.in_hand, "slot"),
            )
        for group in ledger.groups:
            if group.pending + group.held:
                logger.warning(
                    "buffer %s %s %s due to reader group %d, which has %s; in their hands: %d",
                    self.name,
                    what,
                    how_many(group.pending + group.held, "event"),
                    group.group,
                    how_many(group.readers, "reader"),
                    group.held,
                )

    def _setup(self, kind: str, **more: int) -> SetupDict:
        return SetupDict(
            kind=kind,
            name=self.name,
            number_of_slots=self.number_of_slots,
            values_per_slot=self.values_per_slot,
            dtype=self.dtype,
            channels={each: known.about() for each, known in self.channels.items()},
            variable=self.variable,
            seal=seal_of(self.dtype, self.values_per_slot, self.variable),
            debug=self.debug,
            backend=self._backend,
            address=self._use().address() | {"quarantine": self._quarantine.address()},
            **more,
        )

    def _use(self) -> RingPort:
        if self._ring is None:
            raise HandleMisuse(f"buffer {self.name} was closed: make a new one")
        return self._ring

    def _log(self, message: str, *values: object) -> None:
        logger.log(self._log_level, "buffer %s: " + message, self.name, *values)
