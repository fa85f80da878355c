"""The record of a run: ``run.json`` in its directory, one home for everything known about it.

It is written at the start and again, as a whole, at every change of state, every few seconds in
between, and at the end; what a reader finds is always one of these versions, complete. A record
that does not say how the run ended belongs to a run that still goes on, or to one that was killed:
:meth:`RunRecord.is_final` and :mod:`mimocorb.run.record.catalogue` tell which.

The fields are described in ``docs/reference/run-record.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from mimocorb._files import read_regular
from mimocorb._json import to_json
from mimocorb.errors import RunRecordError
from mimocorb.run.record.connected import Clock, Connected
from mimocorb.run.record.notes import Note
from mimocorb.run.record.run_directory import CopiedFile, write_atomically
from mimocorb.run.record.run_result import RunResult
from mimocorb.run.run_log import utc
from mimocorb.run.run_state import RunState, StateChange
from mimocorb.run.run_view import RunView
from mimocorb.run.workers.processes import ProcessIdentity

__all__ = [
    "RECORD_FILE",
    "SCHEMA_VERSION",
    "Progress",
    "Quality",
    "RunRecord",
    "read_record",
    "write_record",
]

RECORD_FILE = "run.json"
LARGEST_RECORD_BYTES = 256 << 20
SCHEMA: Final = "mimocorb run record"
SCHEMA_VERSION: Final = 2

Quality = dict[str, list[str]]
"""Flag to reasons, one sentence each; see :mod:`mimocorb.run.record.quality`."""


@dataclass(frozen=True)
class Progress:
    """What a run had taken when that was written down; if it was killed, at least that.

    Parameters
    ----------
    time_utc
        UTC time of the count.
    events
        Events published in the first source buffer.
    published
        Events published in each buffer, by name.
    """

    time_utc: str
    events: int
    published: dict[str, int]

    @classmethod
    def of(cls, view: RunView, time_s: float) -> Progress:
        """Return what there is at this moment."""
        published = {buffer.name: buffer.published for buffer in view.buffers}
        return cls(utc(time_s), view.events, published)


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """Everything that is known about one run.

    Parameters
    ----------
    schema, schema_version
        What the file is, and in which form.
    number
        Of the run; in an output directory it only grows.
    title
        Name of the set-up.
    state
        The last one of `states`.
    started_utc, ended_utc
        UTC times; the second is None as long as the run goes on, and for one that was killed.
    last_sign_utc
        For a run that was killed: its last sign of life.
    operator, comment
        Who took the data, and why.
    supervisor
        The process that ran it.
    command
        How it was called.
    repeats
        Number of the run whose directory holds the set-up of this one.
    rerun_of
        Directory of the run whose recorded events were processed again; None: others.
    scan
        Which point of which scan it is: ``number``, ``point``, ``of`` and ``settings``; None:
        others.
    versions, setup_commit
        What it was made with; git commit of the set-up.
    files
        Set-up, configuration and functions with their hashes.
    setup
        The set-up as it was understood.
    states
        Every change of state.
    progress
        How far it has come; None before anything runs, and once there is a result.
    notes
        What people have written about it, while it went on or later.
    part
        Of a run that is connected with other hosts: its host, and where the engine is.
    connected
        What came of the events that went to other hosts, or came from them.
    clocks
        How far the clocks of other hosts were ahead, by host.
    quality
        None as long as the run goes on.
    result
        None until the run has ended in order.
    """

    schema: Literal["mimocorb run record"] = SCHEMA
    schema_version: int = SCHEMA_VERSION
    number: int
    title: str
    state: RunState
    started_utc: str
    ended_utc: str | None = None
    last_sign_utc: str | None = None
    operator: str
    comment: str
    notes: list[Note] = field(default_factory=list)
    quality: Quality | None = None
    supervisor: ProcessIdentity
    command: list[str]
    repeats: int | None
    rerun_of: str | None = None
    scan: dict[str, Any] | None = None
    versions: dict[str, Any]
    setup_commit: str | None
    files: list[CopiedFile]
    setup: dict[str, Any]
    states: list[StateChange]
    progress: Progress | None = None
    part: dict[str, Any] | None = None
    connected: list[Connected] = field(default_factory=list)
    clocks: dict[str, Clock] = field(default_factory=dict)
    result: RunResult | None = None

    @property
    def is_final(self) -> bool:
        """Whether the record says how the run ended."""
        return self.state.is_final

    def with_states(self, changes: Iterable[StateChange]) -> RunRecord:
        """Return the record of a run that has gone through these states."""
        states = list(changes)
        return replace(self, states=states, state=states[-1].state)

    def ended(self, ended_s: float, quality: Quality, result: RunResult | None) -> RunRecord:
        """Return the record of a run that is over.

        Its state is ``"given up"`` if its program has left it in another state than ``"ended"``.
        """
        record = self
        if self.state is not RunState.ENDED:
            cause = f"the program left the run while it was {self.state}"
            record = self._in_state(RunState.GIVEN_UP, ended_s, cause)
        progress = None if result else self.progress
        return replace(
            record, ended_utc=utc(ended_s), quality=quality, progress=progress, result=result
        )

    def killed(
        self, found_s: float, last_sign_s: float | None, quality: Quality, cause: str
    ) -> RunRecord:
        """Return the record of a run whose supervisor was found to have vanished."""
        last_sign = None if last_sign_s is None else utc(last_sign_s)
        record = self._in_state(RunState.KILLED, found_s, cause)
        return replace(record, last_sign_utc=last_sign, quality=quality)

    def _in_state(self, state: RunState, since_s: float, cause: str) -> RunRecord:
        states = [*self.states, StateChange(utc(since_s), state, cause)]
        return replace(self, state=state, states=states)


def write_record(directory: Path, record: RunRecord) -> None:
    """Write the record into the directory of its run, whole or not at all.

    Raises
    ------
    OutputError
        It could not be written; the former version is untouched.
    """
    write_atomically(directory / RECORD_FILE, to_json(asdict(record), indent=2) + "\n")


def read_record(directory: Path) -> RunRecord:
    """Return the record of the run in this directory.

    Raises
    ------
    RunRecordError
        There is none, or none that this version can read; the message says which.
    """
    path = directory / RECORD_FILE
    try:
        content = json.loads(read_regular(path, most_bytes=LARGEST_RECORD_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        found = f"no {RECORD_FILE}, so it is not a run, or one of an earlier version"
        if directory.is_dir():
            missing = found
        elif directory.exists():
            missing = "this is a file; name the directory of a run, or of several"
        else:
            missing = "there is no such directory"
        raise RunRecordError(f"{directory}: {missing}") from None
    except OSError as error:
        raise RunRecordError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise RunRecordError(f"{path} is damaged: {error}") from error
    return _validated(path, content)


def _validated(path: Path, content: Any) -> RunRecord:
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise RunRecordError(f"{path} is not the record of a run: it has no schema {SCHEMA!r}")
    found = content.get("schema_version")
    if isinstance(found, int) and found > SCHEMA_VERSION:
        raise RunRecordError(
            f"{path} has version {found} of the schema, this mimocorb reads up to "
            f"{SCHEMA_VERSION}: use a later one"
        )
    from pydantic import TypeAdapter, ValidationError

    try:
        if found == 1:
            content = _of_version_1(content)
        return TypeAdapter(RunRecord).validate_python(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise RunRecordError(f"{path} is damaged: {error!r}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RunRecordError(f"{path} is damaged: {place}: {first['msg']}") from error


def _of_version_1(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a record of version 1 in the form of today."""
    quality, result = content.get("quality"), content.get("result")
    if quality and "books open" in quality:
        quality = {flag.replace("books", "ledger"): why for flag, why in quality.items()}
    if result:
        result = result | {"buffers": [_buffer_of_version_1(each) for each in result["buffers"]]}
    return content | {"quality": quality, "result": result, "schema_version": SCHEMA_VERSION}


def _buffer_of_version_1(old: dict[str, Any]) -> dict[str, Any]:
    """Return the ledger of a buffer with what was not written down: 0, as after any run."""
    not_written = {"number_of_slots": 0, "free_slots": 0, "uptime_s": 0.0, "writers": 0}
    waiting = {"full_s": old["waiting_full_s"], "paused_s": old["waiting_paused_s"]}
    # None where it was not counted.
    refused = {key: old.get(key) or 0 for key in ("refused_full", "refused_paused")}
    groups = [
        {"group": number, "held": 0, "readers": 0, "taken": group["saved"]} | group
        for number, group in enumerate(old["groups"])
    ]
    more = {"paused": False, "ended": True, "waiting": waiting, "groups": groups}
    return not_written | old | refused | more
