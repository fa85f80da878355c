"""Play the events of a spill file back into the buffer that they came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.components.form import source
from mimocorb.recording.spill_file import event_dtype, spilled_events

__all__ = ["left_events"]


@source(batch=True)
def left_events(
    *, spill_file: Path, worker: str, buffer: Mapping[str, Any]
) -> Iterator[tuple[Any, BatchMetadata]]:
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
    dtype = event_dtype(buffer["dtype"], buffer["values_per_slot"])
    for rows in spilled_events(spill_file, buffer["name"], worker, dtype):
        metadata = BatchMetadata(rows["counter"], rows["timestamp"], rows["deadtime"])
        known = rows.dtype.names or ()  # files of old have neither times nor marks
        metadata.time_ns = rows["time_ns"] if "time_ns" in known else None
        metadata.may_repeat = rows["may_repeat"] if "may_repeat" in known else None
        yield rows["data"], metadata
