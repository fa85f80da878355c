"""``mimocorb.open``: recorded events of a file, of a recording in several files, or of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimocorb._files import kind_of_special
from mimocorb.errors import DamagedFile, RunRecordError, SetupError
from mimocorb.recording.events import Events
from mimocorb.recording.formats import EventFile, FileFormat, Format, Part, formats, reading
from mimocorb.recording.spilled import SpilledEvents, is_spill_file
from mimocorb.run.record.run_record import read_record
from mimocorb.setup.paths import RUNS_DIRECTORY

if TYPE_CHECKING:
    from mimocorb.analysis.histograms.run_histogram import RunHistogram

__all__ = ["RecordedRun", "open", "quality_of"]

_SHOWN_BYTES = 16
_ANYTHING = (".csv", ".txt")
"""What functions of users may write as well."""


def open(path: str | os.PathLike[str] | int) -> Events | RecordedRun | SpilledEvents:
    """Open recorded events, while the run that writes them goes on as well.

    Parameters
    ----------
    path
        A file; a recording without its ending, such as ``run_12/waveforms``, with all of its
        segments; the directory of a run, or the number of one in ``target``; a recording of a run
        by its number, such as ``12/waveforms``.

    Returns
    -------
    Events, RecordedRun or SpilledEvents
        The events; of a run, a mapping from the names of its files, without ending, to these.

    Raises
    ------
    SetupError
        There is no such file or run, or it is of no format that is known.
    DamagedFile
        Nothing of it can be read.

    Examples
    --------
    >>> import mimocorb
    >>> run = mimocorb.open(12)  # doctest: +SKIP
    >>> events = run["waveforms"]  # doctest: +SKIP
    >>> events[0].data["chA"].max(), events.units["chA"]  # doctest: +SKIP
    """
    place = Path(str(path)) if isinstance(path, int) else Path(path)
    if place.is_file() and is_spill_file(place):
        return SpilledEvents(place)
    if place.is_file():
        return _events({place: _format_of(place)}, place.name)
    if place.is_dir():
        return RecordedRun(place)
    directory = _run_or_directory(place.parent)
    parts = _parts(directory) if directory is not None else {}
    if place.name in parts:
        return _recording(directory or place.parent, place.name, parts[place.name])
    if place.name.isdecimal():
        return RecordedRun(_of_number(place))
    if (kind := kind_of_special(place)) is not None:
        raise SetupError(f"{place} is {kind}, and events are recorded in regular files")
    known = f"; {place.parent} holds {', '.join(parts)}" if parts else ""
    raise SetupError(f"there is no file, recording or run {place}{known}")


class RecordedRun(Mapping[str, Events]):
    """What a run has recorded: a mapping from names of files, without ending, to their events.

    Parameters
    ----------
    directory
        Of the run.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._opened: dict[str, Events] = {}

    def __getitem__(self, name: str) -> Events:
        if name not in self._opened:
            parts = _parts(self.directory)
            if name not in parts:
                raise KeyError(
                    f"{self.directory} has no recording {name!r}; it has"
                    f" {', '.join(parts) or 'none'}"
                )
            self._opened[name] = _recording(self.directory, name, parts[name])
        return self._opened[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_parts(self.directory))

    def __len__(self) -> int:
        return len(_parts(self.directory))

    @property
    def unreadable(self) -> dict[str, str]:
        """Files that are called as those of sinks are, and do not begin as they do: name → why."""
        known = {path for parts in _parts(self.directory).values() for path in parts}
        others = [path for path in sorted(self.directory.iterdir()) if path not in known]
        why = {path.name: _why_unreadable(path) for path in others if path.is_file()}
        return {name: sentence for name, sentence in why.items() if sentence}

    @property
    def histograms(self) -> dict[str, RunHistogram]:
        """The histograms by the names of the workers that filled them.

        Raises
        ------
        DamagedFile
            Somebody else has changed them.
        """
        from mimocorb.analysis.histograms.files import read_histograms

        return read_histograms(self.directory)

    def __repr__(self) -> str:
        return f"<run {self.directory.resolve().name} with {', '.join(self) or 'no recording'}>"


