"""Play the events of a spill file back into the buffer that they came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mimocorb.components.form import source
from mimocorb.recording.block import Block
from mimocorb.recording.spill_file import spilled_events

__all__ = ["left_events"]


@source(batch=True)
def left_events(*, spill_file: Path, worker: str, buffer: Mapping[str, Any]) -> Iterator[Block]:
    """Publish the events that a worker did not get to process, with the metadata they had.

    Parameters
    ----------
    spill_file
        The file.
    worker
        The worker that the events were due to.
    buffer
        Given by mimocorb.

    Raises
    ------
    SetupError
        The file cannot be read.
    """
    form = buffer["dtype"], buffer["values_per_slot"], buffer["variable"]
    yield from spilled_events(spill_file, buffer["name"], worker, form)
