"""Write the events of a source into a buffer, with metadata."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from time import time
from typing import Any

import numpy as np

from mimocorb._closing import Closing
from mimocorb._words import how_many
from mimocorb.buffers.batch_metadata import METADATA_DTYPE, NO_TIME, BatchMetadata, MetadataRows
from mimocorb.buffers.exact import DoesNotFitError, exact_column, exact_number
from mimocorb.buffers.writer import Writer
from mimocorb.components.meter import Meter, current
from mimocorb.components.records import RecordForm
from mimocorb.components.variable_records import form_of, packer_of
from mimocorb.errors import EndOfStream

__all__ = ["EventWriter", "split_block_metadata", "split_metadata"]

_KEYS = ("counter", "timestamp", "deadtime")
_BESIDE = "time_ns"


class EventWriter(Closing):
    """A Writer that numbers, stamps and publishes each event, or block of events, at once.

    Metadata not given with an event are filled in:

    * ``counter``: 0, 1, 2 … in the order of writing, or on from ``first_counter`` of the set-up;
    * ``timestamp``: UTC in seconds when the event, or the block, arrived here;
    * ``deadtime``: the part of the time since the previous event in which none could be taken:
      reading out, waiting for a free slot, pauses. The rest is live time. The events of a block
      have that of the time since the previous block.

    ``time_ns``, a time in whole ns, is only there if it is given.

    The account of the process learns when each event is there, and when it is published; the
    ``deadtime`` comes from its clock, so both say the same.
    """

    def __init__(self, setup: Mapping[str, Any]) -> None:
        self.writer = Writer(setup)
        writer = self.writer
        self.form = form_of(writer.dtype, writer.values_per_slot, writer.variable)
        self.next_counter: int = int(setup["first_counter"])
        """Counter of the next event, if that has none of its own; messages call it by this."""
        self._first_counter = self.next_counter
        packer = packer_of(self.form)
        self._as_it_lies, self._pack_numbers = packer.as_it_lies, packer.pack_numbers
        self._scratch = packer.scratch
        self._put_event = self.writer.put_event
        self._meter: Meter | None = None

    @property
    def event_count(self) -> int:
        """Number of events published."""
        return self.next_counter - self._first_counter

    def begin(self) -> Meter:
        """Let the account of this process, and the first interval, begin now; done by put too."""
        self._meter = current()
        self._meter.source_begins()
        return self._meter

    def put(self, data: Any, metadata: Any = None) -> None:
        """Publish one event. Blocks while the buffer is full or paused.

        Raises
        ------
        DoesNotFitError
            `data` or `metadata` have none of the understood forms; nothing was published.
        EndOfStream
            The buffer takes no more events.
        """
        meter = self._meter or self.begin()
        meter.event_is_there()
        memory = None
        if metadata is None:
            if type(data) is np.ndarray:
                memory = self._as_it_lies(data)
            elif self._pack_numbers(data, self._scratch, 0):
                memory = self._scratch
        if memory is None or self._put_event(memory, self.next_counter, meter) < 0:
            self._put_into_slot(data, metadata, meter)
        self.next_counter += 1

    def _put_into_slot(self, data: Any, metadata: Any, meter: Meter) -> None:
        """Publish an event of any form, with metadata of its own, or for which there is no room."""
        timestamp_s = time()
        try:
            slot = self.writer.get_new_buffer()
        except EndOfStream:
            meter.event_is_refused()
            raise
        own = (self.next_counter, timestamp_s, meter.deadtime())
        try:
            self.writer.set_length(self.form.fill(slot, data))
            if metadata is None:
                self.writer.set_metadata(*own)
            else:
                given, time_ns = _completed(metadata, own)
                self.writer.set_metadata(*given, time_ns=time_ns)
                if given[1] != timestamp_s:
                    meter.event_was_recorded(given[1])
        except BaseException:
            self.writer.abort()
            meter.event_is_dropped()
            raise
        self.writer.process_buffer()
        meter.event_is_published()

    def put_block(self, block: Any, metadata: Any = None) -> None:
        """Publish a block of events, in pieces if it is larger than what is free.

        Raises
        ------
        DoesNotFitError
            `block` or `metadata` have none of the understood forms; nothing was published.
        EndOfStream
            The buffer takes no more events; those before are published.
        """
        meter = self._meter or self.begin()
        meter.event_is_there()
        timestamp_s = time()
        try:
            rows = self.form.rows(block)
            count = len(rows)
            known = np.zeros(count, METADATA_DTYPE)
            known["counter"] = np.arange(self.next_counter, self.next_counter + count)
            known["timestamp"] = timestamp_s
            known["deadtime"] = meter.deadtime()
            known["time_ns"] = NO_TIME
            given = () if metadata is None else _fill_in(metadata, known)
        except BaseException:
            meter.event_is_dropped()
            raise
        if count == 0:
            meter.event_is_dropped()
            return
        done = 0
        try:
            while done < count:
                published = self.writer.put_many(rows, known, first=done, timeout_s=0)
                done += published
                if not published:
                    self.writer.wait_for_room()
                    if not done and "deadtime" not in given:
                        known["deadtime"] = meter.deadtime()
        except EndOfStream:
            if done:
                meter.event_is_published(done)
            meter.event_is_refused()
            raise
        else:
            meter.event_is_published(count)
        finally:
            self.next_counter += done
            if done and "timestamp" in given:
                for edge in (np.fmin, np.fmax):  # which pass over NaN
                    meter.event_was_recorded(float(edge.reduce(known["timestamp"][:done])))

    def close(self) -> None:
        """Leave the buffer; the stream ends with its last writer. Idempotent."""
        self.writer.close()


def split_metadata(value: Any, form: RecordForm) -> tuple[Any, Any]:
    """Split ``(data, metadata)`` into its two parts; anything else is data without metadata."""
    if isinstance(value, tuple) and len(value) == 2 and _is_metadata(value[1], form):
        return value
    return value, None


def _is_metadata(value: Any, form: RecordForm) -> bool:
    if value is None or isinstance(value, Mapping):
        return True
    # two channels of three samples look like data and metadata: then only a tuple is metadata
    ambiguous = form.number_of_channels == 2 and (form.is_variable or form.channel_samples == 3)
    if not isinstance(value, tuple) and (ambiguous or not isinstance(value, (list, np.ndarray))):
        return False
    return len(value) == 3 and all(np.ndim(x) == 0 for x in value)


def split_block_metadata(value: Any) -> tuple[Any, Any]:
    """Split ``(block, metadata)`` into its two parts; anything else is a block."""
    if (
        isinstance(value, tuple)
        and len(value) == 2
        and (value[1] is None or isinstance(value[1], (tuple, Mapping)))
    ):
        return value
    return value, None


def _fill_in(metadata: Any, known: MetadataRows) -> Collection[str]:
    """Fill in what was given as metadata of a block; returns the keys that were given.

    Marks come with a :class:`BatchMetadata`, from sources that play recorded events back.
    """
    if isinstance(metadata, BatchMetadata):
        if metadata.may_repeat is not None:
            known["may_repeat"] = metadata.may_repeat
        metadata = dict(zip(_KEYS, metadata, strict=True)) | {_BESIDE: metadata.time_ns}
    if not isinstance(metadata, Mapping):
        if len(metadata) != len(_KEYS):
            raise DoesNotFitError(
                f"metadata: expected ({', '.join(_KEYS)}), an array of each; found"
                f" {how_many(len(metadata), 'item')}"
            )
        metadata = dict(zip(_KEYS, metadata, strict=True))
    _check_keys(metadata)
    for key, column in metadata.items():
        if key == _BESIDE and column is None:
            continue
        try:
            known[key] = exact_column(column, METADATA_DTYPE[key].type, len(known), key)
        except DoesNotFitError as error:
            raise DoesNotFitError(f"metadata: {key}: {error}") from None
    return [str(key) for key in metadata]


def _check_keys(metadata: Mapping[Any, Any]) -> None:
    unknown = [str(key) for key in metadata if key not in (*_KEYS, _BESIDE)]
    if unknown:
        raise DoesNotFitError(
            f"metadata: expected the keys {', '.join((*_KEYS, _BESIDE))}; found {unknown}"
        )


def _completed(
    metadata: Any, own: tuple[int, float, float]
) -> tuple[tuple[int, float, float], int | None]:
    """Return what was given as metadata, our own values for keys that were not given, the time."""
    time_ns = None
    if isinstance(metadata, Mapping):
        _check_keys(metadata)
        counter, timestamp_s, deadtime = (
            metadata.get(key, value) for key, value in zip(_KEYS, own, strict=True)
        )
        time_ns = metadata.get(_BESIDE)
    elif len(metadata) != len(_KEYS):
        raise DoesNotFitError(f"metadata: expected ({', '.join(_KEYS)}); found {metadata!r}")
    else:
        counter, timestamp_s, deadtime = metadata
    numbers = (
        exact_number(counter, np.int64, "metadata: counter"),
        exact_number(timestamp_s, np.float64, "metadata: timestamp"),
        exact_number(deadtime, np.float64, "metadata: deadtime"),
    )
    if time_ns is not None:
        time_ns = exact_number(time_ns, np.int64, "metadata: time_ns")
    return numbers, time_ns
