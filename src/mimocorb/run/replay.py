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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb._words import how_many
from mimocorb.errors import SetupError
from mimocorb.model import FunctionReference, Setup, WorkerSpec
from mimocorb.recording.spill_file import SpilledGroup, read_index, spilled_events
from mimocorb.recording.spill_place import find_spill_file
from mimocorb.run.record.run_directory import write_atomically
from mimocorb.run.run_state import RunView
from mimocorb.setup.graph import Graph

__all__ = ["Replay", "Stage"]

REPLAYED = "spill_replayed.json"
PLAYER = FunctionReference(
    "mimocorb/devices/spilled", "replay_spilled", None, "mimocorb.devices.spilled"
)


@dataclass(frozen=True)
class Stage:
    """One run of a replay: what to run, and whose events it takes care of."""

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


class Replay:
    """The spill file of a run, and what of it is still to be processed.

    Parameters
    ----------
    directory
        Of the run that left it.

    Raises
    ------
    SetupError
        There is no spill file, or it is damaged, or it is the rest of a replay.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = find_spill_file(directory)
        index = read_index(self.path)
        if index.replay_of:
            raise SetupError(
                f"{directory} is a replay of {index.replay_of}, which has all of its events still; "
                f"to process them: mimocorb replay {index.replay_of}"
            )
        self.groups = index.groups
        self.setup_file = directory / index.setup
        self.settings = index.settings
        self._done: list[dict[str, str]] = []
        self._read_done()

    def _read_done(self) -> None:
        if (self.directory / REPLAYED).exists():
            self._done = json.loads((self.directory / REPLAYED).read_text(encoding="utf-8"))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let nobody else replay the same events meanwhile.

        Raises
        ------
        SetupError
            Somebody does so already.
        """
        with self.path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SetupError(
                    f"{self.path} is being replayed by another process: wait until that has ended"
                ) from None
            self._read_done()  # what others have done up to now
            yield

    @property
    def left(self) -> list[SpilledGroup]:
        """What has not been processed by a replay yet."""
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
                    f"reader in {self.setup_file}; use the set-up that the run was made with"
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
        write_atomically(self.directory / REPLAYED, json.dumps(self._done, indent=2) + "\n")

    def _alike(self, setup: Setup) -> Iterator[list[SpilledGroup]]:
        """Yield the groups of a buffer that were left with the same events, upstream first."""
        for buffer in Graph(setup).buffer_order:
            by_events: dict[bytes, list[SpilledGroup]] = {}
            for group in self.left:
                if group.buffer == buffer:
                    by_events.setdefault(self._sequences(group), []).append(group)
            yield from by_events.values()

    def _sequences(self, group: SpilledGroup) -> bytes:
        pieces = spilled_events(self.path, group.buffer, group.worker)
        return np.concatenate([piece["sequence"] for piece in pieces]).tobytes()

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
                title=f"{setup.title}, replay of {self.directory.name}",
                runtime_s=None,
                runevents=None,
                stop_when=(),
                replay_of=self.directory,
            ),
            tuple(groups),
        )


_NOBODY = WorkerSpec("", PLAYER)


def _player_name(buffer: str) -> str:
    return f"replay_{buffer}"


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
