"""Save what a run could not process in time, instead of losing it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mimocorb._access.spill_file import SpillFile, event_dtype
from mimocorb._buffer.reader import Reader
from mimocorb._run.worker_function import WorkerFunction
from mimocorb.errors import BufferTimeout, EndOfStream

__all__ = ["SPILL_FILE", "Spill"]

SPILL_FILE = "spill.npz"
PIECE_BYTES = 8 << 20
LONGEST_WAIT_S = 1.0


@dataclass
class Spill:
    """Takes out of the buffers what is still due and writes it to a spill file, piece by piece.

    To be used when the readers have gone: it reads in their place. What it has taken counts as
    acknowledged in the books of the ring, so those of the run need :attr:`taken` and :attr:`saved`.

    Parameters
    ----------
    directory
        Of the run; the file is ``spill.npz`` in it.
    setup
        Name of the set-up file in it.
    functions
        Whose events are to be saved.

    Attributes
    ----------
    taken, saved
        Events taken out of a buffer and those of them that are in the file, by name of the buffer
        and number of the reader group.
    """

    directory: Path
    setup: str
    functions: Iterable[WorkerFunction]
    taken: dict[tuple[str, int], int] = field(default_factory=dict)
    saved: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file."""
        return self.directory / SPILL_FILE

    @property
    def events(self) -> int:
        """How many events are in the file so far."""
        return sum(self.saved.values())

    def pieces(self) -> Iterator[int]:
        """Write, and yield after each piece how many events have been saved.

        Raises
        ------
        OutputError
            The rest cannot be written; what was not taken yet stays in the buffers.
        """
        with SpillFile(self.path, self.setup) as file:
            for function in self.functions:
                for buffer in function.readers:
                    for _ in self._group(file, function, buffer):
                        yield self.events

    def _group(self, file: SpillFile, function: WorkerFunction, buffer: str) -> Iterator[None]:
        setup = function.readers[buffer]
        key = buffer, int(setup["group"])
        row = event_dtype(setup["dtype"], setup["values_per_slot"])
        piece = np.zeros(max(1, PIECE_BYTES // row.itemsize), row)
        with Reader(setup) as reader:
            while count := _fill(piece, reader):
                self.taken[key] = self.taken.get(key, 0) + count
                file.add(buffer, function.spec.name, piece[:count])
                self.saved[key] = self.saved.get(key, 0) + count
                yield


def _fill(piece: np.ndarray, reader: Reader) -> int:
    """Copy events into the rows of an array until it is full or there are no more."""
    for place in range(len(piece)):
        try:
            data = reader.get(timeout_s=LONGEST_WAIT_S)
        except (EndOfStream, BufferTimeout):
            return place
        row = piece[place]
        row["sequence"], row["delivery"] = reader.sequence, reader.delivery
        row["counter"], row["timestamp"], row["deadtime"] = reader.get_metadata()
        row["data"] = data
        reader.acknowledge()
    return len(piece)
