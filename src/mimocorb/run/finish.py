"""Process later what a run could not process in time: a spill file as the source of new runs.

The workers that did not get their events, and everything behind them, run again as the set-up says;
in the place of everything before them a source plays back the file. Where the readers of a buffer
were left with different events, one run cannot give each of them its own, and several are planned.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb._files import open_regular, read_regular
from mimocorb._words import how_many
from mimocorb.errors import SetupError
from mimocorb.model import FunctionReference, Setup, WorkerSpec
from mimocorb.recording.spill_file import (
    SpilledGroup,
    read_index,
    spilled_events,
    validated,
)
from mimocorb.recording.spill_place import find_spill_file
from mimocorb.run.record.run_directory import write_atomically
from mimocorb.run.record.run_record import read_record
from mimocorb.run.run_view import RunView
from mimocorb.setup.graph import Graph

__all__ = ["Rest", "Stage"]

FINISHED = "spill_finished.json"
LARGEST_NOTE_BYTES = 16 << 20
PLAYER = FunctionReference(
    "mimocorb/devices/spilled", "left_events", None, "mimocorb.devices.spilled"
)


@dataclass(frozen=True)
class _Finished:
    """A note that events have been processed."""

    buffer: str
    worker: str
    run: str


@dataclass(frozen=True)
class Stage:
    """One run that processes the rest: what to run, and whose events it takes care of."""

    setup: Setup
    groups: tuple[SpilledGroup, ...]

    def __str__(self) -> str:
        return ", ".join(
            f"{how_many(group.events, 'event')} of {group.buffer} for {group.worker}"
            for group in self.groups
        )

    def not_played(self, view: RunView) -> int:
        """Return how many of the events did not get into the run, as it was ended before."""
        due = {_player_name(group.buffer): group.events for group in self.groups}
        sources = view.accounts.sources if view.accounts else ()
        played = {source.name: source.events or 0 for source in sources}
        return sum(events - played.get(name, 0) for name, events in due.items())


class Rest:
    """The spill file of a run, and what of it is still to be processed.

    Parameters
    ----------
    directory
        Of the run that left it.

    Raises
    ------
    SetupError
        There is no spill file, or it is damaged, or the run has itself processed the rest of
        another.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = find_spill_file(directory)
        index = read_index(self.path)
        if index.replay_of:
            raise SetupError(
                f"{directory} processed the rest of {index.replay_of}, which has all of its events "
                f"still; to process them: mimocorb finish {index.replay_of}"
            )
        self.groups = index.groups
        self._index = index
        self._done = self._read_done()

    def what_to_run(self) -> tuple[Path, list[str]]:
        """Return the set-up file, and the settings of the command line.

        Events may come from elsewhere, as an attachment to a mail, and a set-up names programs. So
        the record of the run has to say the same.

        Raises
        ------
        RunRecordError
            There is no record that can be read.
        SetupError
            It says something else.
        """
        index = self._index
        record = read_record(self.directory)
        names = [file.path for file in record.files if file.kind == "set-up"]
        for what, of_events, of_run in (
            ("set-up", [index.setup] if index.setup else [], names),
            ("settings", index.settings, record.setup.get("settings", [])),
        ):
            if of_events != of_run:
                raise SetupError(
                    f"{self.path} names the {what} {_listed(of_events)}, the record of the run "
                    f"{_listed(of_run)}: one of them has been changed, and none is run"
                )
        return self.directory / index.setup, list(index.settings)

    def _read_done(self) -> list[dict[str, str]]:
        path = self.directory / FINISHED
        try:
            content = json.loads(read_regular(path, most_bytes=LARGEST_NOTE_BYTES))
        except FileNotFoundError:
            return []
        except (OSError, ValueError, RecursionError) as error:
            raise SetupError(f"{path} is damaged: {error}") from error
        return [asdict(entry) for entry in validated(path, list[_Finished], content)]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from processing the same events at the same time.

        Raises
        ------
        SetupError
            Somebody does already.
        """
        with open_regular(self.path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SetupError(
                    f"{self.path} is being processed by another command: wait until that has ended"
                ) from None
            self._done = self._read_done()  # by one that has just ended
            yield

    @property
    def left(self) -> list[SpilledGroup]:
        """What has not been processed yet."""
        done = {(entry["buffer"], entry["worker"]) for entry in self._done}
        return [group for group in self.groups if (group.buffer, group.worker) not in done]

    def stages(self, setup: Setup) -> list[Stage]:
        """Return the runs that process what is left, the first to be run first.

        Parameters
        ----------
        setup
            That of the run, with the settings it had.

        Raises
        ------
        SetupError
            The set-up does not have the buffers and workers of the file.
        """
        for group in self.left:
            workers = {worker.name: worker for worker in setup.workers}
            if group.buffer not in workers.get(group.worker, _NOBODY).reads:
                raise SetupError(
                    f"{self.path} has events of {group.buffer} for {group.worker}, found no such "
                    f"reader in {self._index.setup}; use the set-up that the run was made with"
                )
        planned: list[list[list[SpilledGroup]]] = []
        for alike in self._alike(setup):
            for stage in planned:
                if _fits(setup, [*stage, alike]):
                    stage.append(alike)
                    break
            else:
                planned.append([alike])
        return [self._stage(setup, [g for alike in stage for g in alike]) for stage in planned]

    def mark_done(self, stage: Stage, directory: Path) -> None:
        """Note that a run has processed the events of a stage, so that none does it again."""
        self._done += [
            {"buffer": group.buffer, "worker": group.worker, "run": directory.name}
            for group in stage.groups
        ]
        write_atomically(self.directory / FINISHED, json.dumps(self._done, indent=2) + "\n")

    def _alike(self, setup: Setup) -> Iterator[list[SpilledGroup]]:
        """Yield the groups of a buffer that were left with the same events, upstream first."""
        for buffer in Graph(setup).buffer_order:
            by_events: dict[bytes, list[SpilledGroup]] = {}
            for group in self.left:
                if group.buffer == buffer:
                    by_events.setdefault(self._sequences(group), []).append(group)
            yield from by_events.values()

    def _sequences(self, group: SpilledGroup) -> bytes:
        blocks = spilled_events(self.path, group.buffer, group.worker)
        of_blocks = (block.metadata.sequence for block in blocks)
        numbers = [each for each in of_blocks if each is not None]
        if not numbers or (found := sum(map(len, numbers))) != group.events:
            has = found if numbers else 0
            raise SetupError(
                f"{self.path} is damaged: it has {how_many(has, 'event')} of {group.buffer} for "
                f"{group.worker}, its index says {group.events}"
            )
        return np.concatenate(numbers).tobytes()

    def _stage(self, setup: Setup, groups: Sequence[SpilledGroup]) -> Stage:
        workers = _behind(setup, {group.worker for group in groups})
        written = {name for worker in workers for name in worker.writes}
        # A buffer that several workers read holds the events of all of them once.
        due = {group.buffer: group.worker for group in groups}
        unfed = {name for worker in workers for name in worker.reads} - written - due.keys()
        players = [_player(self.path, buffer, worker) for buffer, worker in due.items()]
        players += [_player(self.path, buffer, "") for buffer in sorted(unfed)]
        used = written | due.keys() | unfed
        return Stage(
            replace(
                setup,
                buffers=tuple(spec for spec in setup.buffers if spec.name in used),
                workers=(*players, *workers),
                title=f"{setup.title}, rest of {self.directory.name}",
                runtime_s=None,
                runevents=None,
                stop_when=(),
                finishes=self.directory,
            ),
            tuple(groups),
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name)[:200] for name in names) or "none"


_NOBODY = WorkerSpec("", PLAYER)


def _player_name(buffer: str) -> str:
    return f"rest_of_{buffer}"


def _player(path: Path, buffer: str, worker: str) -> WorkerSpec:
    config: Mapping[str, Any] = {"spill_file": str(path), "worker": worker}
    return WorkerSpec(_player_name(buffer), PLAYER, writes=(buffer,), config=config)


def _behind(setup: Setup, names: Iterable[str]) -> list[WorkerSpec]:
    """Return these workers and all that read, at any distance, what they write."""
    found = set(names)
    while True:
        written = {n for worker in setup.workers if worker.name in found for n in worker.writes}
        more = {w.name for w in setup.workers if written & set(w.reads)} - found
        if not more:
            return [worker for worker in setup.workers if worker.name in found]
        found |= more


def _fits(setup: Setup, parts: Sequence[Sequence[SpilledGroup]]) -> bool:
    """Whether one run can give each reader exactly the events it was left with."""
    workers = _behind(setup, {group.worker for part in parts for group in part})
    buffers = [part[0].buffer for part in parts]
    if len(set(buffers)) < len(buffers):
        return False
    return all(
        {worker.name for worker in workers if part[0].buffer in worker.reads}
        == {group.worker for group in part}
        for part in parts
    )
