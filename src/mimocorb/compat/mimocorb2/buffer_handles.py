"""Buffers as functions of mimoCoRB2 use them: ``with buffer_io.read[0] as (metadata, data)``.

Behind each is our Reader, Writer or Observer, opened when it is first used: a template such as
``Filter`` hands the set-up dictionary to an access class instead, and a buffer must not be opened
twice. What differs in meaning from mimoCoRB2 is listed in
:mod:`mimocorb.compat.mimocorb2.changed_meaning`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.buffers.observer import Observer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.components.meter import current
from mimocorb.components.meter_page import MAY_REPEAT
from mimocorb.components.roles.newest_events import NewestEvents
from mimocorb.errors import EndOfStream, HandleMisuse, MimocorbError

__all__ = [
    "METADATA_DTYPE",
    "BufferHandle",
    "BufferObserver",
    "BufferReader",
    "BufferWriter",
    "EndFlag",
    "TakenBack",
]

METADATA_DTYPE = np.dtype(
    [("counter", np.longlong), ("timestamp", np.float64), ("deadtime", np.float64)]
)
"""The record that mimoCoRB2 keeps with each event: number, UTC in s, dead fraction."""

Event = tuple[NDArray[Any], NDArray[Any]]
NoEvent = tuple[None, None]


class TakenBack(MimocorbError):
    """An earlier event came back: the one in hand has been given back to let it go first."""


class EndFlag:
    """Tells by ``value`` whether a stream has ended for one handle."""

    def __init__(self, handle: BufferHandle) -> None:
        self._handle = handle

    @property
    def value(self) -> bool:
        """True from the moment on at which the handle can see the end."""
        return self._handle.has_ended()


class BufferHandle:
    """What the handles of all three roles tell about their buffer.

    In mimoCoRB2 that is told by the buffer, a ``mimoBuffer``, which a handle has as ``buffer``.
    """

    def __init__(self, setup: Mapping[str, Any]) -> None:
        self.setup = setup
        self.name: str = setup["name"]
        self.slot_count: int = setup["number_of_slots"]
        self.data_length: int = setup["values_per_slot"]
        self.data_dtype: np.dtype[Any] = setup["dtype"]
        self.data_example: NDArray[Any] = np.zeros(self.data_length, self.data_dtype)
        self.metadata_example: NDArray[Any] = np.zeros(1, METADATA_DTYPE)
        self.is_shutdown = EndFlag(self)
        self._ended = False

    @property
    def buffer(self) -> BufferHandle:
        """The description of the buffer, which is in the handle itself."""
        return self

    def has_ended(self) -> bool:
        """Whether this handle has met the end of the stream."""
        return self._ended


def _record(metadata: tuple[int, float, float]) -> NDArray[Any]:
    return np.array([metadata], METADATA_DTYPE)


class BufferReader(BufferHandle):
    """Takes events out of a buffer; each ``with`` statement is one event.

    Its data are a copy that the function may change. At the end of the stream, metadata and data
    are None. If the ``with`` statement is left by an exception, the event is given back.
    """

    def __init__(self, setup: Mapping[str, Any]) -> None:
        super().__init__(setup)
        self._has_event = False

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.setup)

    @property
    def may_repeat(self) -> bool:
        """Whether what comes of the event in hand, if there is one, may be there already."""
        return self._has_event and self._reader.may_repeat

    def metadata_of_event(self) -> BatchMetadata:
        """Return the metadata of the event in hand as those of a batch of one, for a file."""
        current().words[MAY_REPEAT] += self._reader.may_repeat
        return self._reader.get_metadata_batch()

    @property
    def time_ns(self) -> int | None:
        """Time of the event in hand in whole ns, None if it has none: the record has no place."""
        return self._reader.time_ns

    def wait_for_turn(self) -> None:
        """Wait until what comes of the event in hand may be published in the order of the source.

        Raises
        ------
        TakenBack
            The event has been given back; the ``with`` statement ends without an error.
        """
        if self._has_event and not self._reader.wait_for_turn():
            raise TakenBack

    def __enter__(self) -> Event | NoEvent:
        if self._ended:
            return None, None
        try:
            self._reader.get()
        except EndOfStream:
            self._ended = True
            return None, None
        self._has_event = True
        return _record(self._reader.get_metadata()), self._reader.copy()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._has_event = False
        if kind is TakenBack:
            return True
        if self._ended:
            self._reader.close()
        elif kind is None:
            self._reader.acknowledge()
        elif kind is GeneratorExit:  # whoever iterated has left the loop, for whatever reason
            self._reader.reject()
        else:
            self._reader.reject(f"{kind.__name__}: {error}")
        return False


class BufferWriter(BufferHandle):
    """Puts events into a buffer; each ``with`` statement is one event.

    Metadata that the function does not set are filled in: its own count, the time in UTC, and −1
    for a dead time that was not measured. If the ``with`` statement is left by an exception,
    nothing is published.

    Parameters
    ----------
    setup
        Set-up dictionary of the buffer.
    sources
        Of the worker: what comes of an event that may be a repeat is marked as well.
    in_order
        Whether results are published in the order of the sources.
    """

    def __init__(
        self,
        setup: Mapping[str, Any],
        sources: Sequence[BufferReader] = (),
        *,
        in_order: bool = False,
    ) -> None:
        super().__init__(setup)
        self._sources = sources
        self._in_order_of = sources if in_order else ()
        self._count = 0
        self._metadata = _record((0, -1.0, -1.0))
        self.time_ns: int | None = None
        """Time of the event in hand in whole ns; the record has no place for it."""

    @cached_property
    def _writer(self) -> Writer:
        return Writer(self.setup)

    def __enter__(self) -> Event:
        if self._ended:
            raise HandleMisuse(
                f"{self.name} is written after shutdown_sinks(): write everything before"
            )
        for source in self._in_order_of:
            source.wait_for_turn()
        try:
            slot = self._writer.get_new_buffer()
        except EndOfStream:
            self._ended = True
            raise
        self._metadata, self.time_ns = _record((self._count, time.time(), -1.0)), None
        return self._metadata, slot

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._writer.abort()
            return
        self._writer.set_metadata(*self._metadata[0].item(), time_ns=self.time_ns)
        if any(source.may_repeat for source in self._sources):
            self._writer.mark_repeat()
        self._writer.process_buffer()
        self._count += 1

    def shutdown_buffer(self) -> None:
        """Leave the buffer; its stream ends when every process that writes it has done so."""
        self._ended = True
        self._writer.close()

    send_flush_event = shutdown_buffer


class BufferObserver(BufferHandle):
    """Looks at a buffer; each ``with`` statement is a copy of its newest event.

    Waits until there is one that was not seen before. At the end of the stream, metadata and data
    are None.
    """

    @cached_property
    def _observer(self) -> Observer:
        return Observer(self.setup)

    def has_ended(self) -> bool:
        """Whether no event will come any more."""
        return self._observer.ended

    def __enter__(self) -> Event | NoEvent:
        for data in NewestEvents(self._observer, 0.0):
            return _record(self._observer.get_metadata()), data.copy()
        return None, None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing was borrowed, so there is nothing to give back."""
