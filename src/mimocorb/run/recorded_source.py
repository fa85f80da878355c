"""The source ``replay``: recorded events in the place of a device."""

from __future__ import annotations

import glob
import logging
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mimocorb._words import how_many
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.buffers.exact import DoesNotFitError
from mimocorb.buffers.jagged import Jagged
from mimocorb.components.form import source
from mimocorb.components.meter import current
from mimocorb.components.meter_page import Capability
from mimocorb.components.records import RecordForm
from mimocorb.components.variable_records import form_of
from mimocorb.components.worker import current_worker
from mimocorb.errors import SetupError
from mimocorb.model.channels import Channel, channels_of
from mimocorb.recording.events import Events
from mimocorb.run import recorded
from mimocorb.run.pacing import NextRound, Pace, Pacer, check_pace, without_time

__all__ = ["replay"]

logger = logging.getLogger("mimocorb.devices.replay")  # its warnings are those of a source

_Data = int | Path | list[int | Path]


@source(batch=True)
def replay(
    *,
    data: int | Path | list[int | Path],
    pace: Literal["fastest", "original", "fixed", "random"] = "fastest",
    rate_hz: float | None = None,
    seed: int | None = None,
    start: int | None = None,
    stop: int | None = None,
    step: int = 1,
    loop: bool = False,
    buffer: Mapping[str, Any],
    directory: Path | None = None,
) -> Iterator[tuple[Any, BatchMetadata | dict[str, Any]]]:
    """Play recorded events, of every format that ``mimocorb.open`` reads.

    They keep their counters and times, also those in ns. The rates that the run shows are those of
    the recorded times. What is damaged is not played: the source fails there, and says where. At
    the end it warns of what is missing, such as the end of a recording whose run was killed.

    Parameters
    ----------
    data
        A file; a recording without its ending; the directory or the number of a run that has one
        recording, or one of its recordings as ``12/waveforms``; a pattern with ``*``; or a list of
        these, which are played one behind the other.
    pace
        ``fastest``: as fast as they are processed; ``original``: with the times between them that
        they were recorded with; ``fixed`` or ``random``: with `rate_hz`, in equal steps or as
        decays come.
    rate_hz
        Mean rate, in Hz, of the paces ``fixed`` and ``random``.
    seed
        Start of the random numbers of the pace ``random``; without one, each run has others.
    start, stop
        Which events of each recording: from the place `start` up to, but without, `stop`. As in
        Python, -100 is the hundredth from the end.
    step
        Play every so many-th of them.
    loop
        Begin again behind the last event, until the run is ended. Counters and times then go on,
        as if the recording went on.
    buffer, directory
        Given by mimocorb. What is in this directory, that of the run, no pattern stands for.

    Raises
    ------
    SetupError
        There are no such events, they do not fit into the buffer, or the pace lacks its rate.
    DamagedFile
        An event is not what was written.
    """
    if current_worker().spec.number_of_processes > 1:
        raise SetupError("replay: each process would play all events; set number_of_processes to 1")
    recordings = _checked(
        buffer, data=data, pace=pace, rate_hz=rate_hz, step=step, directory=directory
    )
    current().knows(Capability.PLAYED_BACK)
    chosen = [_part(events, slice(start, stop, step)) for events in recordings]
    form = form_of(buffer["dtype"], buffer["values_per_slot"], buffer.get("variable", False))
    pacer, rounds = Pacer(pace, rate_hz, seed), NextRound()
    while True:
        for events in chosen:
            pacer.begin()
            for block in events.blocks(strict=True):
                for part in pacer.parts(block):
                    yield _fitting(part.data, form), rounds.metadata(part)
        if not loop or not any(map(len, chosen)):
            break
        rounds.begin()
    for events in recordings:
        for sentence in events.damage():
            logger.warning("%s: %s", events.name, sentence)


def _part(events: Events, chosen: slice) -> Events:
    places = range(len(events))[chosen]
    return events if len(places) == len(events) else events.take(np.array(places, np.int64))


# --- what mimocorb check asks


def _checked(
    buffer: Mapping[str, Any],
    *,
    data: _Data,
    pace: Pace = "fastest",
    rate_hz: float | None = None,
    step: int = 1,
    directory: Path | None = None,
    **_others: Any,
) -> list[Events]:
    """Return the recordings, which fit into the buffer; SetupError if something is wrong."""
    check_pace(pace, rate_hz)
    if step < 1:
        raise SetupError(f"replay: step is {step}; it has to be at least 1")
    opened = [events for place in _listed(data) for events in _recordings(place, directory)]
    for events in opened:
        _check_form(events, buffer)
        _check_channels(events, buffer)
        if pace == "original" and len(events) and without_time(events[:1]):
            raise SetupError(
                f"replay: {events.name} does not say when its events were recorded; choose the pace"
                " fixed or random, with rate_hz"
            )
    return opened


def _check(buffer: Mapping[str, Any], **config: Any) -> None:
    for events in _checked(buffer, **config):
        events.close()


replay.check = _check  # type: ignore[attr-defined]  # called as that of a class


def _listed(data: _Data) -> list[int | Path]:
    if data == []:
        raise SetupError("replay: data is an empty list; name at least one recording")
    return data if isinstance(data, list) else [data]


