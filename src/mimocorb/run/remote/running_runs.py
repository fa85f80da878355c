"""Finding the runs of this user that go on now, and the one that is meant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mimocorb.errors import MimocorbError, RunUnreachable
from mimocorb.run.record.run_number import run_suffix
from mimocorb.run.remote.client import RunClient
from mimocorb.run.remote.place import (
    NOTE,
    noted_socket,
    run_name,
    short_name,
    socket_files,
    user_name,
)
from mimocorb.run.remote.protocol import Request, RunStatus, status_from_plain
from mimocorb.run.remote.request import RunHasGone, ask
from mimocorb.setup.paths import RUNS_DIRECTORY

__all__ = ["Found", "connect", "find_run", "running_runs"]


@dataclass(frozen=True)
class Found:
    """A socket of this user with a listener.

    Parameters
    ----------
    path
        The socket.
    status
        What the run answered; None if it did not.
    trouble
        Why it did not.
    """

    path: Path
    status: RunStatus | None
    trouble: str = ""

    @property
    def name(self) -> str:
        """Name of the directory of the run; the end of a long one if the run did not answer."""
        return self.status.name if self.status else run_name(self.path)

    def is_called(self, text: str) -> bool:
        """Whether this is its number, or its whole name."""
        if self.status is not None:
            return text in (self.name, str(self.status.number))
        is_number = text.isdecimal() and self.name.endswith(run_suffix(int(text)))
        return is_number or self.name == short_name(text)


def running_runs() -> list[Found]:
    """Return the runs of this user that go on now, the oldest first, then those that are silent.

    Sockets lie where the environment says. So that one who asks in another environment, as cron,
    su and some terminals do, finds a run all the same, those in the directory of runs that is here
    are looked for as well.
    """
    paths = dict.fromkeys([*socket_files(), *_noted_in(RUNS_DIRECTORY)])
    found = [one for path in paths if (one := _look_at(path)) is not None]
    return sorted(found, key=lambda one: one.status.started_s if one.status else float("inf"))


def _noted_in(parent: Path) -> Iterator[Path]:
    for note in parent.glob(f"*/{NOTE}"):
        with suppress(RunUnreachable):
            socket = noted_socket(note.parent)
            if socket is not None:
                yield socket


def _look_at(path: Path) -> Found | None:
    """Ask the run at a socket; None if it has no listener any more."""
    try:
        content = ask(path, Request("status", by="a search"))
        return Found(path, status_from_plain(content["status"]))
    except RunHasGone:
        return None
    except RunUnreachable as error:
        return Found(path, None, str(error))
    except (ValueError, KeyError):
        return Found(path, None, f"what listens at {path} answers in an unknown form")


def find_run(run: str | os.PathLike[str] | int | None = None) -> Found:
    """Return the run that is meant.

    Parameters
    ----------
    run
        Its directory, or that in which the directories of runs are, its number, its name or a part
        of that; None: the only one.

    Raises
    ------
    RunUnreachable
        There is none, or several; the message lists them. Or it has ended.
    """
    if run is not None and Path(run if not isinstance(run, int) else str(run)).is_dir():
        directory = Path(str(run))
        found = chosen = [one for path in _noted_in(directory) if (one := _look_at(path))]
        if not found:
            return _in_directory(directory)
    else:
        found = running_runs()
        chosen = found if run is None else _matching(found, str(run))
    if len(chosen) == 1:
        if chosen[0].status is None:
            raise RunUnreachable(label(chosen[0]))
        return chosen[0]
    user = user_name(os.geteuid())
    if not found:
        hint = "one that was started with another XDG_RUNTIME_DIR is found by its directory"
        if run is None:
            raise RunUnreachable(f"no run of {user} is running; {hint}")
        raise RunUnreachable(
            f"{run}: no run of {user} is running; those that have ended: mimocorb runs; {hint}"
        )
    names = "".join(f"\n  {label(one)}" for one in chosen or found)
    if chosen:
        which = "several runs are running" if run is None else f"{run!r} may mean several runs"
        raise RunUnreachable(f"{which}; say which one by its directory, number or name:{names}")
    raise RunUnreachable(f"no run of {user} is called {run!r}; running are:{names}")


def label(found: Found) -> str:
    """Return number, name and state of a run in one line."""
    status = found.status
    if status is None:
        return f"{found.name}: {found.trouble}"
    number = "" if status.number is None else f"{status.number}  "
    return f"{number}{status.name}  ({status.state.value})  {status.directory}"


def _matching(found: list[Found], text: str) -> list[Found]:
    """Return whose number or whole name this is, or else in whose names it is found."""
    exact = [one for one in found if one.is_called(text)]
    return exact or [one for one in found if text in one.name]


def _in_directory(directory: Path) -> Found:
    """Return the run that goes on in this directory."""
    socket = noted_socket(directory)
    there = _look_at(socket) if socket is not None else None
    if there is None:
        raise RunUnreachable(_why_not_running(directory))
    if there.status is None:
        raise RunUnreachable(there.trouble)
    if there.status.directory.resolve() != directory.resolve():
        raise RunUnreachable(_why_not_running(directory))  # a copy
    return there


def _why_not_running(directory: Path) -> str:
    """Say what is known about a run that does not go on."""
    from mimocorb.run.record.run_record import RECORD_FILE, read_record  # others do without

    if not (directory / RECORD_FILE).exists():
        return f"{directory}: no run is running there"
    try:
        record = read_record(directory)
    except MimocorbError as error:
        return f"{directory}: no run is running there; {error}"
    if record.result is not None:
        return (
            f"{directory}: the run has ended at {record.ended_utc}, because "
            f"{record.result.reason}; see {directory / 'summary.txt'}"
        )
    if record.is_final:
        return f"{directory}: the run was {record.state}"
    if record.supervisor.lives():
        has_none = noted_socket(directory) is None
        why = "it has no control socket" if has_none else "its control socket does not answer"
        return f"{directory}: the run is there, but cannot be reached: {why}"
    return f"{directory}: the run was killed while it was {record.state}"


def connect(run: str | os.PathLike[str] | int | None = None, *, by: str = "") -> RunClient:
    """Return a run of this user that goes on in another process, to look at and to steer.

    Parameters
    ----------
    run
        The directory of the run, its number, its name or a part of the name that no other run
        has; None: the only run that is running.
    by
        What this program is to be called in the log of the run; its file name if not given.

    Returns
    -------
    RunClient
        With ``status()``, ``buffers``, ``observer(name)``, ``pause()``, ``resume()``, ``stop()``
        and ``wait()``; also a context manager.

    Raises
    ------
    RunUnreachable
        No such run is running, or several may be meant; the message lists those that are there.

    Notes
    -----
    Works from any process of the same user on the same machine: a script, a notebook, another
    terminal. Blocks until the run has answered, usually some milliseconds.

    Examples
    --------
    >>> import mimocorb
    >>> mimocorb.connect("no such run")
    Traceback (most recent call last):
        ...
    mimocorb.errors.RunUnreachable: ...no such run...
    """
    found = find_run(run)
    assert found.status is not None
    return RunClient(found.path, found.status, by)
