"""Files of mimoCoRB2, ``.mimo``, without unpickling what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb.devices.mimo_file import MimoFile
from mimocorb.errors import DamagedFile, SetupError
from mimocorb.recording.block import PARTS, Block, metadata_from_parts
from mimocorb.recording.formats import EventFile
from mimocorb.recording.of_others.reading import ReadOnly

__all__ = ["MIMO"]

_BLOCK_BYTES = 1 << 20


class MimoFormat(ReadOnly):
    """Recordings of mimoCoRB2. Their description may name NumPy types and nothing else."""

    name = "mimo"

    def belongs(self, path: Path) -> bool:
        """Whether it ends as such files do."""
        return path.suffix.lower() == ".mimo"

    def open(self, path: Path) -> EventFile:
        """Open a file."""
        return MimoEvents(path)


MIMO = MimoFormat()


class MimoEvents:
    """A recording of mimoCoRB2, read as events are asked for.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    DamagedFile
        It is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = MimoFile(path)
        except SetupError as error:
            raise DamagedFile(str(error)) from error
        self.dtype = self._file.data_dtype
        self.values_per_slot = self._file.data_length
        self.about: Mapping[str, Any] = {}
        self._in_a_block = max(1, _BLOCK_BYTES // self._file.event_dtype.itemsize)
        self.look_again()

    def look_again(self) -> None:
        """Find what has been written since."""
        size = self.path.stat().st_size - self._file.begin
        self._count, self._left = divmod(max(0, size), self._file.event_dtype.itemsize)

    @property
    def counts(self) -> Sequence[int]:
        """How many events each block has."""
        whole, rest = divmod(self._count, self._in_a_block)
        return [self._in_a_block] * whole + [rest] * bool(rest)

    def read_block(self, number: int) -> Block:
        """Return the events of a block."""
        count = self.counts[number]
        form = self._file.event_dtype
        with self.path.open("rb") as file:
            file.seek(self._file.begin + number * self._in_a_block * form.itemsize)
            events = np.frombuffer(file.read(count * form.itemsize), form)
        if len(events) < count:
            raise DamagedFile(f"{self.path} has become shorter")
        known = events["metadata"][:, 0]
        parts = {
            name: known[name].astype(kind)
            for name, kind in PARTS.items()
            if name in (known.dtype.names or ())
        }
        return Block(events["data"], metadata_from_parts(parts))

    def damage(self) -> Iterator[str]:
        """Yield what is wrong. Such files have no checksums: only the length is looked at."""
        if self._left:
            yield f"it ends with {self._left} bytes of an event that is not whole"

    def close(self) -> None:
        """Let go of the file. Idempotent."""
