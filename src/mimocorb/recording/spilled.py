"""The events of a spill file, to look at them: one sequence for each worker they were due to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb.buffers.jagged import Jagged
from mimocorb.errors import DamagedFile, SetupError
from mimocorb.recording.block import Block
from mimocorb.recording.events import Events
from mimocorb.recording.spill_file import SpilledGroup, read_index, spilled_events
from mimocorb.recording.spill_place import OLD_SPILL_FILE, SPILL_FILE

__all__ = ["SpilledEvents", "is_spill_file"]


def is_spill_file(path: Path) -> bool:
    """Return whether a file has the name of a spill file."""
    return path.name in (SPILL_FILE, OLD_SPILL_FILE)


class SpilledEvents(Mapping[str, Events]):
    """What is in a spill file: ``<buffer>.<worker>`` → the events that were due to the worker.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    SetupError
        It is no whole spill file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        groups = read_index(path).groups
        self._groups = {f"{group.buffer}.{group.worker}": group for group in groups}

    def __getitem__(self, name: str) -> Events:
        return Events(_Group(self.path, self._groups[name]), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

    def __repr__(self) -> str:
        return f"<spill file {self.path} with {', '.join(self)}>"


class _Group:
    """The events of one worker: there are as many as a buffer holds, so all are read at once."""

    def __init__(self, path: Path, group: SpilledGroup) -> None:
        self._path = path
        self._missing: list[str] = []
        self._blocks: list[Block] = []
        try:
            self._blocks += spilled_events(path, group.buffer, group.worker)
        except SetupError as error:
            self._missing.append(str(error))
        if not self._blocks:
            raise DamagedFile(f"{path}: nothing can be read of {group.buffer}: {self._missing}")
        found = sum(self.counts)
        if found != group.events:
            self._missing.append(f"{group.events} events were saved, {found} can be read")
        self.about: Mapping[str, Any] = {"buffer": group.buffer, "due_to": group.worker}

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the buffer."""
        dtype: np.dtype[Any] = self._blocks[0].data.dtype
        return dtype

    @property
    def values_per_slot(self) -> int:
        """That of the buffer; where events may be shorter, the length of the longest one here."""
        if self.variable:
            return max(1, *(int(block.data.lengths.max(initial=0)) for block in self._blocks))
        return int(self._blocks[0].data.shape[1])

    @property
    def variable(self) -> bool:
        """Whether events have lengths of their own."""
        return isinstance(self._blocks[0].data, Jagged)

    @property
    def counts(self) -> list[int]:
        """How many events each block has."""
        return [len(block.data) for block in self._blocks]

    def read_block(self, number: int) -> Block:
        """Return the events of a block."""
        return self._blocks[number]

    def look_again(self) -> None:
        """Find nothing: it is complete."""

    def damage(self) -> Iterator[str]:
        """Yield what is missing."""
        yield from self._missing

    def close(self) -> None:
        """Keep nothing open."""
