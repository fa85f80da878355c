"""What a file format is: a writer and a reader of blocks of events with metadata.

A package offers a format of its own under the entry point group ``mimocorb.formats``: an object
with the methods of :class:`Format`. ``mimocorb.open`` and ``mimocorb files`` then read it, and
``mimocorb.testing.formats.EventFileContract`` says whether it keeps what is expected.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib.metadata import entry_points
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.errors import DamagedFile
from mimocorb.recording.block import Block, Data

__all__ = ["ABILITIES", "EventFile", "EventWriter", "Format", "Joined", "Part", "formats"]

GROUP = "mimocorb.formats"

ABILITIES: Mapping[str, str] = {
    "write": "it can be written",
    "about": "units, and what else is known of the data, are in it",
    "lengths": "events may have lengths of their own, and keep them",
    "notes": "the notes of events, such as why one was rejected, are kept",
    "types": "what was written is read back with its dtype, or refused before it is written",
    "prove": "an event that is given out is one that was written, whatever bit is flipped",
    "every bit": "every flipped bit is told",
    "part": "what is damaged takes only the events around it",
    "end": "it is told when something is missing at the end",
    "kill": "what was written before the process was killed can be read",
    "grow": "it can be read while it is written",
}
"""What a format can do. ``mimocorb.testing.formats.EventFileContract`` tries each that it does not
say it cannot."""


class EventWriter(Protocol):
    """A file of events that is being written."""

    def append(self, events: Data, metadata: BatchMetadata) -> None:
        """Append events, all or none; OutputError if that was not possible."""

    def close(self) -> None:
        """Complete the file and bring it to the disk."""


class EventFile(Protocol):
    """A file of events that is read, or several that belong together.

    One whose events have lengths of their own has an attribute ``variable`` that is true.
    """

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy type of one value."""

    @property
    def values_per_slot(self) -> int:
        """Length of the array of one event."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What its writer knew of the data: ``units`` and so on."""

    @property
    def counts(self) -> Sequence[int]:
        """How many events each of its blocks has, as far as is known without reading them."""

    def read_block(self, number: int) -> Block:
        """Return the events of a block; DamagedFile if they are not what was written."""

    def look_again(self) -> None:
        """Find what has been written since it was opened."""

    def damage(self) -> Iterator[str]:
        """Yield what is wrong, one sentence each; reads everything."""

    def close(self) -> None:
        """Let go of the file. Idempotent."""


class Part(NamedTuple):
    """A file that belongs to a recording.

    Parameters
    ----------
    name
        Of the recording, as :func:`mimocorb.open` of a run directory calls it.
    order
        Its place among the parts.
    """

    name: str
    order: int


class Format(Protocol):
    """A file format."""

    name: str
    """As a sink of a set-up that writes it is called."""

    of_others: bool
    """Whether it is read only: then it is not looked for in the directory of a run."""

    cannot: Mapping[str, str]
    """What of :data:`mimocorb.recording.formats.ABILITIES` it cannot, and why: a sentence for
    each."""

    def part(self, path: Path) -> Part | None:
        """Return which recording a file is a part of; None if it is not of this format."""

    def open(self, path: Path) -> EventFile:
        """Open a file to read it."""

    def join(self, files: Mapping[Path, EventFile]) -> EventFile:
        """Return the parts of a recording as one; see :class:`Joined`."""

    def create(
        self, directory: Path, name: str, buffer: Mapping[str, Any], about: Mapping[str, Any]
    ) -> EventWriter:
        """Make a file in a directory; SetupError if it cannot hold the events of the buffer."""


@cache
def formats() -> Mapping[str, Format]:
    """Return the formats that are installed, by their names; those of others come last."""
    found = {entry.name: entry.load() for entry in entry_points(group=GROUP)}
    # what is read only tries many texts, so it comes last
    return {name: found[name] for name in sorted(found, key=lambda each: _order(each, found[each]))}


def _order(name: str, format_: Format) -> tuple[bool, str]:
    return format_.of_others, name


def is_variable(file: EventFile) -> bool:
    """Whether the events of a file have lengths of their own."""
    return getattr(file, "variable", False)


def _form_of(file: EventFile) -> tuple[np.dtype[Any], int, bool]:
    return file.dtype, file.values_per_slot, is_variable(file)


def _in_words(file: EventFile) -> str:
    most = "up to " if is_variable(file) else ""
    return f"{most}{file.values_per_slot} x {file.dtype}"


class Joined:
    """Several files as one, with the events of one behind those of the other.

    Parameters
    ----------
    files
        At least one, all with the same type of events.

    Raises
    ------
    DamagedFile
        Their events are of different types.
    """

    def __init__(self, files: Mapping[Path, EventFile]) -> None:
        self.files = dict(files)
        first = next(iter(self.files.values()))
        self.dtype, self.values_per_slot = first.dtype, first.values_per_slot
        self.variable = is_variable(first)
        self.about = first.about
        for path, file in self.files.items():
            if _form_of(file) != _form_of(first):
                raise DamagedFile(
                    f"{path} has events of {_in_words(file)}, the part before of"
                    f" {_in_words(first)}: open them one by one"
                )

    @property
    def counts(self) -> Sequence[int]:
        """How many events each block has."""
        return [count for file in self.files.values() for count in file.counts]

    def read_block(self, number: int) -> Block:
        """Return the events of a block; DamagedFile if they are not what was written."""
        place = bisect_right(self._ends, number)
        file = list(self.files.values())[place]
        return file.read_block(number - (self._ends[place - 1] if place else 0))

    @cached_property
    def _ends(self) -> list[int]:
        """For each file, how many blocks it and those before have; not counted for each block."""
        return list(accumulate(len(file.counts) for file in self.files.values()))

    def look_again(self) -> None:
        """Find what has been written since."""
        for file in self.files.values():
            file.look_again()
        self.__dict__.pop("_ends", None)

    def damage(self) -> Iterator[str]:
        """Yield what is wrong with each of the files."""
        for path, file in self.files.items():
            for sentence in file.damage():
                yield f"{path.name}: {sentence}"

    def close(self) -> None:
        """Let go of the files. Idempotent."""
        for file in self.files.values():
            file.close()
