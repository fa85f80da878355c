"""The graph of a run once more, on the events that it recorded and with the code that it had.

Where sources wrote a buffer, the source ``replay`` gives what a sink ``record`` read from it. That
sink is left out, as its recording is there already. Everything else is as it was, but for what the
command line sets, and for limits of time and events: all that was recorded is processed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mimocorb._words import count, how_many
from mimocorb.errors import RunRecordError, SetupError
from mimocorb.model import Setup, WorkerSpec
from mimocorb.run.record.run_record import RunRecord, read_record
from mimocorb.run.recorded import RecordedRun
from mimocorb.setup.paths import places_of_copies
from mimocorb.setup.user_code.own_functions import offered_function

__all__ = ["Rerun"]

_REPLAY = "replay"
_LIMITS = ("runtime", "runevents", "stop_when")


@dataclass(frozen=True)
class _Input:
    """The recording of a buffer that sources wrote."""

    buffer: str
    name: str
    events: int
    taken: int | None
    """How many events the run published there; None if its ledger was not closed."""
    recorder: str
    """The worker that recorded it."""


class Rerun:
    """What a run recorded, and what it was made with.

    Parameters
    ----------
    directory
        Of the run. If it is a rerun itself, its input is that of the first run.

    Raises
    ------
    RunRecordError
        There is no such run.
    SetupError
        It goes on still, or there is no set-up in its directory.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.record = read_record(directory)
        if not self.record.is_final and self.record.supervisor.lives():
            raise SetupError(f"run {self.record.number} goes on still: wait for its end")
        self.input_directory = _first_run(directory, self.record)
        setups = [file for file in self.record.files if file.kind == "set-up"]
        if not setups:
            raise SetupError(
                f"{directory} holds no set-up file, as the run was made by a program: call that"
                " once more, with the source replay"
            )
        self.setup_file = directory / setups[0].path
        self._original = Path(setups[0].original)

    @property
    def settings(self) -> list[str]:
        """What ``--set`` set for the run; what else stood there was for its sources."""
        given: list[str] = self.record.setup.get("settings", [])
        return [text.partition(" ")[2] for text in given if text.startswith("--set ")]

    @contextmanager
    def recorded_files(self) -> Iterator[None]:
        """Read files that lie outside the directory of the set-up as they were recorded."""
        places: dict[Path, Path] = {}
        for file in self.record.files:
            original, copy = Path(file.original), self.directory / file.path
            # As the set-up names it from where it was, and from where it is now.
            relative = os.path.relpath(original, self._original.parent)
            seen_from_here = Path(os.path.normpath(self.directory.absolute() / relative))
            places |= {original: copy.absolute(), seen_from_here: copy.absolute()}
        with places_of_copies(places):
            yield

    def on_recorded_events(self, setup: Setup, new_settings: Sequence[str]) -> Setup:
        """Return the set-up with recorded events in the place of its sources.

        Parameters
        ----------
        setup
            As it was read with the settings of the run and the new ones.
        new_settings
            Those of this time.

        Raises
        ------
        SetupError
            Something that sources wrote was not recorded, or there is nothing else to run.
        """
        inputs = self._inputs(setup)
        players = _players(setup, inputs, self.input_directory)
        recorders = {each.recorder for each in inputs.values()}
        workers = [
            replace(worker, ordered=worker.ordered or _shares_events(worker))
            for worker in (players.get(spec.name, spec) for spec in setup.workers)
            if worker.name not in recorders
            and (worker.name in players or worker not in _sources(setup))
        ]
        workers += [player for name, player in players.items() if name not in _names(setup)]
        if not any(worker.reads for worker in workers):
            raise SetupError(
                f"run {self.record.number} recorded its events, and did nothing else with them: to"
                f" process them, write a set-up with a source {{function: replay, config: {{data:"
                f" {self.directory}}}}}"
            )
        wanted = {text.partition("=")[0].strip() for text in new_settings}
        limits: dict[str, Any] = {"runtime_s": None, "runevents": None, "stop_when": ()}
        for key, name in zip(_LIMITS, list(limits), strict=True):
            if key in wanted:
                del limits[name]
        return replace(
            setup, workers=tuple(workers), rerun_of=self.input_directory.absolute(), **limits
        )

    def told(self, setup: Setup) -> Iterator[str]:
        """Yield what comes in the place of what, one sentence each."""
        for each in self._inputs(setup).values():
            sources = [w.name for w in _sources(setup) if each.buffer in w.writes]
            yield (
                f"{each.buffer}: {how_many(each.events, 'event')} of the recording {each.name} of"
                f" {self.input_directory.name} in the place of {' and '.join(sources)}"
            )
            if each.taken is not None and each.taken != each.events:
                yield (
                    f"warning: the run took {count(each.taken)} events into {each.buffer}, and"
                    f" recorded {count(each.events)}: what is missing is not processed again"
                )

    # --- the input

    def _inputs(self, setup: Setup) -> dict[str, _Input]:
        """Return the recording for each buffer that sources write."""
        buffers = {name: spec for spec in _sources(setup) for name in spec.writes}
        record = read_record(self.input_directory)
        found: dict[str, _Input] = {}
        for name, events in RecordedRun(self.input_directory).items():
            writer = events.about.get("writer")  # of a recording, and of what was made of one
            if not writer:
                continue
            buffer, known = str(events.about["buffer"]), len(events)
            if buffer in buffers and (buffer not in found or known > found[buffer].events):
                recorder = str(writer["worker"])
                found[buffer] = _Input(buffer, name, known, _taken(record, buffer), recorder)
        for buffer, spec in buffers.items():
            if buffer not in found:
                raise SetupError(
                    f"run {record.number} did not record the events of {buffer}, which"
                    f" {spec.name} wrote, so they cannot be processed again. For the next run, add"
                    f" to its Workers: record_{buffer}: {{function: record, sources: [{buffer}],"
                    f" config: {{filename: {buffer}}}}}"
                )
        return {buffer: found[buffer] for buffer in buffers}


