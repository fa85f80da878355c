"""Save what a run could not process in time, instead of losing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mimocorb._access.spill_file import SpillFile, event_dtype
from mimocorb._buffer.reader import Reader
from mimocorb._run.run_state import Spilled
from mimocorb._run.workers.worker_function import WorkerFunction
from mimocorb._setup.model import Setup
from mimocorb.errors import BufferTimeout, EndOfStream, OutputError

__all__ = ["SPILL_FILE", "Spill"]

SPILL_FILE = "spill.npz"
PIECE_BYTES = 8 << 20
LONGEST_WAIT_S = 1.0


class Spill:
    """Takes out of the buffers what is still due and writes it to a spill file, piece by piece.

    To be used when the readers have gone: it reads in their place. What it has taken counts as
    acknowledged in the books of the ring, so those of the run need :attr:`groups`.

    Parameters
    ----------
    directory
        Of the run; the file is ``spill.npz`` in it.
    setup
        What was run.
    functions
        Whose events are to be saved.

    Attributes
    ----------
    groups
        What has been taken and saved so far: name of the buffer, number of the reader group.
    """

    def __init__(self, directory: Path, setup: Setup, functions: Sequence[WorkerFunction]) -> None:
        self.directory = directory
        self.groups: dict[str, dict[int, Spilled]] = {}
        self._setup = setup
        self._functions = functions
        self._pieces = self._write()

    def save_some(self) -> bool:
        """Write some megabytes; whether there may be more.

        Raises
        ------
        OutputError
            The rest cannot be written; what was not taken yet stays in the buffers.
        """
        return next(self._pieces, False)

    def report(self) -> list[str]:
        """Say what has been saved, one sentence for each worker, and what to do with it."""
        found = []
        for function in self._functions:
            for buffer, reader in function.readers.items():
                events = self.groups.get(buffer, {}).get(reader["group"], Spilled()).saved
                if events:
                    name = function.spec.function.name
                    found.append(
                        f"{events} events of {buffer} were saved for {name}; to process them: "
                        f"mimocorb replay {self.directory}"
                    )
        return found

    def _write(self) -> Iterator[bool]:
        setup = self._setup
        name = setup.path.name if setup.path else ""
        path = self.directory / SPILL_FILE
        try:
            with SpillFile(path, name, setup.settings) as file:
                for function in self._functions:
                    for buffer in function.readers:
                        for _ in self._group(file, function, buffer):
                            yield True
        except OutputError:
            if not path.exists():  # not even what had been written could be completed
                for groups in self.groups.values():
                    groups.update({n: Spilled(g.taken, 0) for n, g in groups.items()})
            raise

    def _group(self, file: SpillFile, function: WorkerFunction, buffer: str) -> Iterator[None]:
        setup = function.readers[buffer]
        row = event_dtype(setup["dtype"], setup["values_per_slot"])
        piece = np.zeros(max(1, PIECE_BYTES // row.itemsize), row)
        groups = self.groups.setdefault(buffer, {})
        taken = saved = 0
        with Reader(setup) as reader:
            while count := _fill(piece, reader):
                taken += count
                groups[setup["group"]] = Spilled(taken, saved)
                file.add(buffer, function.spec.name, piece[:count])
                saved += count
                groups[setup["group"]] = Spilled(taken, saved)
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
