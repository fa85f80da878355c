"""Reading Parquet, HDF5, ROOT and npz files: what is given out is what their description proves."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from mimocorb._kernels import crc32c
from mimocorb.errors import DamagedFile
from mimocorb.recording.arrays import Arrays, batch_of, checksum
from mimocorb.recording.block import Block
from mimocorb.recording.columns import Columns
from mimocorb.recording.formats import reading
from mimocorb.recording.plain_dtype import dtype_from_plain
from mimocorb.recording.provenance import about_of

__all__ = ["DESCRIPTION", "FORMAT", "VERSION", "Container", "WholeFile"]

DESCRIPTION = "mimocorb"
"""What the description is called in its container."""
FORMAT = "mimocorb blocks"
VERSION = 1


class Container(Protocol):
    """A container that is read."""

    description: str | None
    """None: it is none of ours."""
    names: Collection[str]
    """Of its columns."""

    def read(self, number: int, first: int, count: int) -> Arrays:
        """Return the columns of a block: its number, its first event, and how many it has."""

    def close(self) -> None:
        """Let go of the file. Idempotent."""


class _Known(NamedTuple):
    events: int
    crc: int
    notes: list[str] | None


class WholeFile:
    """A file with a description, read.

    Parameters
    ----------
    path
        The file.
    container
        What reads it.

    Raises
    ------
    DamagedFile
        The description is not what was written.
    """

    def __init__(self, path: Path, container: Container) -> None:
        self.path = path
        self._container = container
        try:
            about = _described(container.description or "")
            self.dtype = dtype_from_plain(about["dtype"])
            self.values_per_slot: int = about["values_per_slot"]
            self._blocks = [_Known(*each) for each in about["blocks"]]
            self.about: Mapping[str, Any] = about_of(about)
            self.variable: bool = about.get("variable", False)
            self._columns = Columns(
                self.dtype,
                self.values_per_slot,
                self.about,
                variable=self.variable,
            )
        except Exception as error:
            container.close()
            raise DamagedFile(f"{path}: its description is damaged: {error}") from error
        self._firsts = np.cumsum([0, *(each.events for each in self._blocks)]).tolist()

    @property
    def counts(self) -> Sequence[int]:
        """How many events each block has."""
        return [each.events for each in self._blocks]

    def read_block(self, number: int) -> Block:
        """Return the events of a block; DamagedFile if they are not what was written."""
        known = self._blocks[number]
        first = self._firsts[number]
        arrays = reading(
            self.path,
            lambda: self._container.read(number, first, known.events),
            f"events {first} to {first + known.events - 1}",
        )
        names = self._columns.schema.names
        if (
            set(names) - set(arrays)
            or checksum({name: arrays[name] for name in names}) != known.crc
        ):
            raise DamagedFile(
                f"{self.path}: events {first} to {first + known.events - 1} are not what was"
                " written"
            )
        block = self._columns.block(batch_of(arrays, self._columns.schema))
        if known.notes is not None:
            block.metadata.notes = np.array(known.notes, np.object_)
        return block

    def look_again(self) -> None:
        """Do nothing: a complete file does not grow."""

    def damage(self) -> Iterator[str]:
        """Yield which blocks are not what was written."""
        for number in range(len(self._blocks)):
            try:
                self.read_block(number)
            except DamagedFile as error:
                yield str(error).removeprefix(f"{self.path}: ")

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._container.close()


def _described(text: str) -> Mapping[str, Any]:
    crc, _, told = text.partition(" ")
    if int(crc, 16) != crc32c(told.encode()):
        raise ValueError("its checksum is another")
    about: Mapping[str, Any] = json.loads(told)
    if about["format"] != FORMAT or about["version"] != VERSION:
        raise ValueError(f"it is {about['format']} of version {about['version']}")
    return about