def _first_run(directory: Path, record: RunRecord) -> Path:
    """Return the run whose recordings are the input."""
    if record.rerun_of is None:
        return directory
    first = Path(record.rerun_of)
    beside = directory.parent / first.name  # all runs may have been moved to another place
    for place in (first, beside):
        if place.is_dir():
            return place
    raise RunRecordError(
        f"{directory} processed the events of {first} again, and that is gone: there is no input"
    )


def _taken(record: RunRecord, buffer: str) -> int | None:
    buffers = record.result.buffers if record.result else []
    return next((each.published for each in buffers if each.name == buffer), None)


def _sources(setup: Setup) -> list[WorkerSpec]:
    """Return the workers whose events would be others today; a replay gives the same again."""
    is_replay = [w.function.offered and w.function.name == _REPLAY for w in setup.workers]
    return [
        worker
        for worker, plays_back in zip(setup.workers, is_replay, strict=True)
        if worker.is_source and not plays_back
    ]


def _names(setup: Setup) -> set[str]:
    return {spec.name for spec in setup.workers}


def _players(setup: Setup, inputs: Mapping[str, _Input], directory: Path) -> dict[str, WorkerSpec]:
    """Return a source for each recording, called as the first source that it stands for."""
    players: dict[str, WorkerSpec] = {}
    for buffer, each in inputs.items():
        source = next(w for w in _sources(setup) if buffer in w.writes)
        name = source.name if source.name not in players else f"{source.name}_{buffer}"
        config = {"data": str((directory / each.name).absolute())}
        players[name] = WorkerSpec(name, offered_function(_REPLAY), writes=(buffer,), config=config)
    return players


def _shares_events(worker: WorkerSpec) -> bool:
    """Whether its results come in an order that nobody can repeat unless it is asked for."""
    return worker.number_of_processes > 1 and bool(worker.reads and worker.writes)
