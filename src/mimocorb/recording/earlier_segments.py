"""What processes before have left of a recording that is gone on with."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mimocorb.components.worker import current_worker
from mimocorb.errors import DamagedFile, OutputError
from mimocorb.recording.segments import Segment, segments_of

__all__ = ["Earlier", "look_at_earlier"]

logger = logging.getLogger(__name__)


class Earlier(NamedTuple):
    """What is there already.

    Parameters
    ----------
    continues
        Segments that nobody closes any more, as they are: file, events, whole bytes.
    sequences
        Events of the last batches of open segments. Only these may come again, as a reader has one
        batch in hand.
    """

    continues: list[dict[str, Any]]
    sequences: NDArray[np.int64]


def look_at_earlier(directory: Path, name: str, run: Mapping[str, Any]) -> Earlier:
    """Return what there is of a recording; OutputError if it is that of another run."""
    found: list[dict[str, Any]] = []
    sequences = [np.empty(0, np.int64)]
    for path in segments_of(directory, name):
        try:
            with Segment(path) as segment:
                _check_run(path, segment.description, run)
                if segment.closing is not None or segment.description is None:
                    continue
                if segment.batches:
                    last = segment.read_batch(segment.batches[-1])
                    if last.metadata.sequence is not None:
                        sequences.append(last.metadata.sequence)
                if _was_before_us(segment.description["writer"]):
                    left = {"events": segment.event_count, "whole_bytes": segment.whole_bytes}
                    found.append({"file": path.name, **left})
        except DamagedFile as error:  # its events, if they come again, are marked as such
            logger.warning("%s; what comes again of it is written once more", error)
    return Earlier(found, np.concatenate(sequences))


def _check_run(path: Path, description: Mapping[str, Any] | None, run: Mapping[str, Any]) -> None:
    theirs = description["run"] if description is not None else run
    if not run or theirs != run:
        raise OutputError(
            f"{path} exists already and is not overwritten. Choose another filename, or another"
            " directory."
        )


def _was_before_us(writer: Mapping[str, Any]) -> bool:
    """Whether this process has taken the place of the one that wrote a segment."""
    worker = current_worker()
    return bool(
        writer["worker"] == worker.spec.name
        and writer["process"] == worker.process_number
        and writer["attempt"] < worker.attempt
    )
