"""Save pending events instead of losing them: readers that stand in for those that ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import how_many, verb
from mimocorb.buffers.batch_metadata import NO_TIME
from mimocorb.buffers.reader import Reader
from mimocorb.errors import BufferTimeout, EndOfStream, OutputError
from mimocorb.model import Setup
from mimocorb.recording.spill_file import SpillFile
from mimocorb.recording.spill_place import SPILL_FILE, SpillPlace
from mimocorb.recording.spilled_rows import event_dtype
from mimocorb.run.own_files import OwnFile
from mimocorb.run.workers.worker_function import WorkerFunction

__all__ = ["Spill", "Spilled"]

ROOM_FOR_INDEX_BYTES = 64 << 10
ROOM_FOR_HEADS_BYTES = 16 << 10
PIECE_BYTES = 8 << 20
PIECE_EVENTS = 4096


class Spilled(NamedTuple):
    """Events of a reader group taken out of a buffer, and how many of them have been saved."""

    taken: int = 0
    saved: int = 0


class Spill:
    """Reads in the place of workers that have gone, and writes their events to a spill file.

    The stream of a buffer goes on while a run drains, so a stand-in reads until it ends. What it
    has taken counts as acknowledged in the ledger of the ring; :attr:`groups` tells it apart.

    Parameters
    ----------
    setup
        What is run.

    Attributes
    ----------
    groups
        What has been taken and saved so far: name of the buffer, number of the reader group.
    """

    def __init__(self, setup: Setup) -> None:
        self.groups: dict[str, dict[int, Spilled]] = {}
        self._setup = setup
        self._file: SpillFile | None = None
        self._place: SpillPlace | None = None
        self._told: list[str] = []
        self._reading: list[_StandIn] = []
        self._functions: list[WorkerFunction] = []

    def reserve(self, directory: Path, functions: Sequence[WorkerFunction]) -> SpillPlace:
        """Reserve room for all events that the buffers of these functions can hold."""
        setups = [setup for function in functions for setup in function.readers.values()]
        size_bytes = ROOM_FOR_INDEX_BYTES + sum(
            ROOM_FOR_HEADS_BYTES
            + setup["number_of_slots"]
            * event_dtype(setup["dtype"], setup["values_per_slot"], setup["variable"]).itemsize
            for setup in setups
        )
        self._place = SpillPlace(directory, size_bytes)
        return self._place

    @property
    def reading(self) -> bool:
        """Whether there may still be events to save."""
        return bool(self._reading)

    def take_over(self, function: WorkerFunction) -> None:
        """Read from now on what is due to a worker function whose processes have all gone."""
        self._functions.append(function)
        for buffer in function.readers:
            self._reading.append(_StandIn(function, buffer))

    @property
    def left(self) -> int:
        """Events that are there and have not been saved yet."""
        return sum(sum(f.unread().values()) for f in self._functions if self._reading)

    def save_some(self, directory: Path) -> bool:
        """Save what is there now, some megabytes of each buffer; whether there is more.

        The file is ``spill.zip``, in the directory of the run unless its room was found elsewhere.

        Raises
        ------
        OutputError
            The rest cannot be saved. What is still in the buffers is given up: it stays unread.
        """
        more = False
        try:
            for reader in tuple(self._reading):
                more = self._save_some_of(reader, directory) or more
                if reader.ended:
                    self._reading.remove(reader)
        except OutputError:
            self.give_up()
            raise
        return more

    def finish(self, directory: Path) -> list[str]:
        """Complete the file; say what is in it for each worker, and what to do with it.

        Raises
        ------
        OutputError
            The file cannot be completed: nothing is saved.
        """
        try:
            if self._file is not None:
                self._make_way(self._file.path)
                self._file.close()
        except OutputError:
            self._nothing_saved()
            raise
        finally:
            if self._place is not None:
                self._place.free()
        if self._file is None:
            return []
        found = list(self._told)
        for function in self._functions:
            for buffer, setup in function.readers.items():
                events = self.groups.get(buffer, {}).get(setup["group"], Spilled()).saved
                if events:
                    found.append(
                        f"{how_many(events, 'event')} of {buffer} {verb(events, 'was')} saved for "
                        f"{function.spec.function.name};"
                        f" {self._what_to_do(directory, events)}"
                    )
        return found

    def _what_to_do(self, directory: Path, events: int) -> str:
        first = self._setup.finishes
        if first is None:
            them = "it" if events == 1 else "them"
            return f"to process {them}: mimocorb finish {directory}"
        # It has all of its events still, also those that were not played.
        return f"the rest of {first} is not complete, to repeat it: mimocorb finish {first}"

    def _save_some_of(self, reader: _StandIn, directory: Path) -> bool:
        events = reader.take()
        if not len(events):
            return False
        groups = self.groups.setdefault(reader.buffer, {})
        before = groups.get(reader.group, Spilled())
        groups[reader.group] = Spilled(before.taken + len(events), before.saved)
        if self._file is None:
            name = self._setup.path.name if self._setup.path else ""
            first = str(self._setup.finishes.resolve()) if self._setup.finishes else ""
            path = self._place.path if self._place else directory / SPILL_FILE
            self._make_way(path)
            self._file = SpillFile(path, name, self._setup.settings, first)
        self._file.add(reader.buffer, reader.worker, events)
        groups[reader.group] = Spilled(before.taken + len(events), before.saved + len(events))
        return not reader.ended

    def _make_way(self, path: Path) -> None:
        """Give another name to what a worker has written in the place of the file."""
        told = OwnFile(path).make_way()
        if told:
            self._told.append(told)

    def give_up(self) -> None:
        """Save no more: what is still in the buffers is lost, and counted."""
        for reader in self._reading:
            reader.close()
        self._reading.clear()
        for function in self._functions:
            if function.unread():
                function.leave()

    def _nothing_saved(self) -> None:
        for groups in self.groups.values():
            groups.update({number: Spilled(g.taken, 0) for number, g in groups.items()})


class _StandIn:
    """A reader in the supervisor for a buffer that a worker function was to read."""

    def __init__(self, function: WorkerFunction, buffer: str) -> None:
        setup = function.readers[buffer]
        self.buffer = buffer
        self.group: int = setup["group"]
        self.worker = function.spec.name
        self.ended = False
        self._reader = Reader(setup)
        self._dtype = event_dtype(setup["dtype"], setup["values_per_slot"], setup["variable"])
        self._variable: bool = setup["variable"]
        self._most = min(PIECE_EVENTS, max(1, PIECE_BYTES // self._dtype.itemsize))

    def take(self) -> NDArray[Any]:
        """Return copies of the events that are there, without waiting for more."""
        rows: list[NDArray[Any]] = []
        try:
            while len(rows) < self._most:
                rows.append(self._row(self._reader.get(timeout_s=0.0)))
                self._reader.acknowledge()
        except BufferTimeout:
            pass
        except EndOfStream:
            self.close()
        return np.concatenate(rows) if rows else np.empty(0, self._dtype)

    def close(self) -> None:
        """Read no more."""
        self.ended = True
        self._reader.close()

    def _row(self, data: NDArray[Any]) -> NDArray[Any]:
        row = np.zeros(1, self._dtype)
        row["sequence"], row["may_repeat"] = self._reader.sequence, self._reader.may_repeat
        row["counter"], row["timestamp"], row["deadtime"] = self._reader.get_metadata()
        row["time_ns"] = NO_TIME if self._reader.time_ns is None else self._reader.time_ns
        row["may_repeat"] = self._reader.may_repeat
        if self._variable:
            row["length"] = len(data)
            row["data"][0, : len(data)] = data
        else:
            row["data"] = data
        return row