def _recordings(place: int | Path, own: Path | None) -> Iterator[Events]:
    """Yield the recordings that a file, a run or a pattern names; not those of the own run."""
    is_pattern = not isinstance(place, int) and glob.has_magic(str(place))
    for name in _found(Path(str(place)), own) if is_pattern else [place]:
        opened = recorded.open(name)
        if isinstance(opened, Events):
            yield opened
        elif len(opened) == 1:
            yield from opened.values()
        else:
            some = next(iter(opened), None)
            remedy = f"write for example {name}/{some}" if some else "name another run"
            raise SetupError(
                f"replay: {name} has {how_many(len(opened), 'recording')}:"
                f" {', '.join(opened) or 'nothing that can be played'}; {remedy}"
            )


def _found(pattern: Path, own: Path | None) -> list[int | Path]:
    """Return what a pattern stands for: files and directories, or recordings without ending."""
    found: list[int | Path] = [*_matching(pattern, own)]
    if not found:
        found = [
            directory / name
            for directory in _matching(pattern.parent, own)
            if directory.is_dir()
            for name in recorded.RecordedRun(directory)
            if fnmatchcase(name, pattern.name)
        ]
    if not found:
        raise SetupError(f"replay: there is no file, recording or run {pattern}")
    return found


def _matching(pattern: Path, own: Path | None) -> list[Path]:
    paths = [Path(name) for name in sorted(glob.glob(str(pattern)))]  # noqa: PTH207 - absolute
    return [path for path in paths if own not in (path, *path.parents)]


def _check_channels(events: Events, buffer: Mapping[str, Any]) -> None:
    """Raise a SetupError if a count means something else in the buffer than it was recorded as."""
    recorded_as, here = events.channels, channels_of(buffer)
    names = events.dtype.names or ("value",)
    for name in (each for each in names if each in recorded_as or each in here):
        one, other = recorded_as.get(name), here.get(name)
        is_raw = [each is not None and each.is_raw for each in (one, other)]
        if not any(is_raw) or (one and other and one.about() == other.about()):
            continue
        said = f"{one or 'values without a scale'}, and of {other or 'values without a scale'}"
        raise SetupError(
            f"replay: in {events.name} the numbers of {name} are of {said} in"
            f" {buffer.get('name') or 'the buffer'}. Give the buffer what was recorded:"
            f" {_form_of(events)}"
        )


def _check_form(events: Events, buffer: Mapping[str, Any]) -> None:
    """Raise a SetupError if the events do not have the form of those of the buffer."""
    if not events.values_per_slot:  # an archive in which there is none
        return
    form = form_of(buffer["dtype"], buffer["values_per_slot"], buffer.get("variable", False))
    longest: Any = np.zeros((1, events.values_per_slot), events.dtype)
    if events.variable:
        longest = Jagged(longest[0], np.array([0, events.values_per_slot]))
    try:
        form.rows(_fitting(longest, form))
    except DoesNotFitError as error:
        name, reason = buffer.get("name") or "the buffer", str(error).rstrip(".")
        raise SetupError(
            f"replay: the events of {events.name} do not fit into {name}: {reason}. Give {name} the"
            f" form of the recording, which is {_form_of(events)}"
        ) from None


def _form_of(events: Events) -> str:
    """Return how the keys of a buffer for these events are written in a set-up."""
    dtype = events.dtype
    variable = "variable: true, " if events.variable else ""
    known = {name: one for name, one in events.channels.items() if name in (dtype.names or ())}
    if any(one.is_raw for one in known.values()):
        channels = ", ".join(
            f"{name}: {_channel(name, dtype, known)}" for name in dtype.names or ()
        )
        return f"{variable}data_length: {events.values_per_slot}, channels: {{{channels}}}"
    fields = ", ".join(f"{name}: {dtype[name]}" for name in dtype.names or ())
    return f"{variable}data_length: {events.values_per_slot}, data_dtype: " + (
        f"{{{fields}}}" if fields else str(dtype)
    )


def _channel(name: str, dtype: np.dtype[Any], known: Mapping[str, Channel]) -> str:
    one = known.get(name)
    if one is None:
        return str(dtype[name])
    unit = f", unit: {one.unit}" if one.unit else ""
    return f"{{dtype: {dtype[name]}{unit}, scale: {one.scale:g}, offset: {one.offset:g}}}"


def _fitting(data: Any, form: RecordForm) -> Any:
    """Return a block as the buffer takes it: a channel alone, or each in one piece, if it is so."""
    names, channels = data.dtype.names, form.dtype.names
    if data.dtype == form.dtype:
        return data
    if names is not None and channels is None and len(names) == 1:
        return data[names[0]]
    if names is None or channels is None or set(names) != set(channels) or form.is_variable:
        return {name: data[name] for name in names or ()} if isinstance(data, Jagged) else data
    count = len(data)
    target = {name: (count, form.samples, *form.dtype[name].shape) for name in channels}
    return {
        name: data[name].reshape(target[name])
        if data[name].size == np.prod(target[name], dtype=np.int64)
        else data[name]
        for name in channels
    }
