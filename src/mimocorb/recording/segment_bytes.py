"""Whole segments of a few events each: messages of an engine, parts of a spill file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mimocorb.recording.block import Block
from mimocorb.recording.columns import Columns
from mimocorb.recording.messages import END_MARK
from mimocorb.recording.sealing import Sealing
from mimocorb.recording.segments import describe

__all__ = ["WholeSegments"]


class WholeSegments:
    """Makes segments that hold one block.

    Parameters
    ----------
    name
        Of the recording.
    setup
        Set-up dictionary of the buffer that the events come from.
    """

    def __init__(self, name: str, setup: Mapping[str, Any]) -> None:
        self._description = describe(name, setup)
        self.columns = Columns(
            setup["dtype"], setup["values_per_slot"], variable=setup.get("variable", False)
        )
        """How the events are laid out."""
        self._sealing = Sealing(self.columns, "none")
        self._begin = self._sealing.schema(self._description)

    def of(self, block: Block) -> bytes:
        """Return a segment with these events."""
        count = len(block.data)
        about = {"batch": 0, "first": 0, "events": count, "about": self._description}
        batch = self._sealing.batch(block, about)
        end = self._sealing.nothing(closing_words(1, count, "segment"))
        segment = b"".join([self._begin, batch.head, *batch.body, end.head, *end.body, END_MARK])
        self._sealing.take_back(batch)
        self._sealing.take_back(end)
        return segment


def closing_words(batches: int, events: int, what: str) -> dict[str, Any]:
    """Return what the last batch of a segment says."""
    return {
        "batch": batches,
        "first": events,
        "events": 0,
        "closes": what,
        "batches": batches,
        "events_of_segment": events,
        "events_of_process": events,
    }
