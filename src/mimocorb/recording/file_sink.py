"""What the sinks that write files have in common: one writer, its name, and the line at the end."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any, ClassVar, Self

from mimocorb._words import how_many
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.recording.block import Data
from mimocorb.recording.formats import EventWriter
from mimocorb.recording.output_file import checked_name

__all__ = ["FileSink"]

logger = logging.getLogger(__name__)


class FileSink:
    """A sink that hands its events to a writer, which it makes when it is made.

    Attributes
    ----------
    writer
        What writes them.
    """

    OWNER: ClassVar[str]
    """What messages call it."""
    ENDING: ClassVar[str] = ""
    """Of its file."""
    EVENTS_ARE: ClassVar[str] = "event"
    """What an event is in its file."""

    writer: EventWriter

    @classmethod
    def output_name(cls, *, filename: str, **_others: Any) -> str:
        """Return the name of the file that this configuration makes."""
        return f"{checked_name(cls.OWNER, filename).removesuffix(cls.ENDING)}{cls.ENDING}"

    @property
    def path(self) -> Any:
        """The file."""
        return self.writer.path

    @property
    def event_count(self) -> int:
        """Number of events written."""
        return self.writer.event_count

    def __call__(self, events: Data, metadata: BatchMetadata) -> None:
        """Write a batch.

        Raises
        ------
        OutputError
            It could not be written, for instance because the disk is full. The file keeps the whole
            events it had, can be read, and the events of the batch are given back.
        """
        self.writer.append(events, metadata)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.writer.__exit__(kind, error, trace)
        logger.info("%s", self._told())

    def _told(self) -> str:
        return f"{how_many(self.event_count, self.EVENTS_ARE)} in {self.path.name}"
