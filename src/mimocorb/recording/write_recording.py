"""Writing a recording: segments of batches, each with its seal.

What is true of a recording at every moment, also after a kill or on a full disk:

* all batches that :meth:`RecordingWriter.append` returned for are in it, whole;
* a batch that it did not return for is in it as a whole, or not;
* a segment that was left in order ends with a batch without events that says so, and how many
  there are.

A process that takes the place of one that has failed goes on in a segment of its own. It looks at
the segments before: events that come again, because their reader was killed between writing and
acknowledging, are not written twice.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import how_many
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.components.worker import current_worker
from mimocorb.errors import DamagedFile, OutputError, SetupError
from mimocorb.recording.block import Block
from mimocorb.recording.columns import Columns, dtype_to_plain
from mimocorb.recording.messages import END_MARK, KEY, seal, unsealed
from mimocorb.recording.output_file import OutputFile
from mimocorb.recording.segments import (
    FORMAT,
    VERSION,
    Segment,
    recording_of,
    segment_name,
    segments_of,
)
from mimocorb.recording.syncing import Syncer

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

__all__ = ["COMPRESSIONS", "RecordingWriter", "check_compression", "this_run"]

logger = logging.getLogger(__name__)

COMPRESSIONS = ("lz4", "zstd", "none")
_RUN_RECORD = "run.json"
_MOST_GROWTH = 1.05
"""What noise may become when it is compressed: LZ4 adds a byte for each 255, and little more."""
_ROOM_BYTES = 64 << 10


class RecordingWriter:
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
        What is known of the data besides; ``units`` are noted at the columns.
    compression
        One of COMPRESSIONS.
    segment_bytes, segment_s
        A new segment is begun when one is as large or as old as this.
    sync_s
        How often it is brought to the disk: 0 with each batch, None at the end of a segment.

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
    ) -> None:
        self._owner = owner
        self._directory = directory
        self._name = name
        self._setup = setup
        self._about = dict(about or {})
        self._columns = Columns(
            setup["dtype"], setup["values_per_slot"], self._about.get("units") or {}
        )
        self._compression = compression
        self._schema_bytes = len(self._columns.schema.serialize())
        self._message_bytes = memoryview(b"")
        self._segment_bytes = segment_bytes
        self._segment_s = segment_s
        self._sync_s = sync_s
        self._syncer = Syncer(sync_s) if sync_s else None
        self._run = this_run(directory)
        self._continues, self._written_before = self._look_at_what_is_there()
        self.event_count = 0
        self.repeat_count = 0
        self._begin_segment()

    @property
    def path(self) -> Path:
        """The segment that is written now."""
        return self._file.path

    def append(self, events: NDArray[Any], metadata: BatchMetadata) -> None:
        """Append events with their metadata as one batch, all or none.

        Parameters
        ----------
        events
            Shape ``(k, values_per_slot)``, at least one.
        metadata
            Theirs. Events whose ``sequence`` is in the recording already are left out.

        Raises
        ------
        OutputError
            They could not be written; the recording keeps the batches it had.
        """
        block = self._without_those_written(Block(events, metadata))
        count = len(block.data)
        if not count:
            return
        age_s = time.monotonic() - self._began_s
        if self._batches and (
            self._file.size_bytes >= self._segment_bytes or age_s >= self._segment_s
        ):
            self._end_segment("segment")
            self._begin_segment()
        says: dict[str, Any] = {"batch": self._batches, "first": self._events, "events": count}
        says |= {"run": self._run.get("name")}
        sequence = block.metadata.sequence
        if sequence is not None:
            says["sequence"] = [int(sequence[0]), int(sequence[-1])]
        if not self._batches:
            says["about"] = self._description
        self._write(block, says)
        self._events += count
        self.event_count += count

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
            self._end_segment("recording")
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file as it is: nothing says that it is complete. Idempotent."""
        self._is_open = False
        if self._syncer is not None:
            self._syncer.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    # --- segments

    def _look_at_what_is_there(self) -> tuple[list[dict[str, Any]], NDArray[np.int64]]:
        """Return what processes before have left, and the events of their last batches.

        Only these may come again: a reader has one batch in hand.
        """
        found: list[dict[str, Any]] = []
        sequences = [np.empty(0, np.int64)]
        for path in segments_of(self._directory, self._name):
            try:
                with Segment(path) as segment:
                    self._check_run(path, segment.description)
                    if segment.closing is not None or segment.description is None:
                        continue
                    if segment.batches:
                        last = segment.read_batch(segment.batches[-1])
                        if last.metadata.sequence is not None:
                            sequences.append(last.metadata.sequence)
                    if self._was_before_us(segment.description["writer"]):
                        found.append(
                            {
                                "file": path.name,
                                "events": segment.event_count,
                                "whole_bytes": segment.whole_bytes,
                            }
                        )
            except DamagedFile as error:  # its events, if they come again, are marked as such
                logger.warning("%s; what comes again of it is written once more", error)
        return found, np.concatenate(sequences)

    def _check_run(self, path: Path, description: Mapping[str, Any] | None) -> None:
        run = description["run"] if description is not None else self._run
        if not self._run or run != self._run:
            raise OutputError(
                f"{path} exists already and is not overwritten. Choose another filename, or another"
                " directory."
            )

    @staticmethod
    def _was_before_us(writer: Mapping[str, Any]) -> bool:
        """Whether this process has taken the place of the one that wrote a segment."""
        worker = current_worker()
        return bool(
            writer["worker"] == worker.spec.name
            and writer["process"] == worker.process_number
            and writer["attempt"] < worker.attempt
        )

    def _begin_segment(self) -> None:
        number = self._next_number()
        while True:  # another process may take the number at the same time
            try:
                self._file = OutputFile(
                    self._directory, segment_name(self._name, number), of_the_attempt=False
                )
                break
            except OutputError as error:
                if error.errno != errno.EEXIST or not self._run:
                    raise
                number += 1
        self._is_open = True
        self._began_s = time.monotonic()
        self._batches = self._events = 0
        self._description = self._describe(number)
        schema = self._columns.schema.with_metadata({KEY: unsealed(self._description)})
        head, _ = seal(memoryview(schema.serialize()))
        self._file.append_behind_header(head, b"", 0)

    def _next_number(self) -> int:
        named = [recording_of(path) for path in segments_of(self._directory, self._name)]
        return max((each[1] + 1 for each in named if each is not None), default=0)

    def _describe(self, number: int) -> dict[str, Any]:
        from importlib.metadata import version

        worker = current_worker()
        return {
            "format": FORMAT,
            "version": VERSION,
            "recording": self._name,
            "segment": number,
            "run": self._run,
            "writer": {
                "worker": worker.spec.name,
                "process": worker.process_number,
                "attempt": worker.attempt,
            },
            "buffer": self._setup.get("name", ""),
            "dtype": dtype_to_plain(self._setup["dtype"]),
            "values_per_slot": self._setup["values_per_slot"],
            "compression": self._compression,
            "began_utc_s": time.time(),
            "continues": self._continues,
            "about": self._about,
            "versions": {name: version(name) for name in ("mimocorb", "numpy", "pyarrow")},
        }

    def _end_segment(self, what: str) -> None:
        says = {
            "batch": self._batches,
            "first": self._events,
            "events": 0,
            "run": self._run.get("name"),
            "closes": what,
            "batches": self._batches,
            "events_of_segment": self._events,
            "events_of_process": self.event_count,
        }
        dtype, values = self._setup["dtype"], self._setup["values_per_slot"]
        nothing = np.empty((0, values, *dtype.shape), dtype.base)
        self._write(Block(nothing, BatchMetadata.empty(0)), says)
        if self._syncer is not None:
            self._syncer.leave()
        self._file.close(END_MARK)

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

    def _write(self, block: Block, says: dict[str, Any]) -> None:
        batch = self._columns.batch(block, reuses_memory=True)
        head, body = seal(self._message(batch, unsealed(says)))
        self._file.append_behind_header(head, body, len(block.data))
        self._batches += 1
        self._bring_to_disk()

    def _message(self, batch: pa.RecordBatch, text: str) -> memoryview:
        """Return a batch as a message of a stream; it is valid until the next call."""
        import pyarrow as pa

        compression = None if self._compression == "none" else self._compression
        # by this thread alone: Arrow's threads may abort a process that ends soon after
        options = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
        most_bytes = _MOST_GROWTH * pa.ipc.get_record_batch_size(batch) + len(text) + _ROOM_BYTES
        if most_bytes > len(self._message_bytes):
            self._message_bytes = memoryview(pa.allocate_buffer(int(most_bytes)))
        # The same memory each time: new memory would cost more than to fill it.
        target = pa.FixedSizeBufferWriter(pa.py_buffer(self._message_bytes))
        with pa.ipc.new_stream(target, batch.schema, options=options) as stream:
            stream.write_batch(batch, custom_metadata={KEY: text})
            end = target.tell()
        return self._message_bytes[self._schema_bytes : end]

    def _bring_to_disk(self) -> None:
        try:
            if self._syncer is not None:
                self._syncer.written(self._file.descriptor)
            elif self._sync_s == 0:
                os.fdatasync(self._file.descriptor)
        except OSError as error:
            raise OutputError(
                f"{self.path}: what was written could not be brought to the disk:"
                f" {error.strerror}. It has {how_many(self._events, 'event')}; whether they are on"
                " the disk is not known."
            ) from error


def this_run(directory: Path) -> dict[str, Any]:
    """Return what identifies the run that writes into a directory; empty outside a run."""
    if not current_worker().spec.name:
        return {}
    try:
        record = json.loads((directory / _RUN_RECORD).read_text("utf-8"))
        hashes = [file["sha256"] for file in record["files"] if file["kind"] == "set-up"]
    except (OSError, ValueError, KeyError, TypeError):
        return {"name": directory.name}
    known = {key: record.get(key) for key in ("number", "title", "started_utc", "setup_commit")}
    return {"name": directory.name, **known, "setup_sha256": hashes[0] if hashes else None}


def check_compression(owner: str, compression: str) -> None:
    """Refuse a compression that there is not."""
    if compression not in COMPRESSIONS:
        raise SetupError(
            f"{owner}: compression is {compression!r}; choose one of {', '.join(COMPRESSIONS)}."
        )
