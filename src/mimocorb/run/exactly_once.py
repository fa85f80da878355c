"""Whether the events in a recording are those that the ledger of its run says were processed.

Each event of a buffer has a number there, and a recording has them. So it can be said which events
are missing, not only how many.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import how_many, verb
from mimocorb.errors import MimocorbError, RunRecordError
from mimocorb.recording.events import Events
from mimocorb.recording.recording_format import Recording
from mimocorb.recording.spill_file import spilled_events
from mimocorb.recording.spill_place import find_spill_file
from mimocorb.run.record.run_record import read_record
from mimocorb.run.recorded import RecordedRun
from mimocorb.run.run_view import GroupView
from mimocorb.run.supervision.quarantine_files import FOLDER

__all__ = ["differences_from_the_ledger"]

_MOST_TOLD = 8

Numbers = NDArray[np.int64]


def differences_from_the_ledger(events: Events) -> list[str]:
    """Return what a recording has too few or too many by the ledger of its run, one sentence each.

    Empty as well if it is not in the directory of a run that has ended in order, or of a worker
    that writes a buffer: that records only some of its events, as the sample of rejected ones.
    """
    file = events.file
    if not isinstance(file, Recording):
        return []
    (directory, *_) = {path.parent for path in file.segments}
    try:
        record = read_record(directory)
    except RunRecordError:
        return []
    reads, worker = file.about["buffer"], file.about["writer"]["worker"]
    readers = [name for name, each in record.setup["Workers"].items() if reads in each["sources"]]
    if record.result is None or worker not in readers or record.setup["Workers"][worker]["sinks"]:
        return []
    (buffer,) = (each for each in record.result.buffers if each.name == reads)
    group = buffer.groups[readers.index(worker)]
    recorded = file.sequences()
    elsewhere = _elsewhere(directory, reads, worker, readers.index(worker))
    published = np.arange(group.first_sequence, buffer.published + 1)
    return [
        *_other_count(reads, group, recorded),
        *_other_numbers(reads, group, published, recorded, elsewhere),
    ]


def _other_count(reads: str, group: GroupView, recorded: Numbers) -> Iterable[str]:
    acknowledged = group.acknowledged
    if len(recorded) != acknowledged:
        yield (
            f"{how_many(acknowledged, 'event')} of {reads} {verb(acknowledged, 'was')} acknowledged"
            f" by the ledger of the run, {how_many(len(recorded), 'event')} are in the recording"
        )


def _other_numbers(
    reads: str, group: GroupView, published: Numbers, recorded: Numbers, elsewhere: Numbers
) -> Iterable[str]:
    unknown = np.setdiff1d(recorded, published)
    if len(unknown):
        yield f"{reads} has had no events with the numbers {_listed(unknown)}"
    both = np.intersect1d(recorded, elsewhere)
    if len(both):
        yield f"not processed by the ledger, and yet in the recording: {_listed(both)} of {reads}"
    missing = np.setdiff1d(published, np.concatenate([recorded, elsewhere]))
    if len(missing) > group.lost + group.due:  # of these the ledger says so, not which they are
        yield f"missing: {how_many(len(missing), 'event')} of {reads}, numbers {_listed(missing)}"


def _elsewhere(directory: Path, reads: str, worker: str, group: int) -> Numbers:
    """Return the numbers of the events that were set aside, or saved for later."""
    found = [np.empty(0, np.int64)]
    if (directory / FOLDER).is_dir():
        for events in RecordedRun(directory / FOLDER).values():
            sequence = events.metadata.sequence
            is_ours = (events.about.get("buffer"), events.about.get("group")) == (reads, group)
            if is_ours and sequence is not None:
                found.append(sequence)
    try:
        blocks = list(spilled_events(find_spill_file(directory), reads, worker))
    except MimocorbError:  # there is none, most often
        blocks = []
    sequences = (block.metadata.sequence for block in blocks)
    return np.concatenate([*found, *(each for each in sequences if each is not None)])


def _listed(numbers: Numbers) -> str:
    """Return numbers as in ``3, 7-9``."""
    stretches = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    told = [
        f"{each[0]}" if len(each) == 1 else f"{each[0]}-{each[-1]}"
        for each in stretches[:_MOST_TOLD]
    ]
    return ", ".join(told) + (" and more" if len(stretches) > _MOST_TOLD else "")
