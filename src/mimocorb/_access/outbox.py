"""Records on their way from a filter into its sinks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.reader import BatchMetadata
from mimocorb.buffers.writer import Writer

__all__ = ["Outbox", "publish_all"]


class Outbox:
    """What a batch of events puts into one sink, each record with the place of its event.

    Records are kept as bytes: the array that a function returned may be used again by it for the
    next event.
    """

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.places: list[int] = []
        self._records: list[bytes] = []

    def add(self, record: bytes, place: int) -> None:
        """Append a record that came out of the event at this place of the batch."""
        self._records.append(record)
        self.places.append(place)

    def clear(self) -> None:
        """Drop what is in it."""
        self._records.clear()
        self.places.clear()

    def publish_some(self, metadata: BatchMetadata, timeout_s: float | None) -> bool:
        """Publish as many records as neighbouring slots are free; False if none was in time.

        Each gets the metadata of its event. Raises EndOfStream if the sink takes no more.
        """
        slots = self.writer.try_new_buffers(len(self._records), timeout_s)
        if slots is None:
            return False
        count = len(slots)
        records: NDArray[np.uint8] = np.frombuffer(b"".join(self._records[:count]), np.uint8)
        slots.reshape(count, -1).view(np.uint8)[:] = records.reshape(count, -1)
        if (
            count == 1
        ):  # the rule where several processes have shuffled the slots; three times cheaper
            place = self.places[0]
            self.writer.set_metadata(*(part[place] for part in metadata))
        else:
            places = self.places[:count]
            self.writer.set_metadata_batch(*(part[places] for part in metadata))
        self.writer.process_buffer()
        del self._records[:count], self.places[:count]
        return True


def publish_all(outboxes: Sequence[Outbox], metadata: BatchMetadata) -> None:
    """Empty the outboxes of a batch, waiting for free slots as needed.

    No sink is waited for as long as there is room in another one: whoever reads two of them in
    step needs the records in both to go on, and might otherwise never free the slot waited for.
    """
    while waiting := [outbox for outbox in outboxes if outbox.places]:
        alone = len(waiting) == 1
        progress = [outbox.publish_some(metadata, None if alone else 0.0) for outbox in waiting]
        if not any(progress):
            waiting[0].publish_some(metadata, _A_MOMENT_S)


_A_MOMENT_S = 0.05
"""Longest wait for the first of several full sinks before the others are looked at again."""
