"""Write the events of a source into a buffer, with metadata."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

from mimocorb._access.records import DoesNotFitError, RecordForm
from mimocorb._buffer.writer import Writer

__all__ = ["EventWriter", "split_metadata"]

_KEYS = ("counter", "timestamp", "deadtime")


class EventWriter:
    """A Writer that numbers, stamps and publishes each event at once.

    Metadata not given with an event are filled in:

    * ``counter``: 0, 1, 2 … in the order of writing;
    * ``timestamp``: UTC in seconds when the event arrived here;
    * ``deadtime``: the fraction of the time since the previous event during which this writer
      waited because the buffer was full. Time in which the buffer was paused counts neither as
      dead nor as active. Measured with the monotonic clock.
    """

    def __init__(self, setup: Mapping[str, Any]) -> None:
        self.writer = Writer(setup)
        self.form = RecordForm(self.writer.dtype, self.writer.values_per_slot)
        self.event_count = 0
        self._previous_s = time.monotonic()
        self._full_s = 0.0
        self._paused_s = 0.0

    def put(self, data: Any, metadata: Any = None) -> None:
        """Publish one event. Blocks while the buffer is full or paused.

        Raises
        ------
        DoesNotFitError
            `data` or `metadata` have none of the understood forms; nothing was published.
        EndOfStream
            The buffer takes no more events.
        """
        timestamp_s = time.time()
        given = _as_dict(metadata)
        slot = self.writer.get_new_buffer()
        deadtime = self._deadtime()
        try:
            self.form.fill(slot, data)
            self.writer.set_metadata(
                int(given.get("counter", self.event_count)),
                float(given.get("timestamp", timestamp_s)),
                float(given.get("deadtime", deadtime)),
            )
        except BaseException:
            self.writer.abort()
            raise
        self.writer.process_buffer()
        self.event_count += 1

    def _deadtime(self) -> float:
        now_s = time.monotonic()
        waiting = self.writer.waiting
        paused_s = waiting.paused_s - self._paused_s
        dead_s = waiting.full_s - self._full_s
        interval_s = now_s - self._previous_s - paused_s
        self._previous_s, self._full_s, self._paused_s = now_s, waiting.full_s, waiting.paused_s
        return min(1.0, dead_s / interval_s) if interval_s > 0 else 0.0

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


def _as_dict(metadata: Any) -> Mapping[str, Any]:
    if metadata is None:
        return {}
    if isinstance(metadata, Mapping):
        unknown = [str(key) for key in metadata if key not in _KEYS]
        if unknown:
            raise DoesNotFitError(
                f"metadata: expected the keys {', '.join(_KEYS)}; found {unknown}"
            )
        return metadata
    if len(metadata) != len(_KEYS):
        raise DoesNotFitError(f"metadata: expected ({', '.join(_KEYS)}); found {metadata!r}")
    return dict(zip(_KEYS, metadata, strict=True))
