"""Writing a recording: segments of batches, each with its seal.

What is true of a recording at every moment, also after a kill or on a full disk:

* all batches that :meth:`RecordingWriter.append` returned for are in it, whole;
* a batch that it did not return for is in it as a whole, or not;
* a segment that was left in order ends with a batch without events that says so, and how many
  there are.

A process that takes the place of one that has failed goes on in a segment of its own. It looks at
the segments before: events that come again, because their reader was killed between writing and
acknowledging, are not written twice.

A segment that could not be brought to the disk is not written any more: what of it is on the disk
stays, and the rest is written anew into the next one.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb._closing import Completing
from mimocorb._words import how_many
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.components.room import when_there_is_room
from mimocorb.errors import OutputError, SetupError
from mimocorb.recording.block import Block, Data
from mimocorb.recording.columns import Columns
from mimocorb.recording.earlier_segments import look_at_earlier
from mimocorb.recording.provenance import this_run
from mimocorb.recording.sealing import Sealing
from mimocorb.recording.segment_file import SegmentFile
from mimocorb.recording.segments import describe, recording_of, segment_name, segments_of
from mimocorb.recording.syncing import Syncer

__all__ = ["COMPRESSIONS", "RecordingWriter", "check_compression"]

logger = logging.getLogger(__name__)

COMPRESSIONS = ("lz4", "zstd", "none")


class RecordingWriter(Completing):
    """A recording that grows batch by batch.

    Parameters
    ----------
    owner
        Named in messages.
    directory, name
        Where its segments are made: ``<name>.000.arrows`` and so on.
    setup
        Set-up dictionary of the buffer that the events come from.
    about
        What is known of the data besides; ``units``, ``scale`` and ``offset`` are noted at the
        columns, and ``notes`` says what the notes of the events are, if they have some.
    compression
        One of COMPRESSIONS.
    segment_bytes, segment_s
        A new segment is begun when one is as large or as old as this.
    sync_s
        How often it is brought to the disk: 0 with each batch, None at the end of a segment.
    waits
        Whether the run waits for a full disk.
    export
        What the run is to write from it at its end.

    Raises
    ------
    OutputError
        There is such a recording already, of another run.
    """

    def __init__(
        self,
        owner: str,
        directory: Path,
        name: str,
        setup: Mapping[str, Any],
        *,
        about: Mapping[str, Any] | None = None,
        compression: str = "lz4",
        segment_bytes: float = 256e6,
        segment_s: float = 600.0,
        sync_s: float | None = 1.0,
        waits: bool = True,
        export: Mapping[str, Any] | None = None,
    ) -> None:
        self._export = export
        self._owner = owner
        self._directory = directory
        self._name = name
        self._setup = setup
        self._about = dict(about or {})
        self._compression = compression
        columns = Columns(
            setup["dtype"],
            setup["values_per_slot"],
            self._about,
            notes=bool(self._about.get("notes")),
            variable=setup.get("variable", False),
        )
        self._sealing = Sealing(columns, compression)
        self._segment_bytes = segment_bytes
        self._segment_s = segment_s
        self._sync_s = sync_s
        self._waits = waits
        self._syncer = Syncer(sync_s or None)
        self._run = this_run(directory)
        self._continues, self._written_before = look_at_earlier(directory, name, self._run)
        self.event_count = 0
        self.repeat_count = 0
        self._lost: list[str] = []
        self._ended: list[SegmentFile] = []  # and perhaps not on the disk yet
        self._segment = self._begin_segment()
        self._is_open = True

    @property
    def path(self) -> Path:
        """The segment that is written now."""
        return self._segment.path

    def append(self, events: Data, metadata: BatchMetadata) -> None:
        """Append events with their metadata as one batch, all or none.

        Parameters
        ----------
        events
            Shape ``(k, values_per_slot)``, or a Jagged, at least one.
        metadata
            Theirs. Events whose ``sequence`` is in the recording already are left out.

        Raises
        ------
        OutputError
            They could not be written; the recording keeps the batches it had.
        """
        block = self._without_those_written(Block(events, metadata))
        if not len(block.data):
            return
        self._look_at_the_disk()
        segment = self._segment
        if segment.batches and (
            segment.size_bytes >= self._segment_bytes
            or time.monotonic() - segment.began_s >= self._segment_s
        ):
            self._end_segment("segment")
            self._segment = self._begin_segment()
        self._segment.append(block)
        self.event_count += len(block.data)
        if self._sync_s == 0:
            self._segment.disk.bring()
            self._look_at_the_disk()

    def close(self) -> None:
        """Close the counts, wait until all is on disk, and close the segment. Idempotent.

        Raises
        ------
        OutputError
            Not everything could be brought to the disk.
        """
        if not self._is_open:
            return
        try:
            self._look_at_the_disk()
            self._end_segment("recording")
            while self._ended:
                for segment in self._ended:
                    segment.disk.bring()
                if self._look_at_the_disk():
                    self._end_segment("recording")
            if self._lost:
                raise OutputError("; ".join(self._lost))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file as it is: nothing says that it is complete. Idempotent."""
        self._is_open = False
        self._syncer.close()
        for segment in dict.fromkeys((*self._ended, self._segment)):
            segment.disk.bring()
            if segment.disk.error is not None:
                logger.warning(
                    "%s: what was written last could not be brought to the disk: %s",
                    segment.path.name,
                    segment.disk.error.strerror,
                )
            segment.close()
        self._ended.clear()

    # --- segments

    def _begin_segment(self) -> SegmentFile:
        number = self._next_number()
        while True:  # another process may take the number at the same time
            try:
                segment = SegmentFile(
                    self._directory / segment_name(self._name, number),
                    self._sealing,
                    self._describe(number),
                    keeps=self._sync_s is not None,
                    waits=self._waits,
                )
                break
            except OutputError as error:
                if error.errno != errno.EEXIST or not self._run:
                    raise
                number += 1
        self._syncer.follow(segment.disk)
        return segment

    def _next_number(self) -> int:
        named = [recording_of(path) for path in segments_of(self._directory, self._name)]
        return max((each[1] + 1 for each in named if each is not None), default=0)

    def _describe(self, number: int) -> dict[str, Any]:
        return describe(
            self._name,
            self._setup,
            segment=number,
            run=self._run,
            compression=self._compression,
            continues=self._continues,
            about=self._about,
            export=self._export,
        )

    def _end_segment(self, what: str) -> None:
        self._segment.end(what, self.event_count)
        self._ended.append(self._segment)
        self._syncer.call()

    # --- the disk

    def _look_at_the_disk(self) -> bool:
        """Let go of what is on the disk, and write anew what could not be brought there.

        Returns whether there is a new segment.
        """
        self._segment.forget_what_is_on_disk()
        if not self._ended and self._segment.disk.error is None:
            return False
        for segment in tuple(self._ended):
            segment.forget_what_is_on_disk()
            if segment.is_on_disk:
                self._let_go(segment)
        open_ones = dict.fromkeys((*self._ended, self._segment))
        failed = [segment for segment in open_ones if segment.disk.error is not None]
        for segment in failed:
            self._write_anew(segment)
        return bool(failed)

    def _let_go(self, segment: SegmentFile) -> None:
        self._syncer.leave(segment.disk)
        segment.close()
        if segment in self._ended:
            self._ended.remove(segment)

    def _write_anew(self, failed: SegmentFile) -> None:
        """Write what is not on the disk of a segment into a new one, which is brought there."""
        error = failed.disk.error
        why = error.strerror if error is not None else ""
        if self._segment is not failed and self._segment not in self._ended:
            self._end_segment("segment")
        self._continues = [*self._continues, failed.left]
        try:
            self._segment, lost = when_there_is_room(
                lambda: self._copy_of_what_is_unsaved(failed), failed.path.name
            )
        except OSError as again:
            raise OutputError(
                f"{failed.path}: {why}: what was written last could not be brought to the disk, and"
                f" not written anew either: {again.strerror}"
            ) from again
        moved = self._segment.events
        failed.cut_back()
        self._let_go(failed)
        logger.warning(
            "%s could not be brought to the disk (%s) and is given up: its last %s stand in %s",
            failed.path.name,
            why,
            how_many(moved, "event"),
            self._segment.path.name,
        )
        if lost:
            self._lost.append(
                f"{failed.path.name}: {why}: {how_many(lost, 'event')} could not be brought to the"
                " disk, and are not there any more"
            )
            logger.error("%s", self._lost[-1])

    def _copy_of_what_is_unsaved(self, failed: SegmentFile) -> tuple[SegmentFile, int]:
        lost = 0

        def count_lost(events: int) -> None:
            nonlocal lost
            lost += events

        segment = self._begin_segment()
        try:
            for block in failed.unsaved(count_lost):
                segment.append(block)
            segment.disk.bring()
            segment.disk.check()
        except BaseException:
            self._syncer.leave(segment.disk)
            segment.remove()
            raise
        return segment, lost

    # --- batches

    def _without_those_written(self, block: Block) -> Block:
        """Leave out events that an earlier process has written, but not acknowledged."""
        sequence = block.metadata.sequence
        if sequence is None or not len(self._written_before):
            return block
        is_new = ~np.isin(sequence, self._written_before)
        self.repeat_count += int(np.count_nonzero(~is_new))
        if is_new.all():
            return block
        return Block(block.data[is_new], block.metadata.at(np.flatnonzero(is_new)))


def check_compression(owner: str, compression: str) -> None:
    """Refuse a compression that there is not."""
    if compression not in COMPRESSIONS:
        raise SetupError(
            f"{owner}: compression is {compression!r}; choose one of {', '.join(COMPRESSIONS)}."
        )
