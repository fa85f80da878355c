"""The record of a run: ``run.json`` in its directory, one home for everything known about it.

It is written at the start and again, as a whole, at every change of state, every few seconds in
between, and at the end; what a reader finds is always one of these versions, complete. A record
that does not say how the run ended belongs to a run that still goes on, or to one that was killed:
:meth:`RunRecord.is_final` and :mod:`mimocorb._run.record.catalogue` tell which.

The fields are described in ``docs/reference/run-record.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from mimocorb._run.accounts.live_time import Rate
from mimocorb._run.record.run_directory import CopiedFile, write_atomically
from mimocorb._run.run_log import utc
from mimocorb._run.run_state import RunState, RunView, StateChange
from mimocorb._run.workers.process_identity import ProcessIdentity
from mimocorb.errors import RunRecordError

__all__ = [
    "GIVEN_UP",
    "KILLED",
    "RECORD_FILE",
    "SCHEMA_VERSION",
    "BufferResult",
    "GroupResult",
    "Progress",
    "Quality",
    "RecordedState",
    "RunRecord",
    "RunResult",
    "WorkerEnd",
    "read_record",
    "write_record",
]

RECORD_FILE = "run.json"
SCHEMA: Final = "mimocorb run record"
SCHEMA_VERSION: Final = 1

KILLED = "killed"
"""State of a run whose supervisor vanished."""
GIVEN_UP = "given up"
"""State of a run that its own program left before its end."""

Quality = dict[str, list[str]]
"""Flag to reasons, one sentence each; see :mod:`mimocorb._run.record.quality`."""


@dataclass(frozen=True)
class RecordedState:
    """A state of the run, since when (UTC), and why."""

    time_utc: str
    state: str
    cause: str


@dataclass(frozen=True)
class WorkerEnd:
    """How one worker process ended.

    Parameters
    ----------
    name
        Name in the set-up, function, and number of the process if there are several.
    worker
        Name in the set-up.
    handles_data
        Whether it reads or writes events; displays only observe them.
    pid
        Process number; None if it was never started.
    state
        The last state, such as ``"ended"`` or ``"failed"``.
    exit_code
        Negative for a signal; None if nobody has seen it.
    how
        In words.
    ended_utc
        UTC time; None if that was not seen.
    """

    name: str
    worker: str
    handles_data: bool
    pid: int | None
    state: str
    exit_code: int | None
    how: str
    ended_utc: str | None


@dataclass(frozen=True)
class GroupResult:
    """What became of the events of a buffer for one group of readers.

    Parameters
    ----------
    reader
        Name of the function that reads.
    first_sequence
        Publish number of the first event that the group got.
    offered
        Events that were ever due to it.
    acknowledged
        Events it has processed.
    quarantined
        Events that failed every time and were set aside.
    saved
        Events that are in the spill file instead.
    due
        Events that were still to be processed.
    lost
        Events that nobody processed, because the readers had gone.
    abandoned
        Those of them that were due when the readers went.
    redelivered
        How often an event was delivered again.
    waiting_s
        Time that its readers, all together, have waited for data, in seconds.
    """

    reader: str
    first_sequence: int
    offered: int
    acknowledged: int
    quarantined: int
    saved: int
    due: int
    lost: int
    abandoned: int
    redelivered: int
    waiting_s: float


@dataclass(frozen=True)
class BufferResult:
    """The closed books of one buffer: ``claimed == published + aborted + torn + in_hand``.

    Parameters
    ----------
    name
        In the set-up.
    claimed
        Slots that were handed to writers.
    published
        Events.
    aborted, torn
        Slots that writers gave back, and left behind by dying.
    in_hand
        Slots in writers' hands at the end: 0, or the books are open.
    live_time_doubtful
        Whether the run doubts the live time that `rate_hz` and `dead_fraction` come from.
    rate_hz, rate_sigma_hz
        Events per second of live time and the uncertainty of that, from the number of events; None
        where there is not one source upstream.
    dead_fraction
        Part of the time in which the sources could take no event; None where no source writes.
    waiting_full_s, waiting_paused_s
        Time that its writers, all together, have waited for a slot, by cause, in seconds.
    refused_full, refused_paused
        Claims that writers gave up after a time-out, by cause; they are not among `claimed`. None
        in records that were written before they were counted.
    groups
        One for each worker that reads.
    """

    name: str
    claimed: int
    published: int
    aborted: int
    torn: int
    in_hand: int
    rate_hz: float | None
    rate_sigma_hz: float | None
    dead_fraction: float | None
    waiting_full_s: float
    waiting_paused_s: float
    groups: list[GroupResult]
    refused_full: int | None = None
    refused_paused: int | None = None
    live_time_doubtful: bool = False

    @property
    def rate(self) -> Rate | None:
        """Events per second of live time; None if that was not measured."""
        if self.rate_hz is None or self.rate_sigma_hz is None:
            return None
        return Rate(self.rate_hz, self.rate_sigma_hz, self.live_time_doubtful)


@dataclass(frozen=True)
class RunResult:
    """What came out of a run that has ended.

    Parameters
    ----------
    reason
        Why it ended.
    exit_code
        0 if everything that was accepted has been processed and written.
    elapsed_s, active_s
        Time of data taking with and without pauses; None if it never began.
    events
        Events published in the first source buffer.
    buffers
        The closed books.
    workers
        How each process ended, replaced ones included.
    results
        What workers have reported, by worker and name; processes of one worker are ``fit[1]``
        and so on.
    accounts
        Live time and where the time went.
    failures, warnings
        What went wrong, in words.
    """

    reason: str
    exit_code: int
    elapsed_s: float | None
    active_s: float | None
    events: int
    buffers: list[BufferResult]
    workers: list[WorkerEnd]
    results: dict[str, dict[str, float]]
    accounts: dict[str, Any]
    failures: list[str]
    warnings: list[str]


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
        published = {buffer.stats.name: buffer.stats.published for buffer in view.buffers}
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
        As displays show it; the last one is ``"ended"``, ``"killed"`` or ``"given up"``.
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
    quality
        None as long as the run goes on.
    result
        None until the run has ended in order.
    """

    schema: Literal["mimocorb run record"] = SCHEMA
    schema_version: int = SCHEMA_VERSION
    number: int
    title: str
    state: str
    started_utc: str
    ended_utc: str | None = None
    last_sign_utc: str | None = None
    operator: str
    comment: str
    quality: Quality | None = None
    supervisor: ProcessIdentity
    command: list[str]
    repeats: int | None
    versions: dict[str, Any]
    setup_commit: str | None
    files: list[CopiedFile]
    setup: dict[str, Any]
    states: list[RecordedState]
    progress: Progress | None = None
    result: RunResult | None = None

    @property
    def is_final(self) -> bool:
        """Whether the record says how the run ended."""
        return self.state in (RunState.ENDED.value, KILLED, GIVEN_UP)

    def with_states(self, changes: Iterable[StateChange]) -> RunRecord:
        """Return the record of a run that has gone through these states."""
        states = [RecordedState(utc(c.time_s), c.state.value, c.cause) for c in changes]
        return replace(self, states=states, state=states[-1].state)

    def ended(self, ended_s: float, quality: Quality, result: RunResult | None) -> RunRecord:
        """Return the record of a run that is over.

        Its state is ``"given up"`` if its program has left it in another state than ``"ended"``.
        """
        record = self
        if self.state != RunState.ENDED.value:
            cause = f"the program left the run while it was {self.state}"
            record = self._in_state(GIVEN_UP, ended_s, cause)
        progress = None if result else self.progress
        return replace(
            record, ended_utc=utc(ended_s), quality=quality, progress=progress, result=result
        )

    def killed(
        self, found_s: float, last_sign_s: float | None, quality: Quality, cause: str
    ) -> RunRecord:
        """Return the record of a run whose supervisor was found to have vanished."""
        last_sign = None if last_sign_s is None else utc(last_sign_s)
        record = self._in_state(KILLED, found_s, cause)
        return replace(record, last_sign_utc=last_sign, quality=quality)

    def _in_state(self, state: str, since_s: float, cause: str) -> RunRecord:
        states = [*self.states, RecordedState(utc(since_s), state, cause)]
        return replace(self, state=state, states=states)


def write_record(directory: Path, record: RunRecord) -> None:
    """Write the record into the directory of its run, whole or not at all.

    Raises
    ------
    OutputError
        It could not be written; the former version is untouched.
    """
    text = json.dumps(asdict(record), indent=2, ensure_ascii=False)
    write_atomically(directory / RECORD_FILE, text + "\n")


def read_record(directory: Path) -> RunRecord:
    """Return the record of the run in this directory.

    Raises
    ------
    RunRecordError
        There is none, or none that this version can read; the message says which.
    """
    path = directory / RECORD_FILE
    try:
        content = json.loads(path.read_bytes())
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
        return TypeAdapter(RunRecord).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RunRecordError(f"{path} is damaged: {place}: {first['msg']}") from error