def _run_or_directory(place: Path) -> Path | None:
    """Return the directory of this name, or that of the run of this number; None without one."""
    if place.is_dir():
        return place
    return _of_number(place) if place.name.isdecimal() else None


def _of_number(place: Path) -> Path:
    """Return the directory of a run whose number stands in the place of its directory."""
    from mimocorb.run.record.catalogue import find_run

    try:
        return find_run(place.parent / RUNS_DIRECTORY, int(place.name)).directory
    except RunRecordError as error:
        raise SetupError(str(error)) from error


def _format_of(path: Path) -> Format:
    for format_ in formats().values():
        if format_.part(path) is not None:
            return format_
    with path.open("rb") as file:
        head = file.read(_SHOWN_BYTES)
    if not head:
        raise DamagedFile(f"{path} is empty")
    raise SetupError(
        f"{path} is of no format that is known: it begins with {head!r}. Tried:"
        f" {', '.join(formats())}"
    )


def _parts(directory: Path) -> dict[str, dict[Path, Format]]:
    """Return the recordings of a directory, with their files in order.

    Where two formats have a file of the same name, the second is called by its name with ending.
    """
    found: dict[str, list[tuple[Part, Path, Format]]] = {}
    kinds: dict[str, str] = {}
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        for format_ in formats().values():
            part = None if format_.of_others else format_.part(path)
            if part is not None:
                name = part.name
                if kinds.setdefault(name, format_.name) != format_.name:
                    name = path.name
                found.setdefault(name, []).append((part, path, format_))
                break
    return {
        name: {path: format_ for _, path, format_ in sorted(parts, key=lambda one: one[0].order)}
        for name, parts in found.items()
    }


def _why_unreadable(path: Path) -> str:
    """Return why a file is not what its name says; empty if the name says nothing of it."""
    own = [each for each in formats().values() if isinstance(each, FileFormat)]
    named = [
        each for each in own if not each.of_others and path.name.lower().endswith(each.endings)
    ]
    if not named or not named[0].endings[0]:
        return ""
    with path.open("rb") as file:
        head = file.read(_SHOWN_BYTES)
    if not head:
        return "it is empty"
    if path.suffix.lower() in _ANYTHING or head.startswith(named[0].magic or b"\0"):
        return ""
    return f"it is no {named[0].name} file: it begins with {head!r}"


def _recording(directory: Path, name: str, parts: Mapping[Path, Format]) -> Events:
    """Return a recording that grows: its next segment is found when it is looked at again."""
    known = parts

    def find_more() -> EventFile | None:
        nonlocal known
        now = _parts(directory).get(name, known)
        if now.keys() == known.keys() and not getattr(events.file, "not_begun", ()):
            return None
        known = now
        return _opened(now)

    events = Events(_opened(parts), name, find_more)
    return events


def _events(parts: Mapping[Path, Format], name: str) -> Events:
    return Events(_opened(parts), name)


def _opened(parts: Mapping[Path, Format]) -> EventFile:
    opened: dict[Path, EventFile] = {}
    for path, format_ in parts.items():
        opened[path] = reading(path, partial(_one, path, format_), f"what begins as {format_.name}")
    (format_, *_) = parts.values()
    return format_.join(opened)


def _one(path: Path, format_: Format) -> EventFile:
    try:
        return format_.open(path)
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror or error}") from error


def quality_of(events: Events) -> str:
    """Return the quality of the run in whose directory events are; empty if there is none."""
    file: Any = events.file
    paths = file.files if hasattr(file, "files") else [file.path]
    for directory in {path.parent for path in paths}:
        try:
            quality = read_record(directory).quality
        except RunRecordError:
            return ""
        return ", ".join(quality or {})
    return ""
