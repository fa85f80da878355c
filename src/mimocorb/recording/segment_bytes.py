"""A whole segment of a few events, to be put into a file that holds more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mimocorb.recording.block import Block
from mimocorb.recording.columns import Columns
from mimocorb.recording.messages import END_MARK, Bytes
from mimocorb.recording.sealing import Sealing
from mimocorb.recording.segments import describe

__all__ = ["segment_bytes"]


def segment_bytes(name: str, setup: Mapping[str, Any], block: Block) -> Iterator[Bytes]:
    """Yield a segment, piece by piece.

    Parameters
    ----------
    name
        Of the recording.
    setup
        Set-up dictionary of the buffer that the events come from.
    block
        The events.
    """
    description = describe(name, setup)
    columns = Columns(
        setup["dtype"], setup["values_per_slot"], variable=setup.get("variable", False)
    )
    sealing = Sealing(columns, "none")
    count = len(block.data)
    yield sealing.schema(description)
    for message in (
        sealing.batch(block, {"batch": 0, "first": 0, "events": count, "about": description}),
        sealing.nothing(closing_words(1, count, "segment")),
    ):
        yield message.head
        yield from message.body
    yield END_MARK


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
