"""Write the events of a source into a buffer, with metadata."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

from mimocorb._access.meter import Meter, current
from mimocorb._access.records import DoesNotFitError, RecordForm
from mimocorb.buffers.writer import Writer
from mimocorb.errors import EndOfStream

__all__ = ["EventWriter", "split_metadata"]

_KEYS = ("counter", "timestamp", "deadtime")
_Metadata = tuple[int, float, float]


class EventWriter:
    """A Writer that numbers, stamps and publishes each event at once.

    Metadata not given with an event are filled in:

    * ``counter``: 0, 1, 2 … in the order of writing, or on from ``first_counter`` of the set-up;
    * ``timestamp``: UTC in seconds when the event arrived here;
    * ``deadtime``: the part of the time since the previous event in which none could be taken:
      reading out, waiting for a free slot, pauses. The rest is live time.

    The account of the process learns when each event is there, and when it is published; the
    ``deadtime`` comes from its clock, so both say the same.
    """

    def __init__(self, setup: Mapping[str, Any]) -> None:
        self.writer = Writer(setup)
        self.form = RecordForm(self.writer.dtype, self.writer.values_per_slot)
        self.event_count = 0
        self._first_counter: int = setup["first_counter"]
        self._meter: Meter | None = None
        self._previous_ns = 0
        self._live_ns = 0

    @property
    def next_counter(self) -> int:
        """Counter of the next event, if that has none of its own; messages call it by this."""
        return self._first_counter + self.event_count

    def begin(self) -> Meter:
        """Let the account of this process, and the first interval, begin now; done by put too."""
        self._meter = current()
        self._meter.source_begins()
        self._previous_ns, self._live_ns = self._meter.since_ns, self._meter.live_ns
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
        timestamp_s = time.time()
        try:
            slot = self.writer.get_new_buffer()
        except EndOfStream:
            meter.event_is_refused()
            raise
        own = (self.next_counter, timestamp_s, self._deadtime(meter))
        try:
            self.form.fill(slot, data)
            given = own if metadata is None else _completed(metadata, own)
            self.writer.set_metadata(*given)
            if given[1] != timestamp_s:
                meter.event_was_recorded(given[1])
        except BaseException:
            self.writer.abort()
            meter.event_is_dropped()
            raise
        self.writer.process_buffer()
        meter.event_is_published()
        self.event_count += 1

    def _deadtime(self, meter: Meter) -> float:
        """Return the dead part of the time from event to event.

        An interval ends when the event has its slot; to fill this belongs to the next interval. So
        no time is left out, and none counts twice.
        """
        at_ns, live_ns = meter.since_ns, meter.live_ns
        interval_ns, active_ns = at_ns - self._previous_ns, live_ns - self._live_ns
        self._previous_ns, self._live_ns = at_ns, live_ns
        return 1.0 - active_ns / interval_ns if interval_ns > 0 else 0.0

    def close(self) -> None:
        """Leave the buffer; the stream ends with its last writer. Idempotent."""
        self.writer.close()

    def __enter__(self) -> EventWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def split_metadata(value: Any, form: RecordForm) -> tuple[Any, Any]:
    """Split ``(data, metadata)`` into its two parts; anything else is data without metadata."""
    if isinstance(value, tuple) and len(value) == 2 and _is_metadata(value[1], form):
        return value
    return value, None


def _is_metadata(value: Any, form: RecordForm) -> bool:
    if value is None or isinstance(value, Mapping):
        return True
    # two channels of three samples look like data and metadata: then only a tuple is metadata
    ambiguous = form.number_of_channels == 2 and form.channel_samples == 3
    if not isinstance(value, tuple) and (ambiguous or not isinstance(value, (list, np.ndarray))):
        return False
    return len(value) == 3 and all(np.ndim(x) == 0 for x in value)


def _completed(metadata: Any, own: _Metadata) -> _Metadata:
    """Return what was given as metadata, and our own values for keys that were not given."""
    if isinstance(metadata, Mapping):
        unknown = [str(key) for key in metadata if key not in _KEYS]
        if unknown:
            raise DoesNotFitError(
                f"metadata: expected the keys {', '.join(_KEYS)}; found {unknown}"
            )
        counter, timestamp_s, deadtime = (
            metadata.get(key, value) for key, value in zip(_KEYS, own, strict=True)
        )
    elif len(metadata) != len(_KEYS):
        raise DoesNotFitError(f"metadata: expected ({', '.join(_KEYS)}); found {metadata!r}")
    else:
        counter, timestamp_s, deadtime = metadata
    try:
        return int(counter), float(timestamp_s), float(deadtime)
    except (TypeError, ValueError):
        raise DoesNotFitError(f"metadata: expected numbers; found {metadata!r}") from None
