"""Recorded events written once more, in the same or in another format."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mimocorb.errors import MimocorbError, SetupError
from mimocorb.recording.events import Events
from mimocorb.recording.formats import Format, formats

__all__ = ["copy_events", "writable_format"]

_OF_THE_FILE = ("run", "writer", "buffer", "compression", "began_utc_s", "versions")


def writable_format(name: str, owner: str = "") -> Format:
    """Return the format of this name.

    Parameters
    ----------
    name
        As the sink that writes it is called.
    owner
        Who asks, for the message.

    Raises
    ------
    SetupError
        There is none that could be written.
    """
    known = {key: each for key, each in formats().items() if "write" not in each.cannot}
    if name not in known:
        raise SetupError(
            f"{owner and f'{owner}: '}there is no format {name!r} to be written; choose one of"
            f" {', '.join(known)}"
        )
    return known[name]


def copy_events(
    events: Events,
    target: Format,
    directory: Path,
    name: str,
    progress: Callable[[int], None] = lambda _written: None,
) -> tuple[int, list[str]]:
    """Write all whole events; returns how many they are, and what is wrong with the others.

    Parameters
    ----------
    events
        What is to be written.
    target, directory, name
        The format, and the directory and the name of the new file, without its ending.
    progress
        Is told how many events have been written, from time to time.

    Raises
    ------
    SetupError
        The format cannot hold such events.
    OutputError
        The file is there already, or it cannot be written. It is not left behind as a part.
    """
    buffer = {
        "name": name,
        "dtype": events.dtype,
        "values_per_slot": events.values_per_slot,
        "variable": events.variable,
    }
    writer = target.create(directory, name, buffer, _about_the_copy(events))
    written, has_notes = 0, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is left out is told with all the rest
            for data, metadata in events.blocks():
                writer.append(data, metadata)
                written += len(data)
                has_notes |= metadata.notes is not None
                progress(written)
        writer.close()
    except MimocorbError:
        abandon = getattr(writer, "abandon", None)
        if abandon is not None:
            abandon()
        raise
    missing = events.damage()
    if has_notes and "notes" in target.cannot:
        missing.append(f"the notes of the events: {target.cannot['notes']}")
    return written, missing


def _about_the_copy(events: Events) -> dict[str, Any]:
    """Return what is known of the data, with what is known of the file they were in apart."""
    about = dict(events.about)
    made_from = {name: about.pop(name) for name in _OF_THE_FILE if name in about}
    return {**about, **({"made_from": made_from} if made_from else {})}
