"""What the sinks share whose files are complete only at the end: Parquet, HDF5, ROOT and npz.

The table of contents of such a file stands at its end: a process that is killed would leave nothing
that can be read. So the events go into a recording first, ``waveforms.parquet.000.arrows``, with
all that it promises: nothing is lost in a kill or on a full disk, nothing stands there twice, and
it can be read while it grows. When the data are at their end the file is written from it; when that
is complete, the recording is deleted.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from mimocorb._words import how_many
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.components.room import when_there_is_room
from mimocorb.components.worker import current_worker
from mimocorb.errors import OutputError, SetupError
from mimocorb.recording.block import Block, Data
from mimocorb.recording.columns import Columns
from mimocorb.recording.events import Events
from mimocorb.recording.output_file import check_scales, checked_name
from mimocorb.recording.recording_format import RECORDING
from mimocorb.recording.segments import segments_of
from mimocorb.recording.whole_file import UNFINISHED, WholeFileFormat
from mimocorb.recording.write_recording import RecordingWriter

__all__ = ["Converted"]

logger = logging.getLogger(__name__)

_OF_A_BATCH = 4096
_PARAMETERS = """

    Until the end of the run the events are in a recording, which can be read: nothing is lost if a
    process is killed or the disk is full. Then the file is written, and the recording deleted.

    Parameters
    ----------
    filename
        Name of the file without path; its ending is appended.
    compression
        How the file is compressed: %s.
    units
        Field → unit, noted in the file.
    scale
        Field → what one count of the digitizer means in that unit.
    offset
        Field → value at count 0 in that unit.
    sample_time_ns
        Time between two samples, in ns, noted in the file.
    pre_trigger_samples
        Number of samples before the trigger, noted in the file.
    analogue_offset
        Offset that the digitizer added, in V, noted in the file.
    buffer, directory
        Given by mimocorb.

    Raises
    ------
    SetupError
        A faulty configuration, or a package that the format needs is not installed.
    OutputError
        There is such a file already (it is never overwritten), or it cannot be created.
    """


class Converted:
    """A sink that records, and writes a file of its format at the end."""

    format: ClassVar[WholeFileFormat]

    batch_bytes: ClassVar[int] = 1 << 20
    """How much it wants to have together."""
    gather_s: ClassVar[float] = 1.0
    """How long events may wait for others."""
    wants_sequences: ClassVar[bool] = True
    """Its recording has to know which events it has written already."""

    def __init_subclass__(cls) -> None:
        if "Parameters\n" in (cls.__doc__ or ""):
            return
        first, *others = cls.format.compressions
        told = ", ".join((f"``{first}``, which is usual", *(f"``{each}``" for each in others)))
        cls.__doc__ = (cls.__doc__ or "").rstrip() + _PARAMETERS % told

    def __init__(
        self,
        *,
        filename: str,
        compression: str | None = None,
        units: dict[str, str] | None = None,
        scale: dict[str, float] | None = None,
        offset: dict[str, float] | None = None,
        sample_time_ns: float | None = None,
        pre_trigger_samples: int | None = None,
        analogue_offset: float | None = None,
        buffer: Mapping[str, Any],
        directory: Path,
    ) -> None:
        known = {
            "units": units,
            "scale": scale,
            "offset": offset,
            "sample_time_ns": sample_time_ns,
            "pre_trigger_samples": pre_trigger_samples,
            "analogue_offset": analogue_offset,
        }
        self.accept(buffer, filename=filename, compression=compression, **known)
        self.path = directory / self.output_name(filename=filename)
        attempt = current_worker().attempt
        self._goes_on = attempt > 1 and self.path.exists()
        if self._goes_on:  # the process before was killed behind its work: all is in the file
            for segment in segments_of(directory, self.path.name):
                segment.unlink()
            self.path = self.path.with_stem(f"{self.path.stem}_{attempt}")
        if self.path.exists():
            raise OutputError(
                f"{self.path} exists already and is not overwritten. Choose another filename, or"
                " another run directory."
            )
        self._about = {name: value for name, value in known.items() if value is not None}
        self._options = {} if compression is None else {"compression": compression}
        self._buffer = buffer
        self._recording = RecordingWriter(
            self.format.name, directory, self.path.name, buffer, about=self._about
        )

    @classmethod
    def output_name(cls, *, filename: str, **_others: Any) -> str:
        """Return the name of the file that this configuration makes."""
        name = checked_name(cls.format.name, filename).removesuffix(cls.format.ending)
        return f"{name}{cls.format.ending}"

    @classmethod
    def check(cls, buffer: Mapping[str, Any], **config: Any) -> int:
        """Return the most bytes that an event takes, in both files; SetupError if it cannot be."""
        cls.accept(buffer, **config)
        columns = Columns(
            buffer["dtype"], buffer["values_per_slot"], variable=buffer.get("variable", False)
        )
        event_bytes: int = buffer["dtype"].itemsize * buffer["values_per_slot"]
        return 2 * event_bytes + _OF_A_BATCH + 64 * len(columns.schema)

    @classmethod
    def accept(
        cls,
        buffer: Mapping[str, Any],
        *,
        filename: str,
        compression: str | None = None,
        **about: Any,
    ) -> None:
        """Raise a SetupError if it cannot work with its buffer; loads and opens nothing."""
        owner, known = cls.format.name, cls.format.compressions
        cls.output_name(filename=filename)
        cls.format.check_packages()
        if compression is not None and compression not in known:
            raise SetupError(
                f"{owner}: compression is {compression!r}; choose one of {', '.join(known)}."
            )
        check_scales(owner, buffer, about)

    @property
    def event_count(self) -> int:
        """Number of events written."""
        return self._recording.event_count

    def __call__(self, events: Data, metadata: BatchMetadata) -> None:
        """Record a batch.

        Raises
        ------
        OutputError
            It could not be written. The recording keeps the batches it had, and the events are
            given back.
        """
        self._recording.append(events, metadata)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._recording.__exit__(kind, error, trace)
        if kind is None:
            self._convert()

    def _convert(self) -> None:
        """Write the file from the recording; what is damaged in it stays where it is."""
        segments = segments_of(self.path.parent, self.path.name)
        events = Events(RECORDING.join({each: RECORDING.open(each) for each in segments}), "")
        with events:
            damage = events.damage()
            if self._goes_on and not len(events):
                self._remove(segments)
                return
            when_there_is_room(lambda: self._write(events), self.path.name)
        if damage:
            logger.warning(
                "%s lacks some events: %s; the recording that it was made from is kept",
                self.path.name,
                "; ".join(damage),
            )
            return
        self._remove(segments)
        logger.info("%s in %s", how_many(len(events), "event"), self.path.name)

    @staticmethod
    def _remove(segments: list[Path]) -> None:
        for path in segments:
            path.unlink()

    def _write(self, events: Events) -> None:
        ending = self.format.ending
        name = self.path.name.removesuffix(ending)
        try:
            with self.format.create(
                self.path.parent, name, self._buffer, self._about, **self._options
            ) as writer:
                for block in _whole_blocks(events):
                    writer.append(*block)
        except BaseException:
            self.path.with_name(self.path.name + UNFINISHED).unlink(missing_ok=True)
            raise


def _whole_blocks(events: Events) -> Iterator[Block]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is damaged is told for all together
        yield from events.blocks()
